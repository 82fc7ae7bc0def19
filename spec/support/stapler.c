/*
** stapler.c -- for the specs alone: a TLS server that staples whatever bytes
** are in a file, as no honest server does.
**
**   stapler 1.2|1.3 PEM FILE      prints "ready PORT"
**
** PEM holds key and chain. The file is read at each connection; it is not
** stapled if it is empty or cannot be read. For each connection it prints
** "asked" or "not asked", whether a response was asked for, and then "done",
** "resumed" or "alert NUMBER". Behind a handshake it sends a byte and reads to
** the end. It ends by itself after ten minutes.
*/
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

enum { LIFE = 600, ROOM = 2 << 20 };

static const char *file;
static int asked, alert;

static int on_request (SSL *ssl, void *unused) {
  unsigned char *bytes = OPENSSL_malloc(ROOM);
  FILE *f = fopen(file, "rb");
  size_t size = f != NULL && bytes != NULL ? fread(bytes, 1, ROOM, f) : 0;
  (void)unused;
  asked = 1;
  if (f != NULL) fclose(f);
  if (size == 0) {
    OPENSSL_free(bytes);
    return SSL_TLSEXT_ERR_NOACK;
  }
  SSL_set_tlsext_status_ocsp_resp(ssl, bytes, (long)size);
  return SSL_TLSEXT_ERR_OK;
}

static void on_info (const SSL *ssl, int where, int value) {
  (void)ssl;
  if (where & SSL_CB_ALERT && where & SSL_CB_READ) alert = value & 0xff;
}

static int listening (void) {
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0
      || listen(fd, 8) != 0
      || getsockname(fd, (struct sockaddr *)&address, &size) != 0) exit(1);
  printf("ready %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void serve (SSL_CTX *ctx, int fd) {
  SSL *ssl = SSL_new(ctx);
  char byte = '.';
  int done;
  asked = alert = 0;
  if (ssl == NULL || !SSL_set_fd(ssl, fd)) exit(1);
  done = SSL_accept(ssl) == 1 && SSL_write(ssl, &byte, 1) == 1;
  while (SSL_read(ssl, &byte, 1) > 0) {}
  printf("%s\n", asked ? "asked" : "not asked");
  if (alert != 0 && alert != SSL3_AD_CLOSE_NOTIFY) printf("alert %d\n", alert);
  else if (!done) printf("failed\n");
  else printf("%s\n", SSL_session_reused(ssl) ? "resumed" : "done");
  fflush(stdout);
  SSL_free(ssl);
  close(fd);
}

int main (int argc, char **argv) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  int fd, version;
  if (argc != 4 || ctx == NULL) return 1;
  version = strcmp(argv[1], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
  file = argv[3];
  alarm(LIFE);
  signal(SIGPIPE, SIG_IGN);
  if (!SSL_CTX_set_min_proto_version(ctx, version)
      || !SSL_CTX_set_max_proto_version(ctx, version)
      || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1
      || SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1
      || !SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"s", 1))
    return 1;
  SSL_CTX_set_tlsext_status_cb(ctx, on_request);
  SSL_CTX_set_info_callback(ctx, on_info);
  fd = listening();
  for (;;) {
    int peer = accept(fd, NULL, NULL);
    if (peer >= 0) serve(ctx, peer);
  }
}
