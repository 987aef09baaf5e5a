# What the agents beside the load balancer share, after agent.sh.
# shellcheck shell=bash

config=${OCF_RESKEY_config-} # path of ldirectord's configuration

# healthy ADDRESS: whether a real server's health page answers well within 5 seconds.
healthy() {
  local page
  page=$(sed -n '/request = /{ s/.*= "\(.*\)"/\1/p; q; }' "$config")
  # shellcheck disable=SC2016 # for the inner shell
  perl -e 'alarm shift; exec @ARGV' 5 bash -c '
    exec 4<>"/dev/tcp/$1/80"
    printf "GET /%s HTTP/1.0\r\n\r\n" "$2" >&4
    read -r answer <&4
    case $answer in *" 200 "*) ;; *) exit 1 ;; esac' ask "$1" "$page" >/dev/null 2>&1
}
