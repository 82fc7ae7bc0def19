--- Faults in sessions, the cache of them, and tickets, and in what is kept
-- for the next connection: session.c, context_cache.lua, file_identity.c.
return {
  {
    name = "a session that was used up is offered",
    file = "src/context/session.c",
    from = [[
         && SSL_SESSION_is_resumable(session)
]],
    to = "",
    specs = "session",
  },
  {
    name = "a session is offered after its lifetime",
    file = "src/context/session.c",
    from = [[
 && age < SSL_SESSION_get_timeout(session)
]],
    to = "\n",
    specs = "session",
  },
  {
    name = "a session is offered before its time",
    file = "src/context/session.c",
    from = [[
         && age >= -1 && ]],
    to = [[
         && ]],
    specs = "session",
  },
  {
    name = "a session is offered whose certificate has expired",
    file = "src/context/session.c",
    from = [[
         && !has_expired(session, scope_of(session), time(NULL));]],
    to = ";",
    specs = "resumption_verification",
  },
  {
    name = "a session outlives its issuer's certificate",
    file = "src/context/session.c",
    from = [[
  for (i = 0; i < sk_X509_num(chain); i++)
    first = sooner]],
    to = [[
  for (i = 0; i < 0; i++)
    first = sooner]],
    specs = "resumption_verification",
  },
  {
    name = "the certificate that on_certificate chose is not asked for again",
    file = "src/connection/resumption.c",
    from = [[
  if (c->own_choice) return;
]],
    to = "",
    specs = "resumption_verification",
  },
  {
    name = "what was verified is forgotten with the full handshake",
    file = "src/context/session.c",
    from = [[
  if (chain != NULL) s->chain = X509_chain_up_ref(chain);
  if ((chain == NULL || s->chain != NULL)
      && SSL_SESSION]],
    to = [[
  if (SSL_SESSION]],
    specs = "resumption_verification pins",
  },
  {
    name = "what was not verified is bound as verified",
    file = "src/connection/resumption.c",
    from = [[
v->code == X509_V_OK ? v->chain : NULL,]],
    to = [[
v->chain,]],
    specs = "resumption_verification",
  },
  {
    name = "a session's copy does not count",
    file = "src/context/session.c",
    from = [[
  if (s != NULL) s->references++;
]],
    to = [[
  if (s == NULL) return 1;
]],
    specs = "session",
  },
  {
    name = "the cache gives one peer's sessions to another",
    file = "src/context/session.c",
    from = [[
  return s != NULL && memcmp(s->digest, digest, DIGEST_SIZE) == 0;]],
    to = [[
  return s != NULL && digest != NULL;]],
    specs = "session_cache",
  },
  {
    name = "a ticket of TLS 1.3 serves more than once",
    file = "src/context/session.c",
    from = [[
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;]],
    to = [[
  return SSL_SESSION_get_protocol_version(session) > TLS1_3_VERSION;]],
    specs = "session_cache",
  },
  {
    name = "the cache is full of one peer",
    file = "src/context/session_cache.c",
    from = [[ && ++same >= most)]],
    to = [[ && ++same >= 1000 * most)]],
    specs = "session_cache",
  },
  {
    name = "tickets are sent behind the handshake",
    file = "src/connection/tickets.c",
    from = [[
  SSL_set_num_tickets(ssl, 0);
]],
    to = [[
  c->tickets = 0;
]],
    specs = "tickets",
  },
  {
    name = "a resumption gives as many tickets as a handshake",
    file = "src/connection/tickets.c",
    from = [[
  else if (SSL_session_reused(c->ssl) && c->tickets > 1) c->tickets = 1;
]],
    to = "",
    specs = "tickets",
  },
  {
    name = "tickets are not sent",
    file = "src/connection/tickets.c",
    from = [[
  for (; c->tickets > 0; c->tickets--)
    if (!]],
    to = [[
  for (; c->tickets > 100; c->tickets--)
    if (!]],
    specs = "tickets",
  },
  {
    name = "what a store has is taken for another id's",
    file = "src/context/stored_form.c",
    from = [[
  for (i = 0; i < SESSION_ID_SIZE; i++) sprintf]],
    to = [[
  for (i = 0; i < 0; i++) sprintf]],
    specs = "stored_sessions",
  },
  {
    name = "what a store has is not judged",
    file = "src/connection/stored_sessions.c",
    from = [[
  if (session != NULL && !tickets_is_good(c, c->ssl, session)) {]],
    to = [[
  if (session != NULL && c == NULL) {]],
    specs = "stored_sessions",
  },
  {
    name = "a stored session of TLS 1.3 serves twice",
    file = "src/connection/stored_sessions.c",
    from = [[
      && SSL_version(c->ssl) >= TLS1_3_VERSION)
    new_sessions_add(c, c->choice.stored, 1);]],
    to = [[
      && SSL_version(c->ssl) > TLS1_3_VERSION)
    new_sessions_add(c, c->choice.stored, 1);]],
    specs = "stored_sessions",
  },
  {
    name = "a store is asked whenever a ClientHello has an id",
    file = "src/connection/stored_sessions.c",
    from = [[
  if (speaks_tls13(ssl) && offers_tls13(ssl)) return find_identity(ssl);]],
    to = [[
  if (find_identity(ssl) != NULL) return find_identity(ssl);]],
    specs = "stored_sessions",
  },
  {
    name = "sessions of a refused handshake are told",
    file = "src/connection/new_sessions.c",
    from = [[
    if (c->failed || c->closed) new_sessions_free(c);
    return 0;]],
    to = [[
    if (!c->failed) return 0;]],
    specs = "stored_sessions",
  },
  {
    name = "a fatal alert does not end a stored session",
    file = "src/connection/opening.c",
    from = [[
  if (value >> 8 == SSL3_AL_FATAL) stored_sessions_spoil((SSL *)ssl, c);
]],
    to = "",
    specs = "stored_sessions",
  },
  {
    name = "a renewed ticket of TLS 1.2 is not kept",
    file = "src/connection/resumption.c",
    from = [[
  if (SSL_SESSION_up_ref(session)) c->session = session;]],
    to = "",
    specs = "ticket_keys",
  },
  {
    name = "a ticket is offered again though it was offered",
    file = "src/context/session.c",
    from = [[
  return SSL_SESSION_get_ex_data(session, used_index) != NULL
         || ]],
    to = [[
  return ]],
    specs = "saved_sessions",
  },
  {
    name = "a copy of a ticket is offered though another was",
    file = "src/context/session.c",
    from = [[
         && (!s->saved || used_tickets_add(id, size));]],
    to = [[
         && (!s->saved || id != NULL);]],
    specs = "saved_sessions",
  },
  {
    name = "a new ticket counts as used as the old one",
    file = "src/context/session.c",
    from = [[
  *data = NULL;
  return 1;]],
    to = [[
  return data != NULL;]],
    specs = "saved_sessions session_cache",
  },
  {
    name = "a saved session loses the chain that was verified",
    file = "src/context/saved_session.c",
    from = [[!session_set_scope(session, digest, chain,]],
    to = [[!session_set_scope(session, digest, NULL,]],
    specs = "saved_sessions",
  },
  {
    name = "a saved session is for whoever loads it",
    file = "src/context/saved_session.c",
    from = [[
  memcpy(p, session_digest(session), DIGEST_SIZE);]],
    to = [[
  memset(p, 0, DIGEST_SIZE);]],
    specs = "saved_sessions",
  },
  {
    name = "a saved session that was altered is taken",
    file = "src/base/seal.c",
    from = [[
         && EVP_DecryptFinal_ex(cipher, out + length, &rest) > 0;]],
    to = [[
         && (EVP_DecryptFinal_ex(cipher, out + length, &rest) > 0 || rest == 0);]],
    specs = "saved_sessions",
  },
  {
    name = "a ticket under an old key is not renewed",
    file = "src/context/ticket_keys.c",
    from = [[
    return i == 0 ? 1 : 2;]],
    to = [[
    return 1;]],
    specs = "ticket_keys",
  },
  {
    name = "the last ticket key encrypts",
    file = "src/context/ticket_keys.c",
    from = [[
  TicketKey *key = keys->list;]],
    to = [[
  TicketKey *key = keys->list + keys->count - 1;]],
    specs = "ticket_keys",
  },
  {
    name = "a connection that ends well spoils its session",
    file = "src/connection/lifetime.c",
    from = [[
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);  /* its session stays usable */
]],
    to = [[
    SSL_set_shutdown(ssl, 0);
]],
    specs = "session",
  },
  {
    name = "a server's sessions are resumed for any name",
    file = "src/connection/callbacks.c",
    from = [[
  if (!resumption_restrict(ssl, c->policy, c->name.text))
    return SSL_CLIENT_HELLO_ERROR;
]],
    to = "",
    specs = "session_id_context",
  },
  {
    name = "a server resumes though session_cache is off",
    file = "src/context/context_build.c",
    from = [[
  if (!s->session_cache) {
    SSL]],
    to = [[
  if (s->session_cache > 1) {
    SSL]],
    specs = "session_id_context session",
  },
  {
    name = "a server does not ask pins about a ticket",
    file = "src/connection/tickets.c",
    from = [[ || !is_pinned(policy, session)) return 0;]],
    to = [[ || (policy == NULL && !is_pinned(policy, session))) return 0;]],
    specs = "carried_sessions",
  },
  {
    name = "a ticket outlives its client's issuer",
    file = "src/connection/tickets.c",
    from = [[
  data.expires = chain != NULL ? session_chain_end(chain) : 0;
]],
    to = "",
    specs = "resumption_verification",
  },
  {
    name = "an expired session is not given up for a full handshake",
    file = "src/connection/tickets.c",
    from = [[
  if (!(policy->hooks & HOOK_VERIFY) && session_expired(session, policy))
    return 0;
]],
    to = "",
    specs = "resumption_verification",
  },
  {
    name = "a ticket does not carry the chain",
    file = "src/connection/tickets.c",
    from = [[
  if (asks_chain(c->policy)) data.chain = chain;
]],
    to = "",
    specs = "carried_sessions revocation",
  },
  {
    name = "a hook's chain is not carried",
    file = "src/connection/tickets.c",
    from = [[ || p->revocation || p->hooks & HOOK_VERIFY;]],
    to = [[ || p->revocation;]],
    specs = "carried_sessions",
  },
  {
    name = "a session is given to a connection that cannot have it",
    file = "src/connection/resumption.c",
    from = [[
  if (session != NULL && session_has_scope(session)
      && SSL_SESSION_up_ref]],
    to = [[
  if (session != NULL
      && SSL_SESSION_up_ref]],
    specs = "resumption_verification session",
  },
  {
    name = "ssl.connect takes one function for another",
    file = "lua/luassl/context_cache.lua",
    from = [[if b[name] ~= value then return false end]],
    to = [[if b[name] == nil and value then return false end]],
    specs = "session_cache ssl_connect",
  },
  {
    name = "ssl.connect takes other options for the same besides a hook",
    file = "lua/luassl/context_cache.lua",
    from = [[if entry and entry.key == key and is_same]],
    to = [[if entry and is_same]],
    specs = "ssl_connect",
  },
  {
    name = "ssl.connect tells lists apart by where one string ends only",
    file = "lua/luassl/context_cache.lua",
    from = [[parts[i] = ("%q"):format(tostring(part)) end]],
    to = [[parts[i] = tostring(part) end]],
    specs = "session_cache ssl_connect pins",
  },
  {
    name = "ssl.connect misses a file that has its old size and time",
    file = "src/base/file_identity.c",
    from = [[
  mix(stamp, (uint64_t)status.st_ctim.tv_sec);  /* touch(1) cannot set it */
  mix(stamp, (uint64_t)status.st_ctim.tv_nsec);
]],
    to = "",
    specs = "ssl_connect",
  },
  {
    name = "the cache offers to whoever has neither name nor address",
    file = "src/connection/resumption.c",
    from = [[
  else if (c->policy->cache != NULL && c->peer_known)]],
    to = [[
  else if (c->policy->cache != NULL)]],
    also = {
      { file = "src/connection/resumption.c", from = [[
  if (c->session != NULL && c->policy->cache != NULL && c->peer_known)]], to = [[
  if (c->session != NULL && c->policy->cache != NULL)]] },
    },
    specs = "session_cache",
  },
}
