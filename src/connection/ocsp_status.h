/*
** ocsp_status.h -- OCSP responses in a handshake (stapling): a server shows
** one, a client decides about it.
*/
#ifndef LUASSL_OCSP_STATUS_H
#define LUASSL_OCSP_STATUS_H

#include "connection/connection.h"
#include "x509/ocsp_judgement.h"

/* What a client has found. */
typedef struct OcspStatus {
  OcspFault fault;
  OcspFacts facts;
  int demanded;  /* by the certificate: must-staple */
  int refused;
} OcspStatus;

#pragma GCC visibility push(hidden)

/* Makes the context's connections show a response, or ask for one. */
void ocsp_status_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* The handshake is complete: 1 if what was asked for is there. */
int ocsp_status_holds (const Connection *c);

/* Tells OpenSSL's error queue that it is not. */
void ocsp_status_complain (void);

/* Until when a session may rest upon the response, in seconds since the epoch;
** 0: there was none. */
double ocsp_status_until (const Connection *c);

/* 1: the failure is that of the response, and was told. */
int ocsp_status_tell (Failure *f, const Connection *c);

/* Methods; and what `info` tells. */
int ocsp_status_push_name (lua_State *L, Connection *c);
void ocsp_status_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
