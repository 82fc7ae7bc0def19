/*
** errors.h -- failures as values. Each function that fails pushes nil and an
** SSLError, leaves OpenSSL's error queue empty and returns 2. [-0, +2, m]
*/
#ifndef LUASSL_ERRORS_H
#define LUASSL_ERRORS_H

#include "base/compat.h"
#include "base/failure.h"

#pragma GCC visibility push(hidden)

/* The one that makes an SSLError; its queue has been emptied already. */
int errors_push (lua_State *L, const Failure *f);

/* From the queue; `kind` NULL: told from the queue's entry. */
int errors_fail (lua_State *L, const char *operation, const char *kind);
/* With a text of our own; the queue goes to the field `stack`. */
__attribute__((format(printf, 5, 6)))
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
