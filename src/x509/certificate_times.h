/*
** certificate_times.h -- when a certificate is valid.
*/
#ifndef LUASSL_CERTIFICATE_TIMES_H
#define LUASSL_CERTIFICATE_TIMES_H

#include <openssl/asn1.h>

#include "base/compat.h"

#define TIME_TEXT_MAX 64

#pragma GCC visibility push(hidden)

/* "May  8 23:59:59 2009 GMT", in no locale but C's; 0: `t` is no time. */
int certificate_times_format (const ASN1_TIME *t, char *text);

/* Seconds since the epoch; 0: `t` is no time. */
int certificate_times_seconds (const ASN1_TIME *t, double *seconds);

extern const luaL_Reg certificate_times_methods[];

#pragma GCC visibility pop

#endif
