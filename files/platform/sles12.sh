# SLES 12 SP5 with its High Availability Extension: what differs from the other platforms.
# shellcheck shell=bash disable=SC2034
# shellcheck source=files/lib/systemd.sh
. "$SMT_HA/lib/systemd.sh"
# shellcheck source=files/lib/sles.sh
. "$SMT_HA/lib/sles.sh"

PLATFORM_NAME='SUSE Linux Enterprise Server 12 SP5'
HA_PRODUCT='SUSE Linux Enterprise High Availability Extension 12 SP5'
# A part of SLES 12 itself.
SMT_PRODUCT=$PLATFORM_NAME
VMWARE_TOOLS='the package open-vm-tools'
ISCSI_SERVICE=iscsi
TIME_SERVICE=ntpd
FIREWALL_SERVICE=SuSEfirewall2
# Where the system takes root CAs from, in files *.crt.
TRUST_FOLDER=/etc/pki/trust/anchors
SMT_PACKAGES='smt mariadb'
# The package makes it from novell.com-smt, whose lines are comments since SMT 3.0.36.
SMT_CRON=/etc/cron.d/novell.com-smt-randomized
# The command of the nightly run, where it is not the package's own.
SMT_NIGHTLY=
# Where SMT finds how this node is registered. Without the file, SMT does not start.
SMT_REGISTRATION=/etc/zypp/credentials.d/SCCcredentials
# What says why SMT does not start: its service, or the upgrade of its tables before it.
SMT_REASON="'journalctl -b -t root' and 'systemctl status smt-schema-upgrade' name"
# Gets the list of repositories from upstream. smt-sync, which calls it, loses its exit code.
SMT_SYNC=smt-scc-sync
# A query that finds something once SMT's database has its tables. Their version comes last.
SMT_SCHEMA_QUERY='SELECT version FROM smt.migration_schema_version'
# The column of its table Products with the numbers that SMT gives products.
SMT_PRODUCT_NUMBER=ID
# Directories of repositories, as clients name them.
# shellcheck disable=SC2016 # a name with a dollar
SMT_FOLDERS='$RCE RPMMD SUSE full testing'
DATABASE_SERVICE=mariadb
DATABASE_CONFIG=/etc/my.cnf.d/60-smt-ha.cnf
# cibadmin's exit code where a query finds nothing.
CIB_NOTHING=6

platform_found() { sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release; }
platform_matches() { grep -q '^ID="sles"' /etc/os-release && grep -q '^VERSION_ID="12.5"' /etc/os-release; }

# trust_refresh: makes the system trust what TRUST_FOLDER holds, and nothing that it no longer holds.
trust_refresh() { update-ca-certificates; }

# smt_database_prepare: nothing, since MariaDB makes InnoDB tables.
smt_database_prepare() { :; }

# smt_schema_upgrade: changes SMT's tables if its new package needs that. SMT would do so when it starts next, and two nodes
# that started at the same time would both do it.
smt_schema_upgrade() {
  [ -z "$(packages_found smt)" ] || { service_start "$DATABASE_SERVICE" && smt-schema-upgrade --yes </dev/null; }
}

# smt_schedule_create: makes the file of the nightly jobs, as the package does when it is installed.
smt_schedule_create() { /usr/lib/SMT/bin/reschedule-sync.sh; }

# platform_lacks ROLES: what a node of these roles needs and packages_install can't provide, a line each.
platform_lacks() {
  sles_lacks "$1"
  if runs_smt "$1" && ! [ -e $SMT_REGISTRATION ]; then
    echo "it has no $SMT_REGISTRATION, without which SMT does not start: register it with SUSEConnect;" \
      "or, if it mirrors nothing from SUSE: touch $SMT_REGISTRATION"
  fi
}

# web_tls_versions: TLS 1.2 or later only, in SMT's virtual host, which has a setting of its own.
web_tls_versions() {
  local file=/etc/apache2/vhosts.d/vhost-ssl.conf
  [ ! -e $file ] || sed 's/^\([[:space:]]*SSLProtocol[[:space:]]\).*/\1all -SSLv3 -TLSv1 -TLSv1.1/' $file |
    install_file 644 $file root:root '/^[[:space:]]*SSLProtocol[[:space:]]/p'
}

smt_enable() {
  web_module perl
  web_tls_enable
  service_enable smt.target
  service_start smt.target
}

# packages_of ROLES: the packages that a node of these roles (smt, director, or both) needs.
packages_of() {
  local role
  echo ntp SuSEfirewall2 open-iscsi parted corosync pacemaker crmsh sbd cluster-glue resource-agents ca-certificates openssl
  for role in $1; do
    case $role in
    smt) echo libdlm dlm-kmp-default ocfs2-tools ocfs2-kmp-default apache2 ;;
    # ldirectord's package does not require what its checks of https need.
    director) echo ldirectord ipvsadm perl-LWP-Protocol-https perl-IO-Socket-SSL ;;
    esac
  done
}

# database_configure < TEXT: a part of the database's configuration; it takes effect when the database restarts.
database_configure() { install_file 644 $DATABASE_CONFIG; }
