#!/bin/sh
# pki.sh DIRECTORY -- throw-away authorities, keys and certificates for the
# specs and the demo. All of it is worthless outside of the tests.
#
# For each leaf NAME: NAME.key, NAME.crt and NAME.pem (key first, then the
# certificate, then what its issuer chain needs, as the reference asks).
#   rsa ecdsa ed25519  localhost, 127.0.0.1, ::1
#   pure-rsa pure-ecdsa pure-ed25519  the same, by root-rsa, root-ecdsa,
#                      root-ed25519: an authority with a key of the same kind
#   chained            localhost, by the intermediate
#   brief              localhost, by brief-intermediate, which ends before it
#   untrusted          localhost, by other-root
#   selfsigned         localhost
#   expired future     localhost, out of their time
#   other              other.example
#   wildcard           *.wildcard.example
#   noname             common name localhost, no subjectAltName
#   names              every kind of subjectAltName, a multi-valued RDN, an
#                      unknown type of name (1.2.3.4.5)
#   nul                a DNS name with a NUL: localhost\0.evil.example
#   client             clientAuth only, for "LuaSSL test client"
#   brief-client       the same, ends before the servers' certificates
#   client-rsa client-ecdsa client-ed25519  the same, with the keys of rsa ...
#   stranger           the same, by other-root
#   signing            localhost and a client, for digitalSignature alone (RSA)
#   enciphering        the same, for keyEncipherment alone (RSA)
#   agreeing           the same, for keyAgreement alone
#   anything           the same, without key usage
# OCSP responses of root about rsa, in DER: good.ocsp, revoked.ocsp.
# CRLs of root: root.crl, empty; revoked.crl, with rsa in it.
# Authorities: root other-root intermediate (NAME.crt, NAME.key), roots.crt
# (all three in one file); kinds.crt (root and the three of pure-*). The passphrase of rsa-pkcs8.key and
# rsa-traditional.key is "secret", that of rsa-pkcs8.der (in DER) and ecdsa.p12
# (PKCS#12) too; rsa-encrypted.pem is combined. Not PEM: text.pem, empty.pem,
# garbage.pem; rsa.der is rsa.crt in DER.
set -eu
mkdir -p "$1"
cd "$1"
umask 077
unset OPENSSL_CONF RANDFILE
exec 3>&2 2>pki.log
trap '[ $? = 0 ] || cat pki.log >&3' EXIT

cat >pki.conf <<'END'
oid_section = oids
[oids]
luasslTest = 1.2.3.4.5
[req]
distinguished_name = dn
prompt = no
utf8 = yes
[dn]
CN = unused
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${ENV::SAN}
[selfsigned]
basicConstraints = CA:FALSE
subjectAltName = ${ENV::SAN}
[noname]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = email:client@luassl.example
[signing]
keyUsage = critical, digitalSignature
subjectAltName = ${ENV::SAN}
[enciphering]
keyUsage = critical, keyEncipherment
subjectAltName = ${ENV::SAN}
[agreeing]
keyUsage = critical, keyAgreement
subjectAltName = ${ENV::SAN}
[anything]
subjectAltName = ${ENV::SAN}
[names]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = @every
[every]
DNS.1 = names.example
DNS.2 = localhost
IP.1 = 127.0.0.1
IP.2 = 2001:db8::1
email.1 = post@names.example
URI.1 = https://names.example/path
RID.1 = 1.2.3.4
otherName.1 = 1.3.6.1.4.1.99999.1;UTF8:other
dirName.1 = directory
[directory]
C = DE
O = LuaSSL
CN = Directory Name
[ca]
default_ca = dated
[dated]
database = dated.txt
new_certs_dir = .
serial = dated.srl
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
SAN='DNS:localhost, IP:127.0.0.1, IP:::1'
export SAN

key() {  # name [algorithm]
  case ${2:-ec} in
    ec|ecdsa) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
    *) openssl genpkey -algorithm "$2" ;;
  esac >"$1.key"
}

authority() {  # name, common name [algorithm]
  key "$1" "${3:-ec}"
  openssl req -config pki.conf -new -x509 -key "$1.key" -days 30 \
    -extensions authority -subj "/O=LuaSSL/CN=$2" -out "$1.crt"
}

request() {  # name, subject
  openssl req -config pki.conf -new -key "$1.key" -multivalue-rdn \
    -subj "$2" -out "$1.csr"
}

issue() {  # name, subject, section, issuer
  [ -f "$1.key" ] || key "$1"
  request "$1" "$2"
  openssl x509 -req -in "$1.csr" -CA "$4.crt" -CAkey "$4.key" \
    -CAcreateserial -days "${DAYS:-20}" -extfile pki.conf -extensions "$3" -out "$1.crt"
  cat "$1.key" "$1.crt" >"$1.pem"
}

dated() {  # name, first second, last second
  key "$1"
  request "$1" "/CN=$1"
  openssl ca -config pki.conf -batch -notext -in "$1.csr" -out "$1.crt" \
    -cert root.crt -keyfile root.key -extensions server \
    -startdate "$2" -enddate "$3"
  cat "$1.key" "$1.crt" >"$1.pem"
}

authority root 'LuaSSL test root'
authority other-root 'LuaSSL other root'
issue intermediate '/O=LuaSSL/CN=LuaSSL test intermediate' authority root
cat other-root.crt intermediate.crt root.crt >roots.crt

key rsa RSA
key ed25519 ED25519
for name in rsa ecdsa ed25519; do
  issue $name "/C=DE/ST=Berlin/O=LuaSSL/CN=localhost" server root
done
issue chained /CN=chained server intermediate
cat intermediate.crt >>chained.pem
DAYS=10 issue brief-intermediate '/O=LuaSSL/CN=LuaSSL brief intermediate' \
  authority root
issue brief /CN=brief server brief-intermediate
cat brief-intermediate.crt >>brief.pem
issue brief-visitor '/CN=brief visitor' client brief-intermediate
cat brief-intermediate.crt >>brief-visitor.pem
issue untrusted /CN=untrusted server other-root
SAN=DNS:other.example issue other /CN=other.example server root
SAN='DNS:*.wildcard.example' issue wildcard /CN=wildcard server root
issue noname /CN=localhost noname root
issue client '/CN=LuaSSL test client' client root
DAYS=10 issue brief-client '/CN=LuaSSL brief client' client root
for name in rsa ecdsa ed25519; do
  authority root-$name "LuaSSL $name root" $name
  cp $name.key pure-$name.key
  issue pure-$name /CN=localhost server root-$name
  cp $name.key client-$name.key
  issue client-$name "/CN=client-$name" client root
done
cat root.crt root-rsa.crt root-ecdsa.crt root-ed25519.crt >kinds.crt
issue stranger /CN=stranger client other-root
cp rsa.key signing.key
cp rsa.key enciphering.key
for name in signing enciphering agreeing anything; do
  issue $name "/CN=$name" $name root
done
issue names '/C=DE/O=Größe+OU=Names/luasslTest=x/CN=names' names root
# SEQUENCE { [2] "localhost\0.evil.example" }
SAN=DER:301982176c6f63616c686f7374002e6576696c2e6578616d706c65 \
  issue nul /CN=nul server root

: >dated.txt
echo 1000 >dated.srl
dated expired 20200101000000Z 20210101000000Z
dated future 20990101000000Z 21000101000000Z

list() {  # name
  openssl ca -config pki.conf -gencrl -crldays 20 -cert root.crt \
    -keyfile root.key -out "$1.crl"
}

list root
openssl ca -config pki.conf -revoke rsa.crt -cert root.crt -keyfile root.key
list revoked

status() {  # name, what openssl's index has before the number
  number=$(openssl x509 -in rsa.crt -noout -serial)
  printf '%b\t%s\tunknown\t/CN=x\n' "$2" "${number#*=}" >dated.ocsp
  openssl ocsp -index dated.ocsp -CA root.crt -issuer root.crt -cert rsa.crt \
    -rsigner root.crt -rkey root.key -ndays 20 -noverify -respout "$1"
}

status good.ocsp 'V\t491231235959Z\t'
status revoked.ocsp 'R\t491231235959Z\t240101000000Z'

key selfsigned
openssl req -config pki.conf -new -x509 -key selfsigned.key -days 20 \
  -extensions selfsigned -subj /CN=localhost -out selfsigned.crt
cat selfsigned.key selfsigned.crt >selfsigned.pem

openssl pkcs8 -topk8 -in rsa.key -passout pass:secret -out rsa-pkcs8.key
openssl rsa -in rsa.key -traditional -aes128 -passout pass:secret \
  -out rsa-traditional.key
cat rsa-pkcs8.key rsa.crt >rsa-encrypted.pem
openssl x509 -in rsa.crt -outform DER -out rsa.der
openssl pkcs8 -topk8 -in rsa.key -passout pass:secret -iter 8 -outform DER \
  -out rsa-pkcs8.der
openssl pkcs12 -export -in ecdsa.pem -passout pass:secret -iter 8 -out ecdsa.p12
echo 'This is not PEM.' >text.pem
: >empty.pem
printf '%s\n' '-----BEGIN CERTIFICATE-----' 'BAhub3QgREVSIQ==' \
  '-----END CERTIFICATE-----' >garbage.pem
mkdir -p empty
rm -f ./*.csr ./dated.* ./100*.pem
