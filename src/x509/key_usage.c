/*
** key_usage.c -- what a certificate lets its key be used for.
*/

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "x509/key_usage.h"

static const char *const names[] = {
  "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
  "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"
};

/* A certificate without the extension may do everything; one whose extension
** cannot be read, nothing. X509_get_key_usage(3) says nothing where any other
** extension cannot be read. */
int key_usage_allows (const X509 *x509, int usage) {
  int found, set;
  ASN1_BIT_STRING *bits;
  if (usage == KEY_USAGE_NONE) return 1;
  ERR_set_mark();  /* a verdict that is overruled leaves no complaint */
  bits = X509_get_ext_d2i(x509, NID_key_usage, &found, NULL);
  ERR_pop_to_mark();
  set = bits != NULL ? ASN1_BIT_STRING_get_bit(bits, usage) : found == -1;
  ASN1_BIT_STRING_free(bits);
  return set;
}

const char *key_usage_name (int usage) {
  int count = (int)(sizeof(names) / sizeof(names[0]));
  return usage >= 0 && usage < count ? names[usage] : NULL;
}
