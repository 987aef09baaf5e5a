# The whole service, as one node sees it: the cluster, the real servers, and what planned work on a node does to them.
# shellcheck shell=bash disable=SC2034
# shellcheck source=files/lib/cluster.sh
. "$SMT_HA/lib/cluster.sh"

HEALTH_CONFIG=/etc/smt-ha/health.conf
DIRECTOR_CONFIG=/etc/ha.d/ldirectord.cf

# What node/maintain leaves for node/resume: a file on this node, and a resource of the cluster's.
OUT_OF_SERVICE=/var/lib/smt-ha/out-of-service
DRAIN=drain-$(uname -n)

# What an unexpected failure of planned work tells to do.
AGAIN="repeat 'smt-ha $STEP', or put the node back: smt-ha node/resume"

# state_of NODE: nothing while the cluster here does not answer.
state_of() { node_states | awk -v node="$1" '$1 == node { print $2 }'; }

# runs_on RESOURCE: the node on which it runs; nothing if it runs nowhere.
runs_on() { { crm_resource --resource "$1" --locate 2>/dev/null || true; } | sed -n 's/.*is running on: *\([^ ]*\).*/\1/p'; }

# exists ID: whether the cluster's configuration has an object.
exists() { cibadmin --query --xpath "//configuration//*[@id='$1']" >/dev/null; }

# drain_remove: ends the draining of this node.
drain_remove() { crm -F configure delete "$DRAIN-after-LVS" "$DRAIN-with-LVS" "$DRAIN"; }

# resources_stop true|false: whether the cluster stops all that it runs, fencing too. Pacemaker's long options have changed.
resources_stop() { crm_attribute -t crm_config -n stop-all-resources -v "$1"; }

# maintenance_forget: removes what node/maintain has added to the cluster's configuration.
maintenance_forget() {
  if exists "$DRAIN"; then drain_remove; fi
  if exists "cli-ban-LVS-on-$(uname -n)"; then crm_resource --clear --resource LVS --node "$(uname -n)"; fi
}

# is_real_server: whether this node serves clients.
is_real_server() { [ -e $HEALTH_CONFIG ]; }

# setting NAME: a value of the health page's configuration, such as path or service.
setting() { sed -n "s/^$1='\\(.*\\)'\$/\\1/p" $HEALTH_CONFIG; }

# other_servers: the addresses of the other real servers.
other_servers() {
  if is_real_server; then
    setting peers | tr ' ' '\n'
  else
    sed -n 's/^[[:space:]]*real = \([0-9.]*\):80 .*/\1/p' $DIRECTOR_CONFIG
  fi
}

# own_address: this node's own address, as the other real servers see it.
own_address() { ip -o route get "$(other_servers | sed -n 1p)" | sed -n 's/.* src \([0-9.]*\).*/\1/p'; }

# health_path: the path of the health page.
health_path() {
  if is_real_server; then setting path; else sed -n '/request = /{ s/.*= "\(.*\)"/\1/p; q; }' $DIRECTOR_CONFIG; fi
}

# unhealthy ADDRESS: why a real server or its replication is not healthy; nothing if all is well.
unhealthy() {
  local answer
  # shellcheck disable=SC2016 # for the inner shell
  answer=$(within 30 bash -c 'exec 4<>"/dev/tcp/$1/80" && printf "GET /%s?link HTTP/1.0\r\n\r\n" "$2" >&4 && cat <&4' \
    ask "$1" "$(health_path)" 2>&1) || true
  case $answer in
  HTTP/*' 200 '*) ;;
  HTTP/*) echo "$answer" | tr -d '\r' | sed '1,/^$/d' | paste -s -d ';' ;;
  *) echo "no answer within 30 seconds" ;;
  esac
}

# unsteady: what keeps the service from being steady, a line each, apart from this node's own standby.
unsteady() {
  local node state server cause
  if ! service_active "$CLUSTER_SERVICE"; then
    echo "the cluster does not run on this node"
    return
  fi
  quorum || echo "the cluster has no quorum"
  node_states | while read -r node state; do
    case $node:$state in *:online | "$(uname -n):standby") ;; *) echo "$node is $state" ;; esac
  done
  for node in stonith-sbd Director; do
    [ -n "$(runs_on $node)" ] || echo "the cluster runs $node on no node"
  done
  for server in $(other_servers); do
    cause=$(unhealthy "$server")
    [ -z "$cause" ] || echo "the real server $server is not healthy: $cause"
  done
}

steady() { [ -z "$(unsteady)" ]; }
