/*
** hostname.c -- the name a client asks for and a certificate must hold.
** What gets past here is a DNS name of whole labels, or an address that
** inet_pton reads: nothing that OpenSSL's matcher and the system's resolver
** could take for two different things.
*/

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>

#include "x509/hostname.h"

#define LABEL_MAX 63  /* RFC 1035, 2.3.4 */
#define LITERAL_MAX 45  /* of an IPv6 address with an IPv4 tail */

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* One left-most label for "*", and no common name: RFC 6125 (9525), 6.4. */
#define MATCH_FLAGS \
  (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

static int refuse (const char **why, const char *text) {
  *why = text;
  return 0;
}

static int in_names (unsigned char c) {
  return c != 0 && strchr(LETTERS DIGITS ".-_", c) != NULL;
}

/* What is wrong with bytes that stand in no host name, NULL: nothing. */
static const char *bad_bytes (const char *name, size_t size) {
  const char *other = NULL;
  size_t i;
  for (i = 0; i < size; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c == 0) return "the host name holds a NUL byte";
    if (c > 127)
      return "the host name is not ASCII: give its A-labels (xn--...)";
    if (c <= ' ' || c == 127)
      return "the host name holds a blank or a control character";
    if (c == '[' || c == ']')
      return "the host name holds a bracket: give an IPv6 address bare";
    if (c == '*')
      return "the host name holds a '*': wildcards stand in certificates, "
             "give the name of one host";
    if (c == '/' || c == ':')
      other = "the host name is neither a name nor an address: give it "
              "without scheme, port and path";
    else if (!in_names(c) && other == NULL)
      other = "the host name holds a character other than letters, digits, "
              "'-', '_' and '.'";
  }
  return other;
}

static const char *bad_labels (const char *name, size_t size) {
  size_t i, length = 0;
  if (size == 0) return "the host name is empty";
  if (size > HOSTNAME_MAX) return "the host name is over 253 bytes long";
  if (name[0] == '.')
    return "the host name begins with a dot: give the name of one host";
  for (i = 0; i <= size; i++) {
    if (i < size && name[i] != '.') length++;
    else if (length == 0) return "the host name has an empty label";
    else if (length > LABEL_MAX)
      return "the host name has a label of over 63 bytes";
    else length = 0;
  }
  return NULL;
}

/* Resolvers read "127.1" and "0x7f.1" as addresses, certificates hold no
** such names, and no top-level domain is a number: RFC 3696, section 2. */
static int ends_in_number (const char *text) {
  const char *label = strrchr(text, '.');
  label = label == NULL ? text : label + 1;
  if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
    return label[2 + strspn(label + 2, DIGITS "ABCDEFabcdef")] == '\0';
  return label[strspn(label, DIGITS)] == '\0';
}

static size_t read_address (const char *text, unsigned char *bytes) {
  if (inet_pton(AF_INET, text, bytes) == 1) return 4;
  if (inet_pton(AF_INET6, text, bytes) == 1) return 16;
  return 0;
}

/* 1 if `name` is an IPv6 address; what stays of it is without the zone
** ("fe80::1%eth0"), which means something on this host only: RFC 4007, 11.2. */
static int parse_literal (const char *name, size_t size, Hostname *hostname) {
  char text[LITERAL_MAX + 1];
  unsigned char bytes[16];
  const char *zone = memchr(name, '%', size);
  size_t i, length = zone == NULL ? size : (size_t)(zone - name);
  if (length > LITERAL_MAX || length + 1 == size) return 0;
  for (i = length + 1; i < size; i++)
    if (!in_names((unsigned char)name[i])) return 0;
  memcpy(text, name, length);
  text[length] = '\0';
  if (strlen(text) != length || inet_pton(AF_INET6, text, bytes) != 1)
    return 0;
  memcpy(hostname->text, text, length + 1);
  hostname->is_address = 1;
  return 1;
}

int hostname_parse (const char *name, size_t size, Hostname *hostname,
                    const char **why) {
  const char *bad = bad_bytes(name, size);
  unsigned char bytes[16];
  memset(hostname, 0, sizeof(*hostname));
  if (parse_literal(name, size, hostname)) return 1;
  if (bad != NULL) return refuse(why, bad);
  if (size > 1 && name[size - 1] == '.') size--;  /* the root's, in full */
  bad = bad_labels(name, size);
  if (bad != NULL) return refuse(why, bad);
  memcpy(hostname->text, name, size);
  hostname->is_address = read_address(hostname->text, bytes) != 0;
  if (!hostname->is_address && ends_in_number(hostname->text))
    return refuse(why, "the host name ends in a number but is no address: "
                       "give four decimal numbers, as in 127.0.0.1");
  return 1;
}

int hostname_ask (const Hostname *hostname, X509_VERIFY_PARAM *param) {
  unsigned char bytes[16];
  X509_VERIFY_PARAM_set_hostflags(param, MATCH_FLAGS);
  if (hostname->is_address)
    return X509_VERIFY_PARAM_set1_ip(param, bytes,
                                     read_address(hostname->text, bytes));
  return X509_VERIFY_PARAM_set1_host(param, hostname->text, 0);
}

/* RFC 6066, section 3: no literals in SNI. */
int hostname_send (SSL *ssl, const Hostname *hostname) {
  return hostname->is_address || hostname->text[0] == '\0'
         || SSL_set_tlsext_host_name(ssl, hostname->text);
}

/* ---- wildcards for labels with an underscore ---- */

static int is_plain (char c) {
  return c != '\0' && strchr(LETTERS DIGITS, c) != NULL;
}

/* Labels are not empty, and hyphens stand inside them. */
static int may_follow (char before, char c) {
  if (c == '.') return is_plain(before);
  return c == '-' ? before != '.' : is_plain(c);
}

/* "*" and at least two such labels: what OpenSSL takes for a wildcard under
** MATCH_FLAGS. */
static int is_wildcard (const char *p, size_t size) {
  size_t i, labels = 0;
  if (size < 2 || p[0] != '*' || p[1] != '.') return 0;
  for (i = 2; i <= size; i++) {
    char c = i < size ? p[i] : '.';
    if (!may_follow(p[i - 1], c)) return 0;
    if (c == '.') labels++;
  }
  return labels >= 2;
}

/* ASCII's, in every locale. */
static char lower (char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* `rest` is the name behind its left-most label, with the dot. */
static int covers (const ASN1_IA5STRING *san, const char *rest) {
  const char *p = (const char *)ASN1_STRING_get0_data(san);
  size_t i, size = (size_t)ASN1_STRING_length(san);
  if (ASN1_STRING_type(san) != V_ASN1_IA5STRING || !is_wildcard(p, size)
      || size - 1 != strlen(rest)) return 0;
  for (i = 1; i < size; i++)
    if (lower(p[i]) != lower(rest[i - 1])) return 0;
  return 1;
}

/* OpenSSL's matcher has a wildcard stand for letters, digits and hyphens
** alone; others and the names in use have underscores too. All else is as it
** has it: "xn--" is a label like others, a literal SAN is its business. */
static int is_covered (const char *name, X509 *x509) {
  size_t label = strspn(name, LETTERS DIGITS "-_");
  GENERAL_NAMES *sans;
  int i, found = 0;
  if (label == 0 || name[label] != '.' || memchr(name, '_', label) == NULL)
    return 0;
  sans = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
  for (i = 0; i < sk_GENERAL_NAME_num(sans) && !found; i++) {
    const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);
    found = san->type == GEN_DNS && covers(san->d.dNSName, name + label);
  }
  GENERAL_NAMES_free(sans);
  return found;
}

int hostname_matches (const Hostname *hostname, X509 *x509) {
  unsigned char bytes[16];
  size_t size = hostname->is_address ? read_address(hostname->text, bytes) : 0;
  if (hostname->is_address)
    return X509_check_ip(x509, bytes, size, MATCH_FLAGS) == 1;
  return X509_check_host(x509, hostname->text, strlen(hostname->text),
                         MATCH_FLAGS, NULL) == 1
         || is_covered(hostname->text, x509);
}

int hostname_matches_any (const Hostname *hostname, int more, X509 *x509) {
  int i;
  for (i = 0; i <= more; i++)
    if (hostname_matches(&hostname[i], x509)) return 1;
  return 0;
}
