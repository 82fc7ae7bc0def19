/*
** option_table.c -- every option there is, a row each. What the reference says
** of an option stands above its row, and nowhere else: its first sentence goes
** into the tables, `@default` says what holds without it where the row does
** not, or in which functions another default holds.
*/

#include <stdlib.h>
#include <string.h>

#include "context/options.h"

#define BOTH (OF_CONTEXT | OF_CONNECTION)
#define DEFAULT(value) .has_default = 1, .absent = value
#define CERTIFICATE_GROUP .group = IDENTITY, .replaces = IDENTITY
#define OWN_FILE IS_FILE | IS_RENEWED
#define OWN_SECRET IS_SECRET | IS_RENEWED
#define RANGE_GROUP .group = VERSION_RANGE, .replaces = VERSION_NUMBER
#define NUMBER_GROUP .group = VERSION_NUMBER, .replaces = VERSION_RANGE

const char *const option_versions[OPTION_VERSIONS + 1] = {
  "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", NULL
};

const Option option_table[] = {
  /***
  The application protocols to offer or accept (ALPN), best first. Each is a
  string of 1 to 255 bytes. A server chooses by its own order; it refuses a
  client that offers only others, see `alpn_strict`.
  @source RFC 7301, 3.1; SSL_CTX_set_alpn_protos(3)
  @usage {alpn_protocols = {"h2", "http/1.1"}}
  */
  {"alpn_protocols", OPTION_LIST, OF_CONTEXT, BOUND_VALUE, .first = 1,
   .last = 255},  /* RFC 7301, 3.1 */
  /***
  Whether a server refuses a client that shares no application protocol with
  it. With false the handshake goes on without a protocol.
  @default `true`
  @source RFC 7301, 3.2
  */
  {"alpn_strict", OPTION_BOOLEAN, OF_CONTEXT, NOT_BOUND, .side = SERVER_SIDE},
  /***
  A file of the certificates to trust, in PEM or DER. A server names them to its
  clients when it asks for a certificate. The file is read when the context is
  made.
  @source SSL_CTX_load_verify_file(3)
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem"}
  */
  {"ca_certs", OPTION_STRING, OF_CONTEXT, BOUND_ANCHORS,
   .flags = IS_FILE | IS_RENEWED},
  /***
  The certificates to trust, as a string of PEM or DER instead of a file. A
  server names them to its clients too.
  @source PEM_X509_INFO_read_bio(3)
  */
  {"ca_data", OPTION_BYTES, OF_CONTEXT, BOUND_ANCHORS,
   .flags = IS_PEM | IS_RENEWED},
  /***
  A directory of certificates to trust, each in a file that is named by the
  hash of its subject, as `openssl rehash` makes it. The directory is
  remembered by its real path, and files in it are read as they are needed.
  @source SSL_CTX_load_verify_dir(3)
  */
  {"ca_path", OPTION_STRING, OF_CONTEXT, BOUND_PLACE,
   .flags = IS_FILE | IS_RENEWED},
  /***
  The certificate and those of its issuers, as a string of PEM or DER. It takes
  the place of `certfile`. PEM in any option but `cert`, `key`, `ca_data`
  and `crl_data` is an error, which does not show it.
  @source SSL_CTX_use_certificate(3)
  */
  {"cert", OPTION_BYTES, OF_CONTEXT, BOUND_IDENTITY,
   .flags = IS_PEM | IS_RENEWED, CERTIFICATE_GROUP},
  /***
  What is asked of the peer's certificate: `CERT_NONE` (nothing),
  `CERT_OPTIONAL` (a server's client may have none) or `CERT_REQUIRED`. A
  certificate with key usage has to allow what TLS does with its key: to sign,
  or in TLS 1.2 with RSA key exchange to encipher.
  @default[connect] `CERT_REQUIRED`
  @default[default] `CERT_REQUIRED` on a client
  @default[wrap] `CERT_REQUIRED` on a client with `ca_certs`, `ca_path` or
  `ca_data`
  @source Python 2.6, ssl; SSL_CTX_set_verify(3); RFC 5280, 4.2.1.3
  @usage {cert_reqs = ssl.CERT_REQUIRED, system_trust = true}
  */
  {"cert_reqs", OPTION_INTEGER, OF_CONTEXT | OF_REQUEST, BOUND_VALUE,
   DEFAULT(0), .first = 0, .last = 2},
  /***
  A file with the certificate and those of its issuers, in PEM or DER. In PEM
  the key may be in it too. The certificate that is shown is the key's, wherever
  it stands, and each is followed by its issuer: see `SSLContext:warnings`.
  @source Python 2.6, ssl; SSL_CTX_use_certificate_chain_file(3)
  @usage {server_side = true, certfile = "server.pem", keyfile = "key.pem"}
  */
  {"certfile", OPTION_STRING, OF_CONTEXT, BOUND_IDENTITY, .flags = OWN_FILE,
   CERTIFICATE_GROUP, .excludes = "cert"},
  /***
  By which algorithms certificates are compressed, best first: `"zlib"`,
  `"brotli"`, `"zstd"`; an empty list: not at all. TLS 1.3 alone does it, where
  both sides can; see `HAS` (`CERTIFICATE_COMPRESSION`). A server compresses the
  certificate of its context, none that a hook chooses, and none where there is
  an `ocsp_response`, which OpenSSL would leave out then.
  @default all that OpenSSL was built with, to receive; OpenSSL before 3.2: none
  @source RFC 8879; SSL_CTX_set1_cert_comp_preference(3)
  @usage {certificate_compression = {"zstd", "zlib"}}
  */
  {"certificate_compression", OPTION_LIST, OF_CONTEXT, NOT_BOUND,
   .side = EITHER_SIDE},
  /***
  What this side shows of itself, best first: `"x509"`, its certificate, or
  `"raw_public_key"`, the public key in it alone. The peer takes what it can.
  Raw keys need OpenSSL 3.2 or later: see `HAS` (`RAW_PUBLIC_KEYS`).
  @default `{"x509"}`
  @source RFC 7250; SSL_CTX_set1_server_cert_type(3)
  @usage {server_side = true, certfile = "server.pem",
   certificate_types = {"raw_public_key", "x509"}}
  */
  {"certificate_types", OPTION_LIST, OF_CONTEXT, BOUND_VALUE,
   .side = EITHER_SIDE},
  /***
  Several certificates, each with its key. The list has tables with the options
  `certfile` or `cert`, `keyfile`, `key` or `key_uri`, `pkcs12_file` or
  `pkcs12`, and `password`, for which the option `password` beside the list
  stands in. The peer is shown one that it can verify, by its signature
  algorithms. OpenSSL holds one of each type of key (RSA, RSA-PSS, EC, ED25519
  and so on): the last, see `SSLContext:warnings`.
  @source SSL_CTX_use_cert_and_key(3)
  @usage {server_side = true, certificates = {
    {certfile = "ecdsa.pem", keyfile = "ecdsa.key"},
    {certfile = "rsa.pem", keyfile = "rsa.key"},
  }}
  */
  {"certificates", OPTION_CERTIFICATES, OF_CONTEXT, BOUND_IDENTITY,
   .flags = IS_RENEWED, CERTIFICATE_GROUP},
  /***
  Whether the certificate must be valid for the server's name. Needs a name:
  `server_hostname` or `server_hostnames`, or the host that is given to
  `connect`.
  @default[connect] `true` where the certificate is verified
  @default[default] `true` on a client where the certificate is verified
  @default[wrap] `true` with `server_hostname` or `server_hostnames` where the
  certificate is verified
  @source RFC 9525; X509_check_host(3)
  */
  {"check_hostname", OPTION_BOOLEAN, BOTH, BOUND_BY_NAME, .side = CLIENT_SIDE,
   DEFAULT(0)},
  /***
  Whether a server chooses the cipher by its own order, not by the client's.
  @default `false`; with the profile `"old"` `true`
  @source SSL_CTX_set_options(3)
  */
  {"cipher_server_preference", OPTION_BOOLEAN, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE},
  /***
  The ciphers for TLS up to 1.2, as OpenSSL's cipher list.
  @default OpenSSL's
  @source openssl-ciphers(1); SSL_CTX_set_cipher_list(3)
  @usage {ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"}
  */
  {"ciphers", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /***
  The cipher suites for TLS 1.3, separated by colons.
  @default OpenSSL's
  @source SSL_CTX_set_ciphersuites(3)
  @usage {ciphersuites = "TLS_AES_256_GCM_SHA384"}
  */
  {"ciphersuites", OPTION_STRING, OF_CONTEXT, BOUND_VALUE,
   .side = EITHER_SIDE},
  /***
  The SSLContext to use instead of the options that a context has.
  */
  {"context", OPTION_OBJECT, OF_WRAP | OF_CONNECT, NOT_BOUND,
   .object = "luassl.SSLContext"},
  /***
  The CRLs to look peers' certificates up in, as a string instead of a file: in
  PEM or DER, several too. See `crl_file`.
  @source RFC 5280, 6.3
  */
  {"crl_data", OPTION_BYTES, OF_CONTEXT, BOUND_ANCHORS, .flags = IS_RENEWED},
  /***
  A file of the CRLs to look peers' certificates up in, in PEM or DER, several
  too. With them the peer's certificate is refused if it was revoked, and if the
  CRL of its issuer is missing or out of date. `verify_flags =
  {"crl_check_all"}` asks the same of all certificates of its chain. A
  resumption asks again. A client's session is for the CRLs that it was made
  with, and ends when they do; a server asks those that it has by then. The file is read when the context is made.
  @source RFC 5280, 6.3; X509_STORE_add_crl(3)
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem",
   crl_file = "ca.crl"}
  */
  {"crl_file", OPTION_STRING, OF_CONTEXT, BOUND_ANCHORS,
   .flags = IS_FILE | IS_RENEWED},
  /***
  Certificate revocation lists, in PEM or DER. The certificate must be in none
  of them, and the list of its issuer must be there. The flag
  `"crl_check_all"` asks for the lists of the whole chain.
  @source RFC 5280, 6.3; X509_STORE_add_crl(3)
  */
  {"crls", OPTION_TEXTS, OF_VERIFY, NOT_BOUND, .side = EITHER_SIDE},
  /***
  Whether the handshake runs as soon as there is a connection. With false it
  runs at the first call that needs it, or in `do_handshake`; on a listening
  socket this keeps one slow client from holding up the others.
  @source Python 2.6, ssl
  */
  {"do_handshake_on_connect", OPTION_BOOLEAN, OF_CONNECTION, NOT_BOUND,
   DEFAULT(1)},
  /***
  A function that a server asks for a session that the program keeps: see `Hooks`.
  With it come `put_session` and `remove_session`, and no tickets are given out.
  @source SSL_CTX_sess_set_get_cb(3)
  */
  {"get_session", OPTION_FUNCTION, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE},
  /***
  The groups for the key exchange, best first, separated by colons. From OpenSSL
  3.5 on they may be hybrid, with ML-KEM: `"X25519MLKEM768:X25519"`.
  @default OpenSSL's
  @source SSL_CTX_set1_groups_list(3); FIPS 203
  @usage {groups = "X25519:P-256"}
  */
  {"groups", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /***
  The time that a handshake may take, hooks included. When it is over the
  connection fails with an SSLError of kind `handshake_timeout`.
  */
  {"handshake_timeout", OPTION_SECONDS, BOTH, NOT_BOUND, .flags = ABOVE_ZERO,
   DEFAULT(30)},
  /***
  A name for what the hooks `on_client_hello`, `on_certificate` and `on_verify`
  do. Their code cannot be compared, so that sessions made under them are resumed
  by the same functions of the same process alone. With the same name, chosen by
  the program, another process or machine resumes them too. **Change it whenever a
  hook decides otherwise than before.**
  @usage {server_side = true, certfile = "server.pem", on_verify = check,
    hooks_id = "check, version 3"}
  */
  {"hooks_id", OPTION_BYTES, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /***
  Further certificates that may stand in the chain and are not trusted, as
  `roots` has them.
  @source X509_STORE_CTX_set0_untrusted(3)
  */
  {"intermediates", OPTION_X509, OF_VERIFY, NOT_BOUND, .side = EITHER_SIDE},
  /***
  The private key as a string of PEM or DER. It takes the place of `keyfile`.
  @source SSL_CTX_use_PrivateKey(3)
  */
  {"key", OPTION_BYTES, OF_CONTEXT, BOUND_IDENTITY, .flags = OWN_SECRET,
   CERTIFICATE_GROUP, .excludes = "key_uri"},
  /***
  The private key by its URI, for keys that stay in hardware. It is found by
  OpenSSL's stores and those that its providers add: `"pkcs11:object=server"`
  needs the pkcs11 provider in OpenSSL's configuration, `"file:/path"` none.
  What a store asks for, a PIN, is the option `password`. It may stand in the
  URI too, so that nothing but the URI's scheme is ever told.
  @source OSSL_STORE_open(3); RFC 7512
  @usage {certfile = "server.pem", key_uri = "pkcs11:object=server",
    password = read_pin}
  */
  {"key_uri", OPTION_STRING, OF_CONTEXT, BOUND_IDENTITY, .flags = OWN_SECRET,
   CERTIFICATE_GROUP, .excludes = "keyfile"},
  /***
  A file with the private key, in PEM or DER. Without it the key is the one in
  `certfile`, if it is the only one there.
  @default `certfile`
  @source Python 2.6, ssl; SSL_CTX_use_PrivateKey_file(3)
  */
  {"keyfile", OPTION_STRING, OF_CONTEXT, BOUND_IDENTITY, .flags = OWN_FILE,
   CERTIFICATE_GROUP, .excludes = "key"},
  /***
  Where the secrets of each connection go, for Wireshark and others to decrypt
  what was captured. **Whoever has them reads everything.** It is a file's name;
  or `"environment"`: the file that the variable SSLKEYLOGFILE names, none if it
  is not set or the program has the rights of others (set-user-ID); a file of
  that name is `"./environment"`. A file is made for its owner alone, if it is
  new, and appended to; each line is there before the handshake goes on. Or it
  is a function, which is called with each line and the connection, before a
  hook runs and before the method returns, also when the handshake fails; it
  cannot yield. What it raises, or that a file cannot be written, ends the
  connection and is returned by its method. Only the context that has the option
  logs, none that `server_names` or a hook chooses instead.
  @source NSS key log format; SSL_CTX_set_keylog_callback(3)
  @usage {keylog = "/home/me/keys.log"}
  */
  {"keylog", OPTION_LOG, OF_CONTEXT, NOT_BOUND, .side = EITHER_SIDE},
  /***
  How long `close` lets what was sent arrive, where the socket may wait. 0: not
  at all; more than 5 counts as 5.
  @source RFC 9293, 3.6
  */
  {"linger", OPTION_SECONDS, BOTH, NOT_BOUND, DEFAULT(5)},
  /***
  How many bytes of early data a server takes, **which an attacker can send once
  more**; 0: none. A client that resumes a session can send data in its first
  flight (0-RTT, TLS 1.3). `SSLSocket:read_early_data` reads it before the
  handshake has shown that the client is there; where nobody does, it comes with
  the data behind the handshake, when that has been shown. Each session serves
  once, which the memory of one process sees to: so not together with
  `ticket_keys`, `pins` and certificate revocation lists, nor without
  `session_cache`. See `doc/early-data.md`.
  @default `0`
  @source RFC 8446, 8; RFC 8470; SSL_CTX_set_max_early_data(3)
  @usage {server_side = true, certfile = "server.pem", max_early_data = 16384}
  */
  {"max_early_data", OPTION_INTEGER, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE, .first = 0, .last = 262144},
  /***
  How many bytes a client asks the server to put in a record at most, and puts
  there itself: 512, 1024, 2048 or 4096, for devices with little memory. A
  server does what its clients ask. Servers that do not know this go on with
  full records.
  @default as many as TLS has, 16384
  @source RFC 6066, 4; SSL_CTX_set_tlsext_max_fragment_length(3)
  */
  {"max_fragment_length", OPTION_INTEGER, OF_CONTEXT, BOUND_VALUE,
   .side = CLIENT_SIDE, .first = 512, .last = 4096},
  /***
  The highest version of TLS to speak. Not together with `ssl_version`.
  @default OpenSSL's highest
  @source SSL_CTX_set_max_proto_version(3)
  */
  {"maximum_version", OPTION_VERSION, OF_CONTEXT, NOT_BOUND, RANGE_GROUP,
   .excludes = "ssl_version"},
  /***
  The lowest version of TLS to speak. Not together with `ssl_version`. TLS 1.0
  and 1.1 also need `ciphers = "DEFAULT:@SECLEVEL=0"`.
  @default `"TLSv1.2"`
  @source SSL_CTX_set_min_proto_version(3)
  @usage {minimum_version = "TLSv1.3"}
  */
  {"minimum_version", OPTION_VERSION, OF_CONTEXT, NOT_BOUND, RANGE_GROUP,
   .excludes = "ssl_version"},
  /***
  The host name or address that the certificate must be for. Without it names
  are not looked at.
  @source RFC 9525, 6
  */
  {"name", OPTION_BYTES, OF_VERIFY, NOT_BOUND, .side = CLIENT_SIDE},
  /***
  Whether TCP sends small records at once (TCP_NODELAY).
  @source tcp(7)
  */
  {"nodelay", OPTION_BOOLEAN, BOTH, NOT_BOUND, DEFAULT(1)},
  /***
  How many session tickets a server sends after each full handshake of
  TLS 1.3.
  @default `2`
  @source SSL_CTX_set_num_tickets(3)
  */
  {"num_tickets", OPTION_INTEGER, OF_CONTEXT, NOT_BOUND, .side = SERVER_SIDE,
   .first = 0, .last = 100},
  /***
  Whether a client asks the server for an OCSP response about its certificate
  (stapling), and needs one: `"off"`, `"request"` or `"require"`. What comes must
  be good: signed by the certificate's issuer or a responder that this entitled,
  about this certificate, and of now; else the handshake fails, with an SSLError
  of kind `ocsp` and the alert bad_certificate_status_response. With `"request"`
  a server may have none, or one in which the responder says that it has no
  answer; unless the certificate demands one (must-staple), which `"off"` does
  not look at. It is decided about behind `on_verify`, whatever that accepts. A
  session ends when the response does: see `SSLSocket:ocsp_response`.
  @default `"off"`
  @source RFC 6066, 8; RFC 6960, 3.2; RFC 7633
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem", ocsp = "require"}
  */
  {"ocsp", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = CLIENT_SIDE},
  /***
  The OCSP response that a server shows with its certificate to clients that ask
  for one: its bytes in DER, or the name of a file with them; a list of these
  where the context has several certificates, or a function. The function is
  called with each Certificate and that of its issuer (nil if it is not known
  here), and returns bytes, or nil for none. What it raises is the error that the
  context is not made for. Each response goes to the certificate that it is
  about, and it is an error if there is none, or the issuer has not signed it.
  `SSLContext:reload` reads and asks again. One that is out of date is not shown:
  see `SSLContext:warnings`.
  @source RFC 6066, 8; RFC 6960; SSL_set_tlsext_status_ocsp_resp(3)
  @usage {server_side = true, certfile = "server.pem",
    ocsp_response = "server.ocsp"}
  */
  {"ocsp_response", OPTION_RESPONSES, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE, .flags = IS_RENEWED},
  /***
  A function that chooses the certificate to show: see `Hooks`.
  @source SSL_CTX_set_cert_cb(3)
  */
  {"on_certificate", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION,
   .side = EITHER_SIDE},
  /***
  A function that decides about a connection when the ClientHello is there: see
  `Hooks`.
  @source SSL_CTX_set_client_hello_cb(3)
  */
  {"on_client_hello", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION,
   .side = SERVER_SIDE},
  /***
  A function that a client calls with the connection and each SSLSession that it
  gets, to keep it elsewhere: `SSLSession:save`. In TLS 1.3 the server sends some
  whenever it likes, and they come while the client reads. It is called when the
  method is done, before that returns; it cannot yield, and what it raises ends
  the connection and is returned by its method.
  @source SSL_CTX_sess_set_new_cb(3)
  @usage {on_session = function(conn, session)
    keep(conn:server_hostname(), session:save(key))
  end}
  */
  {"on_session", OPTION_FUNCTION, OF_CONTEXT, NOT_BOUND, .side = CLIENT_SIDE},
  /***
  A function that has the last word on the peer's certificate: see `Hooks`.
  @source SSL_CTX_set_cert_verify_callback(3)
  */
  {"on_verify", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION,
   .side = EITHER_SIDE},
  /***
  Switches of OpenSSL's, by name: `"legacy_server_connect"` (a client connects
  to a server without RFC 5746, whose renegotiation can be attacked; this side
  never renegotiates), `"no_ticket"` (no session tickets), `"prioritize_chacha"`
  (a server takes ChaCha20 with clients that prefer it, else its own order),
  `"no_middlebox_compat"`, `"no_encrypt_then_mac"`,
  `"no_extended_master_secret"`, `"allow_no_dhe_kex"`, `"tlsext_padding"`,
  `"cryptopro_tlsext_bug"`, `"dont_insert_empty_fragments"`. An unknown name is
  misuse, and the error lists all.
  @source SSL_CTX_set_options(3); RFC 5746, 4.1
  @usage {options = {"legacy_server_connect"}}
  */
  {"options", OPTION_LIST, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /***
  To a multiple of how many bytes a record's content is padded, which hides how
  long it is. TLS 1.3 alone does it.
  @default none
  @source RFC 8446, 5.4; SSL_CTX_set_block_padding(3)
  */
  {"padding", OPTION_INTEGER, OF_CONTEXT, NOT_BOUND, .side = EITHER_SIDE,
   .first = 1, .last = 16384},
  /***
  The passphrase or PIN of the private key, or a function that returns it. The
  function is called with the name of the key's file; if it is in none, with
  `"key"`, `"pkcs12"` or `"key_uri"`. What it raises is the error that the
  context is not made for.
  @source pem_password_cb(3)
  @usage {certfile = "server.pem", password = function(file)
    return passphrases[file]
  end}
  */
  {"password", OPTION_PASSWORD, OF_CONTEXT, NOT_BOUND, .flags = OWN_SECRET,
   .group = IDENTITY},
  /***
  What the peer may show of itself, best first: `"x509"`, a certificate, which
  is verified as always, or `"raw_public_key"`, a public key alone, which
  `peer_public_keys` or, on a client, `tlsa` has to name. What is not in the
  list is refused.
  @default `{"x509"}`; with `peer_public_keys` `{"raw_public_key"}`
  @source RFC 7250; SSL_CTX_set1_client_cert_type(3)
  @usage {peer_certificate_types = {"raw_public_key", "x509"}}
  */
  {"peer_certificate_types", OPTION_LIST, OF_CONTEXT, BOUND_VALUE,
   .side = EITHER_SIDE},
  /***
  The public keys that are good where a peer shows one without a certificate:
  strings in PEM or DER (SubjectPublicKeyInfo), as `Certificate:spki` and
  `SSLSocket:peer_public_key` give them. A key has no name and no dates: who
  holds it is the peer, and `check_hostname` looks at nothing. With `tlsa` its
  records decide instead. The keys do not count for certificates, and `pins`
  only restricts. Without `cert_reqs` it is `CERT_REQUIRED`.
  @default none
  @source RFC 7250, 4 and 6
  @usage {peer_public_keys = {certificate:spki()}}
  */
  {"peer_public_keys", OPTION_LIST, OF_CONTEXT, BOUND_VALUE,
   .side = EITHER_SIDE},
  /***
  Public keys of which the peer must show one: strings of `sha256//` and the
  base64 of the SHA-256 of a SubjectPublicKeyInfo, as curl takes them. The
  verified chain must hold one of the keys; where nothing is verified, the
  peer's own certificate. A server's ticket carries the chain, up to 8 KiB, and
  the pins are asked about it again; without it sessions are not resumed.
  @source RFC 7469, 2.4
  */
  {"pins", OPTION_LIST, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /***
  Certificate, chain and key in PKCS#12, as a string of bytes. It takes the
  place of `pkcs12_file`.
  @source PKCS12_parse(3); RFC 7292
  */
  {"pkcs12", OPTION_BYTES, OF_CONTEXT, BOUND_IDENTITY, .flags = OWN_SECRET,
   CERTIFICATE_GROUP, .excludes = "pkcs12_file"},
  /***
  A PKCS#12 file (.p12, .pfx) with the certificate, its chain and its key. It is
  opened with the option `password`. One that is encrypted as was usual before
  2021 (RC2) may be refused by OpenSSL: the error says which command converts
  it.
  @source PKCS12_parse(3); RFC 7292
  @usage {server_side = true, pkcs12_file = "server.p12", password = "secret"}
  */
  {"pkcs12_file", OPTION_STRING, OF_CONTEXT, BOUND_IDENTITY,
   .flags = OWN_FILE, CERTIFICATE_GROUP},
  /* On a client: what shows its certificate, and what would not. */
  /***
  Whether a certificate may be asked for after the handshake (TLS 1.3). A client
  with it lets its server ask, and answers while it reads. A server with it asks
  clients of TLS 1.3 for no certificate in the handshake: `cert_reqs`, `pins`
  and `on_verify` then hold only from
  `SSLSocket:verify_client_post_handshake` on, which it must not forget.
  @source RFC 8446, 4.2.6 and 4.6.2; SSL_CTX_set_post_handshake_auth(3)
  @usage {post_handshake_auth = true, certfile = "client.pem"}
  */
  {"post_handshake_auth", OPTION_BOOLEAN, OF_CONTEXT, BOUND_VALUE,
   .side = EITHER_SIDE, DEFAULT(0)},
  /***
  Versions, ciphers and groups after Mozilla's guidelines: `"modern"` (TLS 1.3
  alone), `"intermediate"` (TLS 1.2 and later, for most servers), both of
  version 6.0, or `"old"` (TLS 1.0 and later, at security level 0), of version
  5.8, the last that has it. `minimum_version`, `ciphers`, `ciphersuites`,
  `groups` and `cipher_server_preference` come before it.
  @source Mozilla, Server Side TLS, 6.0 and 5.8
  @usage {server_side = true, certfile = "server.pem", profile = "intermediate"}
  */
  {"profile", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /* No session is made with a key. */
  /***
  Pre-shared keys, with which the two sides know each other without
  certificates. On a server a table from identities to keys, on a client a table
  from host names (or addresses), as `server_hostname` and `connect` have them,
  to tables `{identity=, key=}`: the identity goes to that host alone. A key has
  16 to 512 bytes, all of them random; in TLS 1.3 it is for one hash,
  `"sha256"` unless an entry says `{key=, hash="sha384"}`. Or it is a function:
  see `doc/psk.md`. Alone it replaces no certificate where `cert_reqs` asks for
  one: see `psk_authenticates`. Connections made with a key leave no sessions.
  @source RFC 8446, 2.2; RFC 4279; RFC 9257;
  SSL_CTX_set_psk_find_session_callback(3)
  @usage {psk = {["hub.example"] = {identity = "sensor-17", key = key}},
   psk_authenticates = true, cert_reqs = ssl.CERT_REQUIRED}
  */
  {"psk", OPTION_PSK, OF_CONTEXT, NOT_BOUND, .side = EITHER_SIDE,
   .flags = IS_SECRET},
  /***
  Whether a pre-shared key will do where `cert_reqs` asks for a certificate.
  With it a peer that has the key needs no certificate, and neither its name,
  nor `pins`, nor `on_verify` is asked; nothing need be trusted. Where no key is
  used a certificate is asked for as ever. Without it a connection made with a
  key alone fails where `cert_reqs` is `CERT_REQUIRED`.
  @source RFC 8446, 4.4.2.4
  @usage {psk = keys, psk_authenticates = true, cert_reqs = ssl.CERT_REQUIRED}
  */
  {"psk_authenticates", OPTION_BOOLEAN, OF_CONTEXT, NOT_BOUND,
   .side = EITHER_SIDE, DEFAULT(0)},
  /***
  What the peer's certificate has to be for: `"sslserver"`, `"sslclient"`,
  `"smimesign"`, `"smimeencrypt"`, `"timestampsign"` or `"any"`. It is for
  private uses, in which a certificate is made for something else.
  @default by the side: a client asks for `"sslserver"`, a server for
  `"sslclient"`
  @source X509_VERIFY_PARAM_set_purpose(3)
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem", purpose = "any"}
  */
  {"purpose", OPTION_STRING, OF_CONTEXT | OF_VERIFY, BOUND_VALUE,
   .side = EITHER_SIDE},
  /***
  A function that a server gives its sessions to, for `get_session`: see `Hooks`.
  @source SSL_CTX_sess_set_new_cb(3)
  */
  {"put_session", OPTION_FUNCTION, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE},
  /***
  How many bytes of data a record holds at most: a number, or `"dynamic"`: as
  much as one TCP segment takes at first, so that the peer can use each segment
  as it comes, full records from about 64 KiB on, and small ones again after a
  second's pause.
  @default full records, 16384
  @source RFC 8446, 5.1
  @usage {record_size = "dynamic"}
  */
  {"record_size", OPTION_RECORD_SIZE, BOTH, NOT_BOUND, .first = 512,
   .last = 16384},
  /***
  A function that is told of a session that has come to its end: see `Hooks`.
  @source SSL_CTX_sess_set_remove_cb(3)
  */
  {"remove_session", OPTION_FUNCTION, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE},
  /***
  The certificates to trust: PEM or DER in a string, a Certificate, or a list of
  strings and Certificates. An intermediate one may be trusted too.
  @default the system's, as with `system_trust`
  @source X509_STORE_add_cert(3)
  */
  {"roots", OPTION_X509, OF_VERIFY, NOT_BOUND, .side = EITHER_SIDE},
  /***
  The least strength of keys, digests and ciphers, from 0 (anything) to 5 (256
  bits); 2 wants 112 bits. It goes before an `@SECLEVEL` in `ciphers`.
  @default OpenSSL's: 1 or 2
  @source SSL_CTX_set_security_level(3)
  @usage {security_level = 3}
  */
  {"security_level", OPTION_INTEGER, OF_CONTEXT | OF_VERIFY, BOUND_VALUE,
   .side = EITHER_SIDE, .first = 0, .last = 5},
  /***
  The server's name or address: it is sent to the server (SNI) unless it is an
  address, and it is the name that `check_hostname` checks. Alone it verifies
  nothing.
  @default[connect] the host it is given
  @source RFC 6066, 3
  */
  {"server_hostname", OPTION_BYTES, OF_CONNECTION, BOUND_BY_NAME,
   .side = CLIENT_SIDE},
  /***
  The names or addresses of which the server's certificate must have one, where
  `check_hostname` asks for any: those alone, `server_hostname` is then only sent.
  Without a `server_hostname` the first is sent. The list is not empty.
  @source RFC 9525, 6; X509_check_host(3)
  @usage {server_hostnames = {"mail.example.com", "mx1.example.net"}}
  */
  {"server_hostnames", OPTION_LIST, OF_CONNECTION, BOUND_BY_NAME,
   .side = CLIENT_SIDE},
  /* The context that a name leads to has a digest of its own. */
  /***
  A table from host names in lower case to server contexts. A connection is
  the named context's from its ClientHello on. Names are `"example.com"`,
  `"*.example.com"` for one label more, and `""` for clients that ask for none.
  Keys that no client can ask for are misuse: capitals, a dot at the end, `*`
  elsewhere. The table is read at each ClientHello: changing it is enough.
  @source RFC 6066, 3
  @usage {server_side = true, certfile = "default.pem",
   server_names = {["a.example"] = a, ["*.b.example"] = b}}
  */
  {"server_names", OPTION_SERVER_NAMES, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE, .flags = IS_LIVE},
  /***
  Whether connections are the server's end. A server without a certificate can
  be made, but each of its handshakes fails unless a hook gives it one. A
  connection may repeat the option and not change it.
  @source Python 2.6, ssl
  */
  {"server_side", OPTION_BOOLEAN, OF_CONTEXT | OF_STATED | OF_VERIFY,
   BOUND_VALUE,
   DEFAULT(0)},
  /***
  The SSLSession to resume, from `SSLSocket:session` of an earlier connection.
  It is offered only to whom it was made with and under the same conditions,
  and all that was checked then is decided again; else a full handshake
  follows.
  @source SSL_set_session(3)
  @usage {server_hostname = "example.com", session = earlier}
  */
  {"session", OPTION_OBJECT, OF_CONNECTION, NOT_BOUND, .side = CLIENT_SIDE,
   .object = "luassl.SSLSession"},
  /***
  Whether sessions are kept: a server lets them be resumed, a client keeps and
  resumes them by itself.
  @default `true` on a server, `false` on a client
  @default[connect] `true`
  @source SSL_CTX_set_session_cache_mode(3)
  */
  {"session_cache", OPTION_BOOLEAN, OF_CONTEXT, NOT_BOUND,
   .side = EITHER_SIDE},
  /***
  A string that a server's sessions are bound to, besides the client's SNI,
  `cert_reqs` and what is trusted, instead of the digest of its configuration. Who
  has the same string accepts the other's sessions, whatever else was asked.
  @default the digest of the configuration
  @source SSL_CTX_set_session_id_context(3)
  */
  {"session_id_context", OPTION_BYTES, OF_CONTEXT, BOUND_INSTEAD,
   .side = SERVER_SIDE},
  /***
  The signature algorithms to accept and to use, separated by colons.
  @default OpenSSL's
  @source SSL_CTX_set1_sigalgs_list(3)
  @usage {sigalgs = "ECDSA+SHA256:ed25519"}
  */
  {"sigalgs", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  /***
  The version of TLS, as one of the `PROTOCOL_` constants: `PROTOCOL_TLSv1_2`
  and the like for exactly that version, `PROTOCOL_TLS` for whatever OpenSSL
  speaks. Not together with `minimum_version` and `maximum_version`.
  @default TLS 1.2 and later
  @source Python 2.6, ssl
  */
  {"ssl_version", OPTION_INTEGER, OF_CONTEXT, NOT_BOUND, .first = 0,
   .last = 6, NUMBER_GROUP},
  /***
  An OCSP response about the certificate, in DER. It must be good, as in a
  handshake with the option `ocsp`.
  @source RFC 6960, 3.2
  */
  {"staple", OPTION_BYTES, OF_VERIFY, NOT_BOUND, .side = EITHER_SIDE},
  /***
  Whether an end of the transport without close_notify counts as a clean end.
  An attacker can cut a connection off in this way.
  @default[wrap] `true`
  @source Python 2.7, ssl; RFC 8446, 6.1
  */
  {"suppress_ragged_eofs", OPTION_BOOLEAN, BOTH, NOT_BOUND, DEFAULT(0)},
  /***
  Whether to trust the system's certificates: those of OpenSSL's default file
  and directory, or of what the environment variables SSL_CERT_FILE (empty:
  none) and SSL_CERT_DIR name. They are read once for the whole process. A file
  that SSL_CERT_FILE names has to be there.
  @default[connect] `true` without `ca_certs`, `ca_path` and `ca_data`
  @default[default] `true` without `ca_certs`, `ca_path` and `ca_data`
  @source SSL_CTX_set_default_verify_paths(3)
  */
  {"system_trust", OPTION_BOOLEAN, OF_CONTEXT, BOUND_PLACE,
   .flags = IS_RENEWED, DEFAULT(0)},
  /***
  The time to judge by, in seconds since the epoch.
  @default now
  @source X509_VERIFY_PARAM_set_time(3)
  */
  {"time", OPTION_TIME, OF_VERIFY, NOT_BOUND, .side = EITHER_SIDE},
  /***
  The time for TCP and TLS together. The look-up of the name comes on top: it
  cannot be bounded.
  @default `30`
  */
  {"timeout", OPTION_SECONDS, OF_CONNECT | OF_FETCH, NOT_BOUND,
   .flags = ABOVE_ZERO},
  /***
  TLSA records, by which the server is verified (DANE): a list of `{usage,
  selector, matching type, data}`, three integers and a string, the data as
  bytes or as hexadecimal digits. The program gets them from the DNS, and **has
  to be sure of them**: they are worth what DNSSEC says of them. The server must
  match one, whatever `cert_reqs` says. Usage 3 (DANE-EE) takes the server by
  its key or certificate alone: nobody has to have issued it, and neither its
  dates nor, but for `tlsa_check_hostname`, its names are looked at. Usage 2
  (DANE-TA) tells whom to trust; usages 0 and 1 are verified as without records,
  and then have to match. These three check the name too, which needs one,
  unless `check_hostname` is false. Records that OpenSSL cannot use are left
  out; where it can use none, an empty list among them, there is no connection,
  but an SSLError of kind `tlsa`. Sessions are for the same records.
  @default none
  @source RFC 6698; RFC 7671; SSL_dane_tlsa_add(3)
  @usage {server_hostname = "mail.example.com", tlsa = {
    {3, 1, 1, digest},
  }}
  */
  {"tlsa", OPTION_TLSA, OF_CONNECTION | OF_VERIFY, BOUND_BY_NAME,
   .side = CLIENT_SIDE},
  /***
  Whether the certificate has to be for the server's name also where a TLSA
  record of usage 3 is for it.
  @source RFC 7671, 5.1
  */
  {"tlsa_check_hostname", OPTION_BOOLEAN, OF_CONNECTION | OF_VERIFY,
   BOUND_BY_NAME, .side = CLIENT_SIDE, DEFAULT(0)},
  /***
  Where readable lines about each handshake go: messages with their direction
  and length, alerts, states of OpenSSL. There is no secret in them; but names
  of servers. It is a file or a function, as for `keylog`.
  @source SSL_CTX_set_msg_callback(3); SSL_CTX_set_info_callback(3)
  @usage {trace = print}
  */
  {"trace", OPTION_LOG, OF_CONTEXT, NOT_BOUND, .side = EITHER_SIDE},
  /***
  How many intermediate certificates a chain may have, from 0 to 100.
  @default `100`
  @source X509_VERIFY_PARAM_set_depth(3)
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem", verify_depth = 1}
  */
  {"verify_depth", OPTION_INTEGER, OF_CONTEXT | OF_VERIFY, BOUND_VALUE,
   .side = EITHER_SIDE, .first = 0, .last = 100},
  /***
  How chains are judged, by OpenSSL's names: `"allow_proxy_certs"`,
  `"check_ss_signature"`, `"crl_check"` (the peer's certificate is looked up in
  a CRL, which may be in `ca_path` too), `"crl_check_all"` (its whole chain),
  `"explicit_policy"`, `"extended_crl_support"`, `"inhibit_any"`,
  `"inhibit_map"`, `"no_check_time"` (dates do not count),
  `"no_partial_chain"` (a chain has to end in a self-signed certificate),
  `"partial_chain"` (an intermediate certificate may be trusted: always so but
  for that), `"policy_check"`, `"suiteb_128"`, `"suiteb_128_only"`,
  `"suiteb_192"`, `"trusted_first"`, `"use_deltas"`, `"x509_strict"`.
  @source X509_VERIFY_PARAM_set_flags(3)
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem",
   crl_file = "all.crl", verify_flags = {"crl_check_all", "x509_strict"}}
  */
  {"verify_flags", OPTION_LIST, OF_CONTEXT | OF_VERIFY, BOUND_VALUE,
   .side = EITHER_SIDE},
  /***
  The time to judge certificates and CRLs by, in seconds since the epoch, as
  `os.time` gives it.
  @default now
  @source X509_VERIFY_PARAM_set_time(3)
  @usage {cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem",
   verify_time = os.time {year = 2020, month = 1, day = 1}}
  */
  {"verify_time", OPTION_TIME, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  {.name = NULL}
};

static int compare (const void *name, const void *row) {
  return strcmp(name, ((const Option *)row)->name);
}

const Option *options_find (const char *name) {
  size_t n = sizeof(option_table) / sizeof(option_table[0]) - 1;
  return bsearch(name, option_table, n, sizeof(option_table[0]), compare);
}
