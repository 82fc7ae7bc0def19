--- Faults in what carries an SSLObject: what it is fed, its ends.
return {
  {
    name = "feed takes all that it is given",
    file = "src/object.c",
    from = [[
  if (size > room) size = room;
]],
    to = "",
    specs = "feed hooks_abandoned",
  },
  {
    name = "what feed does not take is told as taken",
    file = "src/object.c",
    from = [[
  if (!queue_feed(&c->queue, bytes, size)) {]],
    to = [[
  if (!queue_feed(&c->queue, bytes, size / 2)) {]],
    specs = "feed hooks_abandoned",
  },
  {
    name = "a record of full size does not fit",
    file = "src/queue.h",
    from = [[#define QUEUE_FED_MAX ((size_t)128 << 10)]],
    to = [[#define QUEUE_FED_MAX ((size_t)16 << 10)]],
    specs = "feed",
  },
  {
    name = "a stream's hook is given the object under it",
    file = "src/hooks.c",
    from = [[
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);]],
    to = [[
  lua_pop(L, 1);]],
    specs = "face",
  },
  {
    name = "an unwrapped object stays open",
    file = "src/object.c",
    from = [[
  if (n == 1) connection_close(L, c);
]],
    to = "",
    specs = "unwrap",
  },
  {
    name = "a transport's error is its end",
    file = "src/connection.c",
    from = [[      return c->broken ? BROKEN : TRUNCATED;]],
    to = [[      return TRUNCATED;]],
    specs = "feed",
  },
  {
    name = "the end comes before what is there to be read",
    file = "src/connection.c",
    from = [[      if (!c->queue.ended || bytes_length(&c->queue.in) > 0) return WAIT;]],
    to = [[      if (!c->queue.ended) return WAIT;]],
    specs = "feed",
  },
  {
    name = "a transport that says \"closed\" hides a truncation",
    file = "src/object.c",
    from = [[!lua_isnil(L, 3) && !is_text(L, 3, "closed");]],
    to = [[!lua_isnil(L, 3);]],
    specs = "feed",
  },
  {
    name = "a transport's error reads like a condition",
    file = "src/object.c",
    from = [[
  check_error(L);
]],
    to = "",
    specs = "feed",
  },
}
