--- Faults in what must not get out or be taken over: compat.c, quote.c,
-- pem.c, context.c, context_cache.lua.
return {
  {
    name = "a type has a plain name in the registry",
    file = "src/context/session.h",
    from = [["luassl.SSLSession"]],
    to = [["SSLSession"]],
    specs = "registry",
  },
  {
    name = "another library's metatable is taken over",
    file = "src/base/compat.c",
    from = [[
  if (found && !lua_toboolean(L, -1))]],
    to = [[
  if (found && lua_toboolean(L, -1) > 1)]],
    specs = "registry",
  },
  {
    name = "types are called by their names in the registry, not the plain ones",
    file = "src/base/compat.c",
    from = [[
  lua_pushfstring(L, "%s expected, got %s", compat_typename(name), found);]],
    to = [[
  lua_pushfstring(L, "%s expected, got %s", name, found);]],
    specs = "registry",
  },
  {
    name = "whatever stands in the registry is the module",
    file = "src/core.c",
    from = [[
  lua_pushlightuserdata(L, &opened);
  lua_rawget(L, LUA_REGISTRYINDEX);]],
    to = [[
  lua_getfield(L, LUA_REGISTRYINDEX, "luassl.core");]],
    specs = "registry",
  },
  {
    name = "PEM in the place of a file's name is opened as one",
    file = "src/context/pem.c",
    from = [[
  if (strstr(m->file, "-----BEGIN") == NULL) return 1;]],
    to = [[
  if (m->file != NULL) return 1;]],
    specs = "secrets",
  },
  {
    name = "PEM is shown",
    file = "src/base/quote.c",
    from = [[
  return holds(text, size, "-----BEGIN") || holds(text, size, "-----END")
         || is_der]],
    to = [[
  return is_der]],
    specs = "secrets",
  },
  {
    name = "PEM without its first line is shown",
    file = "src/base/quote.c",
    from = [[ || holds(text, size, "-----END")]],
    to = "",
    specs = "secrets",
  },
  {
    name = "DER is shown",
    file = "src/base/quote.c",
    from = [[
         || is_der(text, size) || is_base64(text, size);]],
    to = [[
         || is_base64(text, size);]],
    specs = "secrets",
  },
  {
    name = "base64 is shown",
    file = "src/base/quote.c",
    from = [[
         || is_der(text, size) || is_base64(text, size);]],
    to = [[
         || is_der(text, size);]],
    specs = "secrets",
  },
  {
    name = "control characters are shown",
    file = "src/base/quote.c",
    from = [[
    if ((unsigned char)text[i] < ' ' || text[i] == 127) return 1;]],
    to = [[
    if (text[i] == 127) return 1;]],
    specs = "secrets",
  },
  {
    name = "err.file is whatever was given",
    file = "src/base/errors.c",
    from = [[
  if (size > QUOTE_NAME_MAX || (file != NULL && quote_hides(file, size)))
    return;
]],
    to = [[
  if (size == 1) return;
]],
    specs = "secrets",
  },
  {
    name = "a file's name is shown in full in RAND_egd's errors",
    file = "src/base/errors.c",
    from = [[
  if (file != NULL) quote_name(f.name, file);]],
    to = [[
  if (file != NULL) strncat(strcpy(f.name, ""), file, QUOTE_ROOM - 1);]],
    specs = "secrets",
  },
  {
    name = "a file's name is shown in full in the errors of what it holds",
    file = "src/base/failure.c",
    from = [[
    quote_name(f->name, file);]],
    to = [[
    strncat(f->name, file, QUOTE_ROOM - 1);]],
    specs = "secrets",
  },
  {
    name = "a list of ciphers is quoted as it is",
    file = "src/context/context_build.c",
    from = [[
  errors_text(L, ERROR_T, option, "cipher", format, quote_text(room, list));]],
    to = [[
  errors_text(L, ERROR_T, option, "cipher", format, list, room);]],
    specs = "secrets",
  },
  {
    name = "get gives the key that stands with the certificate",
    file = "src/context/public_options.c",
    from = [[
  if (o->flags & IS_PEM)]],
    to = [[
  if (o->type == OPTION_BYTES && o->group != 0) return;
  if (o->flags & IS_PEM)]],
    specs = "secrets",
  },
  {
    name = "get gives a key out of other options",
    file = "src/context/public_options.c",
    from = [[
  else if (quote_is_key(text, size))]],
    to = [[
  else if (text == NULL)]],
    specs = "secrets",
  },
  {
    name = "an application protocol may be a key",
    file = "src/context/options.c",
    from = [[
  if (quote_is_key(text, size))  /* it]],
    to = [[
  if (text == NULL)  /* it]],
    specs = "secrets",
  },
  {
    name = "a version is quoted as it is",
    file = "src/context/options.c",
    from = [[not %s", quote_text(room, text));]],
    to = [[not %s%s", text, room == NULL ? "" : ".");]],
    specs = "secrets",
  },
  {
    name = "an argument that is one of a few words is quoted as it is",
    file = "src/context/options.c",
    from = [[
  lua_pushfstring(L, "invalid option %s", quote_text(room, name));]],
    to = [[
  lua_pushfstring(L, "invalid option %s", name, room);]],
    specs = "secrets",
  },
  {
    name = "contexts are kept by their options' text",
    file = "lua/luassl/context_cache.lua",
    from = [[return digest(table.concat(parts, "\n")), private]],
    to = [[return table.concat(parts, "\n"), private]],
    specs = "secrets",
  },
  {
    name = "contexts are kept with the text of their keys",
    file = "lua/luassl/context_cache.lua",
    from = [[type(value) == "string" and (digest(value) or {}) or value]],
    to = [[value]],
    specs = "secrets",
  },
  {
    name = "what is no time is quoted whatever it is",
    file = "lua/luassl/certificates.lua",
    from = [[if hides(text) then]],
    to = [[if text == hides then]],
    specs = "secrets",
  },
  {
    name = "what is no time is quoted beyond its first line",
    file = "lua/luassl/certificates.lua",
    from = [[text:match "^[^\n]*\n?":sub(1, SHOWN)]],
    to = [[text:sub(1, SHOWN)]],
    specs = "secrets",
  },
  {
    name = "what a hook returned is quoted",
    file = "lua/luassl/hooks.lua",
    from = [[it returned a %s, which is no SSLContext and no table"):format(name, type(value)), 0)]],
    to = [[it returned %s, which is no SSLContext and no table"):format(name, tostring(value)), 0)]],
    specs = "secrets",
  },
  {
    name = "a field that a hook returned is quoted whatever it is",
    file = "lua/luassl/hooks.lua",
    from = [[:format(name, name_of(key)), 0)]],
    to = [[:format(name, tostring(key)), 0)]],
    specs = "secrets",
  },
  {
    name = "LuaSocket quotes an option's name",
    file = "lua/luassl/socket.lua",
    from = [[
  check_name(name, "setoption")
]],
    to = "",
    specs = "secrets",
  },
}
