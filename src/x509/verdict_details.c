/*
** verdict_details.c -- what in a certificate is the matter: an entry that does
** not count, an extension that is malformed or unknown.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/quote.h"
#include "x509/verdict_details.h"

#define EXTENSION_MAX 80
#define ENTRY_MAX 128  /* of a name in the certificate */

/* ---- names that do not count ---- */

/* Letters, digits and what else is part of a host name or an address. */
static int is_name_byte (unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
         || (c >= 'a' && c <= 'z') || strchr("-._*", c) != NULL;
}

/* Whether the name is in there, with nothing around it that would make it
** another. */
static int mentions (const char *text, const char *name) {
  size_t size = strlen(name), i, length = strlen(text);
  for (i = 0; i + size <= length; i++)
    if (OPENSSL_strncasecmp(text + i, name, size) == 0
        && (i == 0 || !is_name_byte((unsigned char)text[i - 1]))
        && (text[i + size] == '\0'
            || !is_name_byte((unsigned char)text[i + size]))) return 1;
  return 0;
}

/* The name asked for is in an entry of another kind, or with something around
** it: "DNS:127.0.0.1", "URI:https://localhost/". */
static int is_misplaced (const GENERAL_NAME *entry, const Hostname *name,
                         char *text, size_t room) {
  const char *kind = entry->type == GEN_DNS ? "DNS" :
                     entry->type == GEN_URI ? "URI" : "email";
  char bytes[ENTRY_MAX];
  const ASN1_IA5STRING *value = entry->d.ia5;
  int length;
  if (entry->type != GEN_DNS && entry->type != GEN_URI
      && entry->type != GEN_EMAIL) return 0;
  length = value == NULL ? 0 : ASN1_STRING_length(value);
  if (length <= 0 || length >= ENTRY_MAX) return 0;
  memcpy(bytes, ASN1_STRING_get0_data(value), (size_t)length);
  bytes[length] = '\0';
  if (strlen(bytes) != (size_t)length || !mentions(bytes, name->text))
    return 0;
  strcpy(text, kind);
  strcat(text, ":");
  quote_clean(text + strlen(text), room - strlen(text), bytes);
  return 1;
}

void verdict_say_misplaced (Failure *f, X509 *x509, const Hostname *name) {
  GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL,
                                          NULL);
  char text[ENTRY_MAX + 8];
  int i, found = 0;
  for (i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
    found = is_misplaced(sk_GENERAL_NAME_value(names, i), name, text,
                         sizeof(text));
  GENERAL_NAMES_free(names);
  if (found)
    failure_say(f, "; its entry %s does not count for %s: the certificate "
                "needs an entry %s:%s", text, name->is_address ? "an address"
                : "a host name", name->is_address ? "IP" : "DNS", name->text);
}

/* ---- extensions ---- */

static const ASN1_OBJECT *object_of (X509 *x509, int i) {
  return X509_EXTENSION_get_object(X509_get_ext(x509, i));
}

static const char *extension_name (X509 *x509, int i, char *room) {
  int size = OBJ_obj2txt(room, EXTENSION_MAX, object_of(x509, i), 0);
  return size > 0 ? room : "with a malformed name";
}

/* What is wrong with an extension. Of those that OpenSSL knows it can tell
** whether they can be read: X509_get_ext_d2i(3). */
static const char *extension_fault (X509 *x509, int i) {
  int nid = OBJ_obj2nid(object_of(x509, i));
  const X509V3_EXT_METHOD *method = X509V3_EXT_get_nid(nid);
  void *value;
  if (X509_get_ext_by_OBJ(x509, object_of(x509, i), i) > i)
    return "is there twice";
  if (method == NULL) return NULL;
  value = X509_get_ext_d2i(x509, nid, NULL, NULL);
  if (value == NULL) return "cannot be read";
  if (method->it != NULL)
    ASN1_item_free(value, ASN1_ITEM_ptr(method->it));
  else method->ext_free(value);
  return NULL;
}

/* OpenSSL makes no chain of a certificate of which it cannot read an
** extension, or finds one twice (RFC 5280, 4.2), and says that its issuer is
** not known. Others that are twice are chain_rules_check's. */
int verdict_say_extension (Failure *f, X509 *x509) {
  char room[EXTENSION_MAX];
  const char *fault = NULL;
  int i, n = X509_get_ext_count(x509);
  if (f->verify_code != X509_V_ERR_INVALID_EXTENSION
      && !(X509_get_extension_flags(x509) & EXFLAG_INVALID)) return 0;
  failure_say(f, ": the certificate is malformed");
  for (i = 0; i < n && fault == NULL; i++) {
    fault = extension_fault(x509, i);
    if (fault != NULL)
      failure_say(f, ", its extension %s %s", extension_name(x509, i, room),
                  fault);
  }
  return 1;
}

/* RFC 5280, 4.2: who does not know a critical one must refuse. */
void verdict_say_critical (Failure *f, X509 *x509) {
  char room[EXTENSION_MAX];
  int i, n = X509_get_ext_count(x509);
  for (i = 0; i < n; i++) {
    if (!X509_EXTENSION_get_critical(X509_get_ext(x509, i))
        || X509_supported_extension(X509_get_ext(x509, i))) continue;
    failure_say(f, ": it is %s", extension_name(x509, i, room));
    return;
  }
}
