/*
** errors.h -- failures as values, and the only reader of OpenSSL's error
** queue. Each function that fails pushes nil and an SSLError, leaves the
** queue empty and returns 2. [-0, +2, m]
*/
#ifndef LUASSL_ERRORS_H
#define LUASSL_ERRORS_H

#include <openssl/ssl.h>

#include "compat.h"
#include "trace.h"

#define ERROR_T "luassl.SSLError"
#define EOF_ERROR_T "luassl.SSLEOFError"
#define SYSCALL_ERROR_T "luassl.SSLSyscallError"
#define VERIFICATION_ERROR_T "luassl.SSLCertVerificationError"

/* What a connection knows that explains why its TLS failed. */
typedef struct TlsFacts {
  int alert;               /* RFC 8446 number, -1: none */
  int alert_sent;          /* 1: ours, 0: the peer's */
  int server_side;
  const char *name;        /* checked host name or address, or NULL */
  const unsigned char *first;  /* the first bytes the peer sent */
  size_t first_size;
  int unread;              /* errno of the system's bundle, 0: it was read */
  X509 *certificate;       /* the peer's, verified or not; or NULL */
  int verify_depth;        /* of the certificate that failed, -1: none did */
  Trace *trace;            /* keeps the queue for the next try if this one has
                           ** no memory; all zero at first, may be NULL */
} TlsFacts;

#pragma GCC visibility push(hidden)

/* From the queue; `kind` NULL: told from the queue's entry. */
int errors_fail (lua_State *L, const char *operation, const char *kind);
/* With a text of our own; the queue goes to the field `stack`. */
int errors_text (lua_State *L, const char *class_name, const char *operation,
                 const char *kind, const char *format, ...);
/* With the field `file`, unless quote.h hides it. `text` names the file where
** it fits; NULL: told from the queue, as "certfile server.pem: ...". */
int errors_file (lua_State *L, const char *operation, const char *kind,
                 const char *file, const char *text);
/* SSLSyscallError from errno. */
int errors_syscall (lua_State *L, const char *operation, int code);
/* The same with the field `file`, and its name in the text. */
int errors_file_syscall (lua_State *L, const char *operation,
                         const char *file, int code);
/* SSLEOFError. */
int errors_eof (lua_State *L, const char *operation);
/* A fatal TLS error: verification, alert, clear text, versions, ciphers. */
int errors_tls (lua_State *L, const char *operation, SSL *ssl,
                const TlsFacts *facts);
/* Empties the queue. That it is empty already, as a rule, is told in a fifth
** of the time that ERR_clear_error takes. */
void errors_clear (void);

/* nil and a condition: "closed", "timeout", "wantread", "wantwrite". */
int errors_condition (lua_State *L, const char *condition);

/* RFC 8446's name of an alert, "certificate_expired"; NULL if unknown. */
const char *errors_alert_name (int alert);

/* Leaves the table of error classes on the stack. [-0, +1, m] */
int errors_open (lua_State *L);

#pragma GCC visibility pop

#endif
