/*
** verdict_details.h -- what in a certificate is the matter, said in a failure.
** These may leave entries in the error queue.
*/
#ifndef LUASSL_VERDICT_DETAILS_H
#define LUASSL_VERDICT_DETAILS_H

#include <openssl/x509.h>

#include "base/failure.h"
#include "x509/hostname.h"

#pragma GCC visibility push(hidden)

/* The entry that has the name in the wrong kind, if there is one. */
void verdict_say_misplaced (Failure *f, X509 *x509, const Hostname *name);

/* 1: it is malformed, and that was said. */
int verdict_say_extension (Failure *f, X509 *x509);

/* The critical extension that is not known. */
void verdict_say_critical (Failure *f, X509 *x509);

#pragma GCC visibility pop

#endif
