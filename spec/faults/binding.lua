--- Faults in what sessions are bound to: session_binding.c, resumption.c, session.c.
local list = {}

local function digest(what, from, to, specs)
  list[#list + 1] = {
    name = "sessions are not bound to " .. what,
    file = "src/context/session_binding.c", from = from, to = to or "", specs = specs or "session_scope",
  }
end

-- By a row of the options' table.
local function option(what, from, to, specs)
  digest(what, from, from:gsub("BOUND_%u+", to or "NOT_BOUND"), specs)
  list[#list].file = "src/context/option_table.c"
end

option("cert_reqs", '{"cert_reqs", OPTION_INTEGER, OF_CONTEXT | OF_REQUEST, BOUND_VALUE')
option("post_handshake_auth", '{"post_handshake_auth", OPTION_BOOLEAN, OF_CONTEXT, BOUND_VALUE')
option("the pins", '{"pins", OPTION_LIST, OF_CONTEXT, BOUND_VALUE')
option("what this side shows", '{"certificate_types", OPTION_LIST, OF_CONTEXT, BOUND_VALUE')
option("what the peer may show", '{"peer_certificate_types", OPTION_LIST, OF_CONTEXT, BOUND_VALUE')
option("the ciphers", '{"ciphers", OPTION_STRING, OF_CONTEXT, BOUND_VALUE')
option("the ciphers of TLS 1.3", '{"ciphersuites", OPTION_STRING, OF_CONTEXT, BOUND_VALUE')
option("the signature algorithms", '{"sigalgs", OPTION_STRING, OF_CONTEXT, BOUND_VALUE')
option("the groups", '{"groups", OPTION_STRING, OF_CONTEXT, BOUND_VALUE')
option("the length of records", '{"max_fragment_length", OPTION_INTEGER, OF_CONTEXT, BOUND_VALUE')
option("the named options", '{"options", OPTION_LIST, OF_CONTEXT, BOUND_VALUE')
option("the profile", '{"profile", OPTION_STRING, OF_CONTEXT, BOUND_VALUE')
option("trust in the system", '{"system_trust", OPTION_BOOLEAN, OF_CONTEXT, BOUND_PLACE', nil, "session_id_context")
list[#list].also = { { file = "src/context/session_binding.c",
  from = [[
  return truststore_digest(digest, &trust)
         && add(md, "system", digest, sizeof(digest));]], to = [[
  return truststore_digest(digest, &trust);]] } }
digest("what the system trusts, on a server", [[
         && add(md, "system", digest, sizeof(digest));]], ";", "session_id_context")
digest("what lies in a directory, on a server", [[
    done = done && anchors_add_directories(&anchors, s->ca_path);]], ";", "session_id_context")
digest("whether a directory is trusted", [[
         && add(md, "directory", &directory, 1)
]], "", "session_id_context")
digest("whether CRLs are asked", [[
         && add(md, "crls", &crls, 1);]], ";", "session_id_context")
digest("trust where session_id_context stands for the rest", [[
  return add(md, "trust", policy->trust, sizeof(policy->trust))
         && add(md, "session_id_context", name, size);]], [[
  return policy != NULL && add(md, "session_id_context", name, size);]], "session_id_context reload")
list[#list + 1] = {
  name = "anchors in another order are others",
  file = "src/x509/anchors.c",
  from = [[
  if (a->count > 1) qsort]],
  to = [[
  if (a->count > 1000) qsort]],
  specs = "session_id_context",
}
option("hooks_id", '{"hooks_id", OPTION_BYTES, OF_CONTEXT, BOUND_VALUE')
option("the flags of verification", '{"verify_flags", OPTION_LIST, OF_CONTEXT | OF_VERIFY, BOUND_VALUE')
option("the depth of chains", '{"verify_depth", OPTION_INTEGER, OF_CONTEXT | OF_VERIFY, BOUND_VALUE')
option("the purpose", '{"purpose", OPTION_STRING, OF_CONTEXT | OF_VERIFY, BOUND_VALUE')
option("the time of verification", '{"verify_time", OPTION_TIME, OF_CONTEXT, BOUND_VALUE')
digest("the CRLs", [[
         && (crl == NULL || !a->crls || add_crl(a, crl));]], ";")
list[#list].file = "src/x509/anchors.c"
option("on_client_hello", '{"on_client_hello", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION', nil, "session_id_context")
option("on_certificate", '{"on_certificate", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION')
option("on_verify", '{"on_verify", OPTION_FUNCTION, OF_CONTEXT, BOUND_FUNCTION')
option("ALPN", '{"alpn_protocols", OPTION_LIST, OF_CONTEXT, BOUND_VALUE')
digest("session_id_context", [[
instead != NULL ? ]], [[
size > 0xffffffff ? ]], "session_id_context")
digest("the security level", [[
         && add_level(md, ctx)
]], "", "session_scope")
digest("their side's own certificate", [[
         && add_own(md, ctx, s)
]], nil, "session_scope reload")
digest("the names in their side's certificate", [[
             && (names != NULL ? add_names(md, names)
                               : found == -1 || add_whole(md, x509))
]], nil, "reload")
digest("the subject of their side's certificate", [[
             && add_name(md, "subject", X509_get_subject_name(x509))
]], nil, "reload")
digest("the type of their side's key", [[
add(md, "certificate", type, strlen(type))]], [[
add(md, "certificate", type, 0)]], "reload")
digest("who vouches for a client", [[
             && (server_side
                 || add_name(md, "issuer", X509_get_issuer_name(x509)));]], [[
             && server_side <= 1;]], "reload")
digest("all of several certificates", [[
       more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
    done = add_certificate]], [[
       more = 0)
    done = add_certificate]], "reload")
list[#list + 1] = {
  name = "names in another order are other names",
  file = "src/context/session_binding.c",
  from = [[
  if (done) qsort(digests, (size_t)n, DIGEST_SIZE, compare_digests);]],
  to = [[
  if (done && n < 0) qsort(digests, (size_t)n, DIGEST_SIZE, compare_digests);]],
  specs = "reload",
}
digest("the trust anchors", [[
  for (i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {]], [[
  for (i = 0; done && i < 0 * sk_X509_OBJECT_num(objects); i++) {]])
list[#list].file = "src/x509/anchors.c"
digest("what the anchors are trusted for", [[
  int size = i2d_X509_AUX(x509, &der);]], [[
  int size = i2d_X509(x509, &der);]], "session_scope")
list[#list].file = "src/x509/anchors.c"
digest("what the system trusts", [[
stamp = truststore_stamp();]], [[
stamp = 0;]])
digest("which function a hook is", [[
    if (RAND_bytes(bytes, sizeof(bytes)) == 1)]], [[
    if (memset(bytes, 0, sizeof(bytes)) != NULL)]])
digest("where one part of the digest ends", [[
         && EVP_DigestUpdate(md, length, sizeof(length))
]])

local function connection(what, from, to, specs)
  list[#list + 1] = {
    name = "a connection's sessions are not bound to " .. what,
    file = "src/connection/resumption.c", from = from, to = to or "", specs = specs or "session_scope",
  }
end

connection("the context's digest", [[
  memcpy(bytes, c->policy->digest, DIGEST_SIZE);
]])
connection("the peer's name", [[
  memcpy(bytes + DIGEST_SIZE, name, strlen(name));
]])
connection("several names of the peer's", [[
  if (c->names == NULL) return 1;]], [[
  if (digest != NULL) return 1;]])
connection("the peer's address", [[
    name = peer.host;
]], [[
    name = "";
]])
connection("the name check", [[
  bytes[sizeof(bytes) - 3] = (unsigned char)c->options.check_hostname;
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
]], "session_id_context")
connection("the server's configuration", [[
  memcpy(bytes, policy->digest, DIGEST_SIZE);
]], [[
  memset(bytes, 0, DIGEST_SIZE);
]], "session_id_context")

list[#list + 1] = {
  name = "a session is offered whatever it is bound to",
  file = "src/context/session.c",
  from = [[
  return session_same_scope(session, digest)
         && SSL_SESSION_is_resumable(session)]],
  to = [[
  return session_has_scope(session) && digest != NULL
         && SSL_SESSION_is_resumable(session)]],
  specs = "resumption_verification",
}
list[#list + 1] = {
  name = "the name is bound to nothing and not compared after a resumption",
  file = "src/connection/resumption.c",
  from = [[
  memcpy(bytes + DIGEST_SIZE, name, strlen(name));
]],
  to = "",
  also = {
    { file = "src/connection/verify.c",
      from = [[
    judgement_note(&v->faults, X509_V_ERR_HOSTNAME_MISMATCH, 0);]], to = [[
    judgement_note(&v->faults, X509_V_OK, 0);]] },
  },
  specs = "resumption_verification",
}

return list
