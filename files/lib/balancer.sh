# What the agents beside the load balancer share, after agent.sh.
# shellcheck shell=bash disable=SC2034

config=${OCF_RESKEY_config-} # path of ldirectord's configuration

# read_config: sets what ldirectord's configuration says: virtuals, a line "VIRTUAL SCHEDULER PERSISTENCE" for each virtual
# service, such as "192.0.2.10:80 wlc 600", without the last one where clients may change servers; reals, a line "VIRTUAL REAL
# FORWARDING" for each of its real servers, with ipvsadm's option: -g (gate), -i (ipip) or -m (masq); servers, their addresses;
# page, the path of the health page; and interval, the seconds between two checks. Without the file, all are empty. By the
# shell alone: clients wait for a takeover, and an emulated node takes a tenth of a second to start a program.
read_config() {
  local key value more virtual='' persistence=''
  virtuals='' reals='' servers='' page='' interval=''
  while read -r key _ value more; do
    case $key in
    virtual) virtual=$value persistence='' ;;
    persistent) persistence=$value ;;
    scheduler) virtuals="$virtuals$virtual $value $persistence"$'\n' ;;
    real)
      reals="$reals$virtual $value -${more:0:1}"$'\n'
      case " $servers " in *" ${value%:*} "*) ;; *) servers="$servers ${value%:*}" ;; esac
      ;;
    request) page=${value//\"/} ;;
    checkinterval) interval=$value ;;
    esac
  done <"$config" || true
}

SILENT=142 # an exit code: ended by the alarm

# healthy ADDRESS: whether a real server's health page answers well within 5 seconds; exits with $SILENT if it does not answer.
healthy() {
  # shellcheck disable=SC2016 # for the inner shell
  perl -e 'alarm shift; exec @ARGV' 5 bash -c '
    exec 4<>"/dev/tcp/$1/80"
    printf "GET /%s HTTP/1.0\r\n\r\n" "$2" >&4
    read -r answer <&4
    case $answer in *" 200 "*) ;; *) exit 1 ;; esac' ask "$1" "$page" >/dev/null 2>&1
}
