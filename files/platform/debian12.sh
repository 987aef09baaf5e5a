# Debian 12: what differs from the other platforms.
# shellcheck shell=bash disable=SC2034
# shellcheck source=files/lib/systemd.sh
. "$SMT_HA/lib/systemd.sh"

PLATFORM_NAME='Debian GNU/Linux 12'
ISCSI_SERVICE=open-iscsi
# Where the node's own network settings are, for an administrator.
NETWORK_CONFIG='/etc/network/interfaces or /etc/systemd/network, and /etc/resolv.conf'
TIME_SERVICE=chrony
TIME_CONFIG=/etc/chrony/conf.d/smt-ha.conf

platform_found() { sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release; }
platform_matches() { grep -q '^ID=debian' /etc/os-release && grep -q '^VERSION_ID="12"' /etc/os-release; }

# platform_lacks ROLES: what a node of these roles needs and packages_install can't provide, a line each.
platform_lacks() {
  local module
  for module in $(modules_lacking "$1"); do
    echo "its kernel $(uname -r) has no module $module; the package linux-image-amd64 has a kernel with all modules"
  done
}

# packages_of ROLES: the packages that a node of these roles (smt, director, or both) needs.
packages_of() {
  local role
  echo chrony nftables open-iscsi parted corosync pacemaker crmsh sbd resource-agents ca-certificates openssl
  for role in $1; do
    case $role in
    smt) echo dlm-controld ocfs2-tools apache2 ;;
    director) echo ldirectord ipvsadm ;;
    esac
  done
}

# unattended_hold: keeps unattended-upgrades off the packages whose update restarts a part of the service. It runs within
# the same hour on all nodes; updates of these are for an administrator, on one node after the other. Each word is the
# start of packages' names, as a regular expression. An update of systemd restarts networkd, which drops the service
# address.
unattended_hold() {
  install_file 644 /etc/apt/apt.conf.d/90smt-ha <<END
// Written by smt-ha, changes are lost.
Unattended-Upgrade::Package-Blacklist {
$(printf '  "%s";\n' apache2 cluster-glue corosync crmsh dlm-controld ipvsadm ldirectord libapache2-mod mariadb-server \
    ocfs2-tools open-iscsi pacemaker resource-agents sbd 'smt$' systemd)
};
Unattended-Upgrade::Automatic-Reboot "false";
END
}

# packages_found PACKAGE...: those that are installed, a line each.
packages_found() {
  { dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null || true; } | sed -n 's/^ii //p'
}

# lists_update: apt-daily holds the lists' lock for minutes after a boot, and "update" has no timeout for it.
lists_update() {
  until apt-get -q update >"$STEP_DIR/update" 2>&1; do
    cat "$STEP_DIR/update"
    if [ $SECONDS -gt 300 ] || ! grep 'Could not get lock' "$STEP_DIR/update" >/dev/null; then return 1; fi
    sleep 5
  done
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

packages_install() { lists_update && apt_get install --no-install-recommends "$@"; }

# packages_update: updates all packages, those that are held back from unattended updates too. Configuration files stay as the
# program has written them. A new kernel is a new package.
packages_update() {
  lists_update && apt_get -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold upgrade --with-new-pkgs
}

# reboot_needed: whether a package asks for a reboot, or the newest kernel, if there are packages of it, does not run.
reboot_needed() {
  local newest
  newest=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' 'linux-image-[0-9]*' | sed -n 's/^ii //p' | sort -V | tail -n 1)
  [ -e /run/reboot-required ] || { [ -n "$newest" ] && ! uname -v | grep -F " $newest " >/dev/null; }
}

# What changes whenever the number of pending packages, or the need of a reboot, may change.
PACKAGE_STATE='/var/lib/apt/lists /var/lib/dpkg/status /run/reboot-required'

# packages_pending: how many packages an update would change, as the node's own lists have it.
packages_pending() {
  within 300 apt-get -s -o Debug::NoLocking=true upgrade --with-new-pkgs | awk '/^Inst / { count++ } END { print count + 0 }'
}

# time_config SERVERS: the time service's configuration.
time_config() {
  local server
  for server in $1; do printf 'server %s iburst\n' "$server"; done
}

# time_synchronised: whether the clock follows one of the servers.
time_synchronised() { chronyc -n tracking | grep '^Leap status *: Normal' >/dev/null; }

# time_state: true or false, whether the clock follows one of the servers; and by how many seconds it is ahead, if that is known.
time_state() {
  chronyc -n tracking | awk '
    /^Leap status *: / { follows = $NF == "Normal" ? "true" : "false" }
    /^System time *: / { ahead = $6 == "slow" ? "-" $4 : $4 }
    END { print follows, ahead }'
}

# Commands that node/diagnose runs.
TIME_REPORT='chronyc -n tracking'
PACKAGE_LIST='dpkg-query -W'
FIREWALL_REPORT='nft list ruleset'

COROSYNC_CONF=/etc/corosync/corosync.conf
SBD_CONFIG=/etc/default/sbd
# cibadmin's exit code where a query finds nothing.
CIB_NOTHING=105

# The cluster's name in the package's sample of the configuration.
CLUSTER_SAMPLE=debian

# cluster_stop_sample: stops the one-node cluster that the packages start with their sample configuration.
cluster_stop_sample() {
  systemctl stop pacemaker corosync
  rm -f /var/lib/pacemaker/cib/*
}

FIREWALL_RULES=/etc/smt-ha/firewall.nft
FIREWALL_SERVICE=smt-ha-firewall.service

firewall_check() { nft --check -f -; }
firewall_active() { nft list table inet smt-ha >/dev/null 2>&1; }

# firewall_apply < RULES: loads the rules if they are new or not active. The service of nftables flushes all rules when
# it starts or reloads; it then loads these after its own.
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

# Debian has no SMT: the package comes from a source in the node's template.
SMT_PACKAGES='smt mariadb-server'
SMT_CONF=/etc/smt.conf
SMT_CRON=/etc/cron.d/smt
# The command of the nightly run, where it is not the package's own.
SMT_NIGHTLY=
# What says why SMT does not start.
SMT_REASON="'rcsmt restart' names"
# Gets the list of repositories from upstream. smt-sync, which calls it, loses its exit code.
SMT_SYNC=smt-scc-sync
# A query that finds something once SMT's database has its tables.
SMT_SCHEMA_QUERY='SHOW TABLES FROM smt'
# The column of its table Products with the numbers that SMT gives products.
SMT_PRODUCT_NUMBER=ID
# Directories of repositories, as clients name them.
# shellcheck disable=SC2016 # a name with a dollar
SMT_FOLDERS='$RCE RPMMD SUSE full testing'

# smt_database_prepare: nothing, since MariaDB makes InnoDB tables.
smt_database_prepare() { :; }

# smt_schema_upgrade: nothing, since no version of the stand-in changes its tables.
smt_schema_upgrade() { :; }

# smt_schedule_create: nothing, since the package brings the file of the nightly jobs.
smt_schedule_create() { :; }

# SMT looks for its certificate in Apache's configuration.
smt_enable() { web_tls_enable && rcsmt start; }

WEB_GROUP=www-data
WEB_ROOT=/var/www/html
# Links, which Apache's configuration names.
SERVER_CERTIFICATE=/etc/ssl/private/smt-ha.pem
SERVER_KEY=/etc/ssl/private/smt-ha.key
# Where the system takes root CAs from, in files *.crt.
TRUST_FOLDER=/usr/local/share/ca-certificates
WEB_SERVICE=apache2

# trust_refresh: makes the system trust what TRUST_FOLDER holds, and nothing that it no longer holds.
trust_refresh() {
  update-ca-certificates
  find -L /etc/ssl/certs -name 'smt-ha[-.]*.pem' -type l -exec rm -f {} +
}

# web_tls_enable: serves the documents of http by https too, with the node's certificate.
web_tls_enable() {
  install_file 644 /etc/apache2/sites-available/smt-ha-tls.conf <<END
# Written by smt-ha, changes are lost.
<VirtualHost *:443>
    DocumentRoot $WEB_ROOT
    SSLEngine on
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCertificateFile $SERVER_CERTIFICATE
    SSLCertificateKeyFile $SERVER_KEY
</VirtualHost>
END
  a2enmod -q ssl
  a2ensite -q smt-ha-tls
}

# web_scripts_enable: lets Apache run CGI scripts. Not by a2enmod: beside threads it selects cgid, whose daemon starts only
# when Apache restarts.
web_scripts_enable() { ln -sfn ../mods-available/cgi.load /etc/apache2/mods-enabled/cgi.load; }

# web_config_enable NAME < TEXT: a part of Apache's configuration for all its sites.
web_config_enable() {
  install_file 644 "/etc/apache2/conf-available/$1.conf"
  a2enconf -q "$1"
}

# web_follow_links: makes Apache follow symbolic links in its documents, such as those to the repositories.
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

# web_check: whether Apache accepts its configuration; prints what is wrong.
web_check() { apache2ctl configtest; }

DATABASE_SERVICE=mariadb
# What an account needs to see the state of a replication link.
DATABASE_LINK_PRIVILEGE='SLAVE MONITOR'
DATABASE_CONFIG=/etc/mysql/mariadb.conf.d/60-smt-ha.cnf
# database_configure < TEXT: a part of the database's configuration; it takes effect when the database restarts.
database_configure() { install_file 644 $DATABASE_CONFIG; }
