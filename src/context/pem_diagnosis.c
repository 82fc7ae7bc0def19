/*
** pem_diagnosis.c -- what is the matter with a file or string in which a
** certificate or key was not found.
**
** OpenSSL passes over what is not exactly PEM, or says "bad end line". Here is
** told what was done to the file, or which format it has instead.
*/

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "context/pem_diagnosis.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"
#define LABEL_MAX 48
#define COMMAND_MAX 640

static const char *end_of (const PemText *t) {
  return (const char *)t->bytes + t->size;
}

/* Finds bytes from `p` on; NULL: they are not there. */
static const char *find (const PemText *t, const char *p, const char *bytes,
                         size_t size) {
  const char *end = end_of(t);
  while ((size_t)(end - p) >= size) {
    if (memcmp(p, bytes, size) == 0) return p;
    p = memchr(p + 1, *bytes, (size_t)(end - p) - 1);
    if (p == NULL) return NULL;
  }
  return NULL;
}

static const char *find_text (const PemText *t, const char *p,
                              const char *text) {
  return find(t, p, text, strlen(text));
}

static int begins (const PemText *t, const char *p, const char *text) {
  size_t size = strlen(text);
  return (size_t)(end_of(t) - p) >= size && memcmp(p, text, size) == 0;
}

int pem_diagnosis_finds (const PemText *t, const char *characters) {
  return find_text(t, (const char *)t->bytes, characters) != NULL;
}

/* What is indented OpenSSL does not see; OpenSSH's is no key to it. */
int pem_diagnosis_keys (const PemText *t) {
  const char *start = (const char *)t->bytes, *p = start;
  int n = 0;
  for (; (p = find_text(t, p, BEGIN)) != NULL; p += strlen(BEGIN)) {
    const char *label = p + strlen(BEGIN);
    const char *dashes = find_text(t, label, DASHES);
    const char *key = find_text(t, label, "PRIVATE KEY" DASHES);
    if (p > start && (p[-1] == ' ' || p[-1] == '\t')) continue;
    if (key != NULL && dashes != NULL && key < dashes
        && !begins(t, label, "OPENSSH")) n++;
  }
  return n;
}

/* The form of PEM: RFC 7468, 3 */

#define LITERAL "its line ends are the two characters \\n, as in a quoted " \
  "string or variable; put real line ends in their place"
#define CR_ALONE "its lines end in CR alone; end them with LF or CRLF"
#define ONE_LINE "it is all in one line; -----BEGIN and -----END have to " \
  "stand in lines of their own, the base64 between them"
#define EMPTY "there is an empty line in its base64; remove it"
#define GLUED "a line end is missing between an -----END line and the " \
  "-----BEGIN that follows; files were joined whose last line has none"
#define BEHIND "something follows in its -----END line, which has to be a " \
  "line of its own"
#define OPEN "its -----END line is missing; it was cut short"
#define OTHER_LABEL "its -----BEGIN and -----END lines do not have the same " \
  "name"

static const char *next_line (const PemText *t, const char *p) {
  const char *end = end_of(t);
  const char *line_end = memchr(p, '\n', (size_t)(end - p));
  return line_end == NULL ? end : line_end + 1;
}

/* OpenSSL takes blanks at the end of lines for nothing. */
static const char *skip_blanks (const PemText *t, const char *p) {
  while (p < end_of(t) && *p != '\n' && (unsigned char)*p <= ' ') p++;
  return p;
}

/* What stands in a line behind its hyphens, which is to be nothing. */
static const char *fault_behind (const PemText *t, const char *p,
                                 const char *other) {
  const char *rest = skip_blanks(t, p);
  if (rest == end_of(t) || *rest == '\n') return NULL;
  if (begins(t, p, "\\n") || begins(t, p, "\\r\\n")) return LITERAL;
  if (*p == '\r') return CR_ALONE;
  return begins(t, p, BEGIN) ? GLUED : other;
}

/* Of the block with that label, whose -----END line begins at `line`. */
static const char *fault_of_end (const PemText *t, const char *line,
                                 const char *label, size_t size) {
  const char *p = line + strlen(END);
  const char *dashes = find_text(t, p, DASHES);
  if (dashes == NULL) return OPEN;
  if ((size_t)(dashes - p) != size || memcmp(p, label, size) != 0)
    return OTHER_LABEL;
  return fault_behind(t, dashes + strlen(DASHES), BEHIND);
}

/* Of the block whose label begins there. Behind header lines, which have
** colons (RFC 1421, 4.4), an empty line has to be, and at the start OpenSSL
** takes one. */
static const char *fault_of_block (const PemText *t, const char *label) {
  const char *dashes = find_text(t, label, DASHES);
  const char *line, *fault, *p;
  int base64 = 0, empty = 0;
  if (dashes == NULL) return OPEN;
  fault = fault_behind(t, dashes + strlen(DASHES), ONE_LINE);
  if (fault != NULL) return fault;
  for (line = next_line(t, dashes); line < end_of(t);
       line = next_line(t, line)) {
    p = skip_blanks(t, line);
    if (begins(t, p, BEGIN)) return OPEN;
    if (p < end_of(t) && *p != '\n' && empty) return EMPTY;
    if (begins(t, p, END))
      return fault_of_end(t, p, label, (size_t)(dashes - label));
    empty = base64 && (p == end_of(t) || *p == '\n');
    if (!empty)
      base64 = memchr(p, ':', (size_t)(next_line(t, p) - p)) == NULL
               && p < end_of(t) && *p != '\n';
  }
  return OPEN;
}

const char *pem_diagnosis_fault (const PemText *t) {
  const char *p = (const char *)t->bytes, *fault = NULL;
  while (fault == NULL && (p = find_text(t, p, BEGIN)) != NULL)
    fault = fault_of_block(t, p += strlen(BEGIN));
  return fault;
}

/* Other formats, and the commands that convert them */

static int is_key (const PemText *t) {
  const unsigned char *p = t->bytes;
  EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)t->size);
  X509_SIG *encrypted;
  EVP_PKEY_free(key);
  if (key != NULL) return 1;
  p = t->bytes;
  encrypted = d2i_X509_SIG(NULL, &p, (long)t->size);
  X509_SIG_free(encrypted);
  return encrypted != NULL;
}

static int is_certificate (const PemText *t) {
  const unsigned char *p = t->bytes;
  X509 *x509 = d2i_X509(NULL, &p, (long)t->size);
  X509_free(x509);
  return x509 != NULL;
}

static int is_pkcs12 (const PemText *t) {
  const unsigned char *p = t->bytes;
  PKCS12 *pkcs12 = d2i_PKCS12(NULL, &p, (long)t->size);
  PKCS12_free(pkcs12);
  return pkcs12 != NULL;
}

static int is_pkcs7 (const PemText *t) {
  const unsigned char *p = t->bytes;
  PKCS7 *pkcs7 = d2i_PKCS7(NULL, &p, (long)t->size);
  int is_signed = pkcs7 != NULL && PKCS7_type_is_signed(pkcs7);
  PKCS7_free(pkcs7);
  return is_signed;
}

/* What stands there in DER in place of what was wanted; NULL: none of
** these. */
static const char *der_kind (const PemText *t) {
  if (t->size == 0 || *t->bytes != 0x30) return NULL;  /* a SEQUENCE */
  if (is_certificate(t)) return "a certificate in DER";
  if (is_key(t)) return "a private key in DER";
  if (is_pkcs12(t))
    return "PKCS#12, which a context takes as pkcs12_file or pkcs12";
  return is_pkcs7(t) ? "PKCS#7" : NULL;
}

/* UTF-16's byte order, "UTF-16" where the text begins with its mark, as iconv
** calls it; NULL: it is none. */
static const char *utf16 (const PemText *t) {
  static const char dashes[] = {'-', 0, '-', 0, 'B', 0};  /* in both orders */
  const char *start = (const char *)t->bytes;
  const char *p = find(t, start, dashes, sizeof(dashes));
  if (p == NULL) return NULL;
  if (begins(t, start, "\xff\xfe") || begins(t, start, "\xfe\xff"))
    return "UTF-16";
  return (p - start) % 2 == 0 ? "UTF-16LE" : "UTF-16BE";
}

/* What it is, and then, in quotes, what converts it. `first` and `last` of the
** command stand around the file's name. */
static void tell_format (char *sentence, size_t room, const PemText *t,
                         const char *is, const char *first,
                         const char *last) {
  const char *name = t->file;
  if (name == NULL)
    snprintf(sentence, room, "it is %s: \"%s\" converts it", is, first);
  else
    snprintf(sentence, room, "%s is %s: \"%s %s%s%s.pem\" converts it", name,
             is, first, name, last, name);
}

#define OUT_OF_PKCS7 "PKCS#7, whose certificates have to be taken out"

static int tell_der (char *sentence, size_t room, const PemText *t,
                     const char *wanted) {
  const char *kind = der_kind(t), *name = t->file != NULL ? t->file : "it";
  if (kind == NULL) return 0;
  if (strcmp(wanted, "certificate") == 0 && strcmp(kind, "PKCS#7") == 0)
    tell_format(sentence, room, t, OUT_OF_PKCS7, t->file != NULL
                ? "openssl pkcs7 -inform DER -print_certs -in"
                : "openssl pkcs7 -inform DER -print_certs", " -out ");
  else
    snprintf(sentence, room, "no %s in %s, but %s", wanted, name, kind);
  return 1;
}

static int tell_utf16 (char *sentence, size_t room, const PemText *t) {
  const char *order = utf16(t);
  char command[COMMAND_MAX];
  if (order == NULL) return 0;
  snprintf(command, sizeof(command), "iconv -f %s -t UTF-8", order);
  tell_format(sentence, room, t, "text in UTF-16, and PEM is ASCII", command,
              " >");
  return 1;
}

#define OPENSSH "-----BEGIN OPENSSH PRIVATE KEY"

static int tell_key (char *sentence, size_t room, const PemText *t) {
  const char *start = (const char *)t->bytes;
  const char *is = "a private key in OpenSSH's own format, which OpenSSL "
                   "does not read";
  const char *name = t->file;
  if (begins(t, start, "PuTTY-User-Key-File"))
    tell_format(sentence, room, t, "a private key in PuTTY's format, which "
                "OpenSSL does not read", "puttygen -O private-openssh",
                " -o ");
  else if (find_text(t, start, OPENSSH) == NULL) return 0;
  else if (name == NULL)
    snprintf(sentence, room, "it is %s: \"ssh-keygen -p -m PKCS8 -f FILE\" "
             "converts a file of it (of Ed25519 not)", is);
  else
    snprintf(sentence, room, "%s is %s: \"cp %s %s.pem && ssh-keygen -p -m "
             "PKCS8 -f %s.pem\" converts a copy (of Ed25519 not)", name, is,
             name, name, name);
  return 1;
}

static int tell_certificate (char *sentence, size_t room, const PemText *t) {
  if (!pem_diagnosis_finds(t, "-----BEGIN PKCS7-----")
      && !pem_diagnosis_finds(t, "-----BEGIN PKCS #7 SIGNED DATA-----"))
    return 0;
  tell_format(sentence, room, t, OUT_OF_PKCS7, t->file != NULL
              ? "openssl pkcs7 -print_certs -in"
              : "openssl pkcs7 -print_certs", " -out ");
  return 1;
}

/* Neither PEM nor one of these */

/* The label of the first PEM block, "CERTIFICATE REQUEST"; 0: there is no
** block. */
static int first_label (const PemText *t, char *label, size_t size) {
  const char *start = (const char *)t->bytes;
  const char *p = find_text(t, start, BEGIN);
  size_t i = 0;
  while (p != NULL && p > start && p[-1] != '\n')
    p = find_text(t, p + 1, BEGIN);
  if (p == NULL) return 0;
  for (p += strlen(BEGIN); p < end_of(t) && i + 1 < size; p++) {
    if (strchr(" ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.#", *p) == NULL
        || *p == '\0') break;
    label[i++] = *p;
  }
  label[i] = '\0';
  return i > 0;
}

/* "a PUBLIC KEY", "an EC PRIVATE KEY". */
static const char *article (const char *label) {
  return strchr("AEIORSX", *label) != NULL ? "an" : "a";
}

/* DER's first two bytes in base64 are those of every certificate and key. */
static const char *why_none (const PemText *t) {
  const char *start = skip_blanks(t, (const char *)t->bytes);
  if (begins(t, start, "MI"))
    return "it seems to be base64 alone, which PEM has between a line "
           "-----BEGIN ...----- and a line -----END ...-----";
  if (begins(t, start, "ssh-") || begins(t, start, "ecdsa-"))
    return "it is a public key of OpenSSH's";
  if (!pem_diagnosis_finds(t, BEGIN) && pem_diagnosis_finds(t, "BEGIN ")
      && (pem_diagnosis_finds(t, "CERTIFICATE")
          || pem_diagnosis_finds(t, "PRIVATE KEY")))
    return "it is not PEM, which has lines that begin with -----BEGIN (five "
           "hyphens, and nothing before them)";
  return "it is neither DER nor PEM, which has lines that begin with "
         "-----BEGIN";
}

void pem_diagnosis_tell (char *sentence, size_t room, const PemText *t,
                         const char *wanted) {
  const char *name = t->file != NULL ? t->file : "it";
  int wants_key = strcmp(wanted, "private key") == 0;
  char label[LABEL_MAX];
  const char *fault;
  if (tell_der(sentence, room, t, wanted)
      || tell_utf16(sentence, room, t)) return;
  if (wants_key ? tell_key(sentence, room, t)
                : tell_certificate(sentence, room, t)) return;
  fault = pem_diagnosis_fault(t);
  if (fault == NULL && first_label(t, label, sizeof(label)))
    snprintf(sentence, room, "no %s in %s, but %s %s", wanted, name,
             article(label), label);
  else
    snprintf(sentence, room, "no %s in %s: %s", wanted, name,
             fault != NULL ? fault : why_none(t));
}
