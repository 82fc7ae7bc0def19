--- Faults under LuaSec's names: src/carrier/luasec_socket.c, luasec_words.c, and lua/luassl/luasec.
local list = {}

local function fault(name, file, from, to, specs, also)
  specs = specs or "luasec_connection equivalence"
  list[#list + 1] = { name = name, file = file, from = from, to = to, specs = specs, also = also }
end

local CONNECTION, SETTINGS = "lua/luassl/luasec/connection.lua", "lua/luassl/luasec/settings.lua"

fault("a client begins TLS behind injected clear text", CONNECTION, [[
  return settings.mode == "client" and type(sock.dirty)]], [[
  return settings.mode == "nobody" and type(sock.dirty)]])
fault("check_hostname is forgotten", SETTINGS, [[
  if wanted.check_hostname and not server then options.check_hostname = true end
]], "")
fault("with nothing to trust every certificate will do", SETTINGS, [[
    if continues then return ssl.ACCEPT_UNVERIFIED end]], [[
    if continues or true then return ssl.ACCEPT_UNVERIFIED end]])
fault("with nothing to trust no certificate is asked for", SETTINGS, [[
  if ext.lsec_continue or not trusts then]], [[
  if ext.lsec_continue then]])
fault("with lsec_continue a certificate that is required may be missing", SETTINGS, [[
      if not required then return true end]], [[
      if not required or continues then return true end]])
fault("fail_if_no_peer_cert is forgotten", SETTINGS, [[
  local required = not server or verify.fail_if_no_peer_cert or false]], [[
  local required = not server]])
fault("lsec_ignore_purpose lets any purpose pass", SETTINGS, [[options.purpose = "sslserver"]],
  [[options.purpose = "any"]])
fault("versions that are switched off are spoken", SETTINGS, [[
    if asked and not wanted.switches[version.off] then]], [[
    if asked then]])
fault("strict lets unknown names in", "lua/luassl/luasec/hello.lua", [[
    if sni.strict then return nil, "unrecognized_name" end
]], "")
fault("a failed change of a context stays", "lua/luassl/luasec/context.lua", [[
  for name in pairs(changes) do settings[name] = old[name] end
]], "")
fault("a name that is none leaves the earlier one", "src/carrier/luasec_socket.c", [[
    c->name = parsed;
    if (!done)]], [[
    if (done) c->name = parsed;
    if (c == NULL)]])
fault("a name is changed after the handshake has begun", "src/carrier/luasec_socket.c", [[
  return c->closed || c->ssl != NULL || c->context == NULL;]], [[
  return c->closed;]])
fault("TLSA records do not ask for the name", "src/carrier/luasec_socket.c", [[
    c->options.tlsa_check_hostname = lua_toboolean(L, 4);]], [[
    c->options.tlsa_check_hostname = 0;]])
fault("a record that cannot be used takes the others' place", CONNECTION, [[
    if records[1] then apply(self, notes, records) end
]], "")
fault("a connection that was cut off has ended", "src/connection/luasec_words.c", [[
    lua_pushliteral(L, "unexpected eof while reading");]], [[
    lua_pushliteral(L, "closed");]])
fault("dohandshake answers \"timeout\"", "src/connection/luasec_words.c", [[
  if (strcmp(lua_tostring(L, -1), "timeout") != 0) return;]], [[
  if (strcmp(lua_tostring(L, -1), "timeout") == 0) return;]])
fault("ssl.https shows the client's certificate behind a redirect", "lua/luassl/luasec/https.lua", [[
  if foreign then
    for]], [[
  if foreign == 1 then
    for]], "luasec_https")
fault("ssl.https speaks clear text where TLS failed", "lua/luassl/luasec/https.lua", [[
  if not done then return give_up(conn, err) end
  return conn]], [[
  return conn]], "luasec_https")
fault("an intermediate certificate is a root for issued", "lua/luassl/luasec/x509.lua",
  [[verify_flags = { "no_partial_chain" }, ]], "", "x509")
fault("a certificate is valid a second longer", "lua/luassl/luasec/x509.lua",
  [[number <= last]], [[number <= last + 1]], "x509")

return list
