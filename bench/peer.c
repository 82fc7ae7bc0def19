/*
** peer.c -- the other side of every subject: server or client, as the
** workload needs. `peer WORKLOAD COUNT SIZE PORT PKI`; a server prints
** "port N" first. From the environment: BENCH_VERSION (0x0304), BENCH_CIPHER,
** and BENCH_DELAY, microseconds before whatever a subject waits for, so that
** one that is being traced waits for it as an untraced one does.
** It prints "wire N" (TCP bytes of the subject) and "wall S" (a connection).
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tls.h"

typedef struct Peer {
  Job job;
  SSL_CTX *ctx;
  SSL_SESSION *session;  /* owned; what the client offers */
  char *data;            /* owned; at least a record */
  unsigned long wire;
  double *walls;         /* owned; a client's times to the first byte */
  size_t answered;
} Peer;

/* The peer alone decides: version and cipher need no API of the subject. */
static void restrict_to (SSL_CTX *ctx) {
  const char *version = getenv("BENCH_VERSION");
  const char *cipher = getenv("BENCH_CIPHER");
  int number = version ? (int)strtol(version, NULL, 0) : TLS1_3_VERSION;
  check(SSL_CTX_set_min_proto_version(ctx, number) == 1
        && SSL_CTX_set_max_proto_version(ctx, number) == 1, "version");
  if (cipher == NULL || *cipher == '\0') return;
  if (number == TLS1_3_VERSION)
    check(SSL_CTX_set_ciphersuites(ctx, cipher) == 1, "cipher");
  else check(SSL_CTX_set_cipher_list(ctx, cipher) == 1, "cipher");
}

static void pause_a_moment (void) {
  static long delay = -1;
  struct timespec t = { 0, 0 };
  if (delay < 0) {
    const char *text = getenv("BENCH_DELAY");
    delay = text != NULL ? atol(text) : 0;
  }
  t.tv_nsec = delay * 1000;
  if (delay > 0) nanosleep(&t, NULL);
}

/* ---- as a server ---- */

static void serve_bytes (Peer *p, SSL *ssl) {
  size_t left = p->job.count * p->job.size, room = 16 * RECORD;
  if (p->job.size < room) room -= room % p->job.size;  /* whole lines */
  for (; left > 0; left -= room) {
    if (room > left) room = left;
    write_all(ssl, p->data, room);
  }
}

static void serve_body (Peer *p, SSL *ssl) {
  write_all(ssl, p->data, p->job.size);
}

static void serve_sink (Peer *p, SSL *ssl) {
  size_t left = p->job.count * p->job.size;
  while (left > 0) {
    size_t n = 0;
    check(SSL_read_ex(ssl, p->data, RECORD, &n) == 1, "read");
    left -= n;
  }
  write_all(ssl, "!", 1);
}

static void serve_echo (Peer *p, SSL *ssl) {
  size_t i;
  for (i = 0; i < p->job.count; i++) {
    read_exactly(ssl, p->data, p->job.size);
    pause_a_moment();
    write_all(ssl, p->data, p->job.size);
  }
}

/* Tickets and a byte leave together: what the subject finds when it reads
** does not depend on the moment. */
static void serve_hello (Peer *p, SSL *ssl) {
  int fd = SSL_get_fd(ssl);
  (void)p;
  pause_a_moment();
  tcp_option(fd, TCP_CORK, 1);
  if (SSL_version(ssl) == TLS1_3_VERSION) {
    check(SSL_new_session_ticket(ssl) == 1, "ticket");
    check(SSL_new_session_ticket(ssl) == 1, "ticket");
  }
  write_all(ssl, "!", 1);
  tcp_option(fd, TCP_CORK, 0);
}

static void serve_resumed (Peer *p, SSL *ssl) {
  static size_t connections;
  if (connections++ > 0) check(SSL_session_reused(ssl), "not resumed");
  serve_hello(p, ssl);
}

static void serve (Peer *p, void (*answer) (Peer *, SSL *), size_t times) {
  int listener = tcp_listen();
  while (times-- > 0) {
    SSL *ssl = server_new(p->ctx, tcp_accept(listener));
    check(SSL_accept(ssl) == 1, "handshake");
    answer(p, ssl);
    SSL_shutdown(ssl);
    read_to_end(ssl);
    p->wire += BIO_number_read(SSL_get_rbio(ssl));
    end(ssl);
  }
  close(listener);
}

/* Connections that are held until the other side has gone. */
static void wait_for_ends (SSL **open, size_t count) {
  size_t i;
  for (i = 0; i < count; i++) {
    read_to_end(open[i]);
    close(SSL_get_fd(open[i]));
    SSL_free(open[i]);
  }
  free(open);
}

static void serve_idle (Peer *p) {
  SSL **open = allocate(p->job.count * sizeof(*open));
  int listener = tcp_listen();
  size_t i;
  for (i = 0; i < p->job.count; i++) {
    open[i] = server_new(p->ctx, tcp_accept(listener));
    check(SSL_accept(open[i]) == 1, "handshake");
    serve_body(p, open[i]);
  }
  wait_for_ends(open, p->job.count);
  close(listener);
}

/* ---- as a client ---- */

static SSL *visit (Peer *p) {
  double began = wall();
  int fd;
  SSL *ssl;
  pause_a_moment();
  fd = tcp_connect(p->job.port);
  pause_a_moment();
  ssl = client_new(p->ctx, fd);
  if (p->session != NULL) SSL_set_session(ssl, p->session);
  check(SSL_connect(ssl) == 1, "handshake");
  p->walls[p->answered] = began;
  return ssl;
}

/* Asks for nothing: the server speaks first. `quick` acknowledges at once,
** so that no subject without TCP_NODELAY stalls where CPU time is counted. */
static void visit_hello (Peer *p, int quick) {
  SSL *ssl = visit(p);
  if (quick) tcp_option(SSL_get_fd(ssl), TCP_QUICKACK, 1);
  read_exactly(ssl, p->data, 1);
  p->walls[p->answered] = wall() - p->walls[p->answered];
  p->answered++;
  p->wire += BIO_number_read(SSL_get_rbio(ssl));
  if (strcmp(p->job.workload, "accept-resumed") == 0) {
    if (p->session != NULL) check(SSL_session_reused(ssl), "not resumed");
    SSL_SESSION_free(p->session);
    p->session = SSL_get1_session(ssl);
  }
  pause_a_moment();
  end(ssl);
}

static void visit_idle (Peer *p) {
  SSL **open = allocate(p->job.count * sizeof(*open));
  size_t i;
  for (i = 0; i < p->job.count; i++) {
    open[i] = visit(p);
    write_all(open[i], p->data, p->job.size);
  }
  wait_for_ends(open, p->job.count);
}

static int compare (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report (Peer *p) {
  printf("wire %lu\n", p->wire);
  if (p->answered == 0) return;
  qsort(p->walls, p->answered, sizeof(*p->walls), compare);
  printf("wall %.6f\n", p->walls[p->answered / 2]);
}

static const struct {
  const char *workload;
  void (*answer) (Peer *, SSL *);
  int repeats;  /* a connection for each of COUNT */
} servers[] = {
  { "all", serve_body, 1 }, { "connect", serve_hello, 1 },
  { "connect-resumed", serve_resumed, 1 }, { "lines", serve_bytes, 0 },
  { "pingpong", serve_echo, 0 }, { "receive", serve_bytes, 0 },
  { "send", serve_sink, 0 },
};

/* Lines end where the subject expects it. */
static void fill (Peer *p) {
  size_t i, size = p->job.size > 16 * RECORD ? p->job.size : 16 * RECORD;
  int lines = strcmp(p->job.workload, "lines") == 0;
  p->data = allocate(size);
  for (i = 0; i < size; i++) p->data[i] = (char)('a' + i % 23);
  for (i = p->job.size; lines && i <= size; i += p->job.size)
    p->data[i - 1] = '\n';
}

static void work_as_server (Peer *p) {
  size_t i;
  SSL_CTX_set_num_tickets(p->ctx, 0);  /* serve_hello sends them */
  if (strcmp(p->job.workload, "idle") == 0) serve_idle(p);
  for (i = 0; i < sizeof(servers) / sizeof(*servers); i++)
    if (strcmp(servers[i].workload, p->job.workload) == 0)
      serve(p, servers[i].answer, servers[i].repeats ? p->job.count : 1);
}

static void work_as_client (Peer *p) {
  size_t i;
  if (strcmp(p->job.workload, "held") == 0) visit_idle(p);
  else
    for (i = 0; i < p->job.count; i++)
      visit_hello(p, strcmp(p->job.workload, "greet") != 0);
}

int main (int argc, char **argv) {
  Peer p;
  memset(&p, 0, sizeof(p));
  job_read(&p.job, argc, argv);
  fill(&p);
  p.ctx = p.job.port > 0 ? client_context(&p.job) : server_context(&p.job);
  restrict_to(p.ctx);
  p.walls = allocate((p.job.count + 1) * sizeof(*p.walls));
  if (p.job.port == 0) work_as_server(&p);
  else work_as_client(&p);
  report(&p);
  free(p.walls);
  free(p.data);
  SSL_SESSION_free(p.session);
  SSL_CTX_free(p.ctx);
  return 0;
}
