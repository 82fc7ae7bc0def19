/*
** states.c -- for the specs alone: a host of several Lua states, which the
** standard interpreter is not.
**
**   states turns SCRIPT    two states in one thread: each runs the script's
**                          function `step` by turns; the first is closed
**                          before the second has ended
**   states threads SCRIPT  two states, each in a thread of its own
**   states again SCRIPT    a hundred states, one after the other: what the
**                          process has grown by is printed
**
** The script is run in each state with its number and defines what is called.
*/
#define _GNU_SOURCE 1  /* RTLD_NOLOAD */

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>

enum { ROUNDS = 100, WARM_UP = 50 };

static void complain (const char *what) {
  fprintf(stderr, "states: %s\n", what);
  exit(1);
}

/* Pops the function below its `arguments`. */
static void call (lua_State *L, int arguments, int results) {
  if (lua_pcall(L, arguments, results, 0) != 0)
    complain(lua_isstring(L, -1) ? lua_tostring(L, -1) : "no text");
}

static lua_State *state_new (const char *script, int number) {
  lua_State *L = luaL_newstate();
  if (L == NULL) complain("no state");
  luaL_openlibs(L);
  if (luaL_loadfile(L, script) != 0) complain(lua_tostring(L, -1));
  lua_pushinteger(L, number);
  call(L, 1, 0);
  return L;
}

/* Calls a global function with a number: what it answers, -1 for nothing. */
static int run (lua_State *L, const char *name, int argument) {
  int answer = -1;
  lua_getglobal(L, name);
  lua_pushinteger(L, argument);
  call(L, 1, 1);
  if (!lua_isnil(L, -1)) answer = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return answer;
}

/* step(turn) answers 0 when the state may be closed. */
static void turns (const char *script) {
  lua_State *first = state_new(script, 1);
  lua_State *second = state_new(script, 2);
  int turn, one = 1, other = 1;
  for (turn = 1; other != 0; turn++) {
    if (one != 0) one = run(first, "step", turn);
    if (one == 0 && first != NULL) {
      lua_close(first);
      first = NULL;
    }
    other = run(second, "step", turn);
  }
  if (first != NULL) complain("the second state ended first");
  lua_close(second);
  puts("done");
}

/* One thread's: listen() told its port, talk(port) knows the other's. */
typedef struct Side {
  lua_State *L;  /* owned */
  int port;      /* the other side's */
} Side;

static void *talk (void *data) {
  Side *side = data;
  run(side->L, "talk", side->port);
  lua_close(side->L);
  return NULL;
}

static void threads (const char *script) {
  pthread_t ids[2];
  Side sides[2];
  int i;
  for (i = 0; i < 2; i++) sides[i].L = state_new(script, i + 1);
  for (i = 0; i < 2; i++) sides[1 - i].port = run(sides[i].L, "listen", 0);
  for (i = 0; i < 2; i++)
    if (pthread_create(&ids[i], NULL, talk, &sides[i]) != 0)
      complain("no thread");
  for (i = 0; i < 2; i++) pthread_join(ids[i], NULL);
  puts("done");
}

/* What a process has, the first numbers that are free of those that OpenSSL
** gives away for ever among it. */
typedef struct Census {
  size_t bytes;
  int descriptors, bio_type, ssl, context, x509, bio;
} Census;

static int index_of (int class_index) {
  return CRYPTO_get_ex_new_index(class_index, 0, NULL, NULL, NULL, NULL);
}

static void census (Census *c) {
  DIR *directory = opendir("/proc/self/fd");
  if (directory == NULL) complain("no /proc/self/fd");
  for (c->descriptors = 0; readdir(directory) != NULL;) c->descriptors++;
  closedir(directory);
  c->bio_type = BIO_get_new_index();
  c->ssl = index_of(CRYPTO_EX_INDEX_SSL);
  c->context = index_of(CRYPTO_EX_INDEX_SSL_CTX);
  c->x509 = index_of(CRYPTO_EX_INDEX_X509);
  c->bio = index_of(CRYPTO_EX_INDEX_BIO);
  c->bytes = mallinfo2().uordblks;
}

static int is_loaded (const char *path) {
  void *library = path != NULL ? dlopen(path, RTLD_NOLOAD | RTLD_LAZY) : NULL;
  if (library != NULL) dlclose(library);
  return library != NULL;
}

/* Where the state found a C library, NULL if it did not; the caller's. */
static char *path_of (lua_State *L, const char *name) {
  char *path;
  lua_getglobal(L, "path_of");
  lua_pushstring(L, name);
  call(L, 1, 1);
  path = lua_isnil(L, -1) ? NULL : strdup(lua_tostring(L, -1));
  lua_pop(L, 1);
  return path;
}

static void again (const char *script) {
  Census before = {0}, after;
  char *ours = NULL, *theirs = NULL;
  int i;
  for (i = 0; i < ROUNDS; i++) {
    lua_State *L = state_new(script, i + 1);
    run(L, "live", i + 1);
    free(ours);
    free(theirs);
    ours = path_of(L, "luassl/core");
    theirs = path_of(L, "socket/core");
    lua_close(L);
    if (i == WARM_UP) census(&before);
  }
  census(&after);
  printf("descriptors %d\n", after.descriptors - before.descriptors);
  printf("indexes %d %d %d %d %d\n", after.bio_type - before.bio_type,
         after.ssl - before.ssl, after.context - before.context,
         after.x509 - before.x509, after.bio - before.bio);
  printf("bytes %ld\n", (long)after.bytes - (long)before.bytes);
  printf("loaded %d %d\n", is_loaded(ours), is_loaded(theirs));
  free(ours);
  free(theirs);
}

int main (int argc, char **argv) {
  if (argc != 3) complain("states turns|threads|again SCRIPT");
  if (strcmp(argv[1], "turns") == 0) turns(argv[2]);
  else if (strcmp(argv[1], "threads") == 0) threads(argv[2]);
  else if (strcmp(argv[1], "again") == 0) again(argv[2]);
  else complain(argv[1]);
  return 0;
}
