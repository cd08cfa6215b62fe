# shellcheck shell=sh
# Disks that are made of others, where there are tools for it. /etc/crypttab is not read.
[ -z "$IS_CONTAINER" ] || return 0

! has mdadm || mdadm --assemble --scan
! has btrfs || btrfs device scan
! has vgchange || vgchange --sysinit -aay
