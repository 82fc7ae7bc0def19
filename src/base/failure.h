/*
** failure.h -- what failed and why, told without Lua: it is filled before
** anything can raise. errors_push alone makes an SSLError of it.
*/
#ifndef LUASSL_FAILURE_H
#define LUASSL_FAILURE_H

#include <stdarg.h>

#include "base/quote.h"

#define ERROR_T "luassl.SSLError"
#define EOF_ERROR_T "luassl.SSLEOFError"
#define SYSCALL_ERROR_T "luassl.SSLSyscallError"
#define VERIFICATION_ERROR_T "luassl.SSLCertVerificationError"

#define COMPLAINTS_MAX 16  /* OpenSSL's queue holds no more */
#define COMPLAINT_MAX 96   /* of an entry's extra text */
#define REASON_MAX 128     /* of the system's reasons */
#define SENTENCE_MAX 1024

/* One entry of OpenSSL's queue. */
typedef struct Complaint {
  unsigned long code;
  char data[COMPLAINT_MAX];
} Complaint;

/* Nothing in it is to be freed. */
typedef struct Failure {
  const char *class_name;     /* static, as are `operation` and `kind` */
  const char *operation;
  const char *kind;
  const char *file;           /* borrowed; NULL: none */
  int count, cause;           /* the entry that says most, -1: none */
  int alert, alert_sent;      /* RFC 8446 number, -1: none; 1: ours */
  int verify_depth;           /* -1: unknown */
  long verify_code;           /* X509_V_OK: no verdict of OpenSSL's */
  char name[QUOTE_ROOM];      /* of a file, for the text; "": not in it */
  char sentence[SENTENCE_MAX];
  Complaint entries[COMPLAINTS_MAX];  /* oldest first */
} Failure;

#pragma GCC visibility push(hidden)

/* Empties OpenSSL's queue into it, and says what that says by itself. */
void failure_take (Failure *f, const char *operation);

/* Another class, kind and sentence. */
void failure_tell (Failure *f, const char *class_name, const char *kind,
                   const char *format, va_list arguments);

/* Adds to the sentence. */
__attribute__((format(printf, 2, 3)))
void failure_say (Failure *f, const char *format, ...);

/* An errno is the cause, and the sentence. */
void failure_system (Failure *f, int code);

/* It is about a file; `text` names it, NULL: what the queue said does not. */
void failure_file (Failure *f, const char *file, const char *text);

/* The newest entry that fits, -1: none; 0: any library, any reason that is
** no mere pointer to an older entry. */
int failure_find (const Failure *f, int library, int reason);

/* What an errno means, as strerror(3), which threads share, tells it. */
const char *failure_system_reason (int code, char *room);

/* What an entry complains of; `room`, REASON_MAX, is for the system's. */
const char *failure_reason (const Complaint *entry, char *room);

#pragma GCC visibility pop

#endif
