# shellcheck shell=sh
# The services that have a file `last`: others need them to the end, as they need the network.
trinit down -l || :
