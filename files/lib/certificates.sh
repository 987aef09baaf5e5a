# What the steps that make or compare certificates share. It uses nothing that OpenSSL 0.9.8 lacks.
# shellcheck shell=bash disable=SC2034

# Certificate authorities whose key is on this node, each in its own directory, for root only.
AUTHORITIES=/etc/smt-ha/ca
# Server certificates with their keys, each pair in its own directory; the link "current" leads to the one in use.
PAIRS=/etc/smt-ha/server
# This node's own key. A renewed certificate has the same key, so that the old and the new one go with it.
NODE_KEY=$PAIRS/node.key

# Exists while the system's trust is older than the files that it comes from.
TRUST_DUE=/etc/smt-ha/trust-due

# request_config: the path of OpenSSL's configuration for requests. A signer takes the key from a request, and nothing else.
request_config() {
  printf '[req]\ndistinguished_name = name\ndefault_md = sha256\nprompt = no\n[name]\nCN = %s\n' "$(uname -n)" \
    >"$STEP_DIR/request.cnf"
  echo "$STEP_DIR/request.cnf"
}

# new_request KEY: prints a request for a certificate.
new_request() { openssl req -new -key "$1" -config "$(request_config)"; }

# The public key of a private key, a request or a certificate. OpenSSL 0.9.8 has no command for keys of every kind.
public_of_key() { new_request "$1" | openssl req -noout -pubkey; }
public_of_request() { openssl req -noout -pubkey -in "$1"; }
public_of_certificate() { openssl x509 -noout -pubkey -in "$1"; }

fingerprint() { openssl x509 -noout -fingerprint -sha1 -in "$1" | sed 's/.*=//; s/://g'; }
end_date() { openssl x509 -noout -enddate -in "$1" | sed 's/.*=//'; }

# outlasts SECONDS CERTIFICATE: whether it is valid for longer than SECONDS from now.
outlasts() { openssl x509 -noout -checkend "$1" -in "$2" >/dev/null; }

# der TAG HEX: an element of DER, in hexadecimal, around a content that is too.
der() {
  local length=$((${#2} / 2))
  if [ $length -lt 128 ]; then
    printf '%s%02x%s' "$1" $length "$2"
  elif [ $length -lt 256 ]; then
    printf '%s81%02x%s' "$1" $length "$2"
  else
    printf '%s82%04x%s' "$1" $length "$2"
  fi
}
hex() { printf '%s' "$1" | od -An -v -t x1 | tr -d ' \n'; }

# name_constraints NETWORK DOMAIN...: the extension that permits names in these domains, and addresses in NETWORK, such as
# 192.0.2.0/24. As DER, since OpenSSL 0.9.8 can't write it otherwise.
name_constraints() {
  local subtrees='' name octets address mask network=$1
  shift
  for name; do subtrees=$subtrees$(der 30 "$(der 82 "$(hex "$name")")"); done
  IFS=. read -r -a octets <<<"${network%/*}"
  address=$(((octets[0] << 24) + (octets[1] << 16) + (octets[2] << 8) + octets[3]))
  mask=$(((0xffffffff << (32 - ${network#*/})) & 0xffffffff))
  subtrees=$subtrees$(der 30 "$(der 87 "$(printf '%08x%08x' $((address & mask)) $mask)")")
  der 30 "$(der a0 "$subtrees")"
}

# constrained CERTIFICATE: whether it is that of a CA which permits some names only.
constrained() { openssl x509 -noout -text -in "$1" | grep 'X509v3 Name Constraints' >/dev/null; }

# authority_config DIRECTORY NAMES [CONSTRAINTS]: the configuration with which "openssl ca" signs for the authority in
# DIRECTORY; NAMES are a server's; CONSTRAINTS are those of a new root CA. They are not critical: OpenSSL 0.9.8 knows none, and
# refuses a critical extension that it does not know. Others heed them all the same.
authority_config() {
  cat <<END
[ca]
default_ca = authority
[authority]
database = $1/index.txt
serial = $1/serial
new_certs_dir = $1/issued
certificate = $1/ca.crt
private_key = $1/ca.key
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
[authority_extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
# Distinguishes it from another of the same name, such as that of a node before it was rebuilt.
authorityKeyIdentifier = keyid:always
${3:+2.5.29.30 = DER:$3}
[server_extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $2
END
}

# authority_signs DIRECTORY DAYS ARGUMENT...: signs by "openssl ca" for so many days. The days begin yesterday, for clients
# whose clock is behind. The serial is random, so that a rebuilt node repeats none and nobody can guess it.
authority_signs() {
  local folder=$1 days=$2
  shift 2
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/serial"
  openssl ca -batch -notext -utf8 -preserveDN -days "$days" -startdate "$(date -u -d '1 day ago' +%y%m%d%H%M%SZ)" "$@"
}

# trust ROOT keep|drop: makes this system trust the root CA, and keeps or drops the service's former ones.
trust() {
  local root file answer
  root=$TRUST_FOLDER/smt-ha-$(fingerprint "$1").crt
  mkdir -p /etc/smt-ha "$TRUST_FOLDER"
  # Noted, for a run that is interrupted before trust_refresh.
  cmp -s "$1" "$root" || touch $TRUST_DUE
  install_file 644 "$root" <"$1"
  if [ "$2" = drop ]; then
    for file in "$TRUST_FOLDER"/smt-ha-*.crt; do
      [ "$file" != "$root" ] || continue
      touch $TRUST_DUE
      rm -f "$file"
      say "dropped $file"
    done
  fi
  trust_settle
  trusted_root=$root
  answer=$(openssl verify "$root" 2>&1) || true
  [ "$answer" = "$root: OK" ] || fail "this system does not trust the CA in $root: $(echo "$answer" | paste -s -d ' ')" \
    "check this node's clock; $STEP_LOG shows what openssl printed"
}

trust_settle() {
  if [ -e $TRUST_DUE ]; then
    trust_refresh
    rm -f $TRUST_DUE
  fi
}

# trust_issuers CERTIFICATE keep|drop: makes this system trust what is between a server's certificate and the root, and keeps
# or drops that of former certificates. When SMT starts, it goes from the one to the other by what the system trusts.
trust_issuers() {
  local file issuer wanted=' '
  mkdir -p /etc/smt-ha "$TRUST_FOLDER"
  awk -v folder="$STEP_DIR" '/-----BEGIN/ { number++ } number > 1 { print >(folder "/issuer." number) }' "$1"
  for file in "$STEP_DIR"/issuer.*; do
    [ -e "$file" ] || continue
    # Not smt-ha-*.crt, which are roots.
    issuer=$TRUST_FOLDER/smt-ha.issuer-$(fingerprint "$file").crt
    wanted="$wanted$issuer "
    cmp -s "$file" "$issuer" || touch $TRUST_DUE
    install_file 644 "$issuer" <"$file"
  done
  for file in "$TRUST_FOLDER"/smt-ha.issuer-*.crt; do
    case $2$wanted in keep* | *" $file "*) continue ;; esac
    [ -e "$file" ] || continue
    touch $TRUST_DUE
    rm -f "$file"
    say "dropped $file"
  done
  trust_settle
}

# publish: offers the CA to clients, after "trust"; if there are two, the new one first. SMT replaces smt.crt by one CA whenever
# it starts, so Apache gives clients smt-ha.crt under that name (web/apache).
publish() {
  local file
  {
    cat "$trusted_root"
    for file in "$TRUST_FOLDER"/smt-ha-*.crt; do
      [ "$file" = "$trusted_root" ] || cat "$file"
    done
  } | install_file 644 "$WEB_ROOT/smt-ha.crt"
  install_file 644 "$WEB_ROOT/smt.crt" root:root '' <"$WEB_ROOT/smt-ha.crt"
}
