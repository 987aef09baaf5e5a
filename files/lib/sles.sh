# What the SLES platforms share: zypper, /etc/sysconfig, ntpd, Apache, SuSEfirewall2.
# shellcheck shell=bash disable=SC2034

TIME_CONFIG=/etc/ntp.conf
# Where the node's own network settings are, for an administrator.
NETWORK_CONFIG='/etc/sysconfig/network (ifcfg-*, routes, config)'
COROSYNC_CONF=/etc/corosync/corosync.conf
SBD_CONFIG=/etc/sysconfig/sbd
SMT_CONF=/etc/smt.conf
WEB_SERVICE=apache2
WEB_GROUP=www
# What an account needs to see the state of a replication link.
DATABASE_LINK_PRIVILEGE='REPLICATION CLIENT'
WEB_ROOT=/srv/www/htdocs
# Links, which SMT's virtual host names.
SERVER_CERTIFICATE=/etc/ssl/servercerts/servercert.pem
SERVER_KEY=/etc/ssl/servercerts/serverkey.pem

# unattended_hold: nothing. YaST's automatic update is off unless an administrator turns it on, and holds no single package.
unattended_hold() { :; }

# packages_found PACKAGE...: those that are installed, a line each. rpm has a sentence for each of the others.
packages_found() { { rpm -q --qf '%{NAME}\n' "$@" || true; } | sed '/ /d'; }

# zypper_unlocked ARGUMENT...: waits while another program, such as PackageKit, holds zypper's lock (exit code 7).
zypper_unlocked() {
  local code
  while :; do
    code=0
    zypper --non-interactive "$@" || code=$?
    if [ $code != 7 ] || [ $SECONDS -gt 300 ]; then return $code; fi
    sleep 5
  done
}

packages_install() {
  zypper_unlocked refresh
  # 102 and 103: installed, and zypper advises a reboot or its own restart. The packages' scripts run chkconfig.
  exclusively system-files zypper_unlocked install --auto-agree-with-licenses "$@" ||
    case $? in 102 | 103) ;; *) return 1 ;; esac
}

# packages_update: installs all patches, those too that ask for a reboot, such as a kernel's. 103: zypper has updated itself and
# has more. 102: a patch asks for a reboot.
packages_update() {
  local code=103 round
  zypper_unlocked refresh || return
  for round in 1 2 3; do
    [ $code = 103 ] || break
    code=0
    exclusively system-files zypper_unlocked patch --with-interactive --auto-agree-with-licenses || code=$?
  done
  [ $code != 102 ] || { touch "$STEP_DIR/reboot" && code=0; }
  return $code
}

# reboot_needed: whether a patch asks for a reboot, or the newest kernel does not run.
reboot_needed() { [ -e "$STEP_DIR/reboot" ] || [ "$(readlink /boot/vmlinuz)" != "vmlinuz-$(uname -r)" ]; }

# What changes whenever the number of pending packages, or the need of a reboot, may change.
PACKAGE_STATE='/var/cache/zypp/solv /var/lib/rpm/Packages /boot/vmlinuz'

# packages_pending: how many patches are needed, as the node's own copy of the repositories has it. Exit codes from 100 on are
# about the patches.
packages_pending() {
  {
    within 300 zypper --non-interactive --no-refresh patch-check || [ $? -ge 100 ]
  } | sed -n 's/^\([0-9][0-9]*\) patch.* needed.*/\1/p'
}

# runs_smt ROLES: whether SMT is among them.
runs_smt() { case " $1 " in *' smt '*) ;; *) return 1 ;; esac }

# sles_lacks ROLES: what a node of these roles needs on SLES and packages_install can't provide, a line each.
sles_lacks() {
  local package missing found product lacking
  # Those that a later step installs count too.
  # shellcheck disable=SC2046 # a list
  missing=$(packages_missing $(packages_of "$1") $(! runs_smt "$1" || echo "$SMT_PACKAGES"))
  if [ -n "$missing" ]; then
    # A table: "  | name | summary | type". On SLES 12, zypper ends with exit code 104 if it finds nothing.
    # shellcheck disable=SC2086 # a list
    found=$(zypper_unlocked search --match-exact --type package $missing |
      awk -F'|' 'NF >= 4 { gsub(/ /, "", $2); print $2 }' || true)
    for product in "$HA_PRODUCT" "$SMT_PRODUCT" "$PLATFORM_NAME"; do
      lacking=
      for package in $missing; do
        if [ "$(product_of "$package")" = "$product" ] && ! echo "$found" | grep -xF "$package" >/dev/null; then
          lacking="$lacking $package"
        fi
      done
      [ -z "$lacking" ] || echo "no repository of zypper has$lacking: register $product, or add a repository with it"
    done | awk '!seen[$0]++' # On SLES 12, SMT is a part of the system.
  fi
  if grep -qi vmware /sys/class/dmi/id/sys_vendor 2>/dev/null && ! type vmtoolsd >/dev/null 2>&1; then
    echo "it is a VMware machine without VMware Tools: install $VMWARE_TOOLS"
  fi
}

# product_of PACKAGE: the product whose repositories have it.
product_of() {
  case $1 in
  open-iscsi | parted | ntp | apache2* | openssl | ca-certificates | SuSEfirewall2 | perl-* | mysql* | mariadb*)
    echo "$PLATFORM_NAME"
    ;;
  *smt*) echo "$SMT_PRODUCT" ;;
  *) echo "$HA_PRODUCT" ;;
  esac
}

# time_config SERVERS: the time service's configuration.
time_config() {
  local server
  echo '# Written by smt-ha, changes are lost.'
  for server in $1; do printf 'server %s iburst\n' "$server"; done
  # After a pause, a virtual machine's clock can be far off.
  printf '%s\n' 'tinker panic 0' 'driftfile /var/lib/ntp/drift/ntp.drift' \
    'restrict default notrap nomodify nopeer noquery' 'restrict 127.0.0.1'
}

# time_synchronised: whether the clock follows one of the servers, which ntpq marks with a star.
time_synchronised() { ntpq -pn | grep '^[*]' >/dev/null; }

# time_state: true or false, whether the clock follows one of the servers; and by how many seconds it is ahead, if that is known.
# ntpq prints how far the server is ahead, in milliseconds.
time_state() { ntpq -pn | awk '/^[*]/ { follows = "true"; ahead = -$9 / 1000 } END { print follows ? follows : "false", ahead }'; }

# Commands that node/diagnose runs.
TIME_REPORT='ntpq -pn'
PACKAGE_LIST='rpm -qa'
FIREWALL_REPORT='iptables -nvL'

# The packages bring no sample of the cluster's configuration to its real place.
CLUSTER_SAMPLE=

# cluster_stop_sample: the packages start no cluster, so that a cluster which runs here belongs to someone else.
cluster_stop_sample() {
  ! service_active "$CLUSTER_SERVICE" || fail "a cluster runs on this node that smt-ha has not configured" \
    "take the node out of that cluster: stop it ($CLUSTER_STOP) and remove $COROSYNC_CONF; then run 'pulumi up' again"
}

# sysconfig_get FILE NAME: the value of NAME="value".
sysconfig_get() { sed -n "s/^$2=\"\\(.*\\)\"/\\1/p" "$1"; }

# sysconfig_set FILE NAME VALUE
sysconfig_set() {
  awk -v name="$2" -v value="$3" '
    index($0, name "=") == 1 { if (!done) print name "=\"" value "\""; done = 1; next }
    { print }
    END { if (!done) print name "=\"" value "\"" }' "$1" | install_file "$(stat -c %a "$1")" "$1" root:root "/^$2=/p"
}

# web_module NAME, web_flag NAME: check first, since a2enmod and a2enflag write a name again that is there. The package of
# SMT writes to the same file. A running server takes a flag by a restart only.
web_module() {
  case " $(sysconfig_get /etc/sysconfig/apache2 APACHE_MODULES) " in
  *" $1 "*) ;;
  *) exclusively system-files a2enmod "$1" ;;
  esac
}
web_flag() {
  case " $(sysconfig_get /etc/sysconfig/apache2 APACHE_SERVER_FLAGS) " in
  *" $1 "*) ;;
  *)
    exclusively system-files a2enflag "$1"
    ! service_active "$WEB_SERVICE" || service_restart "$WEB_SERVICE"
    ;;
  esac
}

# web_tls_enable: serves the documents of http by https too, with the node's certificate. SMT brings the virtual host.
web_tls_enable() {
  web_tls_versions
  web_module ssl
  web_flag SSL
}

# web_follow_links: makes Apache follow symbolic links in its documents, such as those to the repositories.
web_follow_links() {
  local file=/etc/apache2/default-server.conf
  awk -v folder="<Directory \"$WEB_ROOT\">" '
    index($0, folder) { inside = 1 }
    index($0, "</Directory>") { inside = 0 }
    inside && $1 == "Options" && $2 == "None" && NF == 2 { sub(/None/, "FollowSymLinks") }
    { print }' $file | install_file 644 $file root:root "\\|<Directory \"$WEB_ROOT\"|,\\|</Directory>|p"
}

# web_check: whether Apache accepts its configuration; prints what is wrong.
web_check() { apache2ctl configtest; }

# web_scripts_enable: lets Apache run CGI scripts.
web_scripts_enable() { web_module cgi; }

# web_config_enable NAME < TEXT: a part of Apache's configuration for all its sites.
web_config_enable() { install_file 644 "/etc/apache2/conf.d/$1.conf"; }

FIREWALL_SETTINGS=/etc/sysconfig/SuSEfirewall2
# Our part of the settings.
FIREWALL_OWN=/var/lib/smt-ha/firewall

firewall_check() { ! grep -vE '^(#.*|FW_[A-Z_]+="[A-Za-z0-9 .,:/]*")$'; }
# By the same test as its own init script.
firewall_active() { iptables -nL reject_func >/dev/null 2>&1; }

# firewall_merge NEW: in SuSEfirewall2's lists, replaces the words that came from us by those of NEW. Other words and
# settings stay.
firewall_merge() {
  [ -e "$FIREWALL_OWN" ] || : >"$FIREWALL_OWN"
  awk -v old="$FIREWALL_OWN" -v new="$1" '
    function value(line) { sub(/^[^"]*"/, "", line); sub(/".*/, "", line); return line }
    function name(line) { sub(/=.*/, "", line); return line }
    function merged(key, had,    count, list, i, seen, result) {
      if (wanted[key] ~ /^(yes|no)$/) return wanted[key]
      count = split(ours[key], list, " ")
      for (i = 1; i <= count; i++) seen[list[i]] = 1
      count = split(wanted[key], list, " ")
      for (i = 1; i <= count; i++) delete seen[list[i]]
      count = split(had " " wanted[key], list, " ")
      for (i = 1; i <= count; i++) if (!(list[i] in seen)) { seen[list[i]] = 1; result = result (result == "" ? "" : " ") list[i] }
      return result
    }
    BEGIN {
      while ((getline line <old) > 0) if (line ~ /^FW_/ && value(line) !~ /^(yes|no)$/) {
        ours[name(line)] = value(line)
        keys[name(line)] = 1
      }
      while ((getline line <new) > 0) if (line ~ /^FW_/) { wanted[name(line)] = value(line); keys[name(line)] = 1 }
    }
    /^FW_[A-Z_]*=/ && name($0) in keys { print name($0) "=\"" merged(name($0), value($0)) "\""; done[name($0)] = 1; next }
    { print }
    END { for (key in keys) if (!(key in done)) print key "=\"" merged(key, "") "\"" }' "$FIREWALL_SETTINGS" |
    install_file "$(stat -c %a "$FIREWALL_SETTINGS")" "$FIREWALL_SETTINGS" root:root ''
  install_file 644 "$FIREWALL_OWN" <"$1"
}

# firewall_apply < SETTINGS: applies the settings if they are new or not active. The node's own settings of SuSEfirewall2
# stay. SuSEfirewall2 changes by "on" and "off" what starts at boot.
firewall_apply() {
  mkdir -p "$(dirname $FIREWALL_OWN)"
  cat >"$STEP_DIR/firewall"
  firewall_merge "$STEP_DIR/firewall"
  if ! firewall_active || ! service_enabled "$FIREWALL_SERVICE"; then
    exclusively system-files SuSEfirewall2 on
  elif wrote "$FIREWALL_SETTINGS"; then
    SuSEfirewall2 start
  fi
  firewall_active
}

firewall_remove() {
  if [ -e "$FIREWALL_OWN" ]; then
    firewall_merge /dev/null
    exclusively system-files SuSEfirewall2 off
    rm -f "$FIREWALL_OWN"
  fi
}
