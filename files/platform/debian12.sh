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
  echo chrony nftables open-iscsi parted corosync pacemaker crmsh sbd resource-agents
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
time_synchronised() { chronyc -n tracking | grep '^Leap status *: Normal' >/dev/null; }

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

# cluster_enable SECONDS: the cluster starts at every boot, but not before the node is up for so many seconds, and needs
# the shared disk before and until after it runs.
cluster_enable() {
  local unit
  for unit in resource-agents-deps.target sbd.service; do
    printf '[Unit]\nRequires=open-iscsi.service\nAfter=open-iscsi.service\n' | unit_extend $unit
  done
  # 90 seconds more are systemd's own limit.
  printf '[Service]\nTimeoutStartSec=%s\nExecStartPre=%s\n' $(($1 + 90)) \
    "/usr/bin/awk '{ rest = $1 - \$\$1; if (rest > 0) system(\"sleep \" rest) }' /proc/uptime" | unit_extend corosync.service
  units_reload
  for unit in sbd corosync pacemaker; do service_enable $unit; done
}

# unit_extend UNIT < TEXT: settings for a unit of systemd, beside its own ones.
unit_extend() {
  mkdir -p "/etc/systemd/system/$1.d"
  install_file 644 "/etc/systemd/system/$1.d/smt-ha.conf"
}

# units_reload: makes systemd read what this step has written.
units_reload() {
  if grep -q '^/etc/systemd/system/' "$STEP_DIR/wrote" 2>/dev/null; then
    systemctl daemon-reload
  fi
}

FIREWALL_RULES=/etc/smt-ha/firewall.nft
FIREWALL_SERVICE=smt-ha-firewall.service

firewall_check() { nft --check -f -; }
firewall_active() { nft list table inet smt-ha >/dev/null 2>&1; }

# firewall_apply < RULES: takes effect where the rules are new or gone. nftables' own service flushes all rules when it
# starts or reloads, so that it loads ours after its own.
firewall_apply() {
  mkdir -p "$(dirname $FIREWALL_RULES)"
  install_file 644 $FIREWALL_RULES
  install_file 644 /etc/systemd/system/$FIREWALL_SERVICE <<END
[Unit]
Description=Firewall of smt-ha
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=local-fs.target nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f $FIREWALL_RULES
ExecReload=/usr/sbin/nft -f $FIREWALL_RULES
ExecStop=-/usr/sbin/nft delete table inet smt-ha

[Install]
WantedBy=sysinit.target
END
  printf '[Service]\nExecStartPost=/usr/sbin/nft -f %s\nExecReload=/usr/sbin/nft -f %s\n' $FIREWALL_RULES $FIREWALL_RULES |
    unit_extend nftables.service
  units_reload
  service_enable $FIREWALL_SERVICE
  if ! service_active $FIREWALL_SERVICE; then
    service_start $FIREWALL_SERVICE
  elif wrote $FIREWALL_RULES || ! firewall_active; then
    service_reload $FIREWALL_SERVICE
  fi
  firewall_active
}

firewall_remove() {
  if [ -e /etc/systemd/system/$FIREWALL_SERVICE ]; then
    systemctl disable --now $FIREWALL_SERVICE
    rm -f /etc/systemd/system/$FIREWALL_SERVICE /etc/systemd/system/nftables.service.d/smt-ha.conf $FIREWALL_RULES
    systemctl daemon-reload
  fi
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
