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
    file = "src/x509/truststore.c",
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
}
