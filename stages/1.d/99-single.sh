# shellcheck shell=sh
# A shell before any service is started, where the kernel's command line asks for it.
[ -z "$IS_CONTAINER" ] || return 0
asked single rescue S s 1 || return 0

emergency_shell "single-user mode"
