/*
** tls.h -- what the C peer and the C subject share: blocking TCP on loopback,
** contexts, and giving up.
*/
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <stddef.h>

#include <openssl/ssl.h>

#define MIB ((size_t)1 << 20)
#define RECORD ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)

/* What both programs are told: WORKLOAD COUNT SIZE PORT PKI. */
typedef struct Job {
  const char *workload;
  size_t count, size;
  int port;         /* where the other side listens; 0: we listen */
  const char *pki;  /* the directory that pki.sh made */
} Job;

void job_read (Job *job, int argc, char **argv);

/* Prints `what`, OpenSSL's errors and errno's text, and exits. */
void die (const char *what);
void check (int good, const char *what);

/* Seconds: CPU time of this process, user and system; wall clock. */
double cpu (void);
double wall (void);

/* Prints "port N" for the runner; the listening descriptor. */
int tcp_listen (void);
int tcp_accept (int listener);
int tcp_connect (int port);
void tcp_option (int fd, int option, int value);

/* A path in the job's directory, in a static buffer. */
const char *job_file (const Job *job, const char *name);
SSL_CTX *server_context (const Job *job);
SSL_CTX *client_context (const Job *job);

/* A connection before its handshake; the client checks the name. */
SSL *server_new (SSL_CTX *ctx, int fd);
SSL *client_new (SSL_CTX *ctx, int fd);
/* Says close_notify, closes, frees. */
void end (SSL *ssl);

void read_exactly (SSL *ssl, char *to, size_t size);
void write_all (SSL *ssl, const char *from, size_t size);
/* Reads and drops until the other side's end, clean or not: not every subject
** says close_notify. */
void read_to_end (SSL *ssl);

void *allocate (size_t size);

#endif
