--- Faults in what a hook or a table chooses for a ClientHello: opening.c's
-- replay, client_hello.c, alpn.c, callbacks.c, hooks.c.
return {
  {
    name = "the chosen context is put in by SSL_set_SSL_CTX",
    file = "src/connection/opening.c",
    from = [[
  ssl = open_ssl(c, &own);
  if (ssl == NULL) return errors_fail(L, "SSL_new", NULL);
  if (!bio_replay_hello]],
    to = [[
  c->policy = context_policy_of(c->context);
  SSL_set_SSL_CTX(c->ssl, c->context);
  if (c->context != NULL) return 0;
  ssl = NULL;
  old = NULL;
  if (!bio_replay_hello]],
    specs = "context_switch",
  },
  {
    name = "the policy stays the first context's",
    file = "src/connection/opening.c",
    from = [[
  c->policy = context_policy_of(c->context);
  c->options = own;
  SSL_free(old);]],
    to = [[
  SSL_free(old);]],
    specs = "context_switch",
  },
  {
    name = "the chosen context's connection is opened by the first one's options",
    file = "src/connection/opening.c",
    from = [[
  c->options = own;
  SSL_free(old);]],
    to = [[
  SSL_free(old);]],
    specs = "context_switch",
  },
  {
    name = "the hooks stay the first context's",
    file = "src/connection/opening.c",
    from = [[
  keep_context(L, context);
  old = c->ssl;
]],
    to = [[
  lua_pop(L, 2);
  old = c->ssl;
]],
    specs = "context_switch",
  },
  {
    name = "the connection's own options are lost with the first context",
    file = "src/connection/opening.c",
    from = [[
  connection_options(L, &own, context_policy_of(c->context), lua_gettop(L));
]],
    to = [[
  own = context_policy_of(c->context)->defaults;
]],
    specs = "context_switch",
  },
  {
    name = "a connection's options are whatever the caller's table is now",
    file = "src/carrier/sslobject.c",
    from = [[
  copy_options(L, 2);
  lua_rawseti]],
    to = [[
  lua_pushvalue(L, 2);
  lua_rawseti]],
    specs = "lazy_ssl_new",
  },
  {
    name = "a server can be told to check a name",
    file = "src/connection/connection.c",
    from = [[
  options_check_side(L, options, OF_CONNECTION, own->server_side);
]],
    to = "",
    specs = "options_misuse",
  },
  {
    name = "the socket is not tuned to the chosen context",
    file = "src/connection/opening.c",
    from = [[
  if (c->link != NULL) c->link->tune(c);
]],
    to = "",
    specs = "context_switch",
  },
  {
    name = "what came behind the ClientHello is lost",
    file = "src/connection/bio.c",
    from = [[
  if (!kept || !buffer_append(&q->record, buffer_start(&rest),
                             buffer_length(&rest))) {]],
    to = [[
  if (!kept) {]],
    specs = "hooks_choice",
  },
  {
    name = "the chosen context's own hook is asked, too",
    file = "src/connection/callbacks.c",
    from = [[
  if (h->made || h->answer != UNANSWERED
      || ]],
    to = [[
  if (]],
    specs = "context_switch server_names",
  },
  {
    name = "the chosen context's server_names choose again",
    file = "src/connection/handshake.c",
    from = [[
  if (d->answer != REFUSED && !h->made) {]],
    to = [[
  if (d->answer != REFUSED) {]],
    specs = "hooks_choice",
  },
  {
    name = "a second ClientHello may ask for another name",
    file = "src/connection/callbacks.c",
    from = [[
  if (h->named && strcmp(name, c->name.text) != 0) {]],
    to = [[
  if (h->named && name[0] == '\n') {]],
    specs = "context_switch_client_hello",
  },
  {
    name = "a context of the client's side can be chosen",
    file = "src/connection/hooks.c",
    from = [[
  if (!awaits_answer(c) || c->decision.point != AT_CLIENT_HELLO) return 0;
  if (!server_side)]],
    to = [[
  if (!awaits_answer(c) || c->decision.point != AT_CLIENT_HELLO) return 0;
  if (L == NULL)]],
    specs = "hooks_choice",
  },
  {
    name = "the certificates of the first context are shown besides the chosen one",
    file = "src/context/identity.c",
    from = [[
  SSL_certs_clear(ssl);
]],
    to = "",
    specs = "hooks_choice",
  },
  {
    name = "a chosen certificate leaves its chain behind",
    file = "src/context/identity.c",
    from = [[
    SSL_CTX_get0_chain_certs(ctx, &chain);
    done]],
    to = [[
    done]],
    specs = "hooks_choice",
  },
  {
    name = "a context without a certificate is a choice of one",
    file = "src/connection/hooks.c",
    from = [[
  if (SSL_CTX_get0_certificate(ctx) == NULL)
    return]],
    to = [[
  if (SSL_CTX_get0_certificate(ctx) == NULL) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (ctx == NULL)
    return]],
    specs = "hooks_choice",
  },
  {
    name = "a protocol that the client does not offer is chosen",
    file = "src/connection/hooks.c",
    from = [[
  if (!client_hello_offers(c->choice.hello, name, size))]],
    to = [[
  if (L == NULL)]],
    also = {
      { file = "src/connection/callbacks.c",
        from = [[
  if (!alpn_is_offered(chosen, offered, size))
    return SSL_TLSEXT_ERR_ALERT_FATAL;
]], to = "" },
    },
    specs = "hooks_choice",
  },
  {
    name = "any protocol suits a client that offers none",
    file = "src/connection/client_hello.c",
    from = [[
  return 0;
}

/* What has no name here]],
    to = [[
  return h->protocols.size == 0;
}

/* What has no name here]],
    specs = "hooks_choice",
  },
  {
    name = "the protocol that a hook chose is passed over",
    file = "src/connection/callbacks.c",
    from = [[
  if (chosen == NULL)
    return alpn]],
    to = [[
  if (ssl != NULL)
    return alpn]],
    specs = "hooks_choice",
  },
  {
    name = "alpn_strict is ignored",
    file = "src/context/alpn.c",
    from = [[
    return ours->strict ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;]],
    to = [[
    return SSL_TLSEXT_ERR_NOACK;]],
    specs = "context_switch connection",
  },
  {
    name = "what server_names cannot use is passed over",
    file = "src/connection/handshake.c",
    from = [[
    if (hooks_choose_by_name(L, c) > 0)
      hooks_refuse(L, c, SSL_AD_INTERNAL_ERROR);
    else ]],
    to = [[
    hooks_choose_by_name(L, c);
    ]],
    specs = "server_names",
  },
  {
    name = "server_names run code of a metatable",
    file = "src/connection/client_hello.c",
    from = [[
  lua_pushstring(L, h->name);
  lua_rawget(L, names);
  if]],
    to = [[
  lua_pushstring(L, h->name);
  lua_gettable(L, names);
  if]],
    specs = "server_names",
  },
  {
    name = "a client's name may be a wildcard",
    file = "src/connection/client_hello.c",
    from = [[
 || p[i] == '*') return;]],
    to = [[
) return;]],
    specs = "server_names",
  },
  {
    name = "an empty label meets a wildcard",
    file = "src/connection/client_hello.c",
    from = [[
  const char *rest = h->name[0] != '.' ? strchr(h->name, '.') : NULL;]],
    to = [[
  const char *rest = strchr(h->name, '.');]],
    specs = "server_names",
  },
  {
    name = "a name with other bytes than those of names is one",
    file = "src/connection/client_hello.c",
    from = [[
    if (p[i] <= ' ' || p[i] >= 127 || ]],
    to = [[
    if (]],
    specs = "server_names",
  },
  {
    name = "names are compared in the client's capitals",
    file = "src/connection/client_hello.c",
    from = [[
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);]],
    to = [[
  return (char)c;]],
    specs = "server_names",
  },
  {
    name = "a dot behind the name makes it another",
    file = "src/connection/client_hello.c",
    from = [[
  if (p[n - 1] == '.') n--;
]],
    to = "",
    specs = "server_names",
  },
  {
    name = "set makes new keys for tickets",
    file = "src/context/renewal.c",
    from = [[
  ticket_keys_free(fresh->ticket_keys);
  fresh->ticket_keys = ticket_keys_share(old->ticket_keys);
]],
    to = "",
    specs = "context reload",
  },
  {
    name = "set forgets a client's sessions",
    file = "src/context/renewal.c",
    from = [[
    fresh->cache = session_cache_share(old->cache);]],
    to = [[
    fresh->cache = session_cache_new();]],
    specs = "context reload",
  },
  {
    name = "server_names stay what they were at the wrap",
    file = "src/connection/hooks.c",
    from = [[
  push_server_names(L);
  client]],
    to = [[
  push_option(L, "server_names");
  client]],
    specs = "context",
  },
  {
    name = "server_names takes a certificate back that a hook chose",
    file = "src/connection/hooks.c",
    from = [[
  if (c->decision.point == AT_CLIENT_HELLO) c->choice.made = 1;
]],
    to = "",
    specs = "hooks_choice",
  },
  {
    name = "set loses what came between",
    file = "src/context/context.c",
    from = [[
  if (!lua_rawequal(L, -1, 4))]],
    to = [[
  if (L == NULL)]],
    specs = "context",
  },
}
