/*
** process.c -- for the specs alone: starts peers that hold none of our
** descriptors (an inherited socket would keep a connection open that we
** closed) and that end when we end, however that happens. Between vfork and exec
** a child has our memory, and changes nothing in it: to copy a process that a
** sanitizer watches takes 10 ms.
*/
#define _GNU_SOURCE  /* vfork, close_range */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

enum { ARGUMENTS = 128 };

static int failed (lua_State *L, const char *what) {
  return luaL_error(L, "%s: %s", what, strerror(errno));
}

static void close_others (void) {
  int fd;
  if (close_range(3, ~0U, 0) == 0) return;
  for (fd = 3; fd < 4096; fd++) close(fd);
}

static void child (char *const *argv, const char *output, const char *where,
                   int input) {
  int null = open("/dev/null", O_RDONLY);
  int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  prctl(PR_SET_PDEATHSIG, SIGTERM);  /* `timeout` passes it on */
  signal(SIGPIPE, SIG_DFL);          /* LuaSocket ignores it */
  if (out < 0 || null < 0 || chdir(where) != 0) _exit(126);
  if (dup2(input < 0 ? null : input, 0) < 0 || dup2(out, 1) < 0 ||
      dup2(out, 2) < 0) {
    _exit(126);
  }
  close_others();
  execvp(argv[0], argv);
  _exit(127);
}

static void check_arguments (lua_State *L, int index,
                             const char *argv[ARGUMENTS]) {
  int i;
  luaL_checktype(L, index, LUA_TTABLE);
  for (i = 0; i < ARGUMENTS; i++) {
    lua_rawgeti(L, index, i + 1);
    argv[i] = lua_isnil(L, -1) ? NULL : luaL_checkstring(L, -1);
    lua_pop(L, 1);  /* the table holds it */
    if (argv[i] == NULL) return;
  }
  luaL_argerror(L, index, "too many arguments");
}

/* spawn(argv, output, directory, piped): pid[, descriptor of its input] */
static int process_spawn (lua_State *L) {
  const char *argv[ARGUMENTS];
  const char *output = luaL_checkstring(L, 2);
  const char *where = luaL_optstring(L, 3, ".");
  int ends[2] = {-1, -1};
  pid_t pid;
  check_arguments(L, 1, argv);
  if (lua_toboolean(L, 4)) {
    if (pipe(ends) != 0) return failed(L, "pipe");
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  }
  pid = vfork();
  if (pid == 0) child((char *const *)argv, output, where, ends[0]);
  if (ends[0] >= 0) close(ends[0]);
  if (pid < 0) {
    if (ends[1] >= 0) close(ends[1]);
    return failed(L, "vfork");
  }
  lua_pushinteger(L, pid);
  if (ends[1] < 0) return 1;
  lua_pushinteger(L, ends[1]);
  return 2;
}

/* write(descriptor, bytes): whether all of it went */
static int process_write (lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  while (size > 0) {
    ssize_t count = write(fd, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    bytes += count;
    size -= (size_t)count;
  }
  lua_pushboolean(L, size == 0);
  return 1;
}

static int process_close (lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

/* kill(pid, "TERM" | "KILL" | "STOP" | "CONT") */
static int process_kill (lua_State *L) {
  static const char *const names[] = {"TERM", "KILL", "STOP", "CONT", NULL};
  static const int signals[] = {SIGTERM, SIGKILL, SIGSTOP, SIGCONT};
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  int which = luaL_checkoption(L, 2, "TERM", names);
  luaL_argcheck(L, pid > 1, 1, "not one process");  /* -1: all there are */
  lua_pushboolean(L, kill(pid, signals[which]) == 0);
  return 1;
}

/* wait(pid, seconds): exit status (128 + signal), nil if it still runs */
static int process_wait (lua_State *L) {
  static const struct timespec pause = {0, 2000000};
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  long rounds = (long)(luaL_checknumber(L, 2) * 500);
  int status;
  for (;;) {
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) break;
    if (ended < 0 && errno != EINTR) return failed(L, "waitpid");
    if (rounds-- <= 0) return 0;
    nanosleep(&pause, NULL);
  }
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status)
                                       : 128 + WTERMSIG(status));
  return 1;
}

/* chdir(directory) */
static int process_chdir (lua_State *L) {
  if (chdir(luaL_checkstring(L, 1)) != 0) return failed(L, "chdir");
  return 0;
}

/* setenv(name, value | nil) */
static int process_setenv (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const char *value = luaL_optstring(L, 2, NULL);
  if ((value ? setenv(name, value, 1) : unsetenv(name)) != 0)
    return failed(L, "setenv");
  return 0;
}

/* alarm(seconds): ends this process unless it is called again in time */
static int process_alarm (lua_State *L) {
  alarm((unsigned)luaL_checkinteger(L, 1));
  return 0;
}

static void *thread (void *data) {
  lua_State *L = data;
  lua_pushboolean(L, lua_pcall(L, lua_gettop(L) - 1, 0, 0) == 0);
  return NULL;
}

/* thread(function, ...): calls it in another thread, while this one waits;
** raises what it raises. */
static int process_thread (lua_State *L) {
  pthread_t id;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checkstack(L, 4, "thread");
  if (pthread_create(&id, NULL, thread, L) != 0) return failed(L, "thread");
  pthread_join(id, NULL);
  if (lua_toboolean(L, -1)) return 0;
  lua_pop(L, 1);
  return lua_error(L);
}

static const luaL_Reg functions[] = {
  {"alarm", process_alarm},
  {"chdir", process_chdir},
  {"close", process_close},
  {"kill", process_kill},
  {"setenv", process_setenv},
  {"spawn", process_spawn},
  {"thread", process_thread},
  {"wait", process_wait},
  {"write", process_write},
  {NULL, NULL},
};

int luaopen_luassl_process (lua_State *L);

int luaopen_luassl_process (lua_State *L) {
  const luaL_Reg *function;
  lua_newtable(L);
  for (function = functions; function->name != NULL; function++) {
    lua_pushcfunction(L, function->func);
    lua_setfield(L, -2, function->name);
  }
  return 1;
}
