/*
** flood.c -- for the specs alone: a TLS peer that says one thing again and
** again and never reads. OpenSSL shakes hands; from then on the records are
** sealed here, so that they may hold what no honest peer sends.
**
**   flood WHAT server VERSION PEM [COUNT [JOIN]]    prints "ready PORT"
**   flood WHAT client VERSION PORT [COUNT [JOIN]]
**
** VERSION is 1.2, 1.3, or 0: no handshake, records in clear text. COUNT
** messages (0: for ever), JOIN of them in a record. Behind the last one it
** says "alive" and reads to the end. "parts" halves a KeyUpdate: the second
** half leaves, then "alive", when a line has come from standard input. It
** prints "handshake" before the first message and ends by itself.
*/
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>

enum { HASH = 32, KEY = 16, NONCE = 12, TAG = 16 };
enum { LIFE = 3, ROOM = 4096 };  /* seconds, bytes */
enum { ALERT = 21, HANDSHAKE = 22, DATA = 23, RECORD = 16384 };

typedef struct Sealer {
  int version;  /* 0: clear text, 2: TLS 1.2, 3: TLS 1.3 */
  unsigned char secret[HASH], key[KEY], nonce[NONCE];
  unsigned long number;
  EVP_CIPHER_CTX *cipher;
} Sealer;

typedef struct Message {
  const char *name;
  int type;
  size_t size;
  const char *bytes;
} Message;

/* A ticket: for an hour, a nonce of 8 bytes, 16 bytes, no extensions. */
static const Message messages[] = {
  {"empty", DATA, 0, ""},
  {"hellos", HANDSHAKE, 4, "\1\0\0\0"},
  {"changes", 20, 1, "\1"},
  {"parts", HANDSHAKE, 5, "\30\0\0\1\1"},
  {"requests", HANDSHAKE, 4, "\0\0\0\0"},
  {"tickets", HANDSHAKE, 41, "\4\0\0\45" "\0\0\16\20" "age!" "\10nonce678"
   "\0\20ticket7890123456" "\0\0"},
  {"updates", HANDSHAKE, 5, "\30\0\0\1\1"},
  {"warnings", ALERT, 2, "\1\132"},
  {NULL, 0, 0, NULL}
};

static unsigned char client_secret[HASH], server_secret[HASH];

static void complain (const char *what) {
  fprintf(stderr, "flood: %s\n", what);
  exit(1);
}

/* ---- keys ---- */

static void hmac (const unsigned char *key, size_t key_size,
                  const unsigned char *data, size_t size,
                  unsigned char *out) {
  if (HMAC(EVP_sha256(), key, (int)key_size, data, size, out, NULL) == NULL)
    complain("no HMAC");
}

/* RFC 8446, 7.1: HKDF-Expand-Label without a context. */
static void expand (const unsigned char *secret, const char *label,
                    unsigned char *out, size_t size) {
  unsigned char info[64], hash[HASH];
  size_t n = strlen(label);
  info[0] = 0;
  info[1] = (unsigned char)size;
  info[2] = (unsigned char)(6 + n);
  memcpy(info + 3, "tls13 ", 6);
  memcpy(info + 9, label, n);
  info[9 + n] = 0;
  info[10 + n] = 1;
  hmac(secret, HASH, info, n + 11, hash);
  memcpy(out, hash, size);
}

static void sealer_keys (Sealer *s) {
  expand(s->secret, "key", s->key, KEY);
  expand(s->secret, "iv", s->nonce, NONCE);
  s->number = 0;
}

/* RFC 5246, 6.3: keys of 16 bytes, then salts of 4, the client's first. */
static void sealer_keys_12 (Sealer *s, const SSL *ssl) {
  unsigned char master[48], seed[HASH + 77], block[2 * HASH];
  int server = SSL_is_server(ssl), i;
  size_t size = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, 48);
  memcpy(seed + HASH, "key expansion", 13);
  SSL_get_server_random(ssl, seed + HASH + 13, 32);
  SSL_get_client_random(ssl, seed + HASH + 45, 32);
  hmac(master, size, seed + HASH, 77, seed);
  for (i = 0; i < 2; i++) {
    unsigned char next[HASH];
    hmac(master, size, seed, sizeof(seed), block + i * HASH);
    hmac(master, size, seed, HASH, next);
    memcpy(seed, next, HASH);
  }
  memcpy(s->key, block + (server ? KEY : 0), KEY);
  memcpy(s->nonce, block + 2 * KEY + (server ? 4 : 0), 4);
  s->number = 1;  /* Finished was 0 */
}

static void on_key (const SSL *ssl, const char *line) {
  const char *secret = strrchr(line, ' ');
  unsigned char *into = NULL;
  int i;
  (void)ssl;
  if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23) == 0) into = client_secret;
  if (strncmp(line, "SERVER_TRAFFIC_SECRET_0", 23) == 0) into = server_secret;
  for (i = 0; into != NULL && secret != NULL && i < HASH; i++) {
    char digits[3] = {secret[1 + 2 * i], secret[2 + 2 * i], 0};
    into[i] = (unsigned char)strtoul(digits, NULL, 16);
  }
}

static void sealer_open (Sealer *s, const SSL *ssl) {
  s->cipher = EVP_CIPHER_CTX_new();
  if (s->version == 2) sealer_keys_12(s, ssl);
  if (s->version != 3) return;
  memcpy(s->secret, SSL_is_server(ssl) ? server_secret : client_secret, HASH);
  sealer_keys(s);
}

/* ---- records ---- */

static void head (unsigned char *out, int type, size_t size) {
  out[0] = (unsigned char)type;
  out[1] = out[2] = 3;
  out[3] = (unsigned char)(size >> 8);
  out[4] = (unsigned char)size;
}

static void put_number (unsigned char *out, unsigned long long number) {
  int i;
  for (i = 0; i < 8; i++) out[i] = (unsigned char)(number >> (56 - 8 * i));
}

/* Encrypts in place, the tag behind. */
static void encrypt (Sealer *s, const unsigned char *nonce,
                     const unsigned char *known, int known_size,
                     unsigned char *text, size_t size) {
  int n;
  if (!EVP_EncryptInit_ex(s->cipher, EVP_aes_128_gcm(), NULL, s->key, nonce)
      || !EVP_EncryptUpdate(s->cipher, NULL, &n, known, known_size)
      || !EVP_EncryptUpdate(s->cipher, text, &n, text, (int)size)
      || !EVP_EncryptFinal_ex(s->cipher, text + size, &n)
      || !EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, TAG,
                              text + size))
    complain("no encryption");
  s->number++;
}

/* Writes a whole record to `out`; its size. */
static size_t seal (Sealer *s, int type, const void *bytes, size_t size,
                    unsigned char *out) {
  unsigned char nonce[NONCE], known[13];
  int i;
  memcpy(nonce, s->nonce, NONCE);
  put_number(known, s->number);
  if (s->version == 0) {
    head(out, type, size);
    memcpy(out + 5, bytes, size);
    return 5 + size;
  }
  if (s->version == 2) {
    head(known + 8, type, size);
    memcpy(nonce + 4, known, 8);
    head(out, type, 8 + size + TAG);
    memcpy(out + 5, known, 8);
    memcpy(out + 13, bytes, size);
    encrypt(s, nonce, known, 13, out + 13, size);
    return 13 + size + TAG;
  }
  for (i = 0; i < 8; i++) nonce[4 + i] ^= known[i];
  head(out, DATA, size + 1 + TAG);
  memcpy(out + 5, bytes, size);
  out[5 + size] = (unsigned char)type;
  encrypt(s, nonce, out, 5, out + 5, size + 1);
  return 5 + size + 1 + TAG;
}

static void say (int fd, const unsigned char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n <= 0) exit(0);  /* it had enough of us */
    bytes += n;
    size -= (size_t)n;
  }
}

/* ---- what it says ---- */

static void say_record (Sealer *s, int fd, int type, const void *bytes,
                        size_t size) {
  unsigned char out[RECORD + 64];
  say(fd, out, seal(s, type, bytes, size, out));
}

static void say_parts (Sealer *s, int fd, const Message *m) {
  char line[100];
  say_record(s, fd, m->type, m->bytes, 4);  /* its header */
  printf("half\n");
  fflush(stdout);
  if (fgets(line, sizeof(line), stdin) == NULL) exit(0);
  say_record(s, fd, m->type, m->bytes + 4, m->size - 4);
  expand(s->secret, "traffic upd", s->secret, HASH);
  sealer_keys(s);
}

static void say_all (Sealer *s, int fd, const Message *m, long count,
                     size_t join) {
  unsigned char out[2 * RECORD], joined[RECORD];
  size_t used = 0, i;
  long n;
  for (i = 0; i < join; i++)
    memcpy(joined + i * m->size, m->bytes, m->size);
  for (n = 0; count == 0 || n < count; n += (long)join) {
    used += seal(s, m->type, joined, join * m->size, out + used);
    if (strcmp(m->name, "updates") == 0) {
      expand(s->secret, "traffic upd", s->secret, HASH);
      sealer_keys(s);
    }
    if (used < RECORD / 2) continue;
    say(fd, out, used);
    used = 0;
  }
  say(fd, out, used);
}

static void finish (Sealer *s, int fd) {
  char bytes[4096];
  say_record(s, fd, DATA, "alive", 5);
  while (read(fd, bytes, sizeof(bytes)) > 0) {}
  close(fd);
}

/* ---- connections ---- */

static int connected (int server, const char *where) {
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, room = ROOM;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!server) {
    address.sin_port = htons((unsigned short)atoi(where));
    if (connect(fd, (struct sockaddr *)&address, size) != 0)
      complain("nobody there");
  }
  else {
    int listener = fd;
    if (bind(listener, (struct sockaddr *)&address, size) != 0
        || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
      complain("no port");
    printf("ready %d\n", ntohs(address.sin_port));
    fflush(stdout);
    fd = accept(listener, NULL, NULL);
    close(listener);
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return fd;
}

static SSL *shake_hands (int fd, int server, int version, const char *pem) {
  SSL_CTX *context = SSL_CTX_new(TLS_method());
  int number = version == 3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL *ssl;
  SSL_CTX_set_min_proto_version(context, number);
  SSL_CTX_set_max_proto_version(context, number);
  SSL_CTX_set_cipher_list(context, "ECDHE+AES128-GCM-SHA256:"
                          "ECDHE-RSA-AES128-GCM-SHA256:"
                          "ECDHE-ECDSA-AES128-GCM-SHA256");
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_keylog_callback(context, on_key);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (server
      && (SSL_CTX_use_certificate_chain_file(context, pem) != 1
          || SSL_CTX_use_PrivateKey_file(context, pem, SSL_FILETYPE_PEM) != 1))
    complain("no certificate");
  ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  SSL_set_tlsext_host_name(ssl, "localhost");
  if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
    complain("no handshake");
  return ssl;
}

int main (int argc, char **argv) {
  const Message *m = messages;
  Sealer s;
  SSL *ssl = NULL;
  int server, fd;
  if (argc < 5) complain("WHAT ROLE VERSION PEM|PORT [COUNT [JOIN]]");
  while (m->name != NULL && strcmp(m->name, argv[1]) != 0) m++;
  if (m->name == NULL) complain("no such message");
  server = strcmp(argv[2], "server") == 0;
  memset(&s, 0, sizeof(s));
  s.version = argv[3][0] == '0' ? 0 : argv[3][2] - '0';
  signal(SIGPIPE, SIG_IGN);
  fd = connected(server, argv[4]);
  alarm(LIFE);
  if (s.version != 0) ssl = shake_hands(fd, server, s.version, argv[4]);
  sealer_open(&s, ssl);
  printf("handshake\n");
  fflush(stdout);
  if (strcmp(m->name, "parts") == 0) say_parts(&s, fd, m);
  else say_all(&s, fd, m, argc > 5 ? atol(argv[5]) : 0,
               argc > 6 ? (size_t)atol(argv[6]) : 1);
  finish(&s, fd);
  return 0;
}
