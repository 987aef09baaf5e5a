# The shared file system, as the cluster mounts it.
# shellcheck shell=bash

# mounted DIRECTORY: whether it is there.
mounted() { grep -q " $1 ocfs2 " /proc/mounts; }

# need_mount DIRECTORY: the step ends where it is not: what is written to the directory below would fill the local disk, and
# no other node would find it.
need_mount() {
  mounted "$1" || fail "the shared file system is not mounted on $1" "see what the cluster says of it: crm_mon -r -n -1"
}
