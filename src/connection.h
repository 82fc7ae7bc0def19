/*
** connection.h -- one TLS connection, whatever carries it: the part that
** SSLSocket and SSLObject have in common and begin with.
*/
#ifndef LUASSL_CONNECTION_H
#define LUASSL_CONNECTION_H

#include "context.h"
#include "failure.h"
#include "hostname.h"
#include "queue.h"
#include "transport.h"
#include "verification.h"

/* The uservalue of a connection is a table with these indexes. */
enum {
  UV_CONTEXT = 1, UV_FAILURE, UV_OBJECT, UV_OPTIONS, UV_ORIGINAL,
  UV_CHOICES, /* the context's options when it was wrapped, or chosen */
  UV_ASKED,   /* the coroutine in which a hook runs */
  UV_THREAD,  /* that of `call.L`, if it is a coroutine */
  UV_FACE,    /* what hooks are given for an SSLObject; nil: itself */
  UV_BROKEN,  /* what an SSLObject's transport ended with */
  UV_UNSENT,  /* the text of a send that was not told to have left */
  UV_LAST = UV_UNSENT
};

/* The field of the metatables that runs a handshake. */
#define CONNECTION_FIRST "luassl.handshake"

typedef struct Connection Connection;
typedef struct Shared Shared;

/* What carries all connections of one type; NULL: nothing waits. */
typedef struct Link {
  Carrier carrier;
  int (*wait) (Connection *c, int events, double deadline);
  double (*deadline) (Connection *c);  /* of an operation that begins */
  int (*peer) (Connection *c, Name *name);  /* 0 or -errno */
  void (*tune) (Connection *c);        /* after the policy has changed */
  void (*close) (lua_State *L, Connection *c);  /* without waiting */
  void (*release) (Connection *c);     /* lets the transport go */
} Link;

/* A stop at which Lua decides; made anew for each. */
typedef enum Point { NOWHERE, AT_CLIENT_HELLO, AT_CERTIFICATE, AT_VERIFY } Point;

typedef struct Decision {
  Point point;           /* NOWHERE: none is awaited */
  int asked;             /* Lua was told, and has not answered */
  Answer answer;
  int alert;             /* of a refusal; -1: OpenSSL's choice */
  double deadline;       /* of the operation that was stopped */
  unsigned long thread;  /* whose stack a paused job returns to */
  lua_State *inside;     /* where a hook may run inside OpenSSL's call */
  int entered;           /* it does */
} Decision;

/* What a ClientHello leads to. */
typedef struct Choice {
  int named;                /* its name is known */
  int made;                 /* another context, or none, for good */
  Answer answer;            /* on_client_hello's */
  int alert;
  struct Hello *hello;      /* owned; until it is decided upon */
  unsigned char *protocol;  /* owned: on_client_hello's, after its length */
} Choice;

/* How far the records of the last send have come: see unsent.c. All but
** `shift` are offsets in its text. */
#define UNSENT_MARKS 8

typedef struct Unsent {
  int kept;           /* UV_UNSENT holds the text */
  size_t start;       /* where that send began */
  size_t told;        /* up to here its sender knows that it has left */
  size_t base, end;   /* what was encrypted last */
  int count;
  struct {
    size_t position;    /* of the text, at the end of the record */
    uint64_t accepted;  /* the queue's, there */
  } marks[UNSENT_MARKS];
  ptrdiff_t shift;    /* from there to the text of a send that goes on */
} Unsent;

/* The call that works on the connection. */
typedef struct Call {
  lua_State *L;  /* NULL: none; a call that raised leaves it behind */
  int closing;   /* `close` was called meanwhile */
} Call;

struct Connection {
  Call call;
  const lua_State *main;      /* the main thread, if it has called */
  const Link *link;           /* shared; NULL in an SSLObject */
  SSL_CTX *context;           /* owned: what the SSL will be made from */
  SSL *ssl;                   /* owned; NULL before the first step, after
                              ** close */
  Shared *shared;             /* borrowed: entry.c's; NULL: not yet */
  Failure *failure;           /* owned: for the next try, if this one's error
                              ** finds no memory; NULL: none */
  Queue queue;
  Bytes plain;                /* decrypted and not yet given out */
  const Policy *policy;       /* borrowed from the SSL_CTX */
  ConnectionOptions options;  /* its own */
  Decision decision;
  Choice choice;
  Answer certificate;         /* on_certificate's for this request */
  int own_choice;             /* it was asked, ever */
  Verification verification;  /* the newest */
  Unsent unsent;
  size_t tickets;             /* a server's, to send with its first data */
  SSL_SESSION *session;       /* owned: the newest a client got; or NULL */
  unsigned char binding[DIGEST_SIZE];  /* what its sessions are bound to */
  int bound;                  /* that is known */
  Hostname name;              /* a client's peer's, a server's own by SNI */
  double deadline;            /* of the running operation */
  double handshake_began;     /* 0: not yet */
  double received, sent;      /* bytes of application data */
  double allowance;           /* of messages behind the handshake: limits.c */
  double allowed_at;
  int carried;                /* it has a transport, or needs none */
  int busy;                   /* OpenSSL reads or writes application data */
  int late;                   /* the last operation's time was up */
  int returns;                /* carriage returns in `plain`, -1: unknown */
  int want;                   /* TRANSPORT_* events it last waited for */
  int alert, alert_sent;      /* the last one, -1: none */
  int broken;                 /* the transport's end was an error: UV_BROKEN */
  int closed;                 /* by us, for good */
  int established;
  int failed;                 /* TLS is over; UV_FAILURE says why */
  int read_shut, write_shut;  /* by our shutdown */
};

typedef enum Outcome {
  DONE,       /* what was asked for */
  WAIT,       /* not now: see `want` */
  ASK,        /* Lua has to decide: see `decision` */
  CLOSED,     /* the peer's close_notify, or our own end */
  TRUNCATED,  /* the transport ended without it */
  BROKEN,     /* a transport error */
  FAILED      /* a TLS error */
} Outcome;

#pragma GCC visibility push(hidden)

/* connection.c: life. `check` is for methods, whose upvalue 1 is the
** metatable; `any` takes both types at `index`. */
Connection *connection_check (lua_State *L);
Connection *connection_any (lua_State *L, int index);
void connection_init (Connection *c, const Link *link);
void connection_options (lua_State *L, ConnectionOptions *own,
                         const Policy *policy, int options);
int connection_read_name (lua_State *L, Hostname *hostname, const char *name,
                          size_t size);
void connection_begin (Connection *c);
Outcome connection_outcome (Connection *c, int result);
int connection_wait (Connection *c, int events, double deadline);
int connection_expired (const Connection *c);
int connection_push (lua_State *L, Connection *c, Outcome outcome,
                     const char *operation, int native);
int connection_push_broken (lua_State *L, Connection *c,
                            const char *operation);
int connection_push_failure (lua_State *L, Connection *c,
                             const char *operation);
int connection_keep_failure (lua_State *L, Connection *c);
const char *connection_state (const Connection *c);
void connection_close (lua_State *L, Connection *c);
void connection_release (Connection *c);
int connection_gc (lua_State *L);
void connection_primitives (lua_State *L);

/* handshake.c: goes on until it ends, time is up or Lua has to decide. */
int connection_handshake (lua_State *L, Connection *c, int native);

/* entry.c: `c` ends, and its memory may. */
void entry_leave (Connection *c);

/* transfer.c: reading and writing. */
Outcome transfer_fill (Connection *c);
Outcome transfer_flush (Connection *c);
/* nil and an error of one that could not send all. [-0, +2, m] */
int transfer_push_unsent (lua_State *L, Connection *c, Outcome outcome,
                          const char *operation, int native);

/* Add the shared methods to the table at the top; see entry_add. [-0, +0, m] */
void transfer_methods (lua_State *L, int metatable, int shared);
void facts_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
