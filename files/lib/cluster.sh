# The cluster that a node is configured for, and our parts of its configuration.
# shellcheck shell=bash disable=SC2034

# A node that has configured a part keeps a record of it: PART.crm is the text of the part, PART.xml is the cluster's own
# form of it.
CLUSTER_PARTS=/var/lib/smt-ha/cluster

AUTHKEY=/etc/corosync/authkey
# The mark of a node whose corosync has not taken the key of that file yet.
AUTHKEY_PENDING=/var/lib/smt-ha/authkey-pending

# authkey_given: the key of the step's input. It comes as text on one line; corosync accepts any bytes.
authkey_given() { tr -d '\n' <"$(input authkey)"; }

# token_timeout: in milliseconds.
token_timeout() { sed -n 's/^[[:space:]]*token:[[:space:]]*//p' "$COROSYNC_CONF"; }

# cluster_of_config: the cluster that this node is configured for; empty if its configuration is a package's sample.
cluster_of_config() {
  sed -n 's/^[[:space:]#]*cluster_name:[[:space:]]*//p' "$COROSYNC_CONF" 2>/dev/null | grep -vxF "$CLUSTER_SAMPLE" || true
}

# refuse_other CLUSTER: fails if this node is configured for another cluster than this one.
refuse_other() {
  local other
  other=$(cluster_of_config)
  [ -z "$other" ] || [ "$other" = "$1" ] || fail "this node is a member of the cluster '$other', not of '$1'" \
    "take it out of that cluster first, or set clusterName to $other"
}

# nodes_of FILE: the names of the nodes in a corosync.conf. That of corosync 1 names none, but it names a service.
nodes_of() { awk '$2 == "{" { inside = $1 } inside == "node" && $1 == "name:" { print $2 }' "$1"; }

# node_states: a line "NAME STATE" for each node of the cluster, such as "node1 online" or "node2 UNCLEAN".
node_states() {
  { crm_mon -1 -n 2>/dev/null || true; } | sed -nr 's/^ *(\* )?Node ([^ :]+)( \([0-9]+\))?: ([^ :]+).*/\2 \4/p'
}

# What the state of a member ends with: a node in standby or maintenance is one too.
MEMBER=' \(online\|standby\|maintenance\)$'
members_online() { node_states | grep -c "$MEMBER" || true; }

# members_absent: the other nodes, each with its state.
members_absent() { node_states | grep -v "$MEMBER" || true; }

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

# owned FILE: the cluster's own copy of the objects and properties that a crm text defines; empty if it has none of them.
owned() {
  local query
  query=$(awk '
    $1 ~ /^(primitive|group|clone|location|colocation|order)$/ { printf " | //configuration//*[@id=\047%s\047]", $2 }
    $1 == "property" {
      for (i = 2; i <= NF; i++) {
        sub(/=.*/, "", $i)
        printf " | //crm_config//nvpair[@name=\047%s\047]", $i
      }
    }' "$1")
  cibadmin --query --xpath "//nothing$query" || [ $? = "$CIB_NOTHING" ]
}

# changes_of FILE: what was changed by hand in a part that this node has configured, a line each; FILE is the part's text. Each
# line once, although a clone's group is found by its own name too; without lines that only close an element.
changes_of() {
  local now=$STEP_DIR/now
  owned "$1" >"$now" || return
  cmp -s "${1%.crm}.xml" "$now" ||
    { diff "${1%.crm}.xml" "$now" || true; } | sed -n '/<\//d; s/^< */missing: /p; s/^> */found: /p' | awk '!seen[$0]++'
}
