# What the cluster's resource agents share. They are no steps: their settings come from the cluster.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

OCF_SUCCESS=0
OCF_ERR_UNIMPLEMENTED=3
OCF_NOT_RUNNING=7
