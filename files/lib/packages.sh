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

# install_missing PACKAGE...: installs those that are missing.
install_missing() {
  local package missing=
  for package in "$@"; do
    package_installed "$package" || missing="$missing $package"
  done
  if [ -n "$missing" ]; then
    say "installing$missing"
    # shellcheck disable=SC2086 # a list
    packages_install $missing || fail "these packages could not be installed:$missing" \
      "check the node's package sources and its network, then run 'pulumi up' again"
  fi
  for package in "$@"; do
    package_installed "$package" || fail "package $package is still missing" \
      "install it by hand; $STEP_LOG shows what the package manager printed"
  done
}
