/*
** connection.h -- one TLS connection, whatever carries it: the part that
** SSLSocket and SSLObject have in common and begin with.
*/
#ifndef LUASSL_CONNECTION_H
#define LUASSL_CONNECTION_H

#include "base/clock.h"
#include "context/context.h"
#include "context/counters.h"
#include "base/failure.h"
#include "x509/hostname.h"
#include "connection/bio.h"
#include "connection/verification.h"

/* The types that carry one; the last is an SSLSocket under LuaSec's names. */
#define SOCKET_T "luassl.SSLSocket"
#define OBJECT_T "luassl.SSLObject"
#define LUASEC_T "luassl.LuaSec"

/* The uservalue of a connection is a table with these indexes. */
enum {
  UV_CONTEXT = 1, UV_FAILURE, UV_OBJECT, UV_OPTIONS, UV_ORIGINAL,
  UV_CHOICES, /* the context's options when it was wrapped, or chosen */
  UV_ASKED,   /* the coroutine in which a hook runs */
  UV_THREAD,  /* that of `call.L`, if it is a coroutine */
  UV_FACE,    /* what hooks are given for an SSLObject; nil: itself */
  UV_BROKEN,  /* what an SSLObject's transport ended with */
  UV_UNSENT,  /* the text of a send that was not told to have left */
  UV_LAST = UV_UNSENT,
  UV_NOTES    /* what luasec_connection.lua keeps about its own, in a table */
};

/* The field of the metatables that runs a handshake. */
#define CONNECTION_FIRST "luassl.hooks"

typedef struct Connection Connection;
typedef struct Shared Shared;
typedef struct SharedKey SharedKey;
typedef struct EarlyData EarlyData;
struct Address;

/* What carries all connections of one type; NULL: nothing waits. */
typedef struct Link {
  Carrier carrier;
  int (*wait) (Connection *c, int events, double deadline);
  double (*deadline) (Connection *c);  /* of an operation that begins */
  int (*peer) (Connection *c, struct Address *address);  /* 0 or -errno */
  void (*tune) (Connection *c);        /* after the policy has changed */
  void (*close) (lua_State *L, Connection *c);  /* without waiting */
  void (*release) (Connection *c);     /* lets the transport go */
} Link;

/* A stop at which Lua decides; made anew for each. */
typedef enum Point {
  NOWHERE, AT_CLIENT_HELLO, AT_CERTIFICATE, AT_VERIFY, AT_PSK, AT_SESSION
} Point;

typedef struct Decision {
  Point point;           /* NOWHERE: none is awaited */
  int hook_running;             /* Lua was told, and has not answered */
  Answer answer;
  int alert;             /* of a refusal; -1: OpenSSL's choice */
  double since;          /* when it stopped */
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
  struct ClientHello *hello;      /* owned; until it is decided upon */
  unsigned char *protocol;  /* owned: on_client_hello's, after its length */
  int sought;               /* get_session has answered, about `id` */
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
  SSL_SESSION *stored;      /* owned: what it has found; NULL: nothing */
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

typedef enum Outcome {
  DONE,       /* what was asked for */
  WAIT,       /* not now: see `want` */
  ASK,        /* Lua has to decide: see `decision` */
  HELD,       /* not now: a hook is suspended in another coroutine */
  CLOSED,     /* the peer's close_notify, or our own end */
  TRUNCATED,  /* the transport ended without it */
  BROKEN,     /* a transport error */
  FAILED      /* a TLS error */
} Outcome;

/* A server has asked for a certificate behind the handshake. */
typedef struct Request {
  Verification verification;  /* of what comes in answer */
  int demands;         /* CERT_* */
  int answered;        /* the client's Finished has come */
  int tried;           /* a step has read: `found` */
  Outcome found;
  unsigned char byte;  /* for OpenSSL to look ahead */
} Request;

/* The call that works on the connection. */
typedef struct Call {
  lua_State *L;  /* NULL: none; a call that raised leaves it behind */
  int closing;   /* `close` was called meanwhile */
} Call;

struct Connection {
  Call call;
  const lua_State *main;      /* the main thread, if it has called */
  const Link *link;           /* shared; NULL in an SSLObject */
  void (*close) (lua_State *L, Connection *c);
  SSL_CTX *context;           /* owned: what the SSL will be made from */
  SSL *ssl;                   /* owned; NULL before the first step, after
                              ** close */
  Shared *shared;             /* borrowed; NULL: not yet */
  Failure *failure;           /* owned: for the next try, if this one's error
                              ** finds no memory; NULL: none */
  BioState bio;
  Buffer plain;                /* decrypted and not yet given out */
  const Policy *policy;       /* borrowed from the SSL_CTX */
  ConnectionOptions options;  /* its own */
  Decision decision;
  Choice choice;
  Answer certificate;         /* on_certificate's for this request */
  int own_choice;             /* it was asked, ever */
  SharedKey *shared_key;      /* owned; NULL: none is offered or asked for */
  EarlyData *early;           /* owned; NULL: there is none to be */
  int early_wanted;           /* a method waits for it */
  Verification verification;  /* the newest that is complete */
  Request *request;           /* owned; NULL: none is under way */
  struct OcspStatus *ocsp;    /* owned; NULL: a client has asked for none */
  Unsent unsent;
  size_t record;              /* most bytes in one, as far as is agreed */
  double burst, sent_at;      /* sent since a pause, and when: "dynamic" */
  size_t tickets;             /* a server's, to send with its first data */
  SSL_SESSION *session;       /* owned: the newest a client got; or NULL */
  const SSL_SESSION *offered; /* to compare with: the one that it offered */
  unsigned char binding[DIGEST_SIZE];  /* what its sessions are bound to */
  int bound;                  /* that is known */
  int peer_known;             /* by a name or an address */
  Hostname name;              /* a client's peer's, a server's own by SNI */
  Hostname *names;            /* owned: of which the peer's certificate must
                              ** have one; NULL: `name` */
  int more_names;             /* behind the first of them */
  struct Tlsa *tlsa;          /* owned: records that the server must match; or
                              ** NULL */
  double deadline;            /* of the running operation */
  double handshake_began;     /* 0: not yet */
  Counted counted;            /* bytes, and what its context counts */
  double allowance;           /* of messages behind the handshake: limits.c */
  double allowed_at;
  int carried;                /* it has a transport, or needs none */
  int busy;                   /* OpenSSL reads or writes application data */
  int late;                   /* the last operation's time was up */
  int returns;                /* carriage returns in `plain`, -1: unknown */
  struct LogLines *lines;     /* owned: that wait for a function; or NULL */
  struct NewSessions *new_sessions;  /* owned: the same for on_session */
  int log_error;              /* an errno: a line was lost; 0: none */
  const char *log_failed;     /* static: of which option */
  int want;                   /* WANT_* events it last waited for */
  int alert, alert_sent;      /* the last one, -1: none */
  int renegotiation_refused;  /* the peer asked for one */
  int broken;                 /* the transport's end was an error: UV_BROKEN */
  int closed;                 /* by us, for good */
  int established;
  int extended_master;        /* RFC 7627 was negotiated, before TLS 1.3 */
  int failed;                 /* TLS is over; UV_FAILURE says why */
  int read_shut, write_shut;  /* by our shutdown */
};

#pragma GCC visibility push(hidden)

/* `check` is for methods, whose upvalue 1 is the metatable; `any` takes both
** types at `index`. */
Connection *connection_check (lua_State *L);
Connection *connection_any (lua_State *L, int index);

/* `close` ends it as the method does, without waiting. */
void connection_init (Connection *c, const Link *link,
                      void (*close) (lua_State *L, Connection *c));

/* It has no context any more, nor a policy. */
void connection_leave_context (Connection *c);

/* Its own options, where it has none those of its context. Raises. */
void connection_options (lua_State *L, ConnectionOptions *own,
                         const Policy *policy, int options);

/* 0, or 2 with nil and an error. */
int connection_read_name (lua_State *L, Hostname *hostname, const char *name,
                          size_t size);

/* The names of the option server_hostnames, and the first for SNI unless there
** is one: 0, or 2 with nil and an error. */
int connection_read_names (lua_State *L, Connection *c, int options);

/* The records of the option tlsa, after its context: 0, or 2 with nil and an
** error. They ask for the name, unless something else was said of that. */
int connection_read_tlsa (lua_State *L, Connection *c, int options);

/* 1: a name has to be in the certificate, whatever is in there. */
int connection_needs_name (const Connection *c);

/* Those that the peer's certificate is looked at for, and how many stand behind
** the first; borrowed. */
const Hostname *connection_names (const Connection *c, int *more);

/* The verification under way, or else the newest. */
Verification *connection_verification (Connection *c);

/* What the request that is over was answered with holds from now on. */
void connection_take_answer (Connection *c);

/* An operation begins: it has one deadline. */
void connection_begin_operation (Connection *c);
int connection_expired (const Connection *c);

/* Waits for events, and to get rid of what is queued; 1: try again. */
int connection_wait (Connection *c, int events, double deadline);

/* What OpenSSL's result, just returned, means. */
Outcome connection_outcome (Connection *c, int result);

/* For __tostring. */
const char *connection_state (const Connection *c);

#pragma GCC visibility pop

#endif
