#!/bin/bash
# Shared by the lab's commands, which source it. build_program sets $program to the lab's program.
# shellcheck disable=SC2034
set -euo pipefail

lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SMT_HA_LAB=${SMT_HA_LAB:-$(dirname "$lab_source")/.lab}
export SMT_HA_CACHE=${SMT_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smt-ha}
namespace=smt-ha-lab

# fail CAUSE FIX: reports a failure and exits.
fail() {
  printf 'lab: cause: %s\nlab: fix:   %s\n' "$1" "$2" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "$(basename "$0") needs root for network namespaces and virtual machines" \
  "run it as root, for example: sudo -E $0 $*"

# Builds the program into the cache, once for each state of its source.
build_program() {
  local key
  key=$(cd "$lab_source" && find . -name '*.go' ! -name '*_test.go' -o -name go.mod -o -name go.sum |
    LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-16)
  program=$SMT_HA_CACHE/lab-$key/lab
  [ -x "$program" ] && return
  command -v go >/dev/null ||
    fail 'Go is not installed, or not in the PATH' "install Go: the prerequisites in $(dirname "$lab_source")/README.md name the version"
  printf 'lab: building the lab program (a minute the first time)\n' >&2
  mkdir -p "$(dirname "$program")"
  (cd "$lab_source" && CGO_ENABLED=0 go build -o "$program.new" .) ||
    fail 'the lab program does not build' "fix the errors above; the command is go build in $lab_source"
  mv "$program.new" "$program"
}

namespace_exists() { [ -e "/run/netns/$namespace" ]; }

need_lab() {
  namespace_exists || fail 'the lab does not run' "start it with: $lab_source/up"
}

# use_stack STACK: has pulumi work on a stack of the lab, whose state is in the lab's state directory. The passphrase is no
# secret: it protects only what exists in the lab's network. Without files of metadata, which a kill can leave empty, so that Pulumi
# reads the state no more.
use_stack() {
  export PULUMI_BACKEND_URL="file://$SMT_HA_LAB/pulumi?metadata=skip"
  export PULUMI_CONFIG_PASSPHRASE=${PULUMI_CONFIG_PASSPHRASE-lab}
  export PULUMI_STACK=$1
}
