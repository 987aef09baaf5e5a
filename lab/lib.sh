#!/bin/bash
# What the lab's commands share. Source it; it leaves the lab's program in $program.
# shellcheck disable=SC2034
set -euo pipefail

lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SMT_HA_LAB=${SMT_HA_LAB:-$(dirname "$lab_source")/.lab}
export SMT_HA_CACHE=${SMT_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smt-ha}
namespace=smt-ha-lab

# fail CAUSE NEXT
fail() {
  printf 'lab: %s\nlab: next: %s\n' "$1" "$2" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "$(basename "$0") needs root: it works with network namespaces and virtual machines" \
  "run it as root, for example: sudo -E $0 $*"

# The program is built once for each state of its source, into the cache.
build_program() {
  local key
  key=$(cd "$lab_source" && find . -name '*.go' ! -name '*_test.go' -o -name go.mod -o -name go.sum |
    LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-16)
  program=$SMT_HA_CACHE/lab-$key/lab
  [ -x "$program" ] && return
  command -v go >/dev/null || fail 'Go is not installed' 'install Go 1.25 or newer, and have it in the PATH'
  printf 'lab: building the lab program (a minute the first time)\n' >&2
  mkdir -p "$(dirname "$program")"
  (cd "$lab_source" && CGO_ENABLED=0 go build -o "$program.new" .) ||
    fail 'the lab program does not build' "look at the errors above; go build is run in $lab_source"
  mv "$program.new" "$program"
}

namespace_exists() { [ -e "/run/netns/$namespace" ]; }

need_lab() {
  namespace_exists || fail 'the lab does not run' "start it with: $lab_source/up"
}
