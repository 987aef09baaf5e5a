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
packages_of() {
  echo chrony open-iscsi parted corosync pacemaker crmsh sbd resource-agents
  case $1 in
  smt) echo dlm-controld ocfs2-tools apache2 ;;
  director) echo ldirectord ipvsadm ;;
  esac
}

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }
packages_install() { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"; }

# Asked first: "enable" reloads systemd even where nothing changes. Without SysV, which would cost seconds: each of
# these services has a unit.
service_enable() { systemctl is-enabled --quiet "$1" || SYSTEMCTL_SKIP_SYSV=1 systemctl enable "$1"; }
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

COROSYNC_CONF=/etc/corosync/corosync.conf
SBD_CONFIG=/etc/default/sbd
# Pulls corosync in, and corosync pulls sbd in.
CLUSTER_SERVICE=pacemaker

# watchdog_enable: a watchdog for SBD, now and at every boot.
watchdog_enable() {
  echo softdog | install_file 644 /etc/modules-load.d/smt-ha.conf
  modprobe softdog
  [ -c /dev/watchdog ]
}

# cluster_stop_sample: ends the cluster of one that the packages start with their sample configuration.
cluster_stop_sample() {
  systemctl stop pacemaker corosync
  rm -f /var/lib/pacemaker/cib/*
}

# cluster_enable: the cluster starts at every boot, and needs the shared disk before and until after it runs.
cluster_enable() {
  local unit delay
  delay=$(sed -n 's/^SBD_DELAY_START=//p' "$SBD_CONFIG")
  for unit in resource-agents-deps.target sbd.service; do
    mkdir -p "/etc/systemd/system/$unit.d"
    {
      printf '[Unit]\nRequires=open-iscsi.service\nAfter=open-iscsi.service\n'
      # systemd must not take the delay for a failed start.
      [ $unit != sbd.service ] || printf '[Service]\nTimeoutStartSec=%s\n' $((delay + 120))
    } | install_file 644 "/etc/systemd/system/$unit.d/smt-ha.conf"
  done
  if wrote /etc/systemd/system/sbd.service.d/smt-ha.conf; then
    systemctl daemon-reload
  fi
  for unit in sbd corosync pacemaker; do service_enable $unit; done
}

SERVER_CERTIFICATE=/etc/ssl/certs/smt-ha.pem
SERVER_KEY=/etc/ssl/private/smt-ha.key
TRUST_FOLDER=/etc/ssl/certs
WEB_SERVICE=apache2

service_reload() { systemctl reload "$1"; }
# Asked first, as with service_enable.
service_disable() {
  if systemctl is-enabled --quiet "$1" || systemctl is-active --quiet "$1"; then
    systemctl disable --now "$1"
  fi
}

# sysctl_install NAME < SETTINGS: kernel settings, "key = value" a line, now and at every boot.
sysctl_install() {
  local file=/etc/sysctl.d/90-smt-ha-$1.conf
  install_file 644 "$file"
  sysctl -q -p "$file"
}

# at_boot NAME DESCRIPTION < COMMANDS: runs the commands, each a line with an absolute path, at every boot.
at_boot() {
  local unit=smt-ha-$1.service
  {
    printf '[Unit]\nDescription=%s\nAfter=systemd-sysctl.service network.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n' "$2"
    sed 's/^/ExecStart=/'
    printf '\n[Install]\nWantedBy=multi-user.target\n'
  } | install_file 644 "/etc/systemd/system/$unit"
  # Without "systemctl enable", which reloads systemd: the unit has nothing to do before the next boot.
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -sfn "/etc/systemd/system/$unit" "/etc/systemd/system/multi-user.target.wants/$unit"
}

# not_at_boot NAME: takes back what at_boot did.
not_at_boot() { rm -f "/etc/systemd/system/multi-user.target.wants/smt-ha-$1.service" "/etc/systemd/system/smt-ha-$1.service"; }

# web_tls_enable: https with the node's certificate, for the same documents as http.
web_tls_enable() {
  install_file 644 /etc/apache2/sites-available/smt-ha-tls.conf <<END
# Written by smt-ha, changes are lost.
<VirtualHost *:443>
    DocumentRoot /var/www/html
    SSLEngine on
    SSLCertificateFile $SERVER_CERTIFICATE
    SSLCertificateKeyFile $SERVER_KEY
</VirtualHost>
END
  a2enmod -q ssl
  a2ensite -q smt-ha-tls
}

# web_config_enable NAME < TEXT: a part of Apache's configuration, for all of its sites.
web_config_enable() {
  install_file 644 "/etc/apache2/conf-available/$1.conf"
  a2enconf -q "$1"
}
