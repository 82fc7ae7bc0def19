/*
** trace.c -- readable lines of what a handshake does, and of its secrets for
** others to read the connection. Of messages only kind and length are told.
*/

#include <stdio.h>
#include <string.h>

#include "base/errors.h"
#include "connection/log_lines.h"
#include "connection/trace.h"

#define LINE_MAX_SIZE 640
#define RANDOM_AT 6  /* in a ServerHello, behind header and version */

/* RFC 8446, 4, and what came before and after it. */
static const struct {
  unsigned char type;
  const char *name;
} messages[] = {
  {0, "HelloRequest"}, {1, "ClientHello"}, {2, "ServerHello"},
  {4, "NewSessionTicket"}, {5, "EndOfEarlyData"},
  {8, "EncryptedExtensions"}, {11, "Certificate"},
  {12, "ServerKeyExchange"}, {13, "CertificateRequest"},
  {14, "ServerHelloDone"}, {15, "CertificateVerify"},
  {16, "ClientKeyExchange"}, {20, "Finished"}, {22, "CertificateStatus"},
  {24, "KeyUpdate"}, {25, "CompressedCertificate"}
};

/* RFC 8446, 4.1.3: a ServerHello with this for its random bytes. */
static int is_retry (const unsigned char *bytes, size_t size) {
  static const unsigned char start[] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11
  };
  return bytes[0] == 2 && size > RANDOM_AT + sizeof(start)
         && memcmp(bytes + RANDOM_AT, start, sizeof(start)) == 0;
}

static const char *name_of (const unsigned char *bytes, size_t size) {
  size_t i;
  if (is_retry(bytes, size)) return "HelloRetryRequest";
  for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
    if (messages[i].type == bytes[0]) return messages[i].name;
  return "a message of unknown type";
}

/* Behind whose side it is, and which name. */
static void add (Connection *c, const char *what) {
  char line[LINE_MAX_SIZE];
  const char *name = c->name.text;
  snprintf(line, sizeof(line), "%s%s%s: %s",
           c->options.server_side ? "server" : "client",
           name[0] != '\0' ? " " : "", name, what);
  log_lines_add(c, "trace", line);
}

void trace_message (Connection *c, int sent, int type, const void *bytes,
                    size_t size) {
  const unsigned char *p = bytes;
  const char *direction = sent ? "sent" : "received", *alert;
  char what[LINE_MAX_SIZE / 4];
  if (c->policy->trace == NULL || size == 0) return;
  if (type == SSL3_RT_HANDSHAKE)
    snprintf(what, sizeof(what), "%s %s, %lu bytes", direction,
             name_of(p, size), (unsigned long)size);
  else if (type == SSL3_RT_CHANGE_CIPHER_SPEC)
    snprintf(what, sizeof(what), "%s ChangeCipherSpec", direction);
  else if (type == SSL3_RT_ALERT && size >= 2) {
    alert = errors_alert_name(p[1]);
    snprintf(what, sizeof(what), "%s alert, %s: %s", direction,
             p[0] == SSL3_AL_FATAL ? "fatal" : "warning",
             alert != NULL ? alert : "unknown");
  }
  else return;
  add(c, what);
}

void trace_state (Connection *c, const SSL *ssl, int where) {
  char what[LINE_MAX_SIZE / 4];
  if (c->policy->trace == NULL || !(where & SSL_CB_LOOP)) return;
  snprintf(what, sizeof(what), "state %s", SSL_state_string_long(ssl));
  add(c, what);
}

/* ---- callbacks of OpenSSL ---- */

static void on_message (int sent, int version, int type, const void *bytes,
                        size_t size, SSL *ssl, void *unused) {
  (void)version;
  (void)unused;
  trace_message(SSL_get_app_data(ssl), sent, type, bytes, size);
}

void trace_watch (SSL *ssl, const Policy *policy) {
  if (policy->trace != NULL) SSL_set_msg_callback(ssl, on_message);
}

static void on_secret (const SSL *ssl, const char *line) {
  log_lines_add(SSL_get_app_data(ssl), "keylog", line);
}

void trace_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  if (policy->keylog != NULL) SSL_CTX_set_keylog_callback(ctx, on_secret);
}
