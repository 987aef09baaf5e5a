# Settings of the kernel's IPVS, for the agents and for steps.
# shellcheck shell=bash

# let_go: no client may stay with a server that gets no new connections. Not for its address (persistence), and not for a port that
# it uses again within two minutes: with direct routing, IPVS does not see the end of a connection. Old kernels can't do the
# latter.
let_go() {
  local settings=/proc/sys/net/ipv4/vs
  [ ! -e $settings/expire_quiescent_template ] || echo 1 >$settings/expire_quiescent_template
  [ ! -e $settings/conn_reuse_mode ] || echo 3 >$settings/conn_reuse_mode
}
