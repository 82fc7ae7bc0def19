/*
** foreign_names.c -- what other libraries and programs call options, and what
** they are here.
**
** No hint says how to verify less: who meant that finds it under cert_reqs.
*/

#include "context/foreign_names.h"

#define VERIFIES "It takes ssl.CERT_REQUIRED and the like; a certificate " \
  "that is not publicly trusted is trusted by 'ca_certs'"
#define A_VERSION "It takes \"TLSv1.2\" and the like"
#define A_LIST "It takes a list, best first"
#define GROUPS "It takes \"X25519:P-256\", best first"
#define A_NAME "The name is checked where it is given and anything is verified"
#define OR_CERT "It takes a file's name, 'cert' takes PEM"
#define OR_KEY "It takes a file's name, 'key' takes PEM"
#define OR_NAMES "A server has 'server_names'"

/* The names are in lower case, without '_' and '-', in alphabetical order. */
static const ForeignName names[] = {
  {"allowselfsigned", "ca_certs", "It trusts a self-signed certificate too"},
  {"alpn", "alpn_protocols", A_LIST},
  {"alpnprotos", "alpn_protocols", A_LIST},
  {"asserthostname", "server_hostname", A_NAME},
  {"ca", "ca_certs", "It takes a file's name, 'ca_data' takes PEM"},
  {"cabundle", "ca_certs", NULL},
  {"cacert", "ca_certs", NULL},
  {"cacertdata", "ca_data", NULL},
  {"cacertdir", "ca_path", NULL},
  {"cacertfile", "ca_certs", NULL},
  {"cacertpath", "ca_path", NULL},
  {"cacerts", "ca_certs", NULL},
  {"cadata", "ca_data", NULL},
  {"cadir", "ca_path", NULL},
  {"cafile", "ca_certs", NULL},
  {"capath", "ca_path", NULL},
  {"certificate", "certfile", OR_CERT},
  {"certificatefile", "certfile", NULL},
  {"certificatekey", "keyfile", NULL},
  {"certreq", "cert_reqs", VERIFIES},
  {"checkhost", "server_hostname", A_NAME},
  {"checkserveridentity", "on_verify", NULL},
  {"cipherlist", "ciphers", NULL},
  {"clientauth", "cert_reqs", VERIFIES},
  {"clientcas", "ca_certs", NULL},
  {"clientcert", "certfile", NULL},
  {"clientcertificate", "certfile", NULL},
  {"clientkey", "keyfile", NULL},
  {"clientsessioncache", "session_cache", NULL},
  {"connecttimeout", "timeout", "It takes seconds"},
  {"crl", "crl_file", "It takes a file's name, 'crl_data' takes PEM or DER"},
  {"cryptomethod", "minimum_version", A_VERSION},
  {"ctx", "context", NULL},
  {"curve", "groups", GROUPS},
  {"curvepreferences", "groups", GROUPS},
  {"curves", "groups", GROUPS},
  {"curveslist", "groups", GROUPS},
  {"dane", "tlsa", "It takes the records themselves"},
  {"depth", "verify_depth", NULL},
  {"dhparam", "groups", "OpenSSL knows the parameters of each"},
  {"ecdhcurve", "groups", GROUPS},
  {"getcertificate", "on_certificate", NULL},
  {"getconfigforclient", "on_client_hello", NULL},
  {"honorcipherorder", "cipher_server_preference", NULL},
  {"host", "server_hostname", NULL},
  {"hostname", "server_hostname", NULL},
  {"insecure", "cert_reqs", VERIFIES},
  {"insecureskipverify", "cert_reqs", VERIFIES},
  {"keypasswd", "password", NULL},
  {"keypassword", "password", NULL},
  {"localcert", "certfile", NULL},
  {"localpk", "keyfile", NULL},
  {"luassltrustedcertificate", "ca_certs", NULL},
  {"maxprotocolversion", "maximum_version", A_VERSION},
  {"maxversion", "maximum_version", A_VERSION},
  {"minprotocolversion", "minimum_version", A_VERSION},
  {"minversion", "minimum_version", A_VERSION},
  {"mode", "server_side", "It is true for a server"},
  {"nextprotos", "alpn_protocols", A_LIST},
  {"noverify", "cert_reqs", VERIFIES},
  {"pass", "password", NULL},
  {"passphrase", "password", NULL},
  {"passwd", "password", NULL},
  {"peerfingerprint", "pins", "They are of public keys, \"sha256//...\""},
  {"peername", "server_hostname", A_NAME},
  {"pfx", "pkcs12_file", "It takes a file's name, 'pkcs12' takes its bytes"},
  {"pinnedpubkey", "pins", "It takes a list"},
  {"preferserverciphersuites", "cipher_server_preference", NULL},
  {"privatekey", "keyfile", OR_KEY},
  {"privatekeyfile", "keyfile", NULL},
  {"protocol", "minimum_version", A_VERSION},
  {"protocols", "alpn_protocols", "TLS's own have 'minimum_version'"},
  {"pskcallback", "psk", "It may be a function"},
  {"pskidentity", "psk", "It stands there with the key"},
  {"rejectunauthorized", "cert_reqs", VERIFIES},
  {"requestcert", "cert_reqs", VERIFIES},
  {"rootcas", "ca_certs", NULL},
  {"seclevel", "security_level", NULL},
  {"securecontext", "context", NULL},
  {"secureoptions", "options", "It takes a list of names"},
  {"secureprotocol", "minimum_version", A_VERSION},
  {"sendname", "server_hostname", NULL},
  {"servername", "server_hostname", OR_NAMES},
  {"servernamecallback", "on_client_hello", NULL},
  {"servernamecb", "on_client_hello", NULL},
  {"sigalgslist", "sigalgs", NULL},
  {"signaturealgorithms", "sigalgs", NULL},
  {"skipverify", "cert_reqs", VERIFIES},
  {"sni", "server_hostname", OR_NAMES},
  {"snicallback", "on_client_hello", "There is 'server_names' too"},
  {"sniname", "server_hostname", NULL},
  {"sslcacert", "ca_certs", NULL},
  {"sslcafile", "ca_certs", NULL},
  {"sslcert", "certfile", NULL},
  {"sslcertfile", "certfile", NULL},
  {"sslcertificate", "certfile", NULL},
  {"sslcertificatekey", "keyfile", NULL},
  {"sslciphers", "ciphers", NULL},
  {"sslcontext", "context", NULL},
  {"sslcrl", "crl_file", NULL},
  {"sslkey", "keyfile", NULL},
  {"sslkeyfile", "keyfile", NULL},
  {"sslmaximumversion", "maximum_version", A_VERSION},
  {"sslminimumversion", "minimum_version", A_VERSION},
  {"sslname", "server_hostname", NULL},
  {"sslprotocol", "ssl_version", NULL},
  {"sslprotocols", "minimum_version", A_VERSION},
  {"sslservername", "server_hostname", NULL},
  {"ssltrustedcertificate", "ca_certs", NULL},
  {"sslverify", "cert_reqs", VERIFIES},
  {"sslverifyclient", "cert_reqs", VERIFIES},
  {"sslverifyhost", "check_hostname", A_NAME},
  {"sslverifypeer", "cert_reqs", VERIFIES},
  {"tls13ciphers", "ciphersuites", NULL},
  {"tlsmax", "maximum_version", A_VERSION},
  {"tlsservername", "server_hostname", NULL},
  {"tlsversion", "minimum_version", A_VERSION},
  {"trust", "ca_certs", "The system's has 'system_trust'"},
  {"trustedca", "ca_certs", NULL},
  {"verify", "cert_reqs", VERIFIES},
  {"verifyclient", "cert_reqs", VERIFIES},
  {"verifyconnection", "on_verify", NULL},
  {"verifyext", "cert_reqs", VERIFIES},
  {"verifyhost", "check_hostname", A_NAME},
  {"verifyhostname", "check_hostname", A_NAME},
  {"verifymode", "cert_reqs", VERIFIES},
  {"verifypeer", "cert_reqs", VERIFIES},
  {"verifypeercertificate", "on_verify", NULL},
  {"verifypeername", "check_hostname", A_NAME},
  {"version", "minimum_version", A_VERSION}
};

/* Whether `name` is `plain` in any case, with '_' and '-' anywhere. */
static int is_name (const char *plain, const char *name) {
  for (; *name != '\0'; name++) {
    char c = *name;
    if (c == '_' || c == '-') continue;
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if (*plain++ != c) return 0;
  }
  return *plain == '\0';
}

const ForeignName *foreign_names_find (const char *name) {
  size_t i;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (is_name(names[i].name, name)) return &names[i];
  return NULL;
}
