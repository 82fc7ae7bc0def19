--- Faults in what carries an SSLObject: what it is fed, its ends.
return {
  {
    name = "feed takes all that it is given",
    file = "src/carrier/sslobject.c",
    from = [[
  if (size > room) size = room;
]],
    to = "",
    specs = "feed hooks_abandoned",
  },
  {
    name = "what feed does not take is told as taken",
    file = "src/carrier/sslobject.c",
    from = [[
  if (!bio_feed(&c->bio, bytes, size)) {]],
    to = [[
  if (!bio_feed(&c->bio, bytes, size / 2)) {]],
    specs = "feed hooks_abandoned",
  },
  {
    name = "a record of full size does not fit",
    file = "src/connection/bio.h",
    from = [[#define QUEUE_FED_MAX ((size_t)128 << 10)]],
    to = [[#define QUEUE_FED_MAX ((size_t)16 << 10)]],
    specs = "feed",
  },
  {
    name = "the hooks of what was set behind the wrap are asked",
    file = "src/connection/hooks.c",
    from = [[
  lua_rawgeti(L, -1, UV_CHOICES);]],
    to = [[
  lua_rawgeti(L, -1, UV_CONTEXT);
  compat_getuservalue(L, lua_gettop(L));
  lua_remove(L, -2);]],
    specs = "lazy_ssl_new",
  },
  {
    name = "the SSL is made from what the context is by then",
    file = "src/connection/opening.c",
    from = [[
  c->ssl = open_ssl(c, &c->options);]],
    to = [[
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_CONTEXT);
  hold_context(L, c, lua_gettop(L));
  c->ssl = open_ssl(c, &c->options);
  lua_pop(L, 3);]],
    specs = "lazy_ssl_new",
  },
  {
    name = "the name to check may be missing",
    file = "src/connection/opening.c",
    from = [[
  if (!connection_needs_name(c) || c->name.text[0] != '\0') return 0;]],
    to = [[
  if (c->alert != 256) return 0;]],
    specs = "lazy_ssl_new",
  },
  {
    name = "a stream's hook is given the object under it",
    file = "src/connection/hooks.c",
    from = [[
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);]],
    to = [[
  lua_pop(L, 1);]],
    specs = "hooks_stream_argument",
  },
  {
    name = "an unwrapped object stays open",
    file = "src/carrier/sslobject.c",
    from = [[
  if (n == 1) lifetime_close(L, c);
]],
    to = "",
    specs = "unwrap",
  },
  {
    name = "a transport's error is its end",
    file = "src/connection/connection.c",
    from = [[      return c->broken ? BROKEN : TRUNCATED;]],
    to = [[      return TRUNCATED;]],
    specs = "feed",
  },
  {
    name = "the end comes before what is there to be read",
    file = "src/connection/connection.c",
    from = [[      if (!c->bio.ended || buffer_length(&c->bio.in) > 0) return WAIT;]],
    to = [[      if (!c->bio.ended) return WAIT;]],
    specs = "feed",
  },
  {
    name = "a transport that says \"closed\" hides a truncation",
    file = "src/carrier/sslobject.c",
    from = [[!lua_isnil(L, 3) && !is_text(L, 3, "closed");]],
    to = [[!lua_isnil(L, 3);]],
    specs = "feed",
  },
  {
    name = "a transport's error reads like a condition",
    file = "src/carrier/sslobject.c",
    from = [[
  check_error(L);
]],
    to = "",
    specs = "feed",
  },
}
