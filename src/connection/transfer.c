/*
** transfer.c -- application data of a connection: LuaSocket's receive
** patterns and send, the reference's read and write. Decrypted bytes wait in
** the connection's own buffer until they are a Lua string: whatever raises in
** between, none is lost.
*/

#include <math.h>
#include <string.h>

#include <openssl/err.h>

#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/outcome.h"
#include "connection/post_handshake.h"
#include "connection/record_size.h"
#include "connection/tickets.h"
#include "connection/transfer.h"
#include "connection/unsent.h"

/***
@page SSLSocket SSLObject
@group Reading and writing
*/

#define RECORD ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)
#define FAR ((size_t)-1 / 4)  /* behind any string; a lua_Integer too */

typedef enum PatternKind { COUNT, LINE, ALL } PatternKind;

typedef struct Pattern {
  PatternKind kind;
  size_t count;    /* COUNT: bytes wanted */
  size_t scanned;  /* LINE: bytes known to hold no line end */
  int prefixed;    /* by the string at index 3 */
} Pattern;

/* Begins an operation, unless it goes on behind the handshake: so says the
** argument at `index`. */
static void begin (lua_State *L, Connection *c, int index) {
  if (lua_gettop(L) < index || !method_goes_on(L, index))
    connection_begin_operation(c);
  c->want = 0;
}

static int is_ready (const Connection *c) {
  return c->established && c->ssl != NULL;
}

/* ---- reading ---- */

/* Decrypts what one record brings. */
Outcome transfer_fill (Connection *c) {
  unsigned char *room;
  size_t n = 0;
  int result;
  if (c->failed) return FAILED;
  if (c->read_shut) return CLOSED;
  if (c->decision.point != NOWHERE || c->request != NULL) {
    Outcome outcome = post_handshake_read(c);
    if (outcome != DONE) return outcome;
  }
  if (buffer_length(&c->bio.out) > 0) bio_flush(&c->bio);
  room = buffer_reserve(&c->plain, RECORD);
  if (room == NULL) {
    c->bio.no_memory = c->failed = 1;
    return FAILED;
  }
  errors_clear();
  c->busy = 1;
  result = SSL_read_ex(c->ssl, room, RECORD, &n);
  c->busy = 0;
  if (result <= 0) return connection_outcome(c, result);
  c->plain.last += n;
  c->returns = -1;
  c->bio.idle = 0;
  return DONE;
}

static int satisfied (const Connection *c, Pattern *p) {
  size_t length = buffer_length(&c->plain);
  const unsigned char *start = buffer_start(&c->plain);
  if (p->kind == ALL) return 0;
  if (p->kind == COUNT)  /* 0 waits for something to come, as LuaSocket's */
    return length >= (p->count > 0 ? p->count : 1);
  if (length > p->scanned) {
    const unsigned char *end = memchr(start + p->scanned, '\n',
                                      length - p->scanned);
    p->scanned = end != NULL ? (size_t)(end - start) : length;
    return end != NULL;
  }
  return 0;
}

/* Waits in the middle of SSL_read: 1: try again. Giving up and coming back
** would cost a fifth of a small message. */
static int wait_more (void *owner) {
  Connection *c = owner;
  if (!connection_wait(c, WANT_READ, c->deadline)) return 0;
  if (buffer_length(&c->bio.out) > 0) bio_flush(&c->bio);
  return c->bio.read_error == 0;
}

static Outcome gather (Connection *c, Pattern *p) {
  while (!satisfied(c, p)) {
    Outcome outcome;
    c->bio.owner = c;
    c->bio.wait = wait_more;
    outcome = transfer_fill(c);
    c->bio.wait = NULL;
    if (outcome == WAIT) {
      if (buffer_length(&c->plain) == 0) buffer_free(&c->plain);
      if (!connection_wait(c, WANT_READ, c->deadline)) return WAIT;
    }
    else if (outcome == HELD) return WAIT;
    else if (outcome != DONE) return outcome;
    else if (connection_expired(c)) return satisfied(c, p) ? DONE : WAIT;
  }
  return DONE;
}

static void count_pattern (lua_State *L, int index, Pattern *p) {
  lua_Number n = lua_tonumber(L, index);
  luaL_argcheck(L, n >= 0, index, "invalid receive pattern");
  p->kind = COUNT;
  p->count = n < (lua_Number)FAR ? (size_t)n : FAR;
}

/* No number begins as the names do: they are not tried as one. */
static void check_pattern (lua_State *L, int index, Pattern *p) {
  int type = lua_type(L, index);
  const char *s = "l";
  p->count = p->scanned = 0;
  p->prefixed = 0;
  if (type == LUA_TNUMBER) {
    count_pattern(L, index, p);
    return;
  }
  if (type != LUA_TNONE && type != LUA_TNIL) s = luaL_checkstring(L, index);
  if (*s == '*') s++;
  else if (*s != 'l' && *s != 'a' && lua_isnumber(L, index)) {
    count_pattern(L, index, p);
    return;
  }
  luaL_argcheck(L, *s == 'l' || *s == 'a', index, "invalid receive pattern");
  p->kind = *s == 'l' ? LINE : ALL;
}

/* Adds bytes without the carriage returns among them. */
static void add_line (luaL_Buffer *b, const char *line, size_t size) {
  while (size > 0) {
    const char *stop = memchr(line, '\r', size);
    size_t n = stop != NULL ? (size_t)(stop - line) : size;
    luaL_addlstring(b, line, n);
    if (stop != NULL) n++;
    line += n;
    size -= n;
  }
}

/* Takes out of the buffer what has become a Lua string. */
static void take_plain (Connection *c, size_t taken) {
  buffer_consume(&c->plain, taken);
  c->counted.received += (double)taken;
  if (buffer_length(&c->plain) == 0) buffer_free(&c->plain);
}

/* Pushes `size` decrypted bytes behind the prefix, then takes `taken` bytes
** out of the buffer: a string that cannot be made takes nothing. */
static void push_plain (lua_State *L, Connection *c, const Pattern *p,
                        size_t size, size_t taken) {
  const char *data = "";
  if (size > 0) data = (const char *)buffer_start(&c->plain);
  if (p->kind == LINE && size > 0 && data[size - 1] == '\r') size--;
  if (p->kind == LINE && size > 0 && memchr(data, '\r', size) != NULL) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    add_line(&b, data, size);
    luaL_pushresult(&b);
  }
  else lua_pushlstring(L, data, size);
  if (p->prefixed) {
    lua_pushvalue(L, 3);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  take_plain(c, taken);
}

/* 1 and the next line, if it is there already, whole: as push_plain does it,
** without all that a line does not need. */
static int push_line (lua_State *L, Connection *c) {
  const char *start, *end;
  size_t size;
  start = (const char *)buffer_start(&c->plain);
  end = memchr(start, '\n', buffer_length(&c->plain));
  if (end == NULL) return 0;
  size = (size_t)(end - start);
  if (size > 0 && start[size - 1] == '\r') size--;
  if (c->returns < 0)
    c->returns = memchr(start, '\r', buffer_length(&c->plain)) != NULL;
  if (c->returns && memchr(start, '\r', size) != NULL) return 0;
  c->want = 0;
  lua_pushlstring(L, start, size);
  take_plain(c, (size_t)(end - start) + 1);
  return 1;
}

/* Whether receive's arguments ask for a line and nothing else. */
static int wants_line (lua_State *L) {
  int top = lua_gettop(L);
  const char *s;
  if (top < 2) return 1;
  if (top > 2 || lua_type(L, 2) != LUA_TSTRING) return 0;
  s = lua_tostring(L, 2);
  return *s == '*' ? s[1] == 'l' : *s == 'l';
}

/* LuaSocket's methods have three results, whatever comes. */
static int success (lua_State *L) {
  lua_pushnil(L);
  lua_pushnil(L);
  return 3;
}

static int push_received (lua_State *L, Connection *c, const Pattern *p) {
  size_t length = buffer_length(&c->plain);
  if (p->kind == LINE) push_plain(L, c, p, p->scanned, p->scanned + 1);
  else if (p->kind == ALL) push_plain(L, c, p, length, length);
  else push_plain(L, c, p, p->count, p->count);
  return success(L);
}

/* Nil, why, and what came until then. */
static int push_partial (lua_State *L, Connection *c, const Pattern *p,
                         Outcome outcome, const char *operation) {
  outcome_push(L, c, outcome, operation, 0);
  push_plain(L, c, p, buffer_length(&c->plain), buffer_length(&c->plain));
  return 3;
}

/***
Reads as LuaSocket's `receive`.
@function receive
@tparam[opt="*l"] string|integer pattern `"*l"` a line, without its line end
and carriage returns; `"*a"` all until the end; or a number of bytes (0 waits
until something has come). The star may be left out.
@tparam[opt=""] string prefix put in front of the result; counts for a number
@treturn[1] string data
@treturn[2] nil
@treturn[2] string|SSLError `"timeout"`, `"closed"`, or a failure (an
SSLObject: `"wantread"`, `"wantwrite"`)
@treturn[2] string what came until then, behind the prefix
@raise when `pattern` is none of these
@source LuaSocket, tcp; SSL_read_ex(3)
@usage local line, err, partial = conn:receive("*l")
local body = conn:receive(1024)
*/
static int transfer_receive (lua_State *L, Connection *c) {
  Pattern p;
  size_t prefix = 0;
  Outcome outcome;
  if (buffer_length(&c->plain) > 0 && wants_line(L) && push_line(L, c))
    return success(L);
  check_pattern(L, 2, &p);
  if (lua_gettop(L) > 2 && !lua_isnil(L, 3)) luaL_checklstring(L, 3, &prefix);
  p.prefixed = prefix > 0;
  begin(L, c, 4);
  if (p.kind == COUNT && p.prefixed) {
    if (p.count <= prefix) {
      lua_pushvalue(L, 3);
      return success(L);
    }
    p.count -= prefix;
  }
  if (!is_ready(c)) return METHOD_UNREADY;
  outcome = gather(c, &p);
  if (outcome == ASK) return METHOD_UNREADY;
  if (outcome == TRUNCATED && c->options.suppress_ragged_eofs) outcome = CLOSED;
  if (p.kind == ALL && outcome == CLOSED && buffer_length(&c->plain) > 0)
    outcome = DONE;
  if (outcome != DONE) return push_partial(L, c, &p, outcome, "receive");
  return push_received(L, c, &p);
}

/* A refused receive answers its prefix: so far nothing else has come. */
static void push_prefix (lua_State *L) {
  if (lua_isstring(L, 3)) lua_pushvalue(L, 3);
  else lua_pushliteral(L, "");
}

/***
Reads up to `nbytes` bytes, at least one, as Python's `read`.
@function read
@tparam[opt=1024] integer nbytes most bytes to return; 0 returns `""`
@treturn[1] string data
@treturn[2] nil
@treturn[2] string|SSLError `"closed"` at the end, `"timeout"`, at timeout 0
`"wantread"` or `"wantwrite"`, or a failure
@raise when `nbytes` is no integer or below 0
@source SSL_read_ex(3)
@usage local data, err = conn:read(4096)
while data do
  io.write(data)
  data, err = conn:read(4096)
end
*/
static int transfer_read (lua_State *L, Connection *c) {
  lua_Integer nbytes = luaL_optinteger(L, 2, 1024);
  Pattern p = { COUNT, 1, 0, 0 };
  Outcome outcome;
  size_t length;
  luaL_argcheck(L, nbytes >= 0, 2, "must not be negative");
  begin(L, c, 3);
  if (!is_ready(c)) return METHOD_UNREADY;
  if (nbytes == 0) {
    lua_pushliteral(L, "");
    lua_pushnil(L);
    return 2;
  }
  outcome = gather(c, &p);
  if (outcome == ASK) return METHOD_UNREADY;
  if (outcome != DONE) return outcome_push(L, c, outcome, "read", 1);
  length = buffer_length(&c->plain);
  if (nbytes < (lua_Integer)length) length = (size_t)nbytes;
  push_plain(L, c, &p, length, length);
  lua_pushnil(L);
  return 2;
}

/* ---- writing ---- */

/* Sends what is queued: DONE, WAIT, or BROKEN for a transport that takes no
** more. */
Outcome transfer_flush (Connection *c) {
  for (;;) {
    int flushed = bio_flush(&c->bio);
    if (flushed != 0) return flushed > 0 ? DONE : BROKEN;
    if (!connection_wait(c, 0, c->deadline)) return WAIT;
  }
}

/* What a send is about, and how far it has come. */
typedef struct Sending {
  const char *text;
  size_t first, end;  /* the part of it */
  size_t position;    /* up to here it is encrypted */
} Sending;

/* Encrypts the next records, as many as leave in one go: each alone, so that
** unsent.c knows where it ends. */
static Outcome encrypt (lua_State *L, Connection *c, Sending *s) {
  size_t left = s->end - s->position, record = c->record;
  Outcome outcome = DONE;
  if (c->options.record_size == RECORD_DYNAMIC) record = record_size_next(c);
  if (left > record * (QUEUE_OUT_MAX / RECORD))
    left = record * (QUEUE_OUT_MAX / RECORD);
  if (left > RECORD)  /* at once: growing would copy */
    buffer_reserve(&c->bio.out, left + left / 64);
  c->bio.corked = tickets_issue(c) || left > record;
  c->busy = 1;
  unsent_begin(L, c, s->position);
  while (outcome == DONE && left > 0) {
    size_t n = 0;
    outcome = connection_outcome(c, SSL_write_ex(c->ssl, s->text + s->position,
                                                 left < record ? left : record,
                                                 &n));
    s->position += n;
    left -= n;
    if (n > 0) unsent_mark(c, s->position);
  }
  c->busy = 0;
  c->bio.corked = 0;
  return outcome;
}

/* Encrypts and sends. No new plaintext while ciphertext waits. */
static Outcome deliver (lua_State *L, Connection *c, Sending *s) {
  size_t began = s->position;
  for (;;) {
    Outcome outcome;
    size_t before = s->position;
    if (c->failed) return FAILED;
    if (c->write_shut) return CLOSED;
    if (buffer_length(&c->bio.out) > 0 || c->bio.write_error != 0) {
      outcome = transfer_flush(c);
      if (outcome != DONE) return outcome;
    }
    if (s->position == s->end) return DONE;
    if (s->position > began && connection_expired(c)) return WAIT;
    if (c->decision.point != NOWHERE || c->request != NULL) {
      outcome = post_handshake_settle(c);
      if (outcome != DONE) return outcome;
    }
    errors_clear();
    outcome = encrypt(L, c, s);
    c->counted.sent += (double)(s->position - before);
    c->burst += (double)(s->position - before);
    if (c->bio.write_error != 0) return BROKEN;  /* it went nowhere */
    if (outcome == WAIT) {
      bio_flush(&c->bio);
      if (connection_wait(c, WANT_READ, c->deadline)) continue;
    }
    if (outcome != DONE) return outcome;
  }
}

/* A transport that takes no more: one read finds out whether the peer has
** closed or said why in an alert; data that it finds waits to be read. */
int transfer_push_unsent (lua_State *L, Connection *c, Outcome outcome,
                          const char *operation, int native) {
  if (outcome == BROKEN && c->bio.write_error != 0) {
    outcome = transfer_fill(c);
    if (outcome != FAILED && outcome != CLOSED
        && !(outcome == TRUNCATED && c->options.suppress_ragged_eofs))
      return errors_syscall(L, operation, c->bio.write_error);
  }
  return outcome_push(L, c, outcome, operation, native);
}

/* LuaSocket's string positions: 1-based, negative from the end. */
static lua_Number position (lua_State *L, int index, size_t size, int absent) {
  lua_Number i = luaL_optnumber(L, index, absent);
  return floor(i < 0 ? i + (lua_Number)size + 1 : i);
}

/* The part of the string at index 2 that send's arguments choose. */
static void check_slice (lua_State *L, Sending *s) {
  size_t size;
  lua_Number first, last;
  s->text = luaL_checklstring(L, 2, &size);
  s->first = 0;
  s->end = size;
  if (lua_gettop(L) == 2) return;
  first = position(L, 3, size, 1);
  last = position(L, 4, size, -1);
  if (!(first >= 1)) first = 1;
  if (first > (lua_Number)FAR) first = (lua_Number)FAR;
  if (!(last <= (lua_Number)size)) last = (lua_Number)size;
  s->first = s->end = (size_t)(first - 1);
  if (first <= last) s->end = (size_t)last;
}

static void push_before (lua_State *L) {
  Sending s;
  check_slice(L, &s);
  lua_pushinteger(L, (lua_Integer)s.first);
}

static void push_zero (lua_State *L) {
  lua_pushinteger(L, 0);
}

/* Sends; how far it came, as those who send can know it. */
static size_t send_part (lua_State *L, Connection *c, Sending *s,
                         Outcome *outcome) {
  size_t index;
  if (c->link == NULL) {  /* its bytes are its caller's to drain */
    s->position = s->first;
    *outcome = deliver(L, c, s);
    return s->position;
  }
  s->position = unsent_match(L, c, s->text, s->first, s->end);
  *outcome = deliver(L, c, s);
  index = unsent_tell(L, c, s->first, s->end, *outcome == DONE);
  if (*outcome != WAIT || index < s->end || index == s->first) return index;
  *outcome = DONE;  /* what waits is a message behind it, a key update */
  return unsent_tell(L, c, s->first, s->end, 1);
}

/***
Sends a string or part of it, as LuaSocket's `send`. At a timeout and after a
failure the index counts the records that the system took whole. Go on behind
it, or send the same again: what was encrypted already is not sent twice. Send
something else, and what was encrypted goes out before it.
@function send
@tparam string data of any bytes
@tparam[opt=1] integer first index of the first byte to send; negative counts
from the end
@tparam[opt=-1] integer last index of the last byte to send
@treturn[1] integer index of the last byte sent
@treturn[2] nil
@treturn[2] string|SSLError `"timeout"`, `"closed"`, or a failure (an
SSLObject: `"wantread"`, `"wantwrite"`)
@treturn[2] integer index of the last byte sent; an SSLObject's: encrypted
@raise when `data` is not a string
@source LuaSocket, tcp; SSL_write_ex(3)
@usage local data, first = ("x"):rep(100000), 1
repeat
  local last, err, sent = conn:send(data, first)
  first = (last or sent) + 1
until last or err ~= "timeout"
*/
static int transfer_send (lua_State *L, Connection *c) {
  Sending s;
  Outcome outcome;
  size_t index;
  check_slice(L, &s);
  begin(L, c, 5);
  if (!is_ready(c)) return METHOD_UNREADY;
  index = send_part(L, c, &s, &outcome);
  if (outcome == ASK) return METHOD_UNREADY;
  if (outcome != DONE) transfer_push_unsent(L, c, outcome, "send", 0);
  lua_pushinteger(L, (lua_Integer)index);
  return outcome == DONE ? success(L) : 3;
}

/***
Sends all of a string, as Python's `write`.
@function write
@tparam string data of any bytes
@treturn[1] integer bytes written: all, at timeout 0 as many as have left
@treturn[2] nil
@treturn[2] string|SSLError `"closed"`, `"timeout"`, at timeout 0 `"wantread"`
or `"wantwrite"` when none has, or a failure
@treturn[2] integer bytes written until then
@raise when `data` is not a string
@source SSL_write_ex(3)
@usage assert(conn:write("hello\n"))
*/
static int transfer_write (lua_State *L, Connection *c) {
  Sending s;
  Outcome outcome;
  size_t written;
  s.text = luaL_checklstring(L, 2, &s.end);
  s.first = 0;
  begin(L, c, 3);
  if (!is_ready(c)) return METHOD_UNREADY;
  written = send_part(L, c, &s, &outcome);
  if (outcome == ASK) return METHOD_UNREADY;
  if ((outcome == WAIT || outcome == HELD) && written > 0 && c->deadline == 0)
    outcome = DONE;
  if (outcome != DONE) transfer_push_unsent(L, c, outcome, "write", 1);
  lua_pushinteger(L, (lua_Integer)written);
  return outcome == DONE ? success(L) : 3;
}

/* gather(connection [, pattern [, prefix [, scanned]]]): true and nil where
** `receive` has what it asks for, true and "closed" or "failed" behind the end;
** nil, "wantread" or "wantwrite", and how many bytes are known to hold no line
** end; nil and PENDING where a hook comes first. Nothing leaves the buffer: who
** is ended while it waits has lost none. */
static int primitive_gather (lua_State *L, Connection *c) {
  Pattern p;
  size_t prefix = 0;
  Outcome outcome = DONE;
  check_pattern(L, 2, &p);
  if (lua_gettop(L) > 2 && !lua_isnil(L, 3)) luaL_checklstring(L, 3, &prefix);
  p.scanned = (size_t)luaL_optnumber(L, 4, 0);
  connection_begin_operation(c);
  if (p.kind == COUNT && prefix > 0)
    p.count = p.count > prefix ? p.count - prefix : 0;
  if (c->closed) outcome = CLOSED;
  else if (!is_ready(c)) outcome = FAILED;
  else if (p.kind != COUNT || p.count > 0 || prefix == 0)
    outcome = gather(c, &p);
  if (outcome == WAIT) {
    outcome_push(L, c, WAIT, "receive", 0);
    lua_pushnumber(L, (lua_Number)p.scanned);
    return 3;
  }
  if (outcome == TRUNCATED && c->options.suppress_ragged_eofs) outcome = CLOSED;
  if (outcome == ASK) lua_pushnil(L);
  else lua_pushboolean(L, 1);
  if (outcome == ASK) method_push_pending(L);
  else if (outcome == DONE) lua_pushnil(L);
  else lua_pushstring(L, outcome == CLOSED ? "closed" : "failed");
  return 2;
}

/* Adds what streams need to the table at the top. [-0, +0, m] */
void transfer_primitives (lua_State *L) {
  static const Method primitives[] = {
    {"gather", primitive_gather, CHANGES, NULL},
    {NULL, NULL, CHANGES, NULL}
  };
  method_add(L, primitives, 0, 0);
}

void transfer_methods (lua_State *L, int metatable, int shared) {
  static const First read = { 2, 3, 1, NULL };
  static const First receive = { 3, 4, 0, push_prefix };
  static const First send = { 3, 5, 0, push_before };
  static const First write = { 3, 3, 1, push_zero };
  static const Method methods[] = {
    {"read", transfer_read, CHANGES, &read},
    {"receive", transfer_receive, CHANGES, &receive},
    {"send", transfer_send, CHANGES, &send},
    {"write", transfer_write, CHANGES, &write},
    {NULL, NULL, CHANGES, NULL}
  };
  method_add(L, methods, metatable, shared);
}
