/*
** errors.c -- failures as values: what failure.h describes as SSLError.
**
** Lua may raise for want of memory: it is called when the failure is told.
*/

#include <stdarg.h>
#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"

#define STACK_SLOTS 8
#define FIELDS 8

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

/* "PEM routines: no start line (Expecting: CERTIFICATE)" */
static void push_complaint (lua_State *L, const Complaint *entry) {
  char room[REASON_MAX];
  const char *library = ERR_lib_error_string(entry->code);
  const char *reason = failure_reason(entry, room);
  if (library == NULL) library = "OpenSSL";
  if (entry->data[0] == '\0') lua_pushfstring(L, "%s: %s", library, reason);
  else lua_pushfstring(L, "%s: %s (%s)", library, reason, entry->data);
}

/* All that OpenSSL said, but for the cause. */
static void set_stack (lua_State *L, const Failure *f) {
  int i, n = 0;
  if (f->count == 0 || (f->count == 1 && f->cause == 0)) return;
  lua_newtable(L);
  for (i = 0; i < f->count; i++) {
    if (i == f->cause) continue;
    push_complaint(L, &f->entries[i]);
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "stack");
}

static void set_cause (lua_State *L, const Complaint *entry) {
  unsigned long code = entry->code;
  char room[REASON_MAX];
  set_string(L, "library", ERR_lib_error_string(code));
  set_string(L, "reason", failure_reason(entry, room));
  set_number(L, "code", ERR_SYSTEM_ERROR(code)
                        ? (lua_Number)ERR_GET_REASON(code) : (lua_Number)code);
}

static void set_tls (lua_State *L, const Failure *f) {
  if (f->verify_code != X509_V_OK) {
    set_number(L, "verify_code", (lua_Number)f->verify_code);
    set_string(L, "verify_message",
               X509_verify_cert_error_string(f->verify_code));
    if (f->verify_depth >= 0)
      set_number(L, "verify_depth", (lua_Number)f->verify_depth);
  }
  if (f->alert < 0) return;
  if (errors_alert_name(f->alert) != NULL)
    set_string(L, "alert", errors_alert_name(f->alert));
  else {
    lua_pushfstring(L, "alert_%d", f->alert);
    lua_setfield(L, -2, "alert");
  }
  set_string(L, "alert_direction", f->alert_sent ? "sent" : "received");
}

static void set_file (lua_State *L, const char *file) {
  size_t size = file != NULL ? strlen(file) : 0;
  if (size > QUOTE_NAME_MAX || (file != NULL && quote_hides(file, size)))
    return;
  set_string(L, "file", file);
}

int errors_push (lua_State *L, const Failure *f) {
  luaL_checkstack(L, STACK_SLOTS, f->operation);
  lua_pushnil(L);
  lua_createtable(L, 0, FIELDS);
  luaL_getmetatable(L, f->class_name);
  lua_setmetatable(L, -2);
  if (f->name[0] == '\0')
    lua_pushfstring(L, "%s: %s", f->operation, f->sentence);
  else lua_pushfstring(L, "%s %s: %s", f->operation, f->name, f->sentence);
  lua_setfield(L, -2, "text");
  set_string(L, "kind", f->kind);
  set_string(L, "operation", f->operation);
  set_file(L, f->file);
  if (f->cause >= 0) set_cause(L, &f->entries[f->cause]);
  set_stack(L, f);
  set_tls(L, f);
  return 2;
}

/* ---- each sort of failure ---- */

int errors_fail (lua_State *L, const char *operation, const char *kind) {
  Failure f;
  failure_take(&f, operation);
  if (kind != NULL) f.kind = kind;
  return errors_push(L, &f);
}

int errors_text (lua_State *L, const char *class_name, const char *operation,
                 const char *kind, const char *format, ...) {
  Failure f;
  va_list arguments;
  failure_take(&f, operation);
  f.cause = -1;
  va_start(arguments, format);
  failure_tell(&f, class_name, kind, format, arguments);
  va_end(arguments);
  return errors_push(L, &f);
}

int errors_file (lua_State *L, const char *operation, const char *kind,
                 const char *file, const char *text) {
  Failure f;
  failure_take(&f, operation);
  failure_file(&f, file, text);
  if (kind != NULL) f.kind = kind;
  return errors_push(L, &f);
}

int errors_file_syscall (lua_State *L, const char *operation,
                         const char *file, int code) {
  Failure f;
  failure_take(&f, operation);
  failure_system(&f, code);
  f.file = file;
  if (file != NULL) quote_name(f.name, file);
  return errors_push(L, &f);
}

int errors_syscall (lua_State *L, const char *operation, int code) {
  return errors_file_syscall(L, operation, NULL, code);
}

int errors_eof (lua_State *L, const char *operation) {
  const char *text = "the connection ended without the peer's close_notify: "
                     "what it sent may be cut short";
  if (strcmp(operation, "handshake") == 0)
    text = "the peer closed the connection in the middle of the handshake";
  return errors_text(L, EOF_ERROR_T, operation, "eof", "%s", text);
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
