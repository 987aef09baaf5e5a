# Installation of packages, and of the kernel modules in them.
# shellcheck shell=bash

# modules_lacking ROLES: the kernel modules that a node of these roles (smt, director, or both) needs and its running kernel
# lacks.
modules_lacking() {
  local role module modules='softdog iscsi_tcp'
  for role in $1; do
    case $role in
    smt) modules="$modules dlm ocfs2" ;;
    director) modules="$modules ip_vs" ;;
    esac
  done
  for module in $modules; do
    # Without -q, with which older ones end well for a module that they do not find.
    modprobe -n "$module" >/dev/null 2>&1 || echo "$module"
  done
}

# packages_missing PACKAGE...: those that are not installed, a line each. In one question, since each reads the whole database of
# the packages.
packages_missing() {
  local package found
  found=$(packages_found "$@")
  for package; do
    case $'\n'$found$'\n' in *$'\n'"$package"$'\n'*) ;; *) echo "$package" ;; esac
  done
}

# install_missing PACKAGE...: installs those that are missing.
install_missing() {
  local missing
  missing=$(packages_missing "$@" | paste -s -d ' ')
  [ -n "$missing" ] || return 0
  say "installing $missing"
  # shellcheck disable=SC2086 # a list
  packages_install $missing || fail "these packages could not be installed: $missing" \
    "check the node's package sources and its network, then run 'pulumi up' again"
  missing=$(packages_missing "$@" | paste -s -d ' ')
  [ -z "$missing" ] || fail "packages are still missing: $missing" \
    "install them by hand; $STEP_LOG shows what the package manager printed"
}
