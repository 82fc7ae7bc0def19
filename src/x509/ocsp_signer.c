/*
** ocsp_signer.c -- whether an OCSP response is signed by whom it may be: the
** issuer of the certificate, or a responder to whose certificate that issuer
** has given this right (RFC 6960, 4.2.2.2). Nobody else is asked; who is
** trusted otherwise does not count.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "x509/ocsp_signer.h"

#define CANDIDATES_MAX 16  /* certificates of a peer's that are looked at */

/* ---- who may be the issuer ---- */

int ocsp_signer_has_signed (X509 *issuer, X509 *leaf) {
  EVP_PKEY *key = X509_get0_pubkey(issuer);
  return key != NULL && X509_check_issued(issuer, leaf) == X509_V_OK
         && X509_verify(leaf, key) == 1;
}

X509 *ocsp_signer_issuer (X509 *leaf, STACK_OF(X509) *list) {
  int i, n = sk_X509_num(list);
  if (X509_self_signed(leaf, 1) == 1) return leaf;
  for (i = 0; i < n && i < CANDIDATES_MAX; i++)
    if (ocsp_signer_has_signed(sk_X509_value(list, i), leaf))
      return sk_X509_value(list, i);
  return NULL;
}

/* ---- who has signed ---- */

/* The certificate is the one that the response names: by the subject, or by
** the SHA-1 of its key (RFC 6960, 4.2.1). */
static int is_named (OCSP_BASICRESP *basic, X509 *x509) {
  const ASN1_OCTET_STRING *id = NULL;
  const X509_NAME *name = NULL;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size;
  if (!OCSP_resp_get0_id(basic, &id, &name)) return 0;
  if (name != NULL)
    return X509_NAME_cmp(name, X509_get_subject_name(x509)) == 0;
  return id != NULL && X509_pubkey_digest(x509, EVP_sha1(), digest, &size)
         && (unsigned int)ASN1_STRING_length(id) == size
         && memcmp(ASN1_STRING_get0_data(id), digest, size) == 0;
}

/* OpenSSL has no other function for the signature alone. */
static int is_signed_by (OCSP_BASICRESP *basic, X509 *x509) {
  STACK_OF(X509) *one = sk_X509_new_null();
  int good = one != NULL && sk_X509_push(one, x509) > 0
             && OCSP_basic_verify(basic, one, NULL,
                                  OCSP_NOINTERN | OCSP_NOVERIFY) == 1;
  sk_X509_free(one);
  return good;
}

/* ---- how strong the signature is ---- */

static int bits_of_digest (int nid) {
  const EVP_MD *md = EVP_get_digestbynid(nid);
  if (nid == NID_md5 || nid == NID_md5_sha1) return 39;
  if (nid == NID_sha1) return 63;  /* as OpenSSL counts them */
  return md != NULL ? EVP_MD_get_size(md) * 4 : 0;
}

/* RFC 4055, 3.1: SHA-1 if none is named. */
static int bits_of_pss (const X509_ALGOR *algorithm) {
  const void *value = NULL;
  int type = V_ASN1_UNDEF, nid = NID_sha1;
  const ASN1_STRING *text;
  const unsigned char *p;
  RSA_PSS_PARAMS *params;
  X509_ALGOR_get0(NULL, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE) return 0;
  text = value;
  p = ASN1_STRING_get0_data(text);
  params = d2i_RSA_PSS_PARAMS(NULL, &p, ASN1_STRING_length(text));
  if (params == NULL) return 0;
  if (params->hashAlgorithm != NULL)
    nid = OBJ_obj2nid(params->hashAlgorithm->algorithm);
  RSA_PSS_PARAMS_free(params);
  return bits_of_digest(nid);
}

static int bits_of (OCSP_BASICRESP *basic) {
  const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
  const ASN1_OBJECT *object;
  int digest = NID_undef;
  X509_ALGOR_get0(&object, NULL, NULL, algorithm);
  if (OBJ_obj2nid(object) == NID_rsassaPss) return bits_of_pss(algorithm);
  if (!OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest, NULL)) return 0;
  return digest == NID_undef ? 128 : bits_of_digest(digest);  /* EdDSA */
}

/* SSL_CTX_set_security_level(3) */
static int is_strong (OCSP_BASICRESP *basic, int level) {
  static const int bits[] = {0, 80, 112, 128, 192, 256};
  if (level <= 0) return 1;
  return bits_of(basic) >= bits[level > 5 ? 5 : level];
}

/* ---- a responder with a certificate of its own ---- */

/* The right to sign responses stands in so many words in its certificate. A
** certificate that vouches for itself would be good whatever became of it. */
static int is_entitled (X509 *x509, const OcspCase *about) {
  return X509_get_extension_flags(x509) & EXFLAG_XKUSAGE
         && X509_get_extended_key_usage(x509) & XKU_OCSP_SIGN
         && X509_get_key_usage(x509) & (KU_DIGITAL_SIGNATURE
                                        | KU_NON_REPUDIATION)
         && X509_cmp(x509, about->leaf) != 0;
}

static int prepare (X509_STORE_CTX *ctx, const OcspCase *about) {
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
  X509_VERIFY_PARAM_set_auth_level(param, about->level);
  if (!about->timeless) X509_VERIFY_PARAM_set_time(param, about->now);
  return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN
           | (about->timeless ? X509_V_FLAG_NO_CHECK_TIME : 0));
}

/* Its certificate is good by all that OpenSSL checks, with the issuer alone to
** trust. Whether it was revoked is not asked: who would tell? */
static int is_valid (X509 *x509, const OcspCase *about) {
  X509_STORE *store = X509_STORE_new();
  X509_STORE_CTX *ctx = X509_STORE_CTX_new();
  int good = store != NULL && ctx != NULL
             && X509_STORE_add_cert(store, about->issuer)
             && X509_STORE_CTX_init(ctx, store, x509, NULL)
             && prepare(ctx, about) && X509_verify_cert(ctx) == 1;
  X509_STORE_CTX_free(ctx);
  X509_STORE_free(store);
  return good;
}

static OcspFault check_delegate (X509 *x509, const OcspCase *about) {
  if (!ocsp_signer_has_signed(about->issuer, x509)) return OCSP_FAULT_STRANGER;
  if (!is_entitled(x509, about)) return OCSP_FAULT_UNENTITLED;
  return is_valid(x509, about) ? OCSP_GOOD : OCSP_FAULT_DELEGATE;
}

OcspFault ocsp_signer_check (OCSP_BASICRESP *basic, const OcspCase *about) {
  const STACK_OF(X509) *list = OCSP_resp_get0_certs(basic);
  int i, n = list != NULL ? sk_X509_num(list) : 0;
  OcspFault fault = OCSP_FAULT_STRANGER;
  if (!is_strong(basic, about->level)) return OCSP_FAULT_WEAK;
  if (is_named(basic, about->issuer)) {
    if (is_signed_by(basic, about->issuer)) return OCSP_GOOD;
    fault = OCSP_FAULT_SIGNATURE;
  }
  for (i = 0; i < n && i < CANDIDATES_MAX; i++) {
    X509 *x509 = sk_X509_value(list, i);
    if (!is_named(basic, x509)) continue;
    if (is_signed_by(basic, x509)) return check_delegate(x509, about);
    fault = OCSP_FAULT_SIGNATURE;
  }
  return fault;
}
