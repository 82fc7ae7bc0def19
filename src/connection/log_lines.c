/*
** log_lines.c -- the lines of the options keylog and trace: how they leave.
**
** OpenSSL tells them from its inside, where no Lua may run. A file has each
** line before OpenSSL goes on, so that none is lost whatever becomes of the
** connection. For a function they wait, bounded, until the call into OpenSSL
** is over. What cannot be logged ends the connection: a log with holes is of
** no use, and nobody would notice.
*/

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/errors.h"
#include "base/files.h"
#include "connection/log_lines.h"
#include "context/log.h"

#define ROOM 16384     /* bytes: a handshake has about 3000 */
#define STACK_SLOTS 8

/* They are secret. */
typedef struct LogLines {
  size_t told, size;  /* how far they were handed over; their end */
  int raised;         /* a function did */
  char text[ROOM];    /* each behind its option's first letter, with a NUL */
} LogLines;

static int is_keylog (const char *option) {
  return option[0] == 'k';
}

static const Log *log_of (const Connection *c, const char *option) {
  return is_keylog(option) ? c->policy->keylog : c->policy->trace;
}

/* 0, or an errno. */
static int enqueue (Connection *c, const char *option, const char *line) {
  size_t n = strlen(line) + 1;
  LogLines *q = c->lines;
  if (q == NULL) q = c->lines = OPENSSL_zalloc(sizeof(*q));
  if (q == NULL) return ENOMEM;
  if (n + 1 > ROOM - q->size) return ENOBUFS;
  q->text[q->size] = option[0];
  memcpy(q->text + q->size + 1, line, n);
  q->size += n + 1;
  return 0;
}

void log_lines_add (Connection *c, const char *option, const char *line) {
  const Log *log = log_of(c, option);
  const char *file = log_file(log);
  int error = file != NULL ? files_append(file, line)
                           : enqueue(c, option, line);
  if (error == 0 || c->log_error != 0) return;
  c->log_error = error;
  c->log_failed = option;
}

void log_lines_free (Connection *c) {
  OPENSSL_clear_free(c->lines, sizeof(*c->lines));
  c->lines = NULL;
}

/* lines, connection: whether one raised, and what. Under pcall: what raises
** here is want of memory, and the rest of the lines is told later. */
static int tell (lua_State *L) {
  LogLines *q = lua_touserdata(L, 1);
  lua_pushnil(L);
  compat_getuservalue(L, 2);
  lua_rawgeti(L, 4, UV_FACE);
  if (lua_isnil(L, 5)) lua_pushvalue(L, 2);
  lua_replace(L, 2);
  lua_rawgeti(L, 4, UV_CHOICES);
  lua_replace(L, 4);
  lua_settop(L, 4);
  while (q->told < q->size) {
    const char *line = q->text + q->told;
    lua_pushstring(L, line[0] == 'k' ? "keylog" : "trace");
    lua_rawget(L, 4);
    lua_pushstring(L, line + 1);
    lua_pushvalue(L, 2);
    q->told += strlen(line) + 1;
    if (lua_pcall(L, 2, 0, 0) == 0) continue;
    if (q->raised++) lua_pop(L, 1);
    else lua_replace(L, 3);
  }
  lua_pushboolean(L, q->raised);
  lua_pushvalue(L, 3);
  return 2;
}

void log_lines_explain (lua_State *L, const char *whose) {
  static const char *const conditions[] = {
    "closed", "timeout", "wantread", "wantwrite"
  };
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                    : NULL;
  size_t i;
  for (i = 0; text != NULL && i < sizeof(conditions) / sizeof(text); i++)
    if (strcmp(conditions[i], text) == 0) break;
  if (text != NULL && i == sizeof(conditions) / sizeof(text)
      && !compat_caught_nil(L, -1)) return;
  if (text == NULL && !lua_isnil(L, -1)) return;
  errors_text(L, ERROR_T, "log", "hook", "the function for %s raised: %s",
              whose, lua_isnil(L, -1) ? "nil" : text);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* 0, or 1 with what a function raised, and then all are told. Without memory
** the rest waits for the next call: what this one answers must not be lost. */
static int tell_all (lua_State *L, Connection *c) {
  LogLines *q = c->lines;
  lua_pushcfunction(L, tell);
  lua_pushlightuserdata(L, q);
  lua_pushvalue(L, 1);
  c->lines = NULL;
  if (lua_pcall(L, 2, 2, 0) != 0) {
    lua_pop(L, 1);
    c->lines = q;
    if (q->raised) c->log_error = ENOMEM;  /* what, is not known any more */
    if (q->raised) c->log_failed = "keylog";
    return 0;
  }
  OPENSSL_clear_free(q, sizeof(*q));
  if (lua_toboolean(L, -2)) {
    lua_remove(L, -2);
    c->log_error = ENOMEM;  /* should this raise */
    c->log_failed = "keylog";
    log_lines_explain(L, "keylog or trace");
    c->log_error = 0;
    return 1;
  }
  lua_pop(L, 2);
  return 0;
}

/* Pushes an error: a line could not be logged. */
static void push_lost (lua_State *L, Connection *c) {
  const Log *log = log_of(c, c->log_failed);
  const char *file = log != NULL ? log_file(log) : NULL;
  errors_file_syscall(L, c->log_failed, file, c->log_error);
  lua_remove(L, -2);
  c->log_error = 0;
}

int log_lines_deliver (lua_State *L, Connection *c, int results) {
  int top = lua_gettop(L), failed = 0;
  if (!lua_checkstack(L, STACK_SLOTS)) return 0;
  if (c->lines != NULL) failed = tell_all(L, c);
  if (!failed && c->log_error != 0) {
    push_lost(L, c);
    failed = 1;
  }
  if (!failed) return 0;
  lua_insert(L, top - results + 1);
  lua_settop(L, top - results + 1);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 1;
}
