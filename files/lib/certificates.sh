# What the certificate steps share. It uses nothing that OpenSSL 0.9.8 lacks.
# shellcheck shell=bash disable=SC2034

# Certificate authorities whose key is on this node, each in its own directory, for root only.
AUTHORITIES=/etc/smt-ha/ca
# Server certificates with their keys, each pair in its own directory; the link "current" leads to the one in use.
PAIRS=/etc/smt-ha/server
# This node's own key. A renewed certificate has the same key, so that the old and the new one go with it.
NODE_KEY=$PAIRS/node.key

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

# authority_config DIRECTORY NAMES: the configuration with which "openssl ca" signs for the authority in DIRECTORY; NAMES
# are a server's.
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
  local root file answer due=/etc/smt-ha/trust-due
  root=$TRUST_FOLDER/smt-ha-$(fingerprint "$1").crt
  mkdir -p /etc/smt-ha "$TRUST_FOLDER"
  # Noted, for a run that is interrupted before trust_refresh.
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
    "check this node's clock; $STEP_LOG shows what openssl printed"
}

# publish: offers the CA to clients, after "trust"; if there are two, the new one first.
publish() {
  local file
  {
    cat "$trusted_root"
    for file in "$TRUST_FOLDER"/smt-ha-*.crt; do
      [ "$file" = "$trusted_root" ] || cat "$file"
    done
  } | install_file 644 "$WEB_ROOT/smt.crt"
}
