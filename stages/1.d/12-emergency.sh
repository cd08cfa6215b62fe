# shellcheck shell=sh
# A shell before any disk is touched, where the kernel's command line asks for it.
[ -z "$IS_CONTAINER" ] || return 0
asked emergency -b || return 0

emergency_shell "emergency mode"
