# What the platforms with systemd share: also open-iscsi 2.0.872, Corosync 2, Pacemaker 1.1.13 and ocfs2-tools 1.8, or
# later.
# shellcheck shell=bash disable=SC2034

# yield_to_services: lets the services go first. What a server needs to answer the director's check is more urgent than a step.
# A step starts services through systemd, so none inherits this.
yield_to_services() {
  renice -n 10 -p $$ >/dev/null
  # Where the kernel schedules sessions as groups, a process's own priority counts in its group only. The file is empty for
  # a process of no such group, and then takes no value.
  if read -r _ 2>/dev/null </proc/$$/autogroup; then
    echo 10 >/proc/$$/autogroup
  fi
}

# Checked first: "enable" reloads systemd even if nothing changes. Each of these services has a unit, so that no time is
# spent on SysV scripts.
service_enabled() { systemctl is-enabled --quiet "$1"; }
service_enable() { service_enabled "$1" || SYSTEMCTL_SKIP_SYSV=1 systemctl enable "$1"; }
service_start() { systemctl start "$1"; }
service_restart() { systemctl restart "$1"; }
service_reload() { systemctl reload "$1"; }
service_active() { systemctl is-active --quiet "$1"; }
# Checked first, as in service_enable.
service_disable() {
  if service_enabled "$1" || service_active "$1"; then
    systemctl disable --now "$1"
  fi
}

# unit_extend UNIT < TEXT: a drop-in with our settings for a unit.
unit_extend() {
  mkdir -p "/etc/systemd/system/$1.d"
  install_file 644 "/etc/systemd/system/$1.d/smt-ha.conf"
}

# units_reload: makes systemd read the units that this step has written.
units_reload() {
  if grep -q '^/etc/systemd/system/' "$STEP_WROTE" 2>/dev/null; then
    systemctl daemon-reload
  fi
}

# service_persist SERVICE: has it started again whenever it fails. Packages give up once a start after a crash has failed, such as
# on a full disk, and then it would stay down when there is space again. A start that a step asks for still fails at once.
service_persist() {
  printf '[Service]\nRestart=on-failure\nRestartSec=10\n' | unit_extend "$1.service"
  units_reload
}

# watchdog_enable: a watchdog for SBD, now and at every boot.
watchdog_enable() {
  echo softdog | install_file 644 /etc/modules-load.d/smt-ha.conf
  modprobe softdog
  [ -c /dev/watchdog ]
}

# cluster_enable SECONDS: starts the cluster at every boot, but not before the node is up for so many seconds, unless the
# cluster was stopped in order before. It starts after the shared disk and stops before it.
cluster_enable() {
  local unit orderly_stop='/bin/bash /usr/local/lib/smt-ha/orderly-stop'
  for unit in resource-agents-deps.target sbd.service; do
    # Not "Requires" for the initiator's own service: that gives up after some minutes without the target.
    {
      printf '[Unit]\nRequires=%s\nAfter=%s %s.service\n' "$DISK_SERVICE" "$DISK_SERVICE" "$ISCSI_SERVICE"
      [ $unit != sbd.service ] || printf '\n[Service]\nExecStartPre=-%s\n' "$orderly_stop look"
    } | unit_extend $unit
  done
  # systemd's own limit is 90 seconds.
  printf '[Service]\nTimeoutStartSec=%s\nExecStartPre=%s\n' $(($1 + 90)) "$orderly_stop wait $1" |
    unit_extend corosync.service
  {
    # A disk that comes late has SBD look after Corosync has started. Pacemaker starts after both.
    printf '[Service]\nTimeoutStartSec=%s\nExecStartPre=%s\nExecStartPre=%s\n' \
      $(($1 + 90)) "$orderly_stop wait 0" "$orderly_stop forget"
    printf 'ExecStopPost=%s\n' "$orderly_stop remember"
    # ldirectord loads modules in its first check. If the check's time ends meanwhile, Perl never loads that module again, and
    # every later check fails too. So Pacemaker's agents load them when they start.
    [ ! -e /usr/sbin/ldirectord ] || printf 'Environment="PERL5OPT=%s"\n' \
      '-MLWP::Protocol::https -MHTML::HeadParser -MHTTP::Config -MIO::Uncompress::Gunzip'
  } | unit_extend pacemaker.service
  units_reload
  for unit in sbd corosync pacemaker; do service_enable $unit; done
  # Pacemaker starts the DLM. Its own unit would start corosync at boot, also after the node has left the cluster.
  if service_enabled dlm; then SYSTEMCTL_SKIP_SYSV=1 systemctl disable dlm; fi
}

# cluster_stop: stops the cluster on this node.
cluster_stop() { $CLUSTER_STOP; }

# cluster_hold, cluster_release: an update of its packages would start the cluster again. A reboot releases it too.
cluster_hold() { systemctl mask --runtime pacemaker corosync sbd; }
cluster_release() { systemctl unmask --runtime pacemaker corosync sbd; }

# cluster_disable: stops the cluster on this node, now and at every boot.
cluster_disable() {
  cluster_stop
  # In one command: each "disable" reloads systemd.
  SYSTEMCTL_SKIP_SYSV=1 systemctl disable pacemaker corosync sbd
}

# sysctl_install NAME < SETTINGS: kernel settings, "key = value" in each line, now and at every boot.
sysctl_install() {
  local file=/etc/sysctl.d/90-smt-ha-$1.conf
  install_file 644 "$file"
  sysctl -q -p "$file"
}

# at_boot NAME DESCRIPTION < COMMANDS: runs the commands at every boot, before the cluster can undo them. Each is a line with
# an absolute path.
at_boot() {
  local unit=smt-ha-$1.service
  {
    printf '[Unit]\nDescription=%s\nWants=network-online.target\n' "$2"
    printf 'After=systemd-sysctl.service network-online.target\nBefore=pacemaker.service\n\n'
    printf '[Service]\nType=oneshot\nRemainAfterExit=yes\n'
    sed 's/^/ExecStart=/'
    printf '\n[Install]\nWantedBy=multi-user.target\n'
  } | install_file 644 "/etc/systemd/system/$unit"
  # Without "systemctl enable", which reloads systemd: the unit has nothing to do until the next boot.
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -sfn "/etc/systemd/system/$unit" "/etc/systemd/system/multi-user.target.wants/$unit"
}

# Whether these commands find the network up.
BOOT_HAS_NETWORK=yes

# not_at_boot NAME: undoes at_boot.
not_at_boot() { rm -f "/etc/systemd/system/multi-user.target.wants/smt-ha-$1.service" "/etc/systemd/system/smt-ha-$1.service"; }

ISCSI_DAEMON=iscsid
ISCSI_RECORDS=/etc/iscsi/nodes
# iscsiadm's exit code where there is no session.
ISCSI_NO_SESSION=21

# iscsi_daemon_restart: makes the daemon read the initiator's name.
iscsi_daemon_restart() { service_restart "$ISCSI_DAEMON"; }

# iscsi_offered PORTAL: what the portal offers to this node, a line "ADDRESS:PORT,GROUP IQN" each; makes no record of it.
iscsi_offered() { within 60 iscsiadm -m discoverydb -t sendtargets -p "$1" -o nonpersistent --discover; }

DISK_SERVICE=smt-ha-disk.service

# disk_enable PORTAL TARGET DEVICE: a unit that is active once the node has the device, however late the target boots.
disk_enable() {
  install_file 644 "/etc/systemd/system/$DISK_SERVICE" <<END
[Unit]
Description=The cluster's shared disk
Wants=$ISCSI_SERVICE.service network-online.target
After=$ISCSI_SERVICE.service network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash /usr/local/lib/smt-ha/await-disk $1 $2 $3
# It gave up if the target was late, and logs out at shutdown only if it is active.
ExecStartPost=-/bin/systemctl --no-block start $ISCSI_SERVICE.service
END
  units_reload
  service_start "$DISK_SERVICE"
}

# It pulls in corosync, which pulls in sbd.
CLUSTER_SERVICE=pacemaker
CLUSTER_START='systemctl start pacemaker'
CLUSTER_STOP='systemctl stop pacemaker corosync'
CLUSTER_LOG='journalctl -u pacemaker'
# Whether a running member can reload a changed corosync.conf.
CLUSTER_RELOADS=yes
# Whether crm_resource can ban a resource from a node.
CLUSTER_BANS=yes

# logs: what node/diagnose shows of the journal: what was wrong since the boot, before it, and the cluster's part.
# shellcheck disable=SC2086 # lists
logs() {
  local journal='journalctl --no-pager --quiet'
  local cluster='-u corosync -u pacemaker -u sbd -u dlm -u iscsid -u open-iscsi -u smt-ha-disk'
  show logs/boots $journal --list-boots
  show logs/warnings $journal -b -p warning -n 2000
  show logs/warnings-of-previous-boot $journal -b -1 -p warning -n 2000
  show logs/end-of-previous-boot $journal -b -1 -n 1000
  show logs/cluster $journal -b $cluster -n 3000
  show logs/cluster-of-previous-boot $journal -b -1 $cluster -n 3000
  show logs/failed-units systemctl --no-pager --failed
  show logs/timers systemctl --no-pager list-timers --all
}

# cluster_settle SECONDS: waits until the cluster has nothing more to do.
cluster_settle() { crm_resource --wait --timeout="$1"; }

# ocfs_make DEVICE CLUSTER LABEL SLOTS
ocfs_make() {
  # Forced: mkfs would otherwise ask a DLM that does not run yet which nodes have it mounted. Without a signature: none.
  mkfs.ocfs2 --force -x -N "$4" -L "$3" --cluster-stack=pcmk --cluster-name="$2" "$1"
}

# ocfs_cluster DEVICE: the cluster that an OCFS2 file system is made for. mounted.ocfs2 prints "Device Stack Cluster F UUID
# Label".
ocfs_cluster() { mounted.ocfs2 -d "$1" | awk 'NR == 2 { print $3 }'; }

# signatures_wipe DEVICE...: removes the signatures of file systems and partition tables.
signatures_wipe() { wipefs -a "$@"; }
