# shellcheck shell=sh
# When the system has ended, for last(1).
[ -z "$IS_CONTAINER" ] || return 0

trinit halt -w
