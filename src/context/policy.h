/*
** policy.h -- how the connections of a context treat their peers.
*/
#ifndef LUASSL_POLICY_H
#define LUASSL_POLICY_H

#include <time.h>

#include <openssl/ssl.h>

#include "base/compat.h"

enum { CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED };

/* Policy.hooks: who decides in a handshake besides OpenSSL. */
enum {
  HOOK_CLIENT_HELLO = 1,
  HOOK_CERTIFICATE = 2,
  HOOK_VERIFY = 4,
  HOOK_SERVER_NAMES = 8,
  HOOK_PSK = 16  /* the option is a function */
};

/* Policy.ocsp: whether a client asks for an OCSP response, and needs one. */
enum { STAPLE_OFF, STAPLE_REQUESTED, STAPLE_REQUIRED };

#define DIGEST_SIZE 32  /* SHA-256; SSL_MAX_SID_CTX_LENGTH too */

struct EarlyGuard;
struct Log;
struct Pins;
struct PublicKeys;
struct Protocols;
struct PskTable;
struct SessionCache;
struct Counters;
struct TicketKeys;

/* ConnectionOptions.record_size, or a number of bytes. */
enum { RECORD_FULL = 0, RECORD_DYNAMIC = -1 };

/* What a connection may have otherwise than its context. */
typedef struct ConnectionOptions {
  int server_side;           /* this one not */
  int check_hostname;
  int tlsa_check_hostname;   /* whatever matches */
  int suppress_ragged_eofs;
  int nodelay;
  double handshake_timeout;  /* seconds */
  double linger;             /* seconds */
  int record_size;           /* RECORD_*, or most bytes in a record */
} ConnectionOptions;

/* What OpenSSL has no place for. It belongs to the SSL_CTX, lives as long, and
** does not change once that has left its constructor. */
typedef struct Policy {
  ConnectionOptions defaults;
  int cert_reqs;                  /* CERT_* */
  int hooks;                      /* HOOK_* */
  int trusts;                     /* there is something to verify with */
  int puts_off;                   /* a server asks behind the handshake */
  int name_decided;               /* option check_hostname was given */
  int tells_sessions;             /* to on_session */
  int tells;                      /* a function of the program's, outside hooks */
  int stores;                     /* a server's sessions, elsewhere */
  int certificates;               /* how many this side has */
  int unread;                     /* errno of the system's bundle, 0: read */
  int bare;                       /* the system has no anchors */
  int ocsp;                       /* STAPLE_*, a client's */
  int staples;                    /* a certificate has an OCSP response */
  int revocation;                 /* CRLs are asked, at each resumption too */
  int timeless;                   /* nobody looks at dates */
  int timed;                      /* they are looked at as of `time` */
  time_t time;
  struct Log *keylog, *trace;     /* owned; NULL: none */
  struct Protocols *protocols;    /* owned; or NULL */
  struct Pins *pins;              /* owned; NULL: none */
  struct PublicKeys *keys;        /* owned: of peers without certificates; or
                                  ** NULL */
  int takes_keys;                 /* peers may show no more than a key */
  int takes_certificates;         /* peers may show certificates */
  struct PskTable *psk;           /* owned; NULL: none, or a function */
  int psk_authenticates;          /* it stands for a certificate */
  struct SessionCache *cache;     /* a reference; NULL: not kept */
  struct EarlyGuard *early;       /* owned; NULL: no early data is taken */
  struct Counters *counters;      /* a reference, which `set` passes on */
  struct TicketKeys *ticket_keys; /* a reference, passed on too; a server's */
  unsigned char digest[DIGEST_SIZE];  /* of all that sessions depend on */
  unsigned char trust[DIGEST_SIZE];   /* of who is believed, as it is now */
} Policy;

#endif
