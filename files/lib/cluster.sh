# The parts of the cluster's configuration that the program owns. A node that has configured a part remembers it here:
# PART.crm is the text that it was given, PART.xml is what the cluster made of it.
# shellcheck shell=bash disable=SC2034

CLUSTER_PARTS=/var/lib/smt-ha/cluster

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
