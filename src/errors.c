/*
** errors.c -- failures as values: OpenSSL's error queue and errno as SSLError.
**
** Each function first copies OpenSSL's queue, which empties it, and only then
** calls Lua, which may raise for want of memory.
*/

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "diagnosis.h"
#include "errors.h"
#include "quote.h"
#include "trace.h"

#define STACK_SLOTS 8

static const char *const class_names[] = {
  "luassl.IOError", "luassl.SocketError", ERROR_T, EOF_ERROR_T, SYSCALL_ERROR_T,
  VERIFICATION_ERROR_T
};

/* ---- alerts ---- */

typedef struct Alert {
  int number;
  const char *name;
} Alert;

/* RFC 8446, B.2, its reserved ones included; RFC 6066, 9; RFC 7301, 3.2. */
static const Alert alerts[] = {
  {0, "close_notify"},
  {10, "unexpected_message"},
  {20, "bad_record_mac"},
  {21, "decryption_failed"},
  {22, "record_overflow"},
  {30, "decompression_failure"},
  {40, "handshake_failure"},
  {41, "no_certificate"},
  {42, "bad_certificate"},
  {43, "unsupported_certificate"},
  {44, "certificate_revoked"},
  {45, "certificate_expired"},
  {46, "certificate_unknown"},
  {47, "illegal_parameter"},
  {48, "unknown_ca"},
  {49, "access_denied"},
  {50, "decode_error"},
  {51, "decrypt_error"},
  {60, "export_restriction"},
  {70, "protocol_version"},
  {71, "insufficient_security"},
  {80, "internal_error"},
  {86, "inappropriate_fallback"},
  {90, "user_canceled"},
  {100, "no_renegotiation"},
  {109, "missing_extension"},
  {110, "unsupported_extension"},
  {111, "certificate_unobtainable"},
  {112, "unrecognized_name"},
  {113, "bad_certificate_status_response"},
  {114, "bad_certificate_hash_value"},
  {115, "unknown_psk_identity"},
  {116, "certificate_required"},
  {120, "no_application_protocol"}
};

const char *errors_alert_name (int alert) {
  size_t i;
  for (i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
    if (alerts[i].number == alert) return alerts[i].name;
  return NULL;
}

/* ---- the error object ---- */

/* Sets a field of the table at the top. */
static void set_string (lua_State *L, const char *name, const char *value) {
  if (value == NULL) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_number (lua_State *L, const char *name, lua_Number value) {
  lua_Integer n = (lua_Integer)value;
  if ((lua_Number)n == value) lua_pushinteger(L, n);
  else lua_pushnumber(L, value);  /* codes have 32 bits, Lua 5.1's may not */
  lua_setfield(L, -2, name);
}

static void push_reason (lua_State *L, const Complaint *entry) {
  char room[REASON_MAX];
  lua_pushstring(L, trace_reason(entry, room));
}

/* "PEM routines: no start line (Expecting: CERTIFICATE)" */
static void push_complaint (lua_State *L, const Complaint *entry) {
  char room[REASON_MAX];
  const char *library = ERR_lib_error_string(entry->code);
  const char *reason = trace_reason(entry, room);
  if (library == NULL) library = "OpenSSL";
  if (entry->data[0] == '\0') lua_pushfstring(L, "%s: %s", library, reason);
  else lua_pushfstring(L, "%s: %s (%s)", library, reason, entry->data);
}

/* All that OpenSSL said, but for the cause. */
static void set_stack (lua_State *L, const Trace *trace, int cause) {
  int i, n = 0;
  if (trace->count == 0 || (trace->count == 1 && cause == 0)) return;
  lua_newtable(L);
  for (i = 0; i < trace->count; i++) {
    if (i == cause) continue;
    push_complaint(L, &trace->entries[i]);
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "stack");
}

static void set_cause (lua_State *L, const Complaint *entry) {
  unsigned long code = entry->code;
  set_string(L, "library", ERR_lib_error_string(code));
  push_reason(L, entry);
  lua_setfield(L, -2, "reason");
  set_number(L, "code", ERR_SYSTEM_ERROR(code)
                        ? (lua_Number)ERR_GET_REASON(code) : (lua_Number)code);
}

static void set_tls (lua_State *L, const Diagnosis *d) {
  if (d->verify_code != X509_V_OK) {
    set_number(L, "verify_code", (lua_Number)d->verify_code);
    set_string(L, "verify_message",
               X509_verify_cert_error_string(d->verify_code));
    if (d->verify_depth >= 0)
      set_number(L, "verify_depth", (lua_Number)d->verify_depth);
  }
  if (d->alert < 0) return;
  if (errors_alert_name(d->alert) != NULL)
    set_string(L, "alert", errors_alert_name(d->alert));
  else {
    lua_pushfstring(L, "alert_%d", d->alert);
    lua_setfield(L, -2, "alert");
  }
  set_string(L, "alert_direction", d->alert_sent ? "sent" : "received");
}

static void set_file (lua_State *L, const char *file) {
  size_t size = file != NULL ? strlen(file) : 0;
  if (size > QUOTE_NAME_MAX || (file != NULL && quote_hides(file, size)))
    return;
  set_string(L, "file", file);
}

/* Replaces the text at the top by nil and the error. */
static int push_error (lua_State *L, const char *operation, const char *file,
                       const Diagnosis *d, const Trace *trace) {
  lua_createtable(L, 0, STACK_SLOTS);
  luaL_getmetatable(L, d->class_name);
  lua_setmetatable(L, -2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "text");
  set_string(L, "kind", d->kind);
  set_string(L, "operation", operation);
  set_file(L, file);
  if (d->cause >= 0) set_cause(L, &trace->entries[d->cause]);
  set_stack(L, trace, d->cause);
  set_tls(L, d);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* ---- each sort of failure ---- */

/* A failure that is explained here, not by OpenSSL. */
static void blank (Diagnosis *d, const char *class_name, const char *kind) {
  d->class_name = class_name;
  d->kind = kind;
  d->cause = d->alert = d->verify_depth = -1;
  d->verify_code = X509_V_OK;
  d->sentence[0] = '\0';
}

int errors_fail (lua_State *L, const char *operation, const char *kind) {
  Trace trace;
  Diagnosis d;
  trace_take(&trace);
  diagnosis_read(&d, &trace);
  if (kind != NULL) d.kind = kind;
  luaL_checkstack(L, STACK_SLOTS, operation);
  lua_pushfstring(L, "%s: %s", operation, d.sentence);
  return push_error(L, operation, NULL, &d, &trace);
}

int errors_text (lua_State *L, const char *class_name, const char *operation,
                 const char *kind, const char *format, ...) {
  Trace trace;
  Diagnosis d;
  va_list arguments;
  trace_take(&trace);
  blank(&d, class_name, kind);
  luaL_checkstack(L, STACK_SLOTS, operation);
  lua_pushfstring(L, "%s: ", operation);
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  lua_concat(L, 2);
  return push_error(L, operation, NULL, &d, &trace);
}

/* OpenSSL reads a directory as if it were an empty file. */
static const char *odd_file (const char *file, Diagnosis *d) {
  struct stat status;
  if (strcmp(d->kind, "pem") != 0 || stat(file, &status) != 0) return NULL;
  if (S_ISREG(status.st_mode) && status.st_size == 0) return "it is empty";
  if (!S_ISDIR(status.st_mode)) return NULL;
  d->kind = "file";
  return "it is a directory";
}

int errors_file (lua_State *L, const char *operation, const char *kind,
                 const char *file, const char *text) {
  Trace trace;
  Diagnosis d;
  const char *told = NULL;
  char name[QUOTE_ROOM];
  trace_take(&trace);
  if (text != NULL) blank(&d, ERROR_T, "file");
  else {
    diagnosis_read(&d, &trace);
    if (strcmp(d.kind, "syscall") == 0) d.kind = "file";
    told = odd_file(file, &d);
    if (told == NULL) told = d.sentence;
  }
  if (kind != NULL) d.kind = kind;
  d.class_name = ERROR_T;
  luaL_checkstack(L, STACK_SLOTS, operation);
  if (text != NULL) lua_pushfstring(L, "%s: %s", operation, text);
  else lua_pushfstring(L, "%s %s: %s", operation, quote_name(name, file),
                       told);
  return push_error(L, operation, file, &d, &trace);
}

static int push_syscall (lua_State *L, const char *operation,
                         const char *file, int code) {
  Trace trace;
  Diagnosis d;
  char name[QUOTE_ROOM];
  trace_take(&trace);
  blank(&d, SYSCALL_ERROR_T, "syscall");
  d.cause = trace_add_system(&trace, code);
  luaL_checkstack(L, STACK_SLOTS, operation);
  if (file == NULL) lua_pushfstring(L, "%s: ", operation);
  else lua_pushfstring(L, "%s %s: ", operation, quote_name(name, file));
  push_reason(L, &trace.entries[d.cause]);
  lua_concat(L, 2);
  return push_error(L, operation, file, &d, &trace);
}

int errors_syscall (lua_State *L, const char *operation, int code) {
  return push_syscall(L, operation, NULL, code);
}

int errors_file_syscall (lua_State *L, const char *operation,
                         const char *file, int code) {
  return push_syscall(L, operation, file, code);
}

int errors_eof (lua_State *L, const char *operation) {
  const char *text = "the connection ended without the peer's close_notify: "
                     "what it sent may be cut short";
  if (strcmp(operation, "handshake") == 0)
    text = "the peer closed the connection in the middle of the handshake";
  return errors_text(L, EOF_ERROR_T, operation, "eof", "%s", text);
}

int errors_tls (lua_State *L, const char *operation, SSL *ssl,
                const TlsFacts *facts) {
  Trace own, *trace = facts->trace != NULL ? facts->trace : &own;
  Diagnosis d;
  if (trace == &own || trace->count == 0) trace_take(trace);
  diagnosis_read_tls(&d, trace, ssl, facts);
  ERR_clear_error();
  luaL_checkstack(L, STACK_SLOTS, operation);
  lua_pushfstring(L, "%s: %s", operation, d.sentence);
  return push_error(L, operation, NULL, &d, trace);
}

void errors_clear (void) {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

int errors_condition (lua_State *L, const char *condition) {
  lua_pushnil(L);
  lua_pushstring(L, condition);
  return 2;
}

/* The classes are the metatables of the errors; errors.lua gives them their
** methods. */
int errors_open (lua_State *L) {
  size_t i;
  lua_newtable(L);
  for (i = 0; i < sizeof(class_names) / sizeof(class_names[0]); i++) {
    compat_newmetatable(L, class_names[i]);
    lua_setfield(L, -2, compat_typename(class_names[i]));
  }
  return 1;
}
