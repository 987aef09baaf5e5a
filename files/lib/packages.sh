# Installation of packages.
# shellcheck shell=bash

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
