#!/bin/sh
# pki.sh DIRECTORY -- throw-away certificates for the benchmark: root.pem,
# which clients trust; server.pem: key, leaf for localhost, intermediate.
# P-256, so that the keys' share of a handshake is small and a binding's shows.
set -eu
mkdir -p "$1"
cd "$1"
umask 077
unset OPENSSL_CONF
cat >conf <<'END'
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
END
make() {  # name, extensions, issuer's options...
  name=$1
  extensions=$2
  shift 2
  openssl req -x509 -config conf -extensions "$extensions" -days 30 \
    -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -subj "/CN=LuaSSL bench $name" -keyout "$name.key" -out "$name.crt" "$@" \
    2>log || { cat log >&2; exit 1; }
}
make root authority
make intermediate authority -CA root.crt -CAkey root.key
make leaf leaf -CA intermediate.crt -CAkey intermediate.key
cp root.crt root.pem
cat leaf.key leaf.crt intermediate.crt >server.pem
