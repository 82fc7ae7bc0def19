--- Faults in the system's trust, and in what the whole process shares:
-- truststore.c, bundle.c, context_certificates.c, pem.c,
-- core.c.
return {
  {
    name = "the system's directory is not trusted",
    file = "src/x509/truststore.c",
    from = [[
  if (*directories != '\0' &&
      X509]],
    to = [[
  if (directories == NULL &&
      X509]],
    specs = "truststore",
  },
  {
    name = "the system's file is not trusted",
    file = "src/x509/truststore.c",
    from = [[
  state->bundle = bundle_read(s->file, &error);
]],
    to = [[
  state->bundle = bundle_read("/dev/null", &error);
]],
    specs = "truststore",
  },
  {
    name = "the environment of another user's program is heeded",
    file = "src/base/environment.c",
    from = [[
  return secure_getenv(name);]],
    to = [[
  return getenv(name);]],
    specs = "secure_environment",
  },
  {
    name = "each context has a trust store of its own",
    file = "src/x509/truststore.c",
    from = [[
  if (!state_holds(&shared.state, &sources)) {]],
    to = [[
  if (shared.lock != NULL) {]],
    specs = "truststore",
  },
  {
    name = "a bundle that somebody has named need not be there",
    file = "src/x509/truststore.c",
    from = [[
  return !s->named && (error == ENOENT]],
    to = [[
  return s != NULL && (error == ENOENT]],
    specs = "truststore",
  },
  {
    name = "a directory is looked up where the process is by then",
    file = "src/x509/truststore.c",
    from = [[
  int error = files_real(path, real);
]],
    to = [[
  int error = 0;
  strcpy(real, path);
]],
    specs = "truststore",
  },
  {
    name = "another directory with the former's real path is trusted",
    file = "src/x509/truststore.c",
    from = [[
         !(s->named && state->unread != 0) && state->stamp == s->stamp &&
         state->stamp == file_identity_directories(state->directories);]],
    to = [[
         !(s->named && state->unread != 0) && state->stamp == s->stamp;]],
    specs = "truststore",
  },
  {
    name = "ca_path is looked up where the process is by then",
    file = "src/context/pem.c",
    from = [[
  error = files_real(m->file, real);
]],
    to = [[
  error = 0;
  strcpy(real, m->file);
]],
    specs = "truststore",
  },
  {
    name = "a path with a colon is taken apart",
    file = "src/x509/truststore.c",
    from = [[
  if (error == 0 && strchr(real, ':') != NULL) error = TRUST_COLON;
]],
    to = "",
    specs = "truststore",
  },
  {
    name = "the bundle is read by each context whose directories have changed",
    file = "src/x509/truststore.c",
    from = [[
  if (before->bundle != NULL && is_file_of(before, s)) {]],
    to = [[
  if (before == NULL) {]],
    specs = "truststore",
  },
  {
    name = "that the system's bundle is missing is not told",
    file = "src/context/context_certificates.c",
    from = [[
  policy->unread = trust.unread;
]],
    to = [[
  policy->unread = 0;
]],
    specs = "truststore",
  },
  {
    name = "that the system trusts nobody is not told",
    file = "src/context/context_certificates.c",
    from = [[
  policy->bare = trust.bare;
]],
    to = [[
  policy->bare = 0;
]],
    specs = "truststore",
  },
  {
    name = "a directory is taken for full",
    file = "src/x509/truststore.c",
    from = "return !found;",
    to = "return 0 * found;",
    specs = "truststore",
  },
  {
    name = "the bundle is parsed by each store",
    file = "src/x509/bundle.c",
    from = [[
  bundle->anchors = anchors;
  drop_bytes(bundle);
  return 1;]],
    to = [[
  sk_X509_pop_free(bundle->anchors, X509_free);
  bundle->anchors = anchors;
  return 1;]],
    also = {
      { file = "src/x509/bundle.c",
        from = [[(bundle->anchors != NULL || parse(bundle)))]],
        to = [[(parse(bundle)))]] },
    },
    specs = "truststore",
  },
  {
    name = "a certificate hides its namesake",
    file = "src/x509/truststore.c",
    from = [[
  if (!gather(X509_STORE_CTX_get0_store(ctx), X509_get_issuer_name(x509)))]],
    to = [[
  if (x509 != NULL)]],
    specs = "truststore",
  },
  {
    name = "the module goes with the first Lua state",
    file = "src/core.c",
    from = [[
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);]],
    to = [[
    (void)info;]],
    specs = "lifetime",
  },
  {
    name = "CRLs that are given are not asked",
    file = "src/context/context_trust.c",
    from = [[
  if (s->crls) v->set |= X509_V_FLAG_CRL_CHECK;
]],
    to = "",
    specs = "revocation",
  },
  {
    name = "a context that asks CRLs shares the system's store",
    file = "src/context/context_build.c",
    from = [[
                                              s->own_trust || s->crls,]],
    to = [[
                                              s->own_trust,]],
    specs = "revocation",
  },
  {
    name = "CRLs are taken where nothing is verified",
    file = "src/context/context_trust.c",
    from = [[
      && !s->policy.defaults.server_side)
    options_raise]],
    to = [[
      && s == NULL)
    options_raise]],
    specs = "options_misuse",
  },
  {
    name = "of several CRLs in DER the first is read",
    file = "src/x509/crl.c",
    from = [[
  while (result == CRL_READ && p < end) {]],
    to = [[
  if (p < end) {]],
    specs = "revocation",
  },
  {
    name = "of several CRLs in PEM the first is read",
    file = "src/x509/crl.c",
    from = [[
    result = add(list, crl, count);
  }
  return result;
}

CrlResult]],
    to = [[
    return add(list, crl, count);
  }
  return result;
}

CrlResult]],
    specs = "revocation",
  },
  {
    name = "a client that resumes does not ask CRLs",
    file = "src/connection/resumption.c",
    from = [[
  if (rejudgement_allows(c, c->ssl, session) && session_note_offered(session))
]],
    to = [[
  if (session_note_offered(session))
]],
    specs = "revocation",
  },
  {
    name = "a server that resumes does not ask CRLs",
    file = "src/connection/tickets.c",
    from = [[
  return rejudgement_allows(c, ssl, session);]],
    to = [[
  return c != NULL && ssl != NULL;]],
    specs = "revocation",
  },
  {
    name = "nobody asks CRLs in a resumption",
    file = "src/connection/rejudgement.c",
    from = [[
  if ((!c->policy->revocation && c->tlsa == NULL) || leaf == NULL) return 1;]],
    to = [[
  if (c != NULL) return 1;]],
    also = {
      { file = "src/connection/verify.c",
        from = [[
  if (c->policy->revocation || c->tlsa != NULL) note_anew(c, leaf, chain);
]], to = "" },
    },
    specs = "revocation",
  },
  {
    name = "a server's memory holds sessions that CRLs are not asked about",
    file = "src/context/context_build.c",
    from = [[
  if (c->policy->revocation || c->policy->pins != NULL)
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
]],
    to = "",
    specs = "revocation",
  },
  {
    name = "the level in the list of ciphers goes before security_level",
    file = "src/context/context_trust.c",
    from = [[
    SSL_CTX_set_security_level(ctx, s->verify.security_level);]],
    to = [[
    (void)ctx;]],
    specs = "trust",
  },
  {
    name = "what says how strictly a chain is judged is not heeded",
    file = "src/context/context_trust.c",
    from = [[
  return verify_parameters_apply(&verify, SSL_CTX_get0_param(ctx));]],
    to = [[
  return ctx != NULL && verify.security_level < 0;]],
    specs = "trust",
  },
  {
    name = "the time of verify_time does not count after a resumption",
    file = "src/context/session.c",
    from = [[
  time_t now = policy->timed ? policy->time : time(NULL);]],
    to = [[
  time_t now = time(NULL);]],
    specs = "trust",
  },
  {
    name = "dates count after a resumption although they do not",
    file = "src/context/session.c",
    from = [[
  if (policy->timeless) return 0;
]],
    to = "",
    specs = "trust",
  },
  {
    name = "the system's authorities are told when one was needed",
    file = "src/context/context_trust.c",
    from = [[
  if (options_boolean(L, options, "system_trust", 0)) truststore_fill(store);
]],
    to = "",
    specs = "trust",
  },
}
