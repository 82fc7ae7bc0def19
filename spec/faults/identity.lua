--- Faults in who this side is, and in its renewal: identity.c, warnings.c, key_store.c,
-- pkcs12.c, renewal.c, context.c, callbacks.c.
return {
  {
    name = "one of several certificates is handed over by a hook",
    file = "src/context/identity.c",
    from = [[
  for (; done && more == 1;
       more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {]],
    to = [[
  for (; done && more == 1; more = 0) {]],
    specs = "certificates",
  },
  {
    name = "a client of TLS 1.2 shows its first certificate to everybody",
    file = "src/connection/callbacks.c",
    from = [[
  (void)unused;
  identity_choose(ssl);]],
    to = [[
  (void)unused;
  (void)ssl;]],
    specs = "certificates several_certificates",
  },
  {
    name = "a client of TLS 1.2 shows the first certificate that its hook gave",
    file = "src/connection/callbacks.c",
    from = [[
  if (answer == REFUSED) return 0;
  identity_choose(ssl);]],
    to = [[
  if (answer == REFUSED) return 0;]],
    specs = "certificates",
  },
  {
    name = "the chain of the first of several certificates alone is completed",
    file = "src/context/context_certificates.c",
    from = [[
  for (; more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {]],
    to = [[
  for (; more == 1; more = 0) {]],
    specs = "certificates",
  },
  {
    name = "issuers are sent as they stand in the file",
    file = "src/context/identity.c",
    from = [[
    if (j == i + 1) continue;]],
    to = [[
    if (j > i) continue;]],
    specs = "warnings",
  },
  {
    name = "the key's certificate is sent where it stands",
    file = "src/context/identity.c",
    from = [[
(i == 0 || move(cert->certificates, i, 0)) && sort(cert)]],
    to = [[
sort(cert)]],
    specs = "warnings",
  },
  {
    name = "a certificate that has expired is not told",
    file = "src/context/warnings.c",
    from = [[
    if (X509_cmp_time(last, NULL) < 0)]],
    to = [[
    if (X509_cmp_time(last, NULL) > 1)]],
    specs = "warnings",
  },
  {
    name = "an issuer that the system trusts is missing",
    file = "src/context/warnings.c",
    from = [[
  found = has_issuer(system, x509);]],
    to = [[
  found = 0;]],
    specs = "warnings",
  },
  {
    name = "an issuer that is missing is not told",
    file = "src/context/warnings.c",
    from = [[
  if (known != 0) return known > 0;]],
    to = [[
  if (known == 0) return 1;]],
    specs = "warnings",
  },
  {
    name = "a URI with a PIN in it is told by OpenSSL's complaints",
    file = "src/context/key_store.c",
    from = [[
  errors_clear();  /* they may quote the URI */
]],
    to = "",
    specs = "key_uri",
  },
  {
    name = "the keys in certificates are told",
    file = "src/context/public_options.c",
    from = [[
      if (o->flags & IS_SECRET) lua_pushnil(L);
      else public_options_push]],
    to = [[
      if (o->flags & IS_SECRET) options_push(L, list + 1, o->name);
      else public_options_push]],
    specs = "certificates secrets",
  },
  {
    name = "the tables in certificates stay the caller's",
    file = "src/context/options.c",
    from = [[
    lua_rawgeti(L, -2, i);
    if (lua_istable(L, -1)) copy_table(L);
]],
    to = [[
    lua_rawgeti(L, -2, i);
]],
    specs = "certificates",
  },
  {
    name = "reload changes whatever it is given",
    file = "src/context/context.c",
    from = [[
  options_check_renewed(L, 2);
]],
    to = "",
    specs = "reload misuse",
  },
  {
    name = "a server's sessions outlive a change of trust",
    file = "src/context/session_binding.c",
    from = [[
  return add(md, "cert_reqs", &reqs, 1)
         && add_anchors(md, ctx, s)
]],
    to = [[
  return add(md, "cert_reqs", &reqs, 1)
         && ctx != NULL
]],
    specs = "reload",
  },
  {
    name = "sessions without tickets end with a renewal",
    file = "src/context/renewal.c",
    from = [[
    carry_sessions(from, to);
]],
    to = [[
    return ticket_keys_install(to, fresh->ticket_keys);
]],
    specs = "reload",
  },
  {
    name = "kept contexts do not notice a changed file in certificates",
    file = "lua/luassl/context_cache.lua",
    from = [[if FILES[row(name)] and]],
    to = [[if FILES[name] and]],
    specs = "ssl_connect",
  },
}
