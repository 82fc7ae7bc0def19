/*
** option_table.c -- every option there is, a row each.
*/

#include <stdlib.h>
#include <string.h>

#include "context/options.h"

#define BOTH (OF_CONTEXT | OF_CONNECTION)
#define DEFAULT(value) .has_default = 1, .absent = value
#define CERTIFICATE_GROUP .group = IDENTITY, .replaces = IDENTITY
#define RANGE_GROUP .group = VERSION_RANGE, .replaces = VERSION_NUMBER
#define NUMBER_GROUP .group = VERSION_NUMBER, .replaces = VERSION_RANGE

const char *const option_versions[OPTION_VERSIONS + 1] = {
  "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", NULL
};

const Option option_table[] = {
  {"alpn_protocols", OPTION_LIST, OF_CONTEXT, BOUND_VALUE, .first = 1,
   .last = 255},  /* RFC 7301, 3.1 */
  {"alpn_strict", OPTION_BOOLEAN, OF_CONTEXT, NOT_BOUND, .side = SERVER_SIDE},
  {"ca_certs", OPTION_STRING, OF_CONTEXT, BOUND_ANCHORS, .flags = IS_FILE},
  {"ca_data", OPTION_BYTES, OF_CONTEXT, BOUND_ANCHORS, .flags = IS_PEM},
  {"ca_path", OPTION_STRING, OF_CONTEXT, BOUND_PLACE, .flags = IS_FILE},
  {"cert", OPTION_BYTES, OF_CONTEXT, BOUND_IDENTITY, .flags = IS_PEM,
   CERTIFICATE_GROUP},
  {"cert_reqs", OPTION_INTEGER, OF_CONTEXT, BOUND_VALUE, DEFAULT(0),
   .first = 0, .last = 2},
  {"certfile", OPTION_STRING, OF_CONTEXT, BOUND_IDENTITY, .flags = IS_FILE,
   CERTIFICATE_GROUP, .excludes = "cert"},
  {"check_hostname", OPTION_BOOLEAN, BOTH, BOUND_BY_NAME, .side = CLIENT_SIDE,
   DEFAULT(0)},
  {"ciphers", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  {"ciphersuites", OPTION_STRING, OF_CONTEXT, BOUND_VALUE,
   .side = EITHER_SIDE},
  {"context", OPTION_OBJECT, OF_WRAP | OF_CONNECT, NOT_BOUND,
   .object = "luassl.SSLContext"},
  {"do_handshake_on_connect", OPTION_BOOLEAN, OF_CONNECTION, NOT_BOUND,
   DEFAULT(1)},
  {"groups", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  {"handshake_timeout", OPTION_SECONDS, BOTH, NOT_BOUND, .flags = ABOVE_ZERO,
   DEFAULT(30)},
  {"key", OPTION_BYTES, OF_CONTEXT, BOUND_IDENTITY, .flags = IS_SECRET,
   CERTIFICATE_GROUP},
  {"keyfile", OPTION_STRING, OF_CONTEXT, BOUND_IDENTITY, .flags = IS_FILE,
   CERTIFICATE_GROUP, .excludes = "key"},
  {"linger", OPTION_SECONDS, BOTH, NOT_BOUND, DEFAULT(5)},
  {"maximum_version", OPTION_VERSION, OF_CONTEXT, NOT_BOUND, RANGE_GROUP,
   .excludes = "ssl_version"},
  {"minimum_version", OPTION_VERSION, OF_CONTEXT, NOT_BOUND, RANGE_GROUP,
   .excludes = "ssl_version"},
  {"nodelay", OPTION_BOOLEAN, BOTH, NOT_BOUND, DEFAULT(1)},
  {"num_tickets", OPTION_INTEGER, OF_CONTEXT, NOT_BOUND, .side = SERVER_SIDE,
   .first = 0, .last = 100},
  {"on_certificate", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION,
   .side = EITHER_SIDE},
  {"on_client_hello", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION,
   .side = SERVER_SIDE},
  {"on_verify", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION,
   .side = EITHER_SIDE},
  {"password", OPTION_PASSWORD, OF_CONTEXT, NOT_BOUND, .flags = IS_SECRET,
   .group = IDENTITY},
  {"pins", OPTION_LIST, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  {"server_hostname", OPTION_BYTES, OF_CONNECTION, BOUND_BY_NAME,
   .side = CLIENT_SIDE},
  /* The context that a name leads to has a digest of its own. */
  {"server_names", OPTION_SERVER_NAMES, OF_CONTEXT, NOT_BOUND,
   .side = SERVER_SIDE, .flags = IS_LIVE},
  {"server_side", OPTION_BOOLEAN, OF_CONTEXT | OF_STATED, BOUND_VALUE,
   DEFAULT(0)},
  {"session", OPTION_OBJECT, OF_CONNECTION, NOT_BOUND, .side = CLIENT_SIDE,
   .object = "luassl.SSLSession"},
  {"session_cache", OPTION_BOOLEAN, OF_CONTEXT, NOT_BOUND,
   .side = EITHER_SIDE},
  {"session_id_context", OPTION_BYTES, OF_CONTEXT, BOUND_INSTEAD,
   .side = SERVER_SIDE},
  {"sigalgs", OPTION_STRING, OF_CONTEXT, BOUND_VALUE, .side = EITHER_SIDE},
  {"ssl_version", OPTION_INTEGER, OF_CONTEXT, NOT_BOUND, .first = 0,
   .last = 6, NUMBER_GROUP},
  {"suppress_ragged_eofs", OPTION_BOOLEAN, BOTH, NOT_BOUND, DEFAULT(0)},
  {"system_trust", OPTION_BOOLEAN, OF_CONTEXT, BOUND_PLACE, DEFAULT(0)},
  {"timeout", OPTION_SECONDS, OF_CONNECT | OF_FETCH, NOT_BOUND,
   .flags = ABOVE_ZERO},
  {.name = NULL}
};

static int compare (const void *name, const void *row) {
  return strcmp(name, ((const Option *)row)->name);
}

const Option *options_find (const char *name) {
  size_t n = sizeof(option_table) / sizeof(option_table[0]) - 1;
  return bsearch(name, option_table, n, sizeof(option_table[0]), compare);
}
