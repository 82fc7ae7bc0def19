/*
** chain_rules.c -- rules of RFC 5280 that OpenSSL does not apply by itself.
*/

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "x509/chain_rules.h"

/* No kind of extension twice (4.2). OpenSSL sees that of those it reads
** alone. */

static int by_kind (const X509_EXTENSION *const *a,
                    const X509_EXTENSION *const *b) {
  return OBJ_cmp(X509_EXTENSION_get_object((X509_EXTENSION *)*a),
                 X509_EXTENSION_get_object((X509_EXTENSION *)*b));
}

static int is_sorted_twice (STACK_OF(X509_EXTENSION) *sorted) {
  int i;
  for (i = 1; i < sk_X509_EXTENSION_num(sorted); i++) {
    const X509_EXTENSION *one = sk_X509_EXTENSION_value(sorted, i - 1);
    const X509_EXTENSION *next = sk_X509_EXTENSION_value(sorted, i);
    if (by_kind(&one, &next) == 0) return 1;
  }
  return 0;
}

static int check_extensions (X509 *x509) {
  const STACK_OF(X509_EXTENSION) *list = X509_get0_extensions(x509);
  STACK_OF(X509_EXTENSION) *sorted;
  int twice;
  if (list == NULL) return X509_V_OK;
  sorted = sk_X509_EXTENSION_dup(list);
  if (sorted == NULL) return X509_V_ERR_OUT_OF_MEM;
  sk_X509_EXTENSION_set_cmp_func(sorted, by_kind);
  sk_X509_EXTENSION_sort(sorted);
  twice = is_sorted_twice(sorted);
  sk_X509_EXTENSION_free(sorted);
  return twice ? X509_V_ERR_INVALID_EXTENSION : X509_V_OK;
}

/* An authority may ask for a policy in all that is below it (4.2.1.11).
** OpenSSL looks at policies only if it is told to. Chains without that wish,
** all but a few, are spared its tree. */

static int asks_for_policy (STACK_OF(X509) *chain) {
  int i;
  for (i = 0; i < sk_X509_num(chain); i++)
    if (X509_get_ext_by_NID(sk_X509_value(chain, i), NID_policy_constraints,
                            -1) >= 0)
      return 1;
  return 0;
}

/* Any will do (6.1.1 (c)). */
static int policy_result (STACK_OF(X509) *chain) {
  STACK_OF(ASN1_OBJECT) *any = sk_ASN1_OBJECT_new_null();
  X509_POLICY_TREE *tree = NULL;
  int is_explicit, result = X509_PCY_TREE_INTERNAL;
  if (any != NULL && sk_ASN1_OBJECT_push(any, OBJ_nid2obj(NID_any_policy)) > 0)
    result = X509_policy_check(&tree, &is_explicit, chain, any, 0);
  X509_policy_tree_free(tree);
  sk_ASN1_OBJECT_free(any);
  return result;
}

static int check_policies (STACK_OF(X509) *chain) {
  if (!asks_for_policy(chain)) return X509_V_OK;
  switch (policy_result(chain)) {
    case X509_PCY_TREE_VALID: return X509_V_OK;
    case X509_PCY_TREE_INVALID: return X509_V_ERR_INVALID_POLICY_EXTENSION;
    case X509_PCY_TREE_FAILURE: return X509_V_ERR_NO_EXPLICIT_POLICY;
    default: return X509_V_ERR_OUT_OF_MEM;
  }
}

int chain_rules_check (STACK_OF(X509) *chain, int *depth) {
  int code;
  for (*depth = 0; *depth < sk_X509_num(chain); ++*depth) {
    code = check_extensions(sk_X509_value(chain, *depth));
    if (code != X509_V_OK) return code;
  }
  *depth = 0;
  return check_policies(chain);
}
