--- Faults in the verdict on a peer and what becomes of it: verify.c, pins.c,
-- init.lua.
return {
  {
    name = "a client that says whom it trusts verifies nothing",
    file = "lua/luassl/init.lua",
    from = [[
    for_context.cert_reqs = ssl.CERT_REQUIRED
  end
]],
    to = [[
  end
]],
    specs = "wrap_socket",
  },
  {
    name = "CERT_NONE is not honoured where trust is given",
    file = "lua/luassl/init.lua",
    from = [[if trusts and for_context.cert_reqs == nil and]],
    to = [[if trusts and]],
    specs = "wrap_socket",
  },
  {
    name = "a bad verdict is taken for a good one",
    file = "src/connection/verify.c",
    from = [[
    if (!c->policy->takes_certificates) good = refuse_type(v, store);
]],
    to = [[
    good = 1;
]],
    specs = "connection",
  },
  {
    name = "a bad verdict is ignored",
    file = "src/connection/verify.c",
    from = [[
  return v->code == X509_V_OK || v->answer == ACCEPTED
         || v->demands == CERT_NONE;]],
    to = [[
  return c != NULL;]],
    also = {
      { file = "src/connection/verify.c",
        from = [[
  return v->known && v->code == X509_V_OK
         && SSL_get_verify_result(c->ssl) == X509_V_OK
         && ]],
        to = [[
  return ]] },
    },
    specs = "connection",
  },
  {
    name = "nothing is decided at the end of a handshake",
    file = "src/connection/handshake.c",
    from = [[
  if (!verify_holds(c)) {]],
    to = [[
  if (L == NULL) {]],
    specs = "resumption_verification pins",
  },
  {
    name = "a client that requires a certificate does without one",
    file = "src/connection/verify.c",
    from = [[
  if (leaf == NULL && key == NULL)
    return v->demands == CERT_OPTIONAL && c->options.server_side;]],
    to = [[
  if (leaf == NULL && key == NULL) return p != NULL;]],
    specs = "anonymous_server",
  },
  {
    name = "a server does not say that it requires a certificate",
    file = "src/connection/verify.c",
    from = [[
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
]],
    to = [[
    mode |= 0;
]],
    specs = "hooks pins connection",
  },
  {
    name = "on_verify stands under SSL_VERIFY_NONE",
    file = "src/context/context_policy.c",
    from = [[
         || policy->hooks & HOOK_VERIFY || policy->takes_keys;]],
    to = [[
         || policy->takes_keys;]],
    specs = "resumption_verification",
  },
  {
    name = "pins stand under SSL_VERIFY_NONE",
    file = "src/context/context_policy.c",
    from = [[
  return policy->cert_reqs != CERT_NONE || policy->pins != NULL
]],
    to = [[
  return policy->cert_reqs != CERT_NONE
]],
    specs = "resumption_verification",
  },
  {
    name = "a refusal of on_verify is ignored",
    file = "src/connection/verify.c",
    from = [[
  if (v->answer == REFUSED || v->unpinned) return 0;
  return v->code]],
    to = [[
  if (v->unpinned) return 0;
  return v->code]],
    specs = "hooks_answers",
  },
  {
    name = "a refusal of on_verify after a resumption is ignored",
    file = "src/connection/verify.c",
    from = [[
  if (v->answer == REFUSED || v->unpinned) return 0;
  if (key_suffices]],
    to = [[
  if (v->unpinned) return 0;
  if (key_suffices]],
    specs = "resumption_verification",
  },
  {
    name = "pins are ignored",
    file = "src/connection/verify.c",
    from = [[
  if (v->answer == REFUSED || v->unpinned) return 0;
  return v->code]],
    to = [[
  if (v->answer == REFUSED) return 0;
  return v->code]],
    specs = "pins",
  },
  {
    name = "pins do not hold for who shows no certificate",
    file = "src/connection/verify.c",
    from = [[
  if (v->answer == REFUSED || v->unpinned) return 0;
  if (key_suffices]],
    to = [[
  if (v->answer == REFUSED) return 0;
  if (key_suffices]],
    specs = "pins",
  },
  {
    name = "pins are looked for beyond the leaf where nothing is verified",
    file = "src/connection/verify.c",
    from = [[
  if (v->code == X509_V_OK && v->chain != NULL)
    return pins_match]],
    to = [[
  if (v->chain != NULL)
    return pins_match]],
    specs = "pins",
  },
  {
    name = "pins are of the leaf alone",
    file = "src/context/pins.c",
    from = [[
  for (i = 0; i < sk_X509_num(chain); i++)
    if (is_pinned]],
    to = [[
  for (i = 0; i < 1; i++)
    if (is_pinned]],
    specs = "pins",
  },
  {
    name = "pins are compared in their first byte",
    file = "src/context/pins.c",
    from = [[
    if (memcmp(pins->digests[i], digest, sizeof(digest)) == 0) return 1;]],
    to = [[
    if (memcmp(pins->digests[i], digest, 0) == 0) return 1;]],
    specs = "pins",
  },
  {
    name = "on_verify is not asked after a resumption",
    file = "src/connection/verify.c",
    from = [[
  decision_stop(c, AT_VERIFY);
  return 1;
}]],
    to = [[
  c->verification.answer = ALLOWED;
  return 0;
}]],
    specs = "resumption_verification",
  },
  {
    name = "an on_verify that was not asked has said yes",
    file = "src/connection/verify.c",
    from = [[
  if (!(c->policy->hooks & HOOK_VERIFY) || puts_off(c)) return 0;
  if (v]],
    to = [[
  if (c->ssl != NULL) return 0;
  if (v]],
    also = {
      { file = "src/connection/verify.c",
        from = [[
  if (p->hooks & HOOK_VERIFY && v->answer == UNANSWERED && !puts_off(c))
    return 0;
]], to = "" },
    },
    specs = "resumption_verification hooks",
  },
  {
    name = "an on_verify that was not asked ends the handshake",
    file = "src/connection/verify.c",
    from = [[
  if (!(c->policy->hooks & HOOK_VERIFY) || puts_off(c)) return 0;
  if (v]],
    to = [[
  if (c->ssl != NULL) return 0;
  if (v]],
    specs = "resumption_verification hooks",
  },
  {
    name = "what was accepted though bad is good after a resumption",
    file = "src/connection/verify.c",
    from = [[
  int code = (int)SSL_get_verify_result(c->ssl);
]],
    to = [[
  int code = X509_V_OK;
  SSL_set_verify_result(c->ssl, X509_V_OK);
]],
    specs = "resumption_verification",
  },
  {
    name = "a certificate that has expired is good after a resumption",
    file = "src/connection/verify.c",
    from = [[
  if (!v->by_record && !is_noted(&v->faults, X509_V_ERR_CERT_HAS_EXPIRED)
      && session_expired]],
    to = [[
  if (is_noted(&v->faults, X509_V_ERR_CERT_HAS_EXPIRED)
      && session_expired]],
    specs = "resumption_verification",
  },
  {
    name = "the verdict is not decided upon again after a resumption",
    file = "src/connection/verify.c",
    from = [[
  return v->known && v->code == X509_V_OK
         && SSL_get]],
    to = [[
  return v->known
         && SSL_get]],
    specs = "resumption_verification",
  },
  {
    name = "what verified is not told after a resumption",
    file = "src/connection/verify.c",
    from = [[
  if (bound != NULL) chain = X509_chain_up_ref(bound);
  if (bound != NULL && chain == NULL) code = X509_V_ERR_OUT_OF_MEM;
]],
    to = "",
    specs = "resumption_verification pins",
  },
  {
    name = "a server accepts when its on_verify has to wait",
    file = "src/connection/verify.c",
    from = [[
  if (!c->options.server_side && SSL_set_retry_verify(ssl)) {]],
    to = [[
  if (SSL_set_retry_verify(ssl)) {]],
    specs = "resumption_verification",
  },
  {
    name = "a server's on_verify cannot wait",
    file = "src/connection/verify.c",
    from = [[
    SSL_set_mode(ssl, SSL_MODE_ASYNC);
]],
    to = [[
    SSL_clear_mode(ssl, SSL_MODE_ASYNC);
]],
    specs = "hooks_yield",
  },
  {
    name = "a job that was paused is freed as it is",
    file = "src/connection/verify.c",
    from = [[
  if (ssl == NULL || !SSL_waiting_for_async(ssl)) return;]],
    to = [[
  if (ssl == NULL || c != NULL) return;]],
    specs = "hooks_abandoned",
  },
  {
    name = "a handshake that is abandoned succeeds",
    file = "src/connection/verify.c",
    from = [[
  connection_verification(c)->answer = REFUSED;
  connection_verification(c)->alert = SSL_AD_INTERNAL_ERROR;
  shared_key_settle(c, REFUSED, SSL_AD_INTERNAL_ERROR);
  c->bio.carrier = NULL;  /* its alert goes nowhere, but an SSLObject's */
]],
    to = [[
  connection_verification(c)->answer = ACCEPTED;
]],
    specs = "hooks_abandoned",
  },
  {
    name = "a client's bad verdict is good once its hook has answered",
    file = "src/connection/verify.c",
    from = [[
  X509_STORE_CTX_set_error(store, v->code);
]],
    to = "",
    specs = "hooks",
  },
  {
    name = "an alert is another than the hook named",
    file = "src/connection/verify.c",
    from = [[
  else if (named || v->code == X509_V_OK)]],
    to = [[
  else if (!named && v->code == X509_V_OK)]],
    specs = "hooks_answers",
  },
  {
    name = "a hook is asked where the pins do not hold",
    file = "src/connection/verify.c",
    from = [[
  if (c->policy->hooks & HOOK_VERIFY && !v->unpinned
      && v]],
    to = [[
  if (c->policy->hooks & HOOK_VERIFY
      && v]],
    specs = "hooks_answers",
  },
  {
    name = "key usage is not looked at",
    file = "src/x509/judgement.c",
    from = [[
  if (!j->by_record
      && !key_usage_allows]],
    to = [[
  if (j == NULL
      && !key_usage_allows]],
    specs = "key_usage",
  },
  {
    name = "in TLS 1.3 a server's key need not be for signing",
    file = "src/connection/handshake_usage.c",
    from = [[
  if (SSL_is_server(ssl) || SSL_version(ssl) > TLS1_2_VERSION)
    return]],
    to = [[
  if (SSL_version(ssl) > TLS1_2_VERSION && !SSL_is_server(ssl)) return KEY_USAGE_NONE;
  if (SSL_is_server(ssl))
    return]],
    specs = "key_usage",
  },
  {
    name = "a client's key need not be for signing",
    file = "src/connection/handshake_usage.c",
    from = [[
  if (SSL_is_server(ssl) || SSL]],
    to = [[
  if (SSL_is_server(ssl)) return KEY_USAGE_NONE;
  if (SSL]],
    specs = "key_usage",
  },
  {
    name = "a key need not be for enciphering",
    file = "src/connection/handshake_usage.c",
    from = [[
case NID_kx_rsa_psk: return KEY_ENCIPHERMENT;]],
    to = [[case NID_kx_rsa_psk: return KEY_USAGE_NONE;]],
    specs = "key_usage",
  },
  {
    name = "a wildcard does not stand for a label with an underscore",
    file = "src/x509/judgement.c",
    from = [[
  X509_STORE_CTX_set_verify_cb(store, on_fault);
]],
    to = "",
    specs = "wildcard",
  },
  {
    name = "any fault is excused for a name with an underscore",
    file = "src/x509/judgement.c",
    from = [[
  return (code == X509_V_ERR_HOSTNAME_MISMATCH
          || code == X509_V_ERR_IP_ADDRESS_MISMATCH)
         && X509_STORE_CTX_get_error_depth(store) == 0
         && j->name != NULL
         && ]],
    to = [[
  return code != X509_V_OK && ]],
    specs = "wildcard",
  },
  {
    name = "any name is excused",
    file = "src/x509/judgement.c",
    from = [[
         && hostname_matches_any(j->name, j->more,
                                 X509_STORE_CTX_get0_cert(store));]],
    to = [[
         && j != NULL;]],
    also = {
      { file = "src/connection/verify.c",
        from = [[
         && (v->resumed || key != NULL || is_named(c, leaf));]],
        to = [[;]] },
    },
    specs = "wildcard hostname",
  },
  {
    name = "a wildcard for names with underscores stands below a top-level domain",
    file = "src/x509/hostname.c",
    from = [[
  return labels >= 2;]],
    to = [[
  return labels >= 1;]],
    specs = "wildcard",
  },
  {
    name = "a wildcard for names with underscores holds anything",
    file = "src/x509/hostname.c",
    from = [[
    if (!may_follow(p[i - 1], c)) return 0;
]],
    to = "",
    specs = "wildcard",
  },
  {
    name = "a wildcard for names with underscores is for any name as long",
    file = "src/x509/hostname.c",
    from = [[
    if (lower(p[i]) != lower(rest[i - 1])) return 0;]],
    to = [[
    if (lower(p[i]) == '\n') return 0;]],
    specs = "wildcard",
  },
  {
    name = "a client's hook is not asked about names that cannot be read",
    file = "src/connection/verify.c",
    from = [[
  errors_clear();  /* of names, say: SSL_get_error would take it for the end */
]],
    to = "",
    specs = "hooks_answers",
  },
  {
    name = "of what is wrong with a chain only the first is told",
    file = "src/connection/verify.c",
    from = [[
  j.goes_on = !c->options.server_side || c->policy->hooks & HOOK_VERIFY;]],
    to = [[
  j.goes_on = 0;]],
    specs = "hooks",
  },
  {
    name = "what a hook accepted has authenticated the peer",
    file = "src/connection/verification.c",
    from = [[ || v->code != X509_V_OK) return NULL;]],
    to = [[) return NULL;]],
    specs = "hooks",
  },
  {
    name = "what became of a session's certificate is hidden by what was accepted before",
    file = "src/connection/verify.c",
    from = [[
  if (!v->by_record && !is_noted(&v->faults, X509_V_ERR_CERT_HAS_EXPIRED)
      && session_expired]],
    to = [[
  if (code == X509_V_OK
      && session_expired]],
    specs = "resumption_verification",
  },
  {
    name = "after a resumption the list of what is wrong is empty",
    file = "src/connection/verify.c",
    from = [[
  if (code != X509_V_OK) judgement_note(&v->faults, code, 0);]],
    to = "",
    specs = "resumption_verification",
  },
  {
    name = "ssl.connect checks no name with a context",
    file = "lua/luassl/init.lua",
    from = [[
    check_host(context, for_connection, host)
]],
    to = "",
    specs = "ssl_connect",
  },
  {
    name = "an issuer is taken by its name alone",
    file = "src/x509/issuer_choice.c",
    from = [[
  choice->unsigned_ = x509;
  return 0;]],
    to = [[
  return 1;]],
    specs = "badcerts",
  },
  {
    name = "what no issuer of that name signed lacks an issuer",
    file = "src/x509/judgement.c",
    from = [[
    code = X509_V_ERR_CERT_SIGNATURE_FAILURE;
]],
    to = "",
    specs = "badcerts",
  },
  {
    name = "extensions may come twice",
    file = "src/x509/chain_rules.c",
    from = [[
  return twice ? X509_V_ERR_INVALID_EXTENSION : X509_V_OK;]],
    to = [[
  return twice ? X509_V_OK : X509_V_OK;]],
    specs = "badcerts",
  },
  {
    name = "nobody looks at the policies that an authority asks for",
    file = "src/x509/chain_rules.c",
    from = [[
  if (!asks_for_policy(chain)) return X509_V_OK;]],
    to = [[
  if (asks_for_policy(chain) < 2) return X509_V_OK;]],
    specs = "badcerts",
  },
  {
    name = "an explicit policy that all have is not enough",
    file = "src/x509/chain_rules.c",
    from = [[chain, any, 0);]],
    to = [[chain, NULL, 0);]],
    specs = "badcerts",
  },
  {
    name = "after a resumption this side claims to have shown a certificate",
    file = "src/connection/chains.c",
    from = [[
  if (c->options.server_side && SSL_session_reused(c->ssl))
    return push_nil(L);
]],
    to = "",
    specs = "chains",
  },
  {
    name = "a client claims to have shown a certificate that nobody asked for",
    file = "src/connection/chains.c",
    from = [[
  if (!c->options.server_side && !SSL_get_signature_type_nid(c->ssl, &nid))]],
    to = [[
  if (SSL_get_signature_type_nid(c->ssl, &nid) > 1)]],
    specs = "chains",
  },
  {
    name = "a server takes a ticket's certificate for all that a client sent",
    file = "src/connection/chains.c",
    from = [[
  if (chain == NULL || v->refused || !is_newest(c, leaf)) return push_nil(L);]],
    to = [[
  if (v->refused || !is_newest(c, leaf)) return push_nil(L);]],
    specs = "chains",
  },
  {
    name = "a chain that was not verified is told as one that was",
    file = "src/connection/chains.c",
    from = [[
      || v->code != X509_V_OK) return push_nil(L);]],
    to = [[
      ) return push_nil(L);]],
    specs = "chains",
  },
  {
    name = "an error does not say what was refused",
    file = "src/connection/outcome.c",
    from = [[
  if (c->verification.refused) tell_refused(L, c);
]],
    to = "",
    specs = "chains",
  },
  {
    name = "a server forgets what a refused client sent",
    file = "src/connection/verify.c",
    from = [[
  if (v->sent == NULL && sent != NULL) v->sent = X509_chain_up_ref(sent);
]],
    to = "",
    specs = "chains",
  },
  {
    name = "of several names the first alone counts",
    file = "src/x509/hostname.c",
    from = [[
  for (i = 0; i <= more; i++)]],
    to = [[
  for (i = 0; i <= 0 * more; i++)]],
    specs = "several_names",
  },
  {
    name = "the name that is sent counts beside several that were given",
    file = "src/connection/connection.c",
    from = [[
  return c->names != NULL ? c->names : &c->name;]],
    to = [[
  return *more > 99 ? c->names : &c->name;]],
    specs = "several_names",
  },
}
