# What the steps about certificates share. It keeps to what OpenSSL 0.9.8 knows.
# shellcheck shell=bash disable=SC2034

# Certificate authorities whose key is on this node, each in a folder of its own; root's only.
AUTHORITIES=/etc/smt-ha/ca
# Server certificates with their keys, each pair in a folder of its own; "current" leads to the one in use.
PAIRS=/etc/smt-ha/server
# This node's own key. It stays when its certificate is renewed, so that either certificate goes with it.
NODE_KEY=$PAIRS/node.key

# What a request needs to say; whoever signs it takes nothing from it but the key.
printf '[req]\ndistinguished_name = name\ndefault_md = sha256\nprompt = no\n[name]\nCN = %s\n' "$(uname -n)" >"$STEP_DIR/request.cnf"

new_request() { openssl req -new -key "$1" -config "$STEP_DIR/request.cnf"; }

# The public key of a private key, a request or a certificate. OpenSSL 0.9.8 has no command for keys of every kind.
public_of_key() { new_request "$1" | openssl req -noout -pubkey; }
public_of_request() { openssl req -noout -pubkey -in "$1"; }
public_of_certificate() { openssl x509 -noout -pubkey -in "$1"; }

fingerprint() { openssl x509 -noout -fingerprint -sha1 -in "$1" | sed 's/.*=//; s/://g'; }
end_date() { openssl x509 -noout -enddate -in "$1" | sed 's/.*=//'; }

# outlasts SECONDS CERTIFICATE: it is still valid after so many seconds from now.
outlasts() { openssl x509 -noout -checkend "$1" -in "$2" >/dev/null; }

# authority_config FOLDER NAMES: how the authority in FOLDER signs, for "openssl ca"; NAMES are a server's.
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
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
# Tells it from another of the same name, such as that of a node which was made anew.
authorityKeyIdentifier = keyid:always
[server_extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $2
END
}

# authority_signs FOLDER DAYS ARGUMENT...: has "openssl ca" sign for so many days, from yesterday on, for whose clock is
# behind. The serial is random: what is drawn anew need not be counted on another node, and no one can guess it.
authority_signs() {
  local folder=$1 days=$2
  shift 2
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/serial"
  openssl ca -batch -notext -utf8 -preserveDN -days "$days" -startdate "$(date -u -d '1 day ago' +%y%m%d%H%M%SZ)" "$@"
}

# trust ROOT keep|drop: this system trusts the root CA; former ones of the service are kept or dropped.
trust() {
  local root file answer due=/etc/smt-ha/trust-due
  root=$TRUST_FOLDER/smt-ha-$(fingerprint "$1").crt
  mkdir -p /etc/smt-ha "$TRUST_FOLDER"
  # Noted, for a run that is broken off between a file and what follows from it.
  cmp -s "$1" "$root" || touch $due
  install_file 644 "$root" <"$1"
  if [ "$2" = drop ]; then
    for file in "$TRUST_FOLDER"/smt-ha-*.crt; do
      [ "$file" != "$root" ] || continue
      touch $due
      rm -f "$file"
      say "dropped $file"
    done
  fi
  if [ -e $due ]; then
    trust_refresh
    rm -f $due
  fi
  trusted_root=$root
  answer=$(openssl verify "$root" 2>&1) || true
  [ "$answer" = "$root: OK" ] || fail "this system does not trust the CA in $root: $(echo "$answer" | paste -s -d ' ')" \
    "look at the clock of this node, and at $STEP_LOG"
}

# publish: gives clients the CA to trust, after "trust"; while there are two, the new one first.
publish() {
  local file
  {
    cat "$trusted_root"
    for file in "$TRUST_FOLDER"/smt-ha-*.crt; do
      [ "$file" = "$trusted_root" ] || cat "$file"
    done
  } | install_file 644 "$WEB_ROOT/smt.crt"
}
