# Installation of packages, and of the kernel modules in them.
# shellcheck shell=bash

# modules_lacking ROLE: the kernel modules that a node of this role (smt or director) needs and its running kernel lacks.
modules_lacking() {
  local module modules='softdog iscsi_tcp'
  case $1 in
  smt) modules="$modules dlm ocfs2" ;;
  director) modules="$modules ip_vs" ;;
  esac
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
