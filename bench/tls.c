/*
** tls.c -- what the C peer and the C subject share.
*/

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "tls.h"

#define PATIENCE 300  /* seconds: also under valgrind a run ends before */

void die (const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
  ERR_print_errors_fp(stderr);
  exit(1);
}

void check (int good, const char *what) {
  if (!good) die(what);
}

void job_read (Job *job, int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: %s WORKLOAD COUNT SIZE PORT PKI\n", argv[0]);
    exit(2);
  }
  job->workload = argv[1];
  job->count = strtoul(argv[2], NULL, 10);
  job->size = strtoul(argv[3], NULL, 10);
  job->port = atoi(argv[4]);
  job->pki = argv[5];
  signal(SIGPIPE, SIG_IGN);
  alarm(PATIENCE);
}

static double seconds (clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu (void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }

double wall (void) { return seconds(CLOCK_MONOTONIC); }

/* ---- TCP ---- */

static struct sockaddr_in loopback (int port) {
  struct sockaddr_in a;
  memset(&a, 0, sizeof(a));
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons((unsigned short)port);
  return a;
}

int tcp_listen (void) {
  struct sockaddr_in a = loopback(0);
  socklen_t size = sizeof(a);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  check(fd >= 0, "socket");
  check(bind(fd, (struct sockaddr *)&a, size) == 0, "bind");
  check(listen(fd, 64) == 0, "listen");
  check(getsockname(fd, (struct sockaddr *)&a, &size) == 0, "getsockname");
  printf("port %d\n", ntohs(a.sin_port));
  fflush(stdout);
  return fd;
}

int tcp_accept (int listener) {
  int fd = accept(listener, NULL, NULL);
  check(fd >= 0, "accept");
  tcp_option(fd, TCP_NODELAY, 1);
  return fd;
}

int tcp_connect (int port) {
  struct sockaddr_in a = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  check(fd >= 0, "socket");
  check(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
  tcp_option(fd, TCP_NODELAY, 1);
  return fd;
}

void tcp_option (int fd, int option, int value) {
  check(setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)) == 0,
        "setsockopt");
}

/* ---- TLS ---- */

const char *job_file (const Job *job, const char *name) {
  static char path[4096];
  int n = snprintf(path, sizeof(path), "%s/%s", job->pki, name);
  check(n > 0 && (size_t)n < sizeof(path), "path");
  return path;
}

SSL_CTX *server_context (const Job *job) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  check(ctx != NULL, "SSL_CTX_new");
  check(SSL_CTX_use_certificate_chain_file(ctx, job_file(job, "server.pem"))
        == 1, "certificate");
  check(SSL_CTX_use_PrivateKey_file(ctx, job_file(job, "server.pem"),
                                    SSL_FILETYPE_PEM) == 1, "key");
  return ctx;
}

SSL_CTX *client_context (const Job *job) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  check(ctx != NULL, "SSL_CTX_new");
  check(SSL_CTX_load_verify_file(ctx, job_file(job, "root.pem")) == 1,
        "authority");
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  return ctx;
}

static SSL *connection (SSL_CTX *ctx, int fd) {
  SSL *ssl = SSL_new(ctx);
  check(ssl != NULL, "SSL_new");
  check(SSL_set_fd(ssl, fd) == 1, "SSL_set_fd");
  return ssl;
}

SSL *server_new (SSL_CTX *ctx, int fd) {
  SSL *ssl = connection(ctx, fd);
  SSL_set_accept_state(ssl);
  return ssl;
}

SSL *client_new (SSL_CTX *ctx, int fd) {
  SSL *ssl = connection(ctx, fd);
  SSL_set_connect_state(ssl);
  check(SSL_set_tlsext_host_name(ssl, "localhost") == 1, "server name");
  check(X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), "localhost", 0) == 1,
        "name to check");
  return ssl;
}

void end (SSL *ssl) {
  int fd = SSL_get_fd(ssl);
  SSL_shutdown(ssl);
  ERR_clear_error();  /* the other side may have gone already */
  SSL_free(ssl);
  close(fd);
}

void read_exactly (SSL *ssl, char *to, size_t size) {
  while (size > 0) {
    size_t n = 0;
    check(SSL_read_ex(ssl, to, size, &n) == 1, "read");
    to += n;
    size -= n;
  }
}

void write_all (SSL *ssl, const char *from, size_t size) {
  size_t n = 0;
  check(SSL_write_ex(ssl, from, size, &n) == 1 && n == size, "write");
}

void read_to_end (SSL *ssl) {
  static char sink[RECORD];
  size_t n;
  while (SSL_read_ex(ssl, sink, sizeof(sink), &n) == 1) continue;
  ERR_clear_error();
}

void *allocate (size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  check(memory != NULL, "malloc");
  return memory;
}
