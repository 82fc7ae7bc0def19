--- Faults in what sessions are bound to: binding.c, session.c.
local list = {}

local function digest(what, from, to, specs)
  list[#list + 1] = {
    name = "sessions are not bound to " .. what,
    file = "src/binding.c", from = from, to = to or "", specs = specs or "binding",
  }
end

digest("cert_reqs", [[
         && add_number(md, "cert_reqs", p->cert_reqs)
]])
digest("the pins", [[
         && add(md, "pins", pins, size);]], [[
         && size < 0xffffffff;]])
digest("the security level", [[
  return add_number(md, "level", SSL_CTX_get_security_level(ctx))
         && ]], [[
  return ctx != NULL && ]], "protections")
digest("the ciphers", [[
         && add_text(md, "ciphers", s->ciphers)
]])
digest("the ciphers of TLS 1.3", [[
         && add_text(md, "ciphersuites", s->ciphersuites)
]])
digest("the signature algorithms", [[
         && add_text(md, "sigalgs", s->sigalgs)
]])
digest("the groups", [[
         && add_text(md, "groups", s->groups);]], ";")
digest("their side's own certificate", [[
  if (!add_certificate(md, SSL_CTX_get0_certificate(ctx)))
    return 0;
]])
digest("the trust anchors", [[
  for (i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {]], [[
  for (i = 0; done && i < 0 * sk_X509_OBJECT_num(objects); i++) {]])
digest("what the anchors are trusted for", [[
  size = i2d_X509_AUX(x509, &der);]], [[
  size = i2d_X509(x509, &der);]], "protections")
digest("trust in the system", [[
  return add_number(md, "system_trust", s->system_trust)
         && ]], [[
  return ]], "server_session")
digest("what the system trusts", [[
stamp = truststore_stamp();]], [[
stamp = 0;]])
digest("the directory that is trusted", [[
         && add_text(md, "ca_path", path)
]], nil, "server_session")
digest("on_client_hello", [[
         && add_string(md, L, first, hooks[0])
]], nil, "server_session")
digest("on_certificate", [[
         && add_string(md, L, first + 1, hooks[1])
]])
digest("on_verify", [[
         && add_string(md, L, first + 2, hooks[2])
]])
digest("which function a hook is", [[
    if (RAND_bytes(bytes, sizeof(bytes)) == 1)]], [[
    if (memset(bytes, 0, sizeof(bytes)) != NULL)]])
digest("ALPN", [[
         && add_protocols(md, L, first + 3);]], ";")
digest("where one part of the digest ends", [[
         && EVP_DigestUpdate(md, length, sizeof(length))
]])
digest("session_id_context", [[
  if (!lua_isnil(L, first + 4))  /* overrides the rest */]], [[
  if (L == NULL)]], "server_session")

local function connection(what, from, to, specs)
  list[#list + 1] = {
    name = "a connection's sessions are not bound to " .. what,
    file = "src/session.c", from = from, to = to or "", specs = specs or "binding",
  }
end

connection("the context's digest", [[
  memcpy(bytes, c->policy.digest, DIGEST_SIZE);
]])
connection("the peer's name", [[
  memcpy(bytes + DIGEST_SIZE, name, strlen(name));
]])
connection("the peer's address", [[
    name = peer.host;
]], [[
    name = "";
]])
connection("the name check", [[
  bytes[sizeof(bytes) - 3] = (unsigned char)c->policy.check_hostname;
]])
connection("the peer's port", [[
  bytes[sizeof(bytes) - 1] = (unsigned char)peer.port;
]], [[
  bytes[sizeof(bytes) - 2] = 0;
]])
connection("the server's name for them", [[
  memcpy(bytes + DIGEST_SIZE, name, size);
]], [[
  memset(bytes + DIGEST_SIZE, 0, size);
]], "server_session")
connection("the server's configuration", [[
  memcpy(bytes, policy->digest, DIGEST_SIZE);
]], [[
  memset(bytes, 0, DIGEST_SIZE);
]], "server_session")

list[#list + 1] = {
  name = "a session is offered whatever it is bound to",
  file = "src/session.c",
  from = [[
  return b != NULL && memcmp(b->digest, binding, DIGEST_SIZE) == 0
         && SSL_SESSION_is_resumable(session)]],
  to = [[
  return b != NULL && binding != NULL
         && SSL_SESSION_is_resumable(session)]],
  specs = "security",
}
list[#list + 1] = {
  name = "the name is bound to nothing and not compared after a resumption",
  file = "src/session.c",
  from = [[
  memcpy(bytes + DIGEST_SIZE, name, strlen(name));
]],
  to = "",
  also = {
    { file = "src/verify.c",
      from = [[
  else if (!is_named(c, leaf)) v->code = X509_V_ERR_HOSTNAME_MISMATCH;]], to = "" },
  },
  specs = "security",
}

return list
