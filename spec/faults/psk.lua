--- Faults in pre-shared keys: psk.c, client_key.c, server_key.c, shared_key.c.
return {
  {
    name = "the identity goes to every host",
    file = "src/connection/client_key.c",
    from = [[  if (!psk_find(p->psk, host, i, &psk)) return 1;]],
    to = [[  if (!psk_find(p->psk, host, i, &psk)
      && !psk_find(p->psk, "hub.example", 11, &psk)) return 1;]],
    specs = "psk",
  },
  {
    name = "an unknown identity is told from a wrong key",
    file = "src/connection/server_key.c",
    from = [[        && psk.hash == offers[i].hash) return shared_key_choose(k, &psk);
]],
    to = [[        && psk.hash == offers[i].hash) return shared_key_choose(k, &psk);
  if (1) return 1;
]],
    specs = "psk",
  },
  {
    name = "an unknown identity is told from a wrong key before TLS 1.3",
    file = "src/connection/server_key.c",
    from = [[    return shared_key_choose_random(k, name, size, PSK_SHA256);
  }]],
    to = [[    return 0;
  }]],
    specs = "psk",
  },
  {
    name = "a key for another hash is told from an unknown identity",
    file = "src/connection/server_key.c",
    from = [[
        && psk.hash == offers[i].hash) return]],
    to = [[
        ) return]],
    specs = "psk",
  },
  {
    name = "a key for another hash is told, where a function has it",
    file = "src/connection/server_key.c",
    from = [[  if (psk->hash != offers[i].hash) psk->key = NULL;]],
    to = [[  if (0) psk->key = NULL;]],
    specs = "psk",
  },
  {
    name = "the server's suites do not go with the key",
    file = "src/connection/server_key.c",
    from = [[  return done && restrict_suites(ssl, k->hash) ? 1 : -1;]],
    to = [[  return done ? 1 : -1;]],
    specs = "psk",
  },
  {
    name = "tickets are taken for identities",
    file = "src/connection/server_key.c",
    from = [[    if (memcmp(p + length, none, AGE_SIZE) == 0 && length > 0]],
    to = [[    if (none[0] == 0 && length > 0]],
    specs = "psk",
  },
  {
    name = "a key stands for a certificate unasked",
    file = "src/connection/verify.c",
    from = [[->by_key && c->policy->psk_authenticates
]],
    to = [[->by_key
]],
    specs = "psk",
  },
  {
    name = "a connection made with a key is resumed before TLS 1.3",
    file = "src/connection/server_key.c",
    from = [[  if (k == NULL || !forbid_resumption(ssl)) return 0;]],
    to = [[  if (k == NULL) return 0;]],
    specs = "psk_peers",
  },
  {
    name = "a connection made with a key gives tickets",
    file = "src/connection/tickets.c",
    from = [[ || shared_key_used(c))]],
    to = [[)]],
    specs = "psk",
  },
  {
    name = "a client's function that refuses is passed over",
    file = "src/connection/handshake.c",
    from = [[  if (refused) c->failed = 1;]],
    to = [[  if (refused && c->shared_key->chosen) c->failed = 1;
  else if (refused) refused = 0;]],
    specs = "psk",
  },
  {
    name = "keys can be read",
    file = "src/context/option_table.c",
    from = [[  {"psk", OPTION_PSK, OF_CONTEXT, NOT_BOUND, .side = EITHER_SIDE,
   .flags = IS_SECRET},]],
    to = [[  {"psk", OPTION_PSK, OF_CONTEXT, NOT_BOUND, .side = EITHER_SIDE},]],
    specs = "psk",
  },
  {
    name = "a table of keys is the caller's",
    file = "src/context/options.c",
    from = [[    if (lua_istable(L, -1)) copy_table(L);
    lua_rawset(L, from + 1);]],
    to = [[    lua_rawset(L, from + 1);]],
    specs = "psk",
  },
}
