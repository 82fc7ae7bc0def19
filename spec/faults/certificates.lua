--- Faults in what a Certificate tells, and in ssl.verify.
local function verify(name, from, to, specs)
  return {name = name, file = "src/context/chain_verification.c", from = from, to = to, specs = specs or "verify"}
end

return {
  verify("verify looks at no name", [[
         && (!t->named || hostname_ask(&t->name, param))
]], ""),
  verify("verify takes any chain", "  if (judge(t)) {", "  if (judge(t) || t != NULL) {"),
  verify("verify asks for self-signed roots", "X509_V_FLAG_PARTIAL_CHAIN", "0"),
  verify("verify judges a client's certificate as a server's",
    [[t->server_side ? "ssl_client"]], [[!t->ctx ? "ssl_client"]]),
  verify("verify passes CRLs over", [[
  X509_STORE_CTX_set0_crls(t->ctx, t->crls);
]], ""),
  verify("verify has no CRL looked at", [[
  if (t->crls != NULL) verify_parameters_flag(p, "crl_check");
]], ""),
  verify("verify judges by no security level", [[
  if (p->security_level < 0) p->security_level = usual_level();
  if (p->security_level < 0) return 0;]], [[
  if (p->security_level < 0) p->security_level = 0 * usual_level();]]),
  verify("verify lets any key sign", [[
      return DIGITAL_SIGNATURE;
    default]], [[
      return KEY_USAGE_NONE;
    default]]),
  verify("verify trusts what stands in the chain", [[
  roots = certificate_list_new(L);]], [[
  roots = certificate_list_new(L);
  roots = t->chain;]]),
  {
    name = "verify_flags are not set",
    file = "src/x509/verify_parameters.c",
    from = [[
  if (p->set != 0 && !X509_VERIFY_PARAM_set_flags(param, p->set)) return 0;
]],
    to = "",
    specs = "verify",
  },
  {
    name = "crl_check_all checks no CRL",
    file = "src/x509/verify_parameters.c",
    from = "X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL, 0},",
    to = "X509_V_FLAG_CRL_CHECK_ALL, 0},",
    specs = "verify",
  },
  {
    name = "an extension that is there twice counts",
    file = "src/x509/extension.c",
    from = [[
  if (X509_get_ext_by_NID(x509, nid, at) >= 0) return EXTENSION_DOUBLED;
]],
    to = "",
    specs = "hostile_certificates",
  },
  {
    name = "bytes behind an extension's value are passed over",
    file = "src/x509/extension.c",
    from = "  return !(form & 0x81) && length == size - (long)(p - start);",
    to = "  return !(form & 0x81);",
    specs = "hostile_certificates",
  },
  {
    name = "issued looks at no signature",
    file = "src/x509/certificate_signature.c",
    from = "  int good = verify(subject, key);",
    to = "  int good = verify(subject, key) * 0 + 1;",
    specs = "certificate_facts hostile_certificates",
  },
  {
    name = "certificates are equal if their signed parts are",
    file = "src/x509/certificate_type.c",
    from = "    lua_pushboolean(L, lua_rawequal(L, -1, -2));",
    to = "    lua_pushboolean(L, X509_get_version(one) == X509_get_version(other)\n"
      .. "      && ASN1_INTEGER_cmp(X509_get0_serialNumber(one),\n"
      .. "                          X509_get0_serialNumber(other)) == 0);",
    specs = "certificate_facts",
  },
  {
    name = "a certificate's text may control a terminal",
    file = "src/x509/certificate_type.c",
    from = [[
  make_printable(text, size);
]],
    to = "  if (size < 0) make_printable(text, size);\n",
    specs = "hostile_certificates certificate_facts",
  },
  {
    name = "a timestamp may be longer than its list",
    file = "src/x509/certificate_extensions.c",
    from = "  return length <= left - 2 ? length : -1;",
    to = "  return length;",
    specs = "hostile_certificates",
  },
  {
    name = "what stands behind a certificate in DER is passed over",
    file = "src/context/der.c",
    from = "    if (x509 == NULL) return 0;",
    to = "    if (x509 == NULL) return sk_X509_num(list) > 0;",
    specs = "load_certificates",
  },
  {
    name = "days are left after a certificate has expired",
    file = "src/x509/certificate_times.c",
    from = "  days = floor((end - at) / DAY);",
    to = "  days = trunc((end - at) / DAY);",
    specs = "certificate_facts",
  },
}
