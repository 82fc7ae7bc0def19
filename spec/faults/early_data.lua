--- Faults in early data: early_data.c, early_guard.c, renewal.c.
return {
  {
    name = "early data is ordinary data before the end of the handshake",
    file = "src/connection/transfer.c",
    from = [[  return c->established && c->ssl != NULL;]],
    to = [[  return c->ssl != NULL && (c->established || c->early != NULL);]],
    specs = "early_data",
  },
  {
    name = "early data that nobody read is lost",
    file = "src/connection/early_data.c",
    from = [[    buffer_free(&c->plain);
    c->plain = e->unread;  /* nothing else has been read */
    c->returns = -1;
    memset(&e->unread, 0, sizeof(e->unread));]],
    to = [[    c->returns = -1;]],
    specs = "early_data",
  },
  {
    name = "a refusal of early data is not told",
    file = "src/connection/early_data.c",
    from = [[  if (sent == 0
      ||]],
    to = [[  if (sent != 1
      ||]],
    specs = "early_data",
  },
  {
    name = "a fork doubles the sessions that bring early data",
    file = "src/context/early_guard.c",
    from = [[  return compat_session_time(session) > g->since;]],
    to = [[  return 1;]],
    specs = "early_data",
  },
  {
    name = "a renewed context takes early data once more",
    file = "src/context/renewal.c",
    from = [[  SSL_SESSION_set_max_early_data(copy, 0);  /* that serves once: there */]],
    to = [[]],
    specs = "early_data",
  },
  {
    name = "a session brings early data twice",
    file = "src/context/early_guard.c",
    from = [[  return SSL_CTX_set_max_early_data(ctx, (uint32_t)most)]],
    to = [[  SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
  return SSL_CTX_set_max_early_data(ctx, (uint32_t)most)]],
    specs = "early_data",
  },
  {
    name = "early data is taken from a server without a memory",
    file = "src/context/early_guard.c",
    from = [[  if (!s->session_cache)]],
    to = [[  if (0)]],
    specs = "early_data",
  },
  {
    name = "more early data is sent than the server takes",
    file = "src/connection/early_data_methods.c",
    from = [[c->early->sent > most - size))]],
    to = [[c->early->sent > most))]],
    specs = "early_data",
  },
}
