--- Faults in the system's trust, and in what the whole process shares:
-- truststore.c, core.c, context.c.
return {
  {
    name = "the system's directory is not trusted",
    file = "src/truststore.c",
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
    file = "src/truststore.c",
    from = [[
  if (sources->has_file) state->bundle = bundle_new(sources->file);]],
    to = [[
  if (sources->has_file) state->bundle = bundle_new("/dev/null");]],
    specs = "truststore",
  },
  {
    name = "the environment of another user's program is heeded",
    file = "src/truststore.c",
    from = [[
  const char *value = secure_getenv(name);]],
    to = [[
  const char *value = getenv(name);]],
    specs = "protections",
  },
  {
    name = "each context has a trust store of its own",
    file = "src/truststore.c",
    from = [[
  if (state_holds(&shared.state, &sources)) return 1;
]],
    to = "",
    specs = "truststore",
  },
  {
    name = "a certificate hides its namesake",
    file = "src/truststore.c",
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
    specs = "halfway",
  },
}
