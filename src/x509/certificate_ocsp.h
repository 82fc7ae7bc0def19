/*
** certificate_ocsp.h -- what a responder is asked about a certificate.
*/
#ifndef LUASSL_CERTIFICATE_OCSP_H
#define LUASSL_CERTIFICATE_OCSP_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

extern const luaL_Reg certificate_ocsp_methods[];

#pragma GCC visibility pop

#endif
