/*
** oom.c -- for the specs alone: lives whole lives again and again, and in
** each one other allocation fails: Lua's one by one, then every n-th of
** OpenSSL's and each of the last ones, where connections are. Whatever fails,
** nothing may crash, hang, leak or give a wrong answer: Lua's and OpenSSL's
** memory, SSL, SSL_CTX and X509 objects and descriptors are counted when the
** Lua state has been closed.
**
** usage: oom SCRIPT [step of Lua's [step of OpenSSL's [life,... | -life,...]]]
** -life,...: all others.
** The script returns a table of functions, each a life; it may call
**   spare(f, ...)  calls f, in which nothing fails
**   again(f, ...)  calls f, and once more if it raised for want of memory and
**                  this sweep goes on after a failure
** and raises the global `ended` to end a life before its time. Its global
** function `settle` is called before each life's sweep. Each life is
** swept three times for Lua and once for OpenSSL:
**   collect  an allocation fails once: Lua collects garbage and tries again
**   abandon  it fails for good: the life ends there
**   retry    the same, but `again` goes on
** What a life does before the allocation that fails is lived once for all of
** them: see `branch`.
*/

#define _GNU_SOURCE  /* MAP_ANONYMOUS */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define PATIENCE 30  /* seconds for one life; a sanitizer is slow */
#define JOBS 2
#define MOST 1000000  /* allocations of a life */
#define DENSE 9400  /* by the step: of so many of OpenSSL's last allocations
                    ** none is passed over; 200 at every 47th */

/* Allocations that are asked for, one of which is to fail. */
typedef struct Memory {
  long live;     /* blocks */
  long count;    /* requests so far */
  long fail_at;  /* fails from this request on, -1: none does */
  int failures;  /* how often it still fails */
  long branch_at;  /* before this request the life branches, -1: it does not */
} Memory;

static Memory of_lua = {0, 0, -1, 0, -1}, of_openssl = {0, 0, -1, 0, -1};
static int spared = 1;  /* above 0: nothing fails now */
static long objects[3];
static int warned;      /* Lua could not call a finaliser */
static int retrying;

typedef enum Mode { COLLECT, ABANDON, RETRY, OPENSSL } Mode;

static const char *const mode_names[] = {
  "Lua's, collect", "Lua's, abandon", "Lua's, retry", "OpenSSL's"
};

/* What a life left behind; shared with the process that lived it. */
typedef struct Report {
  pid_t pid;  /* 0: nobody */
  long at;
  long lua_count, openssl_count;
  long lua_live, openssl_live, objects[3];
  int descriptors;
  int warned;
  char text[512];  /* what went wrong, "": nothing */
} Report;

static Report *reports;  /* the last is of a life that branches */
static Report *own;      /* of this process */
static int held;         /* descriptors when its life began */

/* ---- allocators ---- */

static void branch (Memory *m);

static int fails (Memory *m) {
  long n;
  if (spared) return 0;
  if (m->count == m->branch_at) branch(m);
  n = m->count++;
  if (m->fail_at < 0 || n < m->fail_at || m->failures == 0) return 0;
  m->failures--;
  return 1;
}

static void *lua_memory (void *ud, void *p, size_t old, size_t size) {
  void *q;
  (void)ud;
  if (size == 0) {
    if (p != NULL) of_lua.live--;
    free(p);
    return NULL;
  }
  if ((p == NULL || size > old) && fails(&of_lua)) return NULL;
  q = realloc(p, size);
  if (p == NULL && q != NULL) of_lua.live++;
  return q;
}

static void *openssl_malloc (size_t size, const char *file, int line) {
  void *p;
  (void)file;
  (void)line;
  if (fails(&of_openssl)) return NULL;
  p = malloc(size);
  if (p != NULL) of_openssl.live++;
  return p;
}

static void openssl_free (void *p, const char *file, int line) {
  (void)file;
  (void)line;
  if (p != NULL) of_openssl.live--;
  free(p);
}

static void *openssl_realloc (void *p, size_t size, const char *file,
                              int line) {
  if (p == NULL) return openssl_malloc(size, file, line);
  if (size == 0) {
    openssl_free(p, file, line);
    return NULL;
  }
  return fails(&of_openssl) ? NULL : realloc(p, size);
}

/* There is one thread, and it may branch where OpenSSL holds a lock. A child
** could not open that again: glibc takes it for somebody else's. */
int pthread_rwlock_rdlock (pthread_rwlock_t *lock) {
  (void)lock;
  return 0;
}

int pthread_rwlock_wrlock (pthread_rwlock_t *lock) {
  (void)lock;
  return 0;
}

int pthread_rwlock_unlock (pthread_rwlock_t *lock) {
  (void)lock;
  return 0;
}

/* ---- audit ---- */

static void on_new (void *parent, void *p, CRYPTO_EX_DATA *data, int index,
                    long kind, void *arg) {
  (void)parent;
  (void)p;
  (void)arg;
  spared++;
  if (CRYPTO_set_ex_data(data, index, &objects[kind])) objects[kind]++;
  spared--;
}

/* OpenSSL tells of the end of objects too that it never finished. */
static void on_free (void *parent, void *p, CRYPTO_EX_DATA *data, int index,
                     long kind, void *arg) {
  (void)parent;
  (void)data;
  (void)index;
  (void)arg;
  if (p == &objects[kind]) objects[kind]--;
}

static int descriptors (void) {
  int n = 0;
  DIR *directory = opendir("/proc/self/fd");
  if (directory == NULL) return -1;
  while (readdir(directory) != NULL) n++;
  closedir(directory);
  return n;
}

/* Lua calls a finaliser once: without memory for the call, never. */
static void on_warning (void *ud, const char *text, int more) {
  (void)ud;
  (void)more;
  if (strstr(text, "__gc") != NULL) warned = 1;
}

static void die (const char *what, const char *why) {
  fprintf(stderr, "oom: %s: %s\n", what, why);
  exit(1);
}

/* ---- what scripts call ---- */

static int script_spare (lua_State *L) {
  int status, before = spared;
  spared = 1;
  status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  spared = before;
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static int is_memory_error (lua_State *L, int status) {
  const char *text = lua_tostring(L, -1);
  return status == LUA_ERRMEM ||
         (text != NULL && strstr(text, "not enough memory") != NULL);
}

static int script_again (lua_State *L) {
  int i, status, n = lua_gettop(L);
  luaL_checkstack(L, n + 4, "again");
  for (i = 1; i <= n; i++) lua_pushvalue(L, i);
  if (retrying) {
    status = lua_pcall(L, n - 1, LUA_MULTRET, 0);
    if (status == LUA_OK) return lua_gettop(L) - n;
    if (!is_memory_error(L, status)) return lua_error(L);
    lua_settop(L, n);
    for (i = 1; i <= n; i++) lua_pushvalue(L, i);
  }
  lua_call(L, n - 1, LUA_MULTRET);
  return lua_gettop(L) - n;
}

/* ---- one life ---- */

/* What went wrong in the life that ended with `status`, into `text`. */
static void judge (lua_State *L, int status, char *text, size_t size) {
  if (status == LUA_OK && ERR_peek_error() != 0)
    snprintf(text, size, "left in the error queue: %s",
             ERR_reason_error_string(ERR_peek_error()));
  else if (status == LUA_ERRRUN && !is_memory_error(L, status)) {
    lua_getglobal(L, "ended");
    if (!lua_rawequal(L, -1, -2))
      snprintf(text, size, "%s", luaL_tolstring(L, -2, NULL));
  }
}

/* The life at the top of the stack; its report is the one that `own` is then. */
static void live (lua_State *L, Mode mode) {
  int status;
  held = descriptors();
  of_lua.count = of_openssl.count = 0;
  of_lua.fail_at = mode == OPENSSL ? -1 : own->at;
  of_openssl.fail_at = mode == OPENSSL ? own->at : -1;
  of_lua.failures = mode == COLLECT ? 1 : 2;  /* Lua asks twice */
  of_openssl.failures = 1;
  retrying = mode == RETRY;
  lua_pushstring(L, mode == OPENSSL ? "OpenSSL" : "Lua");
  spared = 0;
  status = lua_pcall(L, 1, 0, 0);
  spared = 1;
  judge(L, status, own->text, sizeof(own->text));
  ERR_clear_error();
  lua_close(L);
  OPENSSL_thread_stop();  /* the error queue keeps memory */
  own->lua_count = of_lua.count;
  own->openssl_count = of_openssl.count;
  own->lua_live = of_lua.live;
  own->openssl_live = of_openssl.live;
  memcpy(own->objects, objects, sizeof(objects));
  own->descriptors = descriptors() - held;
  own->warned = warned;
}

/* 0 in a process of its own, in which what it breaks is broken. */
static pid_t start (long at, Report *report) {
  pid_t pid;
  memset(report, 0, sizeof(*report));
  report->at = at;
  fflush(NULL);
  pid = fork();
  if (pid < 0) die("fork", strerror(errno));
  if (pid == 0) {
    alarm(PATIENCE);
    own = report;
  }
  else report->pid = pid;
  return pid;
}

static void complain (const Report *report, const char *what) {
  char label[64];
  snprintf(label, sizeof(label), "allocation %ld", report->at);
  fprintf(stderr, "oom: %s: %s\n", label, what);
}

/* X509 objects may be fewer: a life that ended before it verified anything has
** not parsed the system's. */
static int same_objects (const Report *report, const Report *normal) {
  return report->objects[0] == normal->objects[0]
         && report->objects[1] == normal->objects[1]
         && report->objects[2] <= normal->objects[2];
}

/* 1 if the life ended as it should. */
static int check (const Report *report, int status, const Report *normal) {
  char text[64];
  if (WIFSIGNALED(status)) {
    snprintf(text, sizeof(text), "ended by signal %d", WTERMSIG(status));
    complain(report, text);
  }
  else if (WEXITSTATUS(status) != 0) complain(report, "a sanitizer objects");
  else if (report->text[0] != '\0') complain(report, report->text);
  else if (report->warned) return 1;  /* what it lost is Lua's to answer for */
  else if (report->lua_live != normal->lua_live)
    complain(report, "leaks Lua's memory");
  else if (!same_objects(report, normal)) {
    snprintf(text, sizeof(text), "leaks %ld SSL, %ld SSL_CTX, %ld X509",
             report->objects[0] - normal->objects[0],
             report->objects[1] - normal->objects[1],
             report->objects[2] - normal->objects[2]);
    complain(report, text);
  }
  else if (report->openssl_live > normal->openssl_live)
    complain(report, "leaks OpenSSL's memory");
  else if (report->descriptors != 0) complain(report, "leaks a descriptor");
  else return 1;
  return 0;
}

/* ---- sweeps ---- */

/* What one sweep does; shared by its processes, as its sums are. */
typedef struct Sweep {
  Mode mode;
  long step, count;
  Report normal;
  int running;
  long lives;
  int bad, lost;
  char taken[MOST];  /* allocations that have failed */
} Sweep;

static Sweep *now;

/* Waits for a life. */
static void finish (void) {
  int i, status;
  pid_t pid = wait(&status);
  for (i = 0; i < JOBS && reports[i].pid != pid; i++) continue;
  if (i == JOBS) die("wait", strerror(errno));
  reports[i].pid = 0;
  now->running--;
  now->lost += reports[i].warned;
  if (!check(&reports[i], status, &now->normal)) now->bad++;
}

/* Starts one in which that allocation fails, once there is room for it. */
static pid_t start_next (long at) {
  Report *report = reports;
  if (now->running == JOBS) finish();
  while (report->pid != 0) report++;
  now->taken[at] = 1;
  now->lives++;
  now->running++;
  return start(at, report);
}

/* The allocation to fail after that `at`. */
static long next_of (long at) {
  long dense = now->mode == OPENSSL ? now->count - DENSE / now->step
                                    : now->count;
  if (at >= dense) return at + 1;
  return at + now->step < dense ? at + now->step : dense;
}

/* Called before an allocation that is to fail: it fails in a child, which lives
** on from here. Not while the life holds descriptors: they would be shared,
** with what has been read of them. Such a life has to begin anew. */
static void branch (Memory *m) {
  long at = m->count;
  alarm(PATIENCE);
  m->branch_at = next_of(at);
  if (descriptors() != held) return;
  if (start_next(at) != 0) return;
  m->branch_at = -1;
  m->fail_at = at;
}

/* A life in which nothing fails, but in its branches. */
static void branch_out (lua_State *L) {
  Memory *m = now->mode == OPENSSL ? &of_openssl : &of_lua;
  Report *report = &reports[JOBS];
  int status;
  pid_t pid = start(-1, report);
  if (pid == 0) {
    m->branch_at = 0;
    live(L, now->mode);
    if (own != report) _exit(0);
    while (now->running > 0) finish();
    _exit(0);
  }
  if (waitpid(pid, &status, 0) != pid) die("waitpid", strerror(errno));
  now->running = 0;  /* its children are not ours, should it have died */
  memset(reports, 0, JOBS * sizeof(Report));
  if (!check(report, status, &now->normal)) now->bad++;
}

/* How many lives ended badly. */
static int sweep (lua_State *L, Mode mode, long step, const Report *normal) {
  long at;
  memset(now, 0, sizeof(*now));
  now->mode = mode;
  now->step = step;
  now->count = mode == OPENSSL ? normal->openssl_count : normal->lua_count;
  now->normal = *normal;
  if (now->count > MOST) die("more allocations than", "MOST");
  branch_out(L);
  for (at = 0; at < now->count; at = next_of(at)) {
    if (now->taken[at] || start_next(at) != 0) continue;
    live(L, mode);
    _exit(0);
  }
  while (now->running > 0) finish();
  printf("  %s: %ld lives", mode_names[mode], now->lives);
  if (now->lost > 0)
    printf(", %d without memory to call a finaliser", now->lost);
  printf(now->bad > 0 ? ", %d BAD\n" : "\n", now->bad);
  return now->bad;
}

/* What the last lives left is no part of those that are looked at: objects
** that others' finalizers keep go a cycle later. */
static void collect (lua_State *L) {
  int i;
  for (i = 0; i < 4; i++) lua_gc(L, LUA_GCCOLLECT, 0);
}

/* Lives all lives once: what OpenSSL keeps for good is there then. */
static void warm_up (lua_State *L) {
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    const char *name = lua_tostring(L, -2);
    lua_pushliteral(L, "");
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) die(name, lua_tostring(L, -1));
    collect(L);
  }
}

/* The life on the stack's top, first with nothing that fails. */
static int sweep_life (lua_State *L, const char *name, const long *steps) {
  Report normal;
  Mode mode;
  int status, bad = 0;
  lua_getglobal(L, "settle");
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) die("settle", lua_tostring(L, -1));
  collect(L);
  if (start(-1, &reports[JOBS]) == 0) {
    live(L, COLLECT);
    _exit(0);
  }
  wait(&status);
  normal = reports[JOBS];
  printf("%s: %ld allocations of Lua's, %ld of OpenSSL's\n", name,
         normal.lua_count, normal.openssl_count);
  if (!check(&normal, status, &normal)) return 1;
  for (mode = COLLECT; mode <= OPENSSL; mode++) {
    long step = steps[mode == OPENSSL];
    if (step > 0) bad += sweep(L, mode, step, &normal);
  }
  return bad;
}

static lua_State *open_script (const char *script) {
  lua_State *L = lua_newstate(lua_memory, NULL);
  if (L == NULL) die("Lua", "no state");
  luaL_openlibs(L);
  lua_setwarnf(L, on_warning, NULL);
  lua_register(L, "spare", script_spare);
  lua_register(L, "again", script_again);
  lua_newtable(L);
  lua_setglobal(L, "ended");
  if (luaL_dofile(L, script)) die(script, lua_tostring(L, -1));
  luaL_checktype(L, -1, LUA_TTABLE);
  return L;
}

static void *share (size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("mmap", strerror(errno));
  return p;
}

static void open_audit (void) {
  static const int kinds[] = {
    CRYPTO_EX_INDEX_SSL, CRYPTO_EX_INDEX_SSL_CTX, CRYPTO_EX_INDEX_X509
  };
  int i;
  if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
                                openssl_free))
    die("OpenSSL", "has allocated already");
  for (i = 0; i < 3; i++)
    CRYPTO_get_ex_new_index(kinds[i], i, NULL, on_new, NULL, on_free);
  reports = share((JOBS + 1) * sizeof(Report));
  now = share(sizeof(Sweep));
}

static int is_listed (const char *name, const char *list) {
  size_t size = strlen(name);
  while (list != NULL) {
    if (strncmp(list, name, size) == 0
        && (list[size] == ',' || list[size] == '\0')) return 1;
    list = strchr(list, ',');
    if (list != NULL) list++;
  }
  return 0;
}

/* Whether the life is to be swept. */
static int is_wanted (const char *name, const char *which) {
  if (which == NULL) return 1;
  if (*which == '-') return !is_listed(name, which + 1);
  return is_listed(name, which);
}

int main (int argc, char **argv) {
  long steps[2] = {1, 31};
  int i, bad = 0;
  lua_State *L;
  if (argc < 2) die("usage", "oom script.lua [step [step [[-]life,...]]]");
  for (i = 0; i < 2 && i + 2 < argc; i++) steps[i] = atol(argv[i + 2]);
  open_audit();
  L = open_script(argv[1]);
  warm_up(L);
  warm_up(L);
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    const char *name = lua_tostring(L, -2);
    if (is_wanted(name, argc < 5 ? NULL : argv[4]))
      bad += sweep_life(L, name, steps);
    lua_settop(L, 2);
  }
  lua_close(L);
  if (bad > 0) printf("oom: %d lives ended badly\n", bad);
  return bad > 0;
}
