/*
** diagnosis.h -- why a connection's TLS failed.
*/
#ifndef LUASSL_DIAGNOSIS_H
#define LUASSL_DIAGNOSIS_H

#include "connection/connection.h"
#include "base/failure.h"

#pragma GCC visibility push(hidden)

/* From OpenSSL's queue, which it empties, and what the connection knows:
** verification, alert, clear text, versions, ciphers. */
void diagnosis_make (Failure *f, const Connection *c, const char *operation);

#pragma GCC visibility pop

#endif
