# SLES 11 SP1 with its High Availability Extension: what differs from the other platforms.
# shellcheck shell=bash disable=SC2034
# shellcheck source=files/lib/sles.sh
. "$SMT_HA/lib/sles.sh"

PLATFORM_NAME='SUSE Linux Enterprise Server 11 SP1'
HA_PRODUCT='SUSE Linux Enterprise High Availability Extension 11 SP1'
SMT_PRODUCT='Subscription Management Tool 11'
VMWARE_TOOLS="VMware Tools from vSphere's own image"
# One service for the daemon and the logins.
ISCSI_DAEMON=open-iscsi
ISCSI_SERVICE=open-iscsi
ISCSI_RECORDS=/etc/iscsi/nodes
ISCSI_LINKS=/etc/iscsi/send_targets
# iscsiadm's exit code where there is no session.
ISCSI_NO_SESSION=21
TIME_SERVICE=ntp
FIREWALL_SERVICE=SuSEfirewall2_setup
# Where the system takes root CAs from.
TRUST_FOLDER=/etc/ssl/certs
SMT_PACKAGES='smt mysql perl-DBD-mysql apache2-mod_perl'
# SMT links it into cron's directory when it starts.
SMT_CRON=/etc/smt.d/novell.com-smt
# The command of the nightly run. The package's own mirrors only after a sync with Novell's customer center, which has
# closed.
SMT_NIGHTLY='/usr/sbin/smt-mirror -L /var/log/smt/smt-mirror.log --mail'
# Where SMT finds how this node is registered. SMT does not start if its user can't read the file.
SMT_REGISTRATION=/etc/zypp/credentials.d/NCCcredentials
# What says why SMT does not start.
SMT_REASON="'rcsmt restart' names"
# Gets the list of repositories from upstream.
SMT_SYNC=smt-ncc-sync
# A query that finds something once SMT's database has its tables.
SMT_SCHEMA_QUERY='SHOW TABLES FROM smt'
# The column of its table Products with the numbers that SMT gives products.
SMT_PRODUCT_NUMBER=PRODUCTDATAID
# Directories of repositories, as clients name them.
# shellcheck disable=SC2016 # a name with a dollar
SMT_FOLDERS='$RCE RPMMD full testing'
DATABASE_SERVICE=mysql
DATABASE_CONFIG=/etc/my-smt-ha.cnf
# Starts SBD, then corosync, and that Pacemaker.
CLUSTER_SERVICE=openais
CLUSTER_START='rcopenais start'
CLUSTER_STOP='rcopenais stop'
CLUSTER_LOG='cat /var/log/messages'
# Whether a running member can reload a changed corosync.conf.
CLUSTER_RELOADS=no
# Whether crm_resource can ban a resource from a node.
CLUSTER_BANS=no
# cibadmin's exit code where a query finds nothing.
CIB_NOTHING=22

# Such as "SUSE Linux Enterprise Server 11 (x86_64) VERSION = 11 PATCHLEVEL = 1".
platform_found() { paste -s -d ' ' /etc/SuSE-release 2>/dev/null || uname -sr; }
platform_matches() { platform_found | grep '^SUSE Linux Enterprise Server 11 .* PATCHLEVEL = 1$' >/dev/null; }

# trust_refresh: makes the system trust what TRUST_FOLDER holds, and nothing that it no longer holds. OpenSSL finds a CA
# by a link named after its subject's hash, and so does SMT when it starts.
trust_refresh() {
  local link file hash number
  for link in "$TRUST_FOLDER"/*.[0-9]; do
    case $(readlink "$link" || true) in smt-ha[-.]*) rm -f "$link" ;; esac
  done
  for file in "$TRUST_FOLDER"/smt-ha[-.]*.crt; do
    [ -e "$file" ] || continue
    hash=$(openssl x509 -noout -hash -in "$file")
    number=0
    while [ -e "$TRUST_FOLDER/$hash.$number" ]; do number=$((number + 1)); done
    ln -sf "$(basename "$file")" "$TRUST_FOLDER/$hash.$number"
  done
}

# platform_lacks ROLES: what a node of these roles needs and packages_install can't provide, a line each.
platform_lacks() { sles_lacks "$1"; }

# web_tls_versions: nothing, since OpenSSL 0.9.8 has no TLS 1.2.
web_tls_versions() { :; }

# smt_database_prepare: makes the tables that SMT creates next outlive a power failure. MySQL 5.0 would make MyISAM tables.
smt_database_prepare() { echo 'SET GLOBAL storage_engine = InnoDB' | sql; }

# smt_schema_upgrade: nothing, since planned work by steps is not for this platform.
smt_schema_upgrade() { :; }

# smt_schedule_create: nothing, since the package brings the file of the nightly jobs.
smt_schedule_create() { :; }

# smt_enable: restarts the database, Apache and cron too, with SMT's parts of their configuration. No service can be enabled
# before those that it requires at boot.
smt_enable() {
  local service
  web_module perl
  web_tls_enable
  for service in "$DATABASE_SERVICE" "$WEB_SERVICE" cron; do service_enable "$service"; done
  if [ -e $SMT_REGISTRATION ] && ! su -s /bin/sh smt -c "test -r $SMT_REGISTRATION"; then
    setfacl -m u:smt:r $SMT_REGISTRATION
  fi
  service_enable smt
  service_start smt
}

# packages_of ROLES: the packages that a node of these roles (smt, director, or both) needs. There is one package of kernel
# modules for each kind of kernel. Without ocfs2-tools-o2cb, whose services are those of a cluster without Pacemaker.
packages_of() {
  local kernel role
  kernel=$(uname -r)
  echo ntp SuSEfirewall2 open-iscsi parted corosync openais pacemaker cluster-glue resource-agents openssl
  for role in $1; do
    case $role in
    smt) echo libdlm cluster-network-kmp-"${kernel##*-}" ocfs2-tools ocfs2-kmp-"${kernel##*-}" apache2 ;;
    # ldirectord's package does not require what its checks of https need.
    director) echo ldirectord ipvsadm perl-Crypt-SSLeay ;;
    esac
  done
}

# A service that a step starts would inherit a lower priority.
yield_to_services() { :; }

service_enabled() {
  case $(chkconfig "$1" 2>/dev/null) in '' | *' off') return 1 ;; esac
}
# Two chkconfigs at a time could each write the order of a boot without the other's service.
service_enable() { service_enabled "$1" || exclusively system-files chkconfig "$1" on; }
# Without descriptor 3, which a daemon would keep, and with it the SSH connection.
service_start() { service_active "$1" || service "$1" start 3>&-; }
service_restart() { service "$1" restart 3>&-; }
service_reload() { service "$1" reload 3>&-; }
service_active() { service "$1" status >/dev/null 2>&1; }
# service_persist: mysqld_safe starts MySQL again after a crash. Nothing else does, nor starts Apache again.
service_persist() { :; }
service_disable() {
  ! service_enabled "$1" || exclusively system-files chkconfig "$1" off
  ! service_active "$1" || service "$1" stop
}

# iscsi_daemon_restart: makes the daemon read the initiator's name. Its script leaves a daemon without sessions running.
iscsi_daemon_restart() {
  ! service_active "$ISCSI_DAEMON" || iscsiadm -k 0
  retry 10 iscsi_daemon_ended || fail "$ISCSI_DAEMON does not end, so it does not read the initiator's new name" \
    "find the sessions that keep it: iscsiadm -m session; log them out, then run 'pulumi up' again"
  service_start "$ISCSI_DAEMON"
}
iscsi_daemon_ended() { ! service_active "$ISCSI_DAEMON"; }

# iscsi_offered PORTAL: what the portal offers to this node, a line "ADDRESS:PORT,GROUP IQN" each. This open-iscsi makes a
# record of each target that it finds, and a link to it: the earlier ones are put back.
iscsi_offered() {
  local code=0 folder
  for folder in "$ISCSI_RECORDS" "$ISCSI_LINKS"; do
    mkdir -p "$folder"
    cp -a "$folder" "$STEP_DIR"
  done
  within 60 iscsiadm -m discovery -t sendtargets -p "$1" || code=$?
  for folder in "$ISCSI_RECORDS" "$ISCSI_LINKS"; do
    rm -rf "$folder"
    cp -a "$STEP_DIR/${folder##*/}" "$folder"
  done
  return $code
}

# disk_enable PORTAL TARGET DEVICE: nothing. The boot script of the initiator tries once, for two minutes.
disk_enable() { :; }

# signatures_wipe DEVICE...: removes the signatures of file systems and partition tables. Without wipefs: overwrites the
# first and the last MiB.
signatures_wipe() {
  local device sectors
  for device; do
    sectors=$(blockdev --getsz "$device")
    dd if=/dev/zero of="$device" bs=512 count=2048 conv=notrunc,fsync
    dd if=/dev/zero of="$device" bs=512 count=2048 seek=$((sectors - 2048)) conv=notrunc,fsync
  done
}

# install_block FILE NAME < LINES: gives FILE these lines as a block of that name, in its old place if there is one.
# Without lines: removes the block.
install_block() { exclusively system-files write_block "$@"; }
write_block() {
  cat >"$STEP_DIR/block"
  awk -v begin="# smt-ha $2: begin" -v end="# smt-ha $2: end" -v block="$STEP_DIR/block" '
    function insert(    line) {
      if (done++ || (getline line <block) <= 0) return
      print begin
      do print line; while ((getline line <block) > 0)
      print end
    }
    $0 == begin { insert(); inside = 1 }
    !inside { print }
    $0 == end { inside = 0 }
    END { insert() }' "$1" | install_file "$(stat -c %a "$1")" "$1" root:root "/^# smt-ha $2: begin$/,/^# smt-ha $2: end$/p"
}

# watchdog_enable: a watchdog for SBD, now and at every boot.
watchdog_enable() {
  echo 'modprobe softdog' | install_block /etc/init.d/boot.local watchdog
  modprobe softdog
  [ -c /dev/watchdog ]
}

# cluster_enable SECONDS: starts the cluster at every boot, but not before the node is up for so many seconds, and not
# before the shared disk is there.
cluster_enable() {
  # Not beside a chkconfig, which would take the temporary file for one more script.
  exclusively system-files install_file 755 /etc/init.d/smt-ha-wait <<END
#!/bin/sh
# Written by smt-ha, changes are lost.
### BEGIN INIT INFO
# Provides:          smt-ha-wait
# Required-Start:    \$network \$remote_fs iscsi
# Required-Stop:     \$null
# X-Start-Before:    openais
# Default-Start:     3 5
# Default-Stop:
# Short-Description: Waits until the other nodes have fenced this one
### END INIT INFO
[ "\$1" = start ] || exit 0
. $SBD_CONFIG
export SBD_DEVICE
/bin/bash /usr/local/lib/smt-ha/orderly-stop look
/bin/bash /usr/local/lib/smt-ha/orderly-stop wait $1
END
  service_enable smt-ha-wait
  service_enable openais
}

# cluster_stop: stops the cluster on this node.
cluster_stop() { ! service_active openais || service openais stop; }

# cluster_hold, cluster_release: nothing, since an update of its packages starts no cluster that is stopped.
cluster_hold() { :; }
cluster_release() { :; }

# cluster_disable: stops the cluster on this node, now and at every boot.
cluster_disable() { service_disable openais; }

# logs: what node/diagnose shows of the system's log, which goes on from one boot to the next.
logs() {
  local most=2097152
  copies logs /var/log/messages /var/log/warn /var/log/boot.msg
  show logs/services chkconfig --list
}

# cluster_settle SECONDS: waits until the cluster has nothing more to do. A change takes a moment to reach it.
cluster_settle() {
  sleep 2
  retry "$1" cluster_idle
}

cluster_idle() {
  local coordinator
  coordinator=$(crmadmin -D 2>&1 | sed -n 's/^Designated Controller is: *//p')
  [ -n "$coordinator" ] && crmadmin -S "$coordinator" 2>&1 | grep S_IDLE >/dev/null
}

# ocfs_make DEVICE CLUSTER LABEL SLOTS: makes the file system for the running cluster, whose name is always "pacemaker".
ocfs_make() { mkfs.ocfs2 -x -N "$4" -L "$3" "$1"; }

# ocfs_cluster DEVICE: the cluster that an OCFS2 file system is made for. The file system has no such name, but its
# partition has: CLUSTER-data.
ocfs_cluster() {
  parted -s -m "$(readlink -f "${1%-part*}")" unit MiB print | awk -F: '$1 == "2" && sub(/-data$/, "", $6) { print $6 }'
}

# sysctl_install NAME < SETTINGS: kernel settings, "key = value" in each line, now and at every boot.
sysctl_install() {
  cat >"$STEP_DIR/sysctl"
  install_block /etc/sysctl.conf "$1" <"$STEP_DIR/sysctl"
  # At boot, the distribution's own setting of forwarding comes later.
  if grep -q '^net.ipv4.ip_forward = 1' "$STEP_DIR/sysctl"; then
    exclusively system-files sysconfig_set /etc/sysconfig/sysctl IP_FORWARD yes
  fi
  sysctl -q -p "$STEP_DIR/sysctl"
}

# at_boot NAME DESCRIPTION < COMMANDS: runs the commands at every boot, before the services start, the cluster's among them.
# Each is a line with an absolute path.
at_boot() { { echo "# $2" && cat; } | install_block /etc/init.d/boot.local "$1"; }
# Whether these commands find the network up.
BOOT_HAS_NETWORK=no

# not_at_boot NAME: undoes at_boot.
not_at_boot() { install_block /etc/init.d/boot.local "$1" </dev/null; }

# database_configure < TEXT: a part of the database's configuration; it takes effect when the database restarts. The
# database reads it last, so that its server-id wins over that of the package's my.cnf. New tables as smt_database_prepare has it.
database_configure() {
  { cat && echo 'default-storage-engine = InnoDB'; } | install_file 644 $DATABASE_CONFIG
  [ "$(tail -n 1 /etc/my.cnf)" = "!include $DATABASE_CONFIG" ] || printf '\n!include %s\n' $DATABASE_CONFIG >>/etc/my.cnf
}
