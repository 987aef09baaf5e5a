# Debian 12: what differs from the other platforms.
# shellcheck shell=bash disable=SC2034
# shellcheck source=files/lib/systemd.sh
. "$SMT_HA/lib/systemd.sh"

PLATFORM_NAME='Debian GNU/Linux 12'
ISCSI_SERVICE=open-iscsi
TIME_SERVICE=chrony
TIME_CONFIG=/etc/chrony/conf.d/smt-ha.conf

platform_found() { sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release; }
platform_matches() { grep -q '^ID=debian' /etc/os-release && grep -q '^VERSION_ID="12"' /etc/os-release; }

# platform_lacks ROLE: what a node of this role needs and can't get by packages_install, a line each.
platform_lacks() { :; }

# packages_of ROLE: what a node of this role (smt or director) needs.
packages_of() {
  echo chrony nftables open-iscsi parted corosync pacemaker crmsh sbd resource-agents ca-certificates openssl
  case $1 in
  smt) echo dlm-controld ocfs2-tools apache2 ;;
  director) echo ldirectord ipvsadm ;;
  esac
}

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }
packages_install() { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"; }

# time_config SERVERS: the time service's configuration.
time_config() {
  local server
  for server in $1; do printf 'server %s iburst\n' "$server"; done
}

# time_synchronised: the clock follows one of the servers.
time_synchronised() { chronyc -n tracking | grep '^Leap status *: Normal' >/dev/null; }

COROSYNC_CONF=/etc/corosync/corosync.conf
SBD_CONFIG=/etc/default/sbd
# cibadmin's exit code where a query finds nothing.
CIB_NOTHING=105

# The name of the cluster in the package's sample of its configuration.
CLUSTER_SAMPLE=debian

# cluster_stop_sample: ends the cluster of one that the packages start with their sample configuration.
cluster_stop_sample() {
  systemctl stop pacemaker corosync
  rm -f /var/lib/pacemaker/cib/*
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

# SMT itself is not in Debian: its package comes from a source of the node's template.
SMT_PACKAGES='smt mariadb-server'
SMT_CONF=/etc/smt.conf
SMT_CRON=/etc/cron.d/smt
# Asks upstream what there is to mirror.
SMT_SYNC=smt-sync
# Folders of repositories, each by the name that clients know it by.
# shellcheck disable=SC2016 # a name with a dollar
SMT_FOLDERS='$RCE RPMMD SUSE full testing'

# It looks for its certificate where Apache has it.
smt_enable() { web_tls_enable && rcsmt start; }

WEB_GROUP=www-data
WEB_ROOT=/var/www/html
# What Apache's configuration names; links.
SERVER_CERTIFICATE=/etc/ssl/private/smt-ha.pem
SERVER_KEY=/etc/ssl/private/smt-ha.key
# Where the system takes root CAs from, in files *.crt.
TRUST_FOLDER=/usr/local/share/ca-certificates
WEB_SERVICE=apache2

# trust_refresh: makes the system trust what is in TRUST_FOLDER, and nothing that is no longer there.
trust_refresh() {
  update-ca-certificates
  find -L /etc/ssl/certs -name 'smt-ha-*.pem' -type l -exec rm -f {} +
}

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

# web_follow_links: Apache follows symbolic links in its documents, as the repositories' folders are.
web_follow_links() {
  web_config_enable smt-ha-links <<END
# Written by smt-ha, changes are lost.
<Directory "$WEB_ROOT">
    Options FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
END
}

# web_check: whether Apache would start with its configuration; says why not.
web_check() { apache2ctl configtest; }

DATABASE_SERVICE=mariadb
DATABASE_CONFIG=/etc/mysql/mariadb.conf.d/60-smt-ha.cnf
# database_configure < TEXT: a part of the database's configuration, which takes effect when it restarts.
database_configure() { install_file 644 $DATABASE_CONFIG; }
