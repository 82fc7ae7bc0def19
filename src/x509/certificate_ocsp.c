/*
** certificate_ocsp.c -- what a responder is asked about a certificate.
*/

#include <openssl/ocsp.h>

#include "base/errors.h"
#include "x509/certificate.h"
#include "x509/certificate_ocsp.h"
#include "x509/scratch.h"

/***
@classmod Certificate
@group Extensions
*/

/* Encodes the request into `bytes`, which the caller frees: its size, or 0. */
static int encode (X509 *leaf, X509 *issuer, unsigned char **bytes) {
  OCSP_REQUEST *request = OCSP_REQUEST_new();
  OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
  int size = 0;
  if (request != NULL && id != NULL
      && OCSP_request_add0_id(request, id) != NULL) {
    id = NULL;  /* the request has it */
    size = i2d_OCSP_REQUEST(request, bytes);
  }
  OCSP_CERTID_free(id);
  OCSP_REQUEST_free(request);
  return size > 0 ? size : 0;
}

/***
What a responder is asked about the certificate: a program sends it by HTTP to
one of the `ocsp_urls`, with POST and the Content-Type
`application/ocsp-request`, and gets a response for the option `ocsp_response`
of a server. There is no nonce in it, so that responders can answer with what
they have signed before.
@function ocsp_request
@tparam Certificate issuer the certificate's issuer
@treturn[1] string the request in DER
@treturn[2] nil
@treturn[2] SSLError of kind `certificate`: another has issued it
@raise when `issuer` is no Certificate
@source RFC 6960, 4.1 and appendix A.1; RFC 5019, 2.1
@usage local request = assert(certificate:ocsp_request(issuer))
*/
static int ocsp_request (lua_State *L) {
  X509 *leaf = certificate_check(L, 1), *issuer = certificate_check(L, 2);
  Scratch *s = scratch_new(L);
  int size;
  errors_clear();
  if (X509_check_issued(issuer, leaf) != X509_V_OK) {
    scratch_check_memory(L);
    errors_clear();
    return errors_text(L, ERROR_T, "ocsp_request", "certificate", "the "
                       "certificate was issued by another than this one");
  }
  size = encode(leaf, issuer, &s->bytes);
  if (size == 0) {
    scratch_check_memory(L);
    return errors_fail(L, "ocsp_request", NULL);
  }
  lua_pushlstring(L, (const char *)s->bytes, (size_t)size);
  scratch_free(s);
  return 1;
}

const luaL_Reg certificate_ocsp_methods[] = {
  {"ocsp_request", ocsp_request},
  {NULL, NULL}
};
