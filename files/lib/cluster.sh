# The cluster that a node is configured for, and the parts of its configuration that the program owns.
# shellcheck shell=bash disable=SC2034

# A node that has configured a part remembers it here: PART.crm is the text that it was given, PART.xml is what the
# cluster made of it.
CLUSTER_PARTS=/var/lib/smt-ha/cluster

# cluster_of_config: the cluster that this node is configured for; nothing where it is a package's sample.
cluster_of_config() { sed -n 's/^[[:space:]#]*cluster_name:[[:space:]]*//p' "$COROSYNC_CONF" 2>/dev/null | grep -vxF "$CLUSTER_SAMPLE" || true; }

# nodes_of FILE: the names of the nodes of a corosync.conf; corosync 1 has none, but a service with a name.
nodes_of() { awk '$2 == "{" { inside = $1 } inside == "node" && $1 == "name:" { print $2 }' "$1"; }

# ids FILE: the names of the objects that a crm text defines.
ids() { sed -n 's/^\(primitive\|group\|clone\|location\|colocation\|order\) \([^ ]*\).*/\2/p' "$1"; }

# properties FILE: the names of the cluster properties that a crm text sets.
properties() { sed -n 's/^property //p' "$1" | tr ' ' '\n' | sed 's/=.*//'; }

# owned FILE: the cluster's own copy of what a crm text defines; empty where it has none of it.
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
