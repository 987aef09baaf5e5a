# The cluster that a node is configured for, and our parts of its configuration.
# shellcheck shell=bash disable=SC2034

# A node that has configured a part keeps a record of it: PART.crm is the text of the part, PART.xml is the cluster's own
# form of it.
CLUSTER_PARTS=/var/lib/smt-ha/cluster

# cluster_of_config: the cluster that this node is configured for; empty if its configuration is a package's sample.
cluster_of_config() {
  sed -n 's/^[[:space:]#]*cluster_name:[[:space:]]*//p' "$COROSYNC_CONF" 2>/dev/null | grep -vxF "$CLUSTER_SAMPLE" || true
}

# nodes_of FILE: the names of the nodes in a corosync.conf. That of corosync 1 names none, but it names a service.
nodes_of() { awk '$2 == "{" { inside = $1 } inside == "node" && $1 == "name:" { print $2 }' "$1"; }

# node_states: a line "NAME STATE" for each node of the cluster, such as "node1 online" or "node2 UNCLEAN".
node_states() {
  { crm_mon -1 -n 2>/dev/null || true; } | sed -nr 's/^ *(\* )?Node ([^ :]+)( \([0-9]+\))?: ([^ :]+).*/\2 \4/p'
}

# quorum: reads to the end, since crm_mon fails if its reader ends at the first match.
quorum() { [ "$(crm_mon -1 2>/dev/null | grep -c 'partition with quorum')" -gt 0 ]; }

# tie_breaker_pending: whether this node's corosync was started without the tie breaker that its configuration now has.
# corosync doesn't reload it.
tie_breaker_pending() {
  grep -q '^[[:space:]]*auto_tie_breaker: 1$' "$COROSYNC_CONF" &&
    ! { corosync-quorumtool -s || true; } | grep '^Flags:.*AutoTieBreaker' >/dev/null
}

# ids FILE: the names of the objects that a crm text defines.
ids() { sed -n 's/^\(primitive\|group\|clone\|location\|colocation\|order\) \([^ ]*\).*/\2/p' "$1"; }

# properties FILE: the names of the cluster properties that a crm text sets.
properties() { sed -n 's/^property //p' "$1" | tr ' ' '\n' | sed 's/=.*//'; }

# owned FILE: the cluster's own copy of the objects that a crm text defines; empty if it has none of them.
owned() {
  local word query='//nothing'
  for word in $(ids "$1"); do
    query="$query | //configuration//*[@id='$word']"
  done
  for word in $(properties "$1"); do
    query="$query | //crm_config//nvpair[@name='$word']"
  done
  cibadmin --query --xpath "$query" || [ $? = "$CIB_NOTHING" ]
}
