/*
** certificate_signature.c -- who signed a certificate, and its digests.
*/

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "base/quote.h"
#include "x509/asn1_value.h"
#include "x509/certificate.h"
#include "x509/certificate_signature.h"

/***
@classmod Certificate
@group Key and signature
*/

/* Into `digest`; 0: see the error queue. */
static int make_digest (const X509 *x509, const char *algorithm,
                        unsigned char *digest, unsigned int *size) {
  EVP_MD *md = EVP_MD_fetch(NULL, algorithm, NULL);
  int done = md != NULL && !(EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF)
             && X509_digest(x509, md, digest, size);
  EVP_MD_free(md);
  return done;
}

/***
The digest of the certificate's DER: its fingerprint.
@function digest
@tparam[opt="sha256"] string algorithm as OpenSSL calls it: `"sha1"`,
`"sha256"`, `"sha512"`, `"sha3-256"`
@treturn[1] string lower-case hexadecimal, without colons
@treturn[2] nil
@treturn[2] SSLError this OpenSSL has no such digest of a fixed length
@source X509_digest(3)
@usage print(certificate:digest())
*/
static int signature_digest_of (lua_State *L) {
  static const char digits[] = "0123456789abcdef";
  X509 *x509 = certificate_check(L, 1);
  const char *algorithm = luaL_optstring(L, 2, "sha256");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int i, size = 0;
  char text[EVP_MAX_MD_SIZE * 2];
  errors_clear();
  if (!make_digest(x509, algorithm, digest, &size)) {
    if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
      return errors_fail(L, "digest", NULL);
    errors_clear();  /* it quotes the name, which may be a secret */
    return errors_text(L, ERROR_T, "digest", "unsupported", "this OpenSSL has "
                       "no digest of that name and a fixed length");
  }
  for (i = 0; i < size; i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  lua_pushlstring(L, text, 2 * size);
  return 1;
}

/***
The algorithm of the signature.
@function signature_name
@tparam[opt="long"] string form which of OpenSSL's names: `"long"` or `"short"`
@treturn string the long name, `"sha256WithRSAEncryption"`,
`"ecdsa-with-SHA256"`, `"ED25519"`, `"rsassaPss"`, or the short one,
`"RSA-SHA256"`; a dotted number if it has none
@raise when `form` is another
@source RFC 5280, 4.1.1.2
@usage print(certificate:signature_name())
*/
static int signature_name (lua_State *L) {
  static const char *const forms[] = {"long", "short", NULL};
  X509 *x509 = certificate_check(L, 1);
  int form = certificate_check_form(L, 2, forms);
  const X509_ALGOR *algorithm;
  const ASN1_OBJECT *object;
  X509_get0_signature(NULL, &algorithm, x509);
  X509_ALGOR_get0(&object, NULL, NULL, algorithm);
  if (form == 1 && OBJ_obj2nid(object) != NID_undef)
    asn1_value_push_short_name(L, object);
  else asn1_value_push_object(L, object);
  return 1;
}

/***
The digest that was signed, of RSA-PSS too.
@function signature_digest
@treturn[1] string `"sha256"`
@treturn[2] nil the algorithm has none of its own (Ed25519)
@treturn[3] nil
@treturn[3] SSLError OpenSSL does not know the algorithm
@source X509_get_signature_info(3)
@usage local name = certificate:signature_digest()
*/
static int signature_digest (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  int md = NID_undef;
  char name[QUOTE_ROOM];
  size_t i;
  errors_clear();
  if (!X509_get_signature_info(x509, &md, NULL, NULL, NULL))
    return errors_text(L, ERROR_T, "signature_digest", "unsupported",
                       "OpenSSL does not know the signature's algorithm");
  errors_clear();
  if (md == NID_undef || OBJ_nid2sn(md) == NULL) {
    lua_pushnil(L);
    return 1;
  }
  quote_clean(name, sizeof(name), OBJ_nid2sn(md));
  for (i = 0; name[i] != '\0'; i++)
    if (name[i] >= 'A' && name[i] <= 'Z') name[i] += 'a' - 'A';
  lua_pushstring(L, name);
  return 1;
}

/* OpenSSL says no, and nothing else, also where there was no memory to compare
** algorithms or for a number: what is not good is looked at once more. */

static int check_issued (X509 *issuer, X509 *subject) {
  errors_clear();
  if (X509_check_issued(issuer, subject) == X509_V_OK) return X509_V_OK;
  errors_clear();
  return X509_check_issued(issuer, subject);
}

static int verify (X509 *subject, EVP_PKEY *key) {
  errors_clear();
  if (X509_verify(subject, key) == 1) return 1;
  errors_clear();
  return X509_verify(subject, key);
}

/* What cannot be checked is an error: false would be a lie. */
static int push_signature (lua_State *L, X509 *subject, EVP_PKEY *key) {
  int good = verify(subject, key);
  int reason = ERR_GET_REASON(ERR_peek_error());
  if (good == 1) {
    errors_clear();
    lua_pushboolean(L, 1);
    return 1;
  }
  if (reason == ERR_R_MALLOC_FAILURE) return errors_fail(L, "issued", NULL);
  if (reason == ASN1_R_UNKNOWN_SIGNATURE_ALGORITHM
      || reason == ASN1_R_UNKNOWN_MESSAGE_DIGEST_ALGORITHM
      || reason == ERR_R_UNSUPPORTED || reason == ERR_R_FETCH_FAILED)
    return errors_fail(L, "issued", "unsupported");
  errors_clear();
  lua_pushboolean(L, 0);
  lua_pushstring(L, X509_verify_cert_error_string(
                      X509_V_ERR_CERT_SIGNATURE_FAILURE));
  return 2;
}

/* Whether a verdict is about what OpenSSL can do. */
static int is_unsupported (int code) {
  return code == X509_V_ERR_NO_ISSUER_PUBLIC_KEY
         || code == X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
         || code == X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM;
}

/***
Whether this certificate issued another: the names and key identifiers fit, its
key usage lets it sign certificates, and its key verifies the other's
signature. That it is a CA, is valid now and is trusted is not looked at: that
is for `ssl.verify`.
@function issued
@tparam Certificate other the one that it may have issued
@treturn[1] boolean true
@treturn[2] boolean false
@treturn[2] string why not, in OpenSSL's words
@treturn[3] nil
@treturn[3] SSLError it cannot be told: a key or an algorithm that this OpenSSL
does not know, or extensions that are malformed
@raise when `other` is no Certificate
@source X509_check_issued(3), X509_verify(3); RFC 5280, 6.1.3
@usage print(root:issued(leaf), root:issued(root))
*/
static int signature_issued (lua_State *L) {
  X509 *issuer = certificate_check(L, 1);
  X509 *subject = certificate_check(L, 2);
  int code;
  code = check_issued(issuer, subject);
  if (code == X509_V_ERR_UNSPECIFIED || code == X509_V_ERR_OUT_OF_MEM)
    return errors_text(L, ERROR_T, "issued", "certificate", "a certificate's "
                       "extensions cannot be read");
  if (is_unsupported(code))
    return errors_text(L, ERROR_T, "issued", "unsupported", "%s",
                       X509_verify_cert_error_string(code));
  errors_clear();
  if (code != X509_V_OK) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, X509_verify_cert_error_string(code));
    return 2;
  }
  return push_signature(L, subject, X509_get0_pubkey(issuer));
}

const luaL_Reg certificate_signature_methods[] = {
  {"digest", signature_digest_of},
  {"issued", signature_issued},
  {"signature_digest", signature_digest},
  {"signature_name", signature_name},
  {NULL, NULL}
};
