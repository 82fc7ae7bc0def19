/*
** oom.c -- runs a script again and again, letting one more allocation fail
** each time: first Lua's, one by one, then OpenSSL's, every n-th. Whatever
** fails, nothing may crash or leak: SSL, SSL_CTX and X509 objects, OpenSSL's
** memory, Lua's memory and descriptors are counted after each run.
**
** usage: oom script.lua [step of Lua's] [step of OpenSSL's]
** The script returns a function; what it allocates is what fails. It raises
** "memory" or returns; anything else raised ends the sweep.
*/

#define _GNU_SOURCE

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static long lua_left = -1, ssl_left = -1;  /* allocations until the failure */
static long lua_count, ssl_count;
static long lua_live, ssl_live, objects[3];

static int fails (long *left, long *count) {
  (*count)++;
  return *left >= 0 && (*left)-- == 0;
}

static void *lua_memory (void *ud, void *p, size_t old, size_t size) {
  void *q;
  (void)ud;
  if (size == 0) {
    if (p != NULL) lua_live--;
    free(p);
    return NULL;
  }
  if (p == NULL || size > old)  /* shrinking never fails */
    if (fails(&lua_left, &lua_count)) return NULL;
  q = realloc(p, size);
  if (p == NULL && q != NULL) lua_live++;
  return q;
}

static void *ssl_malloc (size_t size, const char *file, int line) {
  void *p;
  (void)file;
  (void)line;
  if (fails(&ssl_left, &ssl_count)) return NULL;
  p = malloc(size);
  if (p != NULL) ssl_live++;
  return p;
}

static void ssl_free (void *p, const char *file, int line) {
  (void)file;
  (void)line;
  if (p != NULL) ssl_live--;
  free(p);
}

static void *ssl_realloc (void *p, size_t size, const char *file, int line) {
  void *q;
  if (p == NULL) return ssl_malloc(size, file, line);
  if (size == 0) {
    ssl_free(p, file, line);
    return NULL;
  }
  if (fails(&ssl_left, &ssl_count)) return NULL;
  q = realloc(p, size);
  return q;
}

static void on_new (void *parent, void *p, CRYPTO_EX_DATA *data, int index,
                    long kind, void *arg) {
  (void)parent; (void)p; (void)data; (void)index; (void)arg;
  objects[kind]++;
}

static void on_free (void *parent, void *p, CRYPTO_EX_DATA *data, int index,
                     long kind, void *arg) {
  (void)parent; (void)p; (void)data; (void)index; (void)arg;
  objects[kind]--;
}

static int descriptors (void) {
  int n = 0;
  DIR *directory = opendir("/proc/self/fd");
  while (readdir(directory) != NULL) n++;
  closedir(directory);
  return n;
}

static void die (const char *what, const char *why, long at) {
  fprintf(stderr, "oom: %s: %s (allocation %ld)\n", what, why, at);
  exit(1);
}

/* One whole life: 1 if the armed allocation was reached. */
static int run (const char *script, long lua_at, long ssl_at) {
  int status, reached;
  lua_State *L = lua_newstate(lua_memory, NULL);
  luaL_openlibs(L);
  if (luaL_dofile(L, script)) die(script, lua_tostring(L, -1), lua_at);
  lua_gc(L, LUA_GCCOLLECT, 0);
  lua_count = ssl_count = 0;
  lua_left = lua_at;
  ssl_left = ssl_at;
  status = lua_pcall(L, 0, 0, 0);
  reached = (lua_at >= 0 && lua_left < 0) || (ssl_at >= 0 && ssl_left < 0);
  lua_left = ssl_left = -1;
  if (status == LUA_ERRRUN) {
    const char *text = luaL_tolstring(L, -1, NULL);
    if (strstr(text, "memory") == NULL && strstr(text, "malloc") == NULL
        && ssl_at < 0)
      die("raised", text, lua_at);
  }
  if (ERR_peek_error() != 0 && status == LUA_OK)
    die("error queue", ERR_error_string(ERR_peek_error(), NULL), ssl_at);
  ERR_clear_error();
  lua_close(L);
  return reached;
}

static void sweep (const char *script, int of_lua, long step) {
  long at, lua_before, ssl_before, before[3];
  int fds, reached = 1;
  run(script, -1, -1);
  run(script, -1, -1);  /* what OpenSSL keeps for good is there by now */
  lua_before = lua_live;
  ssl_before = ssl_live;
  memcpy(before, objects, sizeof(before));
  fds = descriptors();
  for (at = 0; reached; at += step) {
    reached = of_lua ? run(script, at, -1) : run(script, -1, at);
    if (lua_live != lua_before) die("leak", "Lua's memory", at);
    if (memcmp(before, objects, sizeof(before)) != 0)
      die("leak", "SSL, SSL_CTX or X509", at);
    if (descriptors() != fds) die("leak", "descriptors", at);
    if (of_lua && ssl_live > ssl_before) die("leak", "OpenSSL's memory", at);
  }
  printf("%s: %ld runs, one failed allocation of %s's in each\n", script,
         at / step, of_lua ? "Lua" : "OpenSSL");
}

int main (int argc, char **argv) {
  static const int kinds[] = {
    CRYPTO_EX_INDEX_SSL, CRYPTO_EX_INDEX_SSL_CTX, CRYPTO_EX_INDEX_X509
  };
  int i;
  if (argc < 2) die("usage", "oom script.lua [step] [step]", 0);
  if (!CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free))
    die("OpenSSL", "has allocated already", 0);
  for (i = 0; i < 3; i++)
    CRYPTO_get_ex_new_index(kinds[i], i, NULL, on_new, NULL, on_free);
  sweep(argv[1], 1, argc > 2 ? atol(argv[2]) : 1);
  sweep(argv[1], 0, argc > 3 ? atol(argv[3]) : 7);
  return 0;
}
