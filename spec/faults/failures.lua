--- Faults in what is said when something cannot be done, and in what goes
-- without LuaSocket: pem.c, pem_diagnosis.c, certificate_diagnosis.c, extension_cache.c, opening.c,
-- base64.c, luasocket.lua, misuse.lua, errors.lua.
return {
  {
    name = "the first of several keys is taken",
    file = "src/context/pem.c",
    from = "if (keys > 1) return fail_choosing(L, m, keys);",
    to = "if (keys > 99) return fail_choosing(L, m, keys);",
    specs = "pem_diagnosis",
  },
  {
    name = "what is wrong with PEM is a bad end line",
    file = "src/context/pem_diagnosis.c",
    from = "return begins(t, p, BEGIN) ? GLUED : other;",
    to = "return begins(t, p, BEGIN) ? NULL : other;",
    specs = "pem_diagnosis",
  },
  {
    name = "an extension that there was no memory for is a malformed one",
    file = "src/x509/extension_cache.c",
    from = "  if (lost) ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);\n  return !lost;",
    to = "  return 1;",
    specs = "oom",
  },
  {
    name = "a refused renegotiation wants a certificate",
    file = "src/connection/opening.c",
    from = "c->renegotiation_refused = 1;",
    to = "c->renegotiation_refused = 0;",
    specs = "diagnosis",
  },
  {
    name = "a malformed certificate has no issuer",
    file = "src/x509/verdict_details.c",
    from = "&& !(X509_get_extension_flags(x509) & EXFLAG_INVALID)) return 0;",
    to = "&& X509_get_extension_flags(x509) != 0) return 0;",
    specs = "diagnosis",
  },
  {
    name = "an error tells a place to whoever asks for its text",
    file = "lua/luassl/errors.lua",
    from = [[if not raiser or not raisers[raiser.func] then return "" end]],
    to = [[if not raiser then return "" end]],
    specs = "error_strings",
  },
  {
    name = "an error tells xpcall(f, tostring) a place",
    file = "lua/luassl/errors.lua",
    from = "or handler.func == tostring ",
    to = "",
    specs = "error_strings",
  },
  {
    name = "base64 with bits behind its end is taken",
    file = "src/base/base64.c",
    from = [[
  return EVP_EncodeBlock(again, bytes, (int)size) == (int)n
         && memcmp(again, text, n) == 0 ? size : 0;]],
    to = [[
  (void)again;
  return size;]],
    specs = "pem_der",
  },
  {
    name = "base64 goes on behind its end",
    file = "src/base/base64.c",
    from = "if (got == 0 || (got < n / 4 * 3 && i + n < size)) {",
    to = "if (got == 0) {",
    specs = "pem_der",
  },
  {
    name = "LuaSocket is asked for when the module is loaded",
    file = "lua/luassl/init.lua",
    from = [[
local poll = require "luassl.poll"]],
    to = [[
local poll = need "luassl" and require "luassl.poll"]],
    specs = "without_luasocket",
  },
  {
    name = "misuse is at our own line",
    file = "lua/luassl/misuse.lua",
    from = "error(rename(message, name), level + 1)",
    to = "error(rename(message, name), level)",
    specs = "misuse",
  },
  {
    name = "what a program's function raised is told as misuse",
    file = "lua/luassl/misuse.lua",
    from = [[
    if message:find(beginning) then return true end
  end
  return false]],
    to = [[
    if message:find(beginning) then return true end
  end
  return true]],
    specs = "misuse lifetime",
  },
  {
    name = "wrap_socket is left by a tail call, and misuse of it is at another line",
    file = "lua/luassl/init.lua",
    from = [[
  self, err = socket.wrap(3, "wrap_socket", context, sock, for_connection)
  return self, err]],
    to = [[
  self = nil
  return socket.wrap(3, "wrap_socket", context, sock, for_connection)]],
    specs = "misuse",
  },
  {
    name = "an errno's sentence comes behind the queue's",
    file = "src/base/failure.c",
    from = [[
  f->sentence[0] = '\0';
  say_cause(f, NULL);]],
    to = [[
  say_cause(f, NULL);]],
    specs = "errors",
  },
  {
    name = "a text of our own has OpenSSL's complaint for a reason",
    file = "src/base/errors.c",
    from = [[
  f.cause = -1;
  va_start]],
    to = [[
  va_start]],
    specs = "errors",
  },
  {
    name = "a second reader of OpenSSL's queue",
    file = "src/base/random.c",
    from = [[
  done = RAND_bytes(bytes, (int)n) == 1;]],
    to = [[
  ERR_clear_error();
  done = RAND_bytes(bytes, (int)n) == 1;]],
    specs = "errors",
  },
}
