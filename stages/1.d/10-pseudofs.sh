# shellcheck shell=sh
# The file systems of the kernel, as far as they are not there: sysfs, devtmpfs, devpts, cgroup2,
# and tmpfs on /dev/shm and /run. Which, and how, is built in.
[ -z "$IS_CONTAINER" ] || return 0

msg "mounting the file systems of the kernel"
trinit stage 1 || emergency_shell "unable to mount them"
