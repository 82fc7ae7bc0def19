/*
** verdict_names.c -- the symbols of X509_STORE_CTX_get_error(3), in lower case.
*/

#include <stddef.h>

#include <openssl/x509_vfy.h>

#include "x509/verdict_names.h"

#define NAMED(symbol, name) {X509_V_ERR_##symbol, name}

typedef struct VerdictName {
  int code;
  const char *name;
} VerdictName;

static const VerdictName names[] = {
  {X509_V_OK, "ok"},
  NAMED(UNSPECIFIED, "unspecified"),
  NAMED(UNABLE_TO_GET_ISSUER_CERT, "unable_to_get_issuer_cert"),
  NAMED(UNABLE_TO_GET_CRL, "unable_to_get_crl"),
  NAMED(UNABLE_TO_DECRYPT_CERT_SIGNATURE, "unable_to_decrypt_cert_signature"),
  NAMED(UNABLE_TO_DECRYPT_CRL_SIGNATURE, "unable_to_decrypt_crl_signature"),
  NAMED(UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY,
        "unable_to_decode_issuer_public_key"),
  NAMED(CERT_SIGNATURE_FAILURE, "cert_signature_failure"),
  NAMED(CRL_SIGNATURE_FAILURE, "crl_signature_failure"),
  NAMED(CERT_NOT_YET_VALID, "cert_not_yet_valid"),
  NAMED(CERT_HAS_EXPIRED, "cert_has_expired"),
  NAMED(CRL_NOT_YET_VALID, "crl_not_yet_valid"),
  NAMED(CRL_HAS_EXPIRED, "crl_has_expired"),
  NAMED(ERROR_IN_CERT_NOT_BEFORE_FIELD, "error_in_cert_not_before_field"),
  NAMED(ERROR_IN_CERT_NOT_AFTER_FIELD, "error_in_cert_not_after_field"),
  NAMED(ERROR_IN_CRL_LAST_UPDATE_FIELD, "error_in_crl_last_update_field"),
  NAMED(ERROR_IN_CRL_NEXT_UPDATE_FIELD, "error_in_crl_next_update_field"),
  NAMED(OUT_OF_MEM, "out_of_mem"),
  NAMED(DEPTH_ZERO_SELF_SIGNED_CERT, "depth_zero_self_signed_cert"),
  NAMED(SELF_SIGNED_CERT_IN_CHAIN, "self_signed_cert_in_chain"),
  NAMED(UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unable_to_get_issuer_cert_locally"),
  NAMED(UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unable_to_verify_leaf_signature"),
  NAMED(CERT_CHAIN_TOO_LONG, "cert_chain_too_long"),
  NAMED(CERT_REVOKED, "cert_revoked"),
  NAMED(NO_ISSUER_PUBLIC_KEY, "no_issuer_public_key"),
  NAMED(PATH_LENGTH_EXCEEDED, "path_length_exceeded"),
  NAMED(INVALID_PURPOSE, "invalid_purpose"),
  NAMED(CERT_UNTRUSTED, "cert_untrusted"),
  NAMED(CERT_REJECTED, "cert_rejected"),
  NAMED(SUBJECT_ISSUER_MISMATCH, "subject_issuer_mismatch"),
  NAMED(AKID_SKID_MISMATCH, "akid_skid_mismatch"),
  NAMED(AKID_ISSUER_SERIAL_MISMATCH, "akid_issuer_serial_mismatch"),
  NAMED(KEYUSAGE_NO_CERTSIGN, "keyusage_no_certsign"),
  NAMED(UNABLE_TO_GET_CRL_ISSUER, "unable_to_get_crl_issuer"),
  NAMED(UNHANDLED_CRITICAL_EXTENSION, "unhandled_critical_extension"),
  NAMED(KEYUSAGE_NO_CRL_SIGN, "keyusage_no_crl_sign"),
  NAMED(UNHANDLED_CRITICAL_CRL_EXTENSION, "unhandled_critical_crl_extension"),
  NAMED(INVALID_NON_CA, "invalid_non_ca"),
  NAMED(PROXY_PATH_LENGTH_EXCEEDED, "proxy_path_length_exceeded"),
  NAMED(KEYUSAGE_NO_DIGITAL_SIGNATURE, "keyusage_no_digital_signature"),
  NAMED(PROXY_CERTIFICATES_NOT_ALLOWED, "proxy_certificates_not_allowed"),
  NAMED(INVALID_EXTENSION, "invalid_extension"),
  NAMED(INVALID_POLICY_EXTENSION, "invalid_policy_extension"),
  NAMED(NO_EXPLICIT_POLICY, "no_explicit_policy"),
  NAMED(DIFFERENT_CRL_SCOPE, "different_crl_scope"),
  NAMED(UNSUPPORTED_EXTENSION_FEATURE, "unsupported_extension_feature"),
  NAMED(UNNESTED_RESOURCE, "unnested_resource"),
  NAMED(PERMITTED_VIOLATION, "permitted_violation"),
  NAMED(EXCLUDED_VIOLATION, "excluded_violation"),
  NAMED(SUBTREE_MINMAX, "subtree_minmax"),
  NAMED(APPLICATION_VERIFICATION, "application_verification"),
  NAMED(UNSUPPORTED_CONSTRAINT_TYPE, "unsupported_constraint_type"),
  NAMED(UNSUPPORTED_CONSTRAINT_SYNTAX, "unsupported_constraint_syntax"),
  NAMED(UNSUPPORTED_NAME_SYNTAX, "unsupported_name_syntax"),
  NAMED(CRL_PATH_VALIDATION_ERROR, "crl_path_validation_error"),
  NAMED(PATH_LOOP, "path_loop"),
  NAMED(SUITE_B_INVALID_VERSION, "suite_b_invalid_version"),
  NAMED(SUITE_B_INVALID_ALGORITHM, "suite_b_invalid_algorithm"),
  NAMED(SUITE_B_INVALID_CURVE, "suite_b_invalid_curve"),
  NAMED(SUITE_B_INVALID_SIGNATURE_ALGORITHM,
        "suite_b_invalid_signature_algorithm"),
  NAMED(SUITE_B_LOS_NOT_ALLOWED, "suite_b_los_not_allowed"),
  NAMED(SUITE_B_CANNOT_SIGN_P_384_WITH_P_256,
        "suite_b_cannot_sign_p_384_with_p_256"),
  NAMED(HOSTNAME_MISMATCH, "hostname_mismatch"),
  NAMED(EMAIL_MISMATCH, "email_mismatch"),
  NAMED(IP_ADDRESS_MISMATCH, "ip_address_mismatch"),
  NAMED(DANE_NO_MATCH, "dane_no_match"),
  NAMED(EE_KEY_TOO_SMALL, "ee_key_too_small"),
  NAMED(CA_KEY_TOO_SMALL, "ca_key_too_small"),
  NAMED(CA_MD_TOO_WEAK, "ca_md_too_weak"),
  NAMED(INVALID_CALL, "invalid_call"),
  NAMED(STORE_LOOKUP, "store_lookup"),
  NAMED(NO_VALID_SCTS, "no_valid_scts"),
  NAMED(PROXY_SUBJECT_NAME_VIOLATION, "proxy_subject_name_violation"),
  NAMED(OCSP_VERIFY_NEEDED, "ocsp_verify_needed"),
  NAMED(OCSP_VERIFY_FAILED, "ocsp_verify_failed"),
  NAMED(OCSP_CERT_UNKNOWN, "ocsp_cert_unknown"),
  NAMED(UNSUPPORTED_SIGNATURE_ALGORITHM, "unsupported_signature_algorithm"),
  NAMED(SIGNATURE_ALGORITHM_MISMATCH, "signature_algorithm_mismatch"),
  NAMED(SIGNATURE_ALGORITHM_INCONSISTENCY, "signature_algorithm_inconsistency"),
  NAMED(INVALID_CA, "invalid_ca"),
  NAMED(PATHLEN_INVALID_FOR_NON_CA, "pathlen_invalid_for_non_ca"),
  NAMED(PATHLEN_WITHOUT_KU_KEY_CERT_SIGN, "pathlen_without_ku_key_cert_sign"),
  NAMED(KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA,
        "ku_key_cert_sign_invalid_for_non_ca"),
  NAMED(ISSUER_NAME_EMPTY, "issuer_name_empty"),
  NAMED(SUBJECT_NAME_EMPTY, "subject_name_empty"),
  NAMED(MISSING_AUTHORITY_KEY_IDENTIFIER, "missing_authority_key_identifier"),
  NAMED(MISSING_SUBJECT_KEY_IDENTIFIER, "missing_subject_key_identifier"),
  NAMED(EMPTY_SUBJECT_ALT_NAME, "empty_subject_alt_name"),
  NAMED(EMPTY_SUBJECT_SAN_NOT_CRITICAL, "empty_subject_san_not_critical"),
  NAMED(CA_BCONS_NOT_CRITICAL, "ca_bcons_not_critical"),
  NAMED(AUTHORITY_KEY_IDENTIFIER_CRITICAL, "authority_key_identifier_critical"),
  NAMED(SUBJECT_KEY_IDENTIFIER_CRITICAL, "subject_key_identifier_critical"),
  NAMED(CA_CERT_MISSING_KEY_USAGE, "ca_cert_missing_key_usage"),
  NAMED(EXTENSIONS_REQUIRE_VERSION_3, "extensions_require_version_3"),
  NAMED(EC_KEY_EXPLICIT_PARAMS, "ec_key_explicit_params"),
#if defined(X509_V_ERR_RPK_UNTRUSTED)
  NAMED(RPK_UNTRUSTED, "rpk_untrusted"),
#endif
};

const char *verdict_name (int code) {
  size_t i;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (names[i].code == code) return names[i].name;
  return NULL;
}
