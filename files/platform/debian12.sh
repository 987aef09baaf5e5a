# Debian 12: what differs from the other platforms.
# shellcheck shell=bash disable=SC2034

PLATFORM_NAME='Debian GNU/Linux 12'
ISCSI_DAEMON=iscsid
ISCSI_SERVICE=open-iscsi
ISCSI_RECORDS=/etc/iscsi/nodes
TIME_SERVICE=chrony
TIME_CONFIG=/etc/chrony/conf.d/smt-ha.conf

platform_found() { sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release; }
platform_matches() { grep -q '^ID=debian' /etc/os-release && grep -q '^VERSION_ID="12"' /etc/os-release; }

# packages_of ROLE: what a node of this role (smt or director) needs.
packages_of() { echo chrony open-iscsi parted; }

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }
packages_install() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"; }

# Asked first: "enable" reloads systemd even where nothing changes.
service_enable() { systemctl is-enabled --quiet "$1" || systemctl enable "$1"; }
service_start() { systemctl start "$1"; }
service_restart() { systemctl restart "$1"; }
service_active() { systemctl is-active --quiet "$1"; }

# time_config SERVERS: the time service's configuration.
time_config() {
  local server
  for server in $1; do printf 'server %s iburst\n' "$server"; done
}

# time_synchronised: the clock follows one of the servers.
time_synchronised() { chronyc -n tracking | grep -q '^Leap status *: Normal'; }
