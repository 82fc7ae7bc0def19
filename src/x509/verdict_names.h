/*
** verdict_names.h -- OpenSSL's verdicts by name.
*/
#ifndef LUASSL_VERDICT_NAMES_H
#define LUASSL_VERDICT_NAMES_H

#pragma GCC visibility push(hidden)

/* "cert_has_expired" of X509_V_ERR_CERT_HAS_EXPIRED; NULL: a code of a later
** OpenSSL. */
const char *verdict_name (int code);

#pragma GCC visibility pop

#endif
