# The shared file system, as the cluster mounts it.
# shellcheck shell=bash

# mounted DIRECTORY: whether it is mounted.
mounted() { grep -q " $1 ocfs2 " /proc/mounts; }

# mounted_anywhere: whether this node has any file system of the cluster's mounted.
mounted_anywhere() { grep -q ' ocfs2 ' /proc/mounts; }

# need_mount DIRECTORY: fails unless it is mounted: writes would land on the local disk, where no other node finds them.
need_mount() {
  mounted "$1" || fail "the shared file system is not mounted on $1" "see the cluster's reason: crm_mon -r -n -1"
}
