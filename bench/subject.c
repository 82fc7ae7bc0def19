/*
** subject.c -- the practical limit: what a C programmer writes over OpenSSL,
** with blocking sockets and TCP_NODELAY. `subject WORKLOAD COUNT SIZE PORT
** PKI`, as every subject; prints "cpu S", the time its COUNT units took.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls.h"

static void report_cpu (double began) {
  printf("cpu %.9f\n", cpu() - began);
}

/* ---- one connection ---- */

static SSL *open_client (const Job *job, SSL_CTX *ctx) {
  SSL *ssl = client_new(ctx, tcp_connect(job->port));
  check(SSL_connect(ssl) == 1, "handshake");
  return ssl;
}

static void receive (const Job *job, SSL *ssl) {
  char *buffer = allocate(job->size);
  double began = cpu();
  size_t i;
  for (i = 0; i < job->count; i++) read_exactly(ssl, buffer, job->size);
  report_cpu(began);
  free(buffer);
}

static void send_pieces (const Job *job, SSL *ssl) {
  char *data = allocate(job->size), ack;
  double began;
  size_t i;
  memset(data, 'x', job->size);
  began = cpu();
  for (i = 0; i < job->count; i++) write_all(ssl, data, job->size);
  report_cpu(began);
  read_exactly(ssl, &ack, 1);
  free(data);
}

static void pingpong (const Job *job, SSL *ssl) {
  char *data = allocate(job->size);
  double began;
  size_t i;
  memset(data, 'x', job->size);
  began = cpu();
  for (i = 0; i < job->count; i++) {
    write_all(ssl, data, job->size);
    read_exactly(ssl, data, job->size);
  }
  report_cpu(began);
  free(data);
}

/* A line as fgets gives it: copied out of a buffer that holds a record. */
typedef struct Lines {
  SSL *ssl;
  size_t first, last;
  char buffer[RECORD], line[RECORD];
} Lines;

static size_t next_line (Lines *l) {
  size_t size = 0;
  for (;;) {
    size_t left = l->last - l->first;
    char *start = l->buffer + l->first;
    char *stop = memchr(start, '\n', left);
    size_t n = stop != NULL ? (size_t)(stop - start) : left;
    check(size + n < sizeof(l->line), "line");
    memcpy(l->line + size, start, n);
    size += n;
    l->first += n + (stop != NULL);
    if (stop != NULL) {
      l->line[size] = '\0';
      return size;
    }
    l->first = l->last = 0;
    check(SSL_read_ex(l->ssl, l->buffer, RECORD, &l->last) == 1, "read");
  }
}

static void lines (const Job *job, SSL *ssl) {
  Lines *l = allocate(sizeof(*l));
  double began = cpu();
  size_t i;
  l->ssl = ssl;
  l->first = l->last = 0;
  for (i = 0; i < job->count; i++)
    check(next_line(l) == job->size - 1, "line");
  report_cpu(began);
  free(l);
}

/* ---- many connections ---- */

static void whole_body (SSL *ssl, size_t expected) {
  size_t room = RECORD, size = 0, n = 0;
  char *body = allocate(room), *grown;
  while (SSL_read_ex(ssl, body + size, room - size, &n) == 1) {
    size += n;
    if (size < room) continue;
    room *= 2;
    grown = realloc(body, room);
    check(grown != NULL, "realloc");
    body = grown;
  }
  check(SSL_get_error(ssl, 0) == SSL_ERROR_ZERO_RETURN, "clean end");
  check(size == expected, "size");
  free(body);
}

static void all (const Job *job) {
  SSL_CTX *ctx = client_context(job);
  double total = 0;
  size_t i;
  for (i = 0; i < job->count; i++) {
    SSL *ssl = open_client(job, ctx);
    double began = cpu();
    whole_body(ssl, job->size);
    total += cpu() - began;
    end(ssl);
  }
  report_cpu(cpu() - total);
  SSL_CTX_free(ctx);
}

static void connects (const Job *job) {
  SSL_CTX *ctx = client_context(job);
  SSL_SESSION *session = NULL;
  int resume = strcmp(job->workload, "connect-resumed") == 0;
  double began = cpu();
  size_t i;
  for (i = 0; i < job->count; i++) {
    SSL *ssl = client_new(ctx, tcp_connect(job->port));
    char byte;
    if (session != NULL) SSL_set_session(ssl, session);
    check(SSL_connect(ssl) == 1, "handshake");
    read_exactly(ssl, &byte, 1);
    SSL_SESSION_free(session);
    session = resume ? SSL_get1_session(ssl) : NULL;
    end(ssl);
  }
  report_cpu(began);
  SSL_SESSION_free(session);
  SSL_CTX_free(ctx);
}

static SSL *open_server (SSL_CTX *ctx, int listener) {
  SSL *ssl = server_new(ctx, tcp_accept(listener));
  check(SSL_accept(ssl) == 1, "handshake");
  return ssl;
}

static void accepts (const Job *job) {
  SSL_CTX *ctx = server_context(job);
  int listener = tcp_listen();
  double began = cpu();
  size_t i;
  for (i = 0; i < job->count; i++) {
    SSL *ssl = open_server(ctx, listener);
    write_all(ssl, "!", 1);
    read_to_end(ssl);
    end(ssl);
  }
  report_cpu(began);
  close(listener);
  SSL_CTX_free(ctx);
}

/* ---- memory and contexts ---- */

static double resident (void) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  check(f != NULL && fscanf(f, "%*s %ld", &pages) == 1, "statm");
  fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* The first connections warm the process up: see WARM_UP in work.py. */
static void idle (const Job *job) {
  int held = strcmp(job->workload, "held") == 0;
  SSL_CTX *ctx = held ? server_context(job) : client_context(job);
  int listener = held ? tcp_listen() : -1;
  char *buffer = allocate(job->size);
  double before = 0;
  size_t i;
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  for (i = 0; i < job->count; i++) {
    SSL *ssl;
    if (i == 10) before = resident();
    ssl = held ? open_server(ctx, listener) : open_client(job, ctx);
    read_exactly(ssl, buffer, job->size);
  }
  printf("memory %.0f\n", resident() - before);  /* exit frees them all */
}

/* What a C programmer can do: one store for all contexts. */
static void contexts (const Job *job) {
  X509_STORE *store = X509_STORE_new();
  SSL_CTX **made = allocate(job->count * sizeof(*made));
  double began = cpu(), before;
  size_t i;
  check(X509_STORE_set_default_paths(store) == 1, "default paths");
  for (i = 0; i <= job->count; i++) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    check(ctx != NULL, "SSL_CTX_new");
    SSL_CTX_set1_cert_store(ctx, store);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (i > 0) {
      made[i - 1] = ctx;
      continue;
    }
    printf("first %.9f\n", cpu() - began);
    before = resident();
    began = cpu();
  }
  report_cpu(began);
  printf("memory %.0f\n", resident() - before);
}

static const struct {
  const char *workload;
  void (*one) (const Job *, SSL *);
  void (*many) (const Job *);
} workloads[] = {
  { "accept", NULL, accepts }, { "accept-resumed", NULL, accepts },
  { "all", NULL, all }, { "connect", NULL, connects },
  { "connect-resumed", NULL, connects }, { "context", NULL, contexts },
  { "greet", NULL, accepts }, { "held", NULL, idle }, { "idle", NULL, idle },
  { "lines", lines, NULL }, { "pingpong", pingpong, NULL },
  { "receive", receive, NULL }, { "send", send_pieces, NULL },
};

static void run (const Job *job, size_t i) {
  SSL_CTX *ctx;
  SSL *ssl;
  if (workloads[i].many != NULL) {
    workloads[i].many(job);
    return;
  }
  ctx = client_context(job);
  ssl = open_client(job, ctx);
  workloads[i].one(job, ssl);
  end(ssl);
  SSL_CTX_free(ctx);
}

int main (int argc, char **argv) {
  Job job;
  size_t i;
  job_read(&job, argc, argv);
  for (i = 0; i < sizeof(workloads) / sizeof(*workloads); i++)
    if (strcmp(workloads[i].workload, job.workload) == 0) {
      run(&job, i);
      return 0;
    }
  puts("absent");
  return 0;
}
