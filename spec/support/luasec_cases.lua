--- What LuaSec's API answers, case by case, for LuaSec itself and for ours: each
-- case prints lines, and the lines of both are compared (spec/luasec/equivalence_spec.lua).
--
--    lua luasec_cases.lua MODULE      prints "case<TAB>line"
local socket = require "socket"

local unpack = table.unpack or unpack
local PATIENCE = 10
local pki = os.getenv "LUASSL_PKI"

local cases = {}

local function path(name) return pki .. "/" .. name end

-- A value as both libraries may say it: numbers without a fraction, objects by
-- their type.
local function show(value)
  local kind = type(value)
  if kind == "number" then return ("%.14g"):format(value) end
  if kind == "string" then return ("%q"):format(value):gsub("\\\n", "\\n") .. "" end
  if kind == "userdata" then return "object" end
  if kind ~= "table" then return tostring(value) end
  if type(value.digest) == "function" or getmetatable(value) then return "object" end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. show(item) end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function list(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...))) end
  return table.concat(parts, ", ")
end

-- An error's message without where it was raised, or which argument is meant.
local function raised(done, ...)
  if done then return list(...) end
  local message = tostring((...)):gsub("^[^:]+:%d+: ", ""):gsub("#%-?%d+ to '[^']*'", "")
  return "raises " .. message
end

-- The ends of a connection on loopback, of LuaSocket.
local function sockets()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  local a = assert(socket.connect("127.0.0.1", port))
  local b = assert(listener:accept())
  listener:close()
  return a, b
end

local WAITS = { wantread = true, wantwrite = true }

-- Calls until it answers something else: the method's results.
local function finish(self, name, ...)
  local deadline = socket.gettime() + PATIENCE
  repeat
    local done, err, part = self[name](self, ...)
    if not WAITS[err] then return done, err, part end
    socket.select({ self }, err == "wantwrite" and { self } or nil, 0.05)
  until socket.gettime() > deadline
  return nil, "too late"
end

local function pack(...) return { count = select("#", ...), ... } end

-- Runs both handshakes: what each dohandshake answered in the end.
local function handshake(a, b)
  local results = {}
  local deadline = socket.gettime() + PATIENCE
  while not (results[a] and results[b]) and socket.gettime() < deadline do
    for _, self in ipairs { a, b } do
      local answer = not results[self] and pack(self:dohandshake())
      if answer and not WAITS[answer[2]] then results[self] = answer end
    end
    socket.select({ a, b }, nil, 0.01)
  end
  return results[a] or { "too late" }, results[b] or { "too late" }
end

local Kit = {}
Kit.__index = Kit

function Kit:say(...) self.lines[#self.lines + 1] = table.concat({...}, " ") end

function Kit.server(_, more)
  local cfg = { mode = "server", protocol = "any", certificate = path "rsa.crt", key = path "rsa.key" }
  for name, value in pairs(more or {}) do cfg[name] = value or nil end
  return cfg
end

function Kit.client(_, more)
  local cfg = { mode = "client", protocol = "any" }
  for name, value in pairs(more or {}) do cfg[name] = value end
  return cfg
end

function Kit:closing(conn)
  self.open[#self.open + 1] = conn
  return conn
end

-- Both ends, after the handshake; says how that went.
function Kit:pair(client, server, before)
  local a, b = sockets()
  local ssl = self.ssl
  a = self:closing(assert(ssl.wrap(a, client)))
  b = self:closing(assert(ssl.wrap(b, server)))
  a:settimeout(0)
  b:settimeout(0)
  if before then before(a, b) end
  local one, two = handshake(a, b)
  self:say("client:", list(unpack(one, 1, one.count)))
  self:say("server:", list(unpack(two, 1, two.count)))
  return a, b
end

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

case("module", function(kit, ssl)
  for _, name in ipairs { "config", "loadcertificate", "newcontext", "wrap", "_VERSION" } do
    kit:say(name, type(ssl[name]))
  end
  for _, name in ipairs { "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3" } do
    kit:say(name, list(ssl.config.protocols[name]))
  end
  for _, name in ipairs { "all", "no_tlsv1", "single_dh_use", "cipher_server_preference" } do
    kit:say(name, list(ssl.config.options[name]))
  end
  kit:say(list(ssl.config.algorithms.ec, ssl.config.capabilities.alpn, ssl.config.capabilities.curves_list))
  kit:say(list(ssl.config.capabilities.ecdh_auto, ssl.config.curves["P-256"], type(ssl.config.capabilities.dane)))
end)

-- The last object with the descriptor closes it.
local function cut(conn, reset)
  local object = socket.tcp()
  object:setfd(conn:getfd())
  if reset then object:setoption("linger", { on = true, timeout = 0 }) end
  object:close()
end

-- First: LuaSec tells the reason of any older error then.
case("reset", function(kit)
  local a, b = kit:pair(kit:client { protocol = "tlsv1_2" }, kit:server())
  kit.open = { a }
  a:send "unread"
  socket.select({ b }, nil, 1)
  cut(b, true)
  kit:say(list(finish(a, "receive", 1)))
  kit.kept = b
end)

case("contexts", function(kit, ssl)
  local function try(what, cfg) kit:say(what, raised(pcall(ssl.newcontext, cfg))) end
  try("client", kit:client())
  try("server", kit:server())
  kit:say("nothing", pcall(ssl.newcontext, nil) and "taken" or "raises")
  try("protocol", { mode = "client", protocol = "tlsv9" })
  try("no protocol", { mode = "client" })
  try("no mode", { protocol = "any" })
  try("sslv3", { mode = "client", protocol = "sslv3" })
  for _, protocol in ipairs { "any", "sslv23", "tlsv1_2", "tlsv1_3" } do
    try(protocol, kit:client { protocol = protocol })
  end
  try("unknown keys", kit:client { nonsense = 1, cerfile = "x" })
  try("versions", kit:client { options = { "all", "no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1" } })
  try("option", kit:client { options = "nonsense" })
  try("options", kit:client { options = { "all", "nonsense" } })
  try("verify", kit:client { verify = "nonsense" })
  try("verifyext", kit:client { verify = "peer", verifyext = "nonsense" })
  try("verify, all", kit:client { verify = { "peer", "client_once", "fail_if_no_peer_cert" } })
  try("verifyext, all", kit:client { verify = "peer",
    verifyext = { "lsec_continue", "lsec_ignore_purpose", "crl_check", "crl_check_chain" } })
  try("depth", kit:client { depth = 3 })
  try("depth of text", kit:client { depth = "three" })
  try("curve", kit:client { curve = "nonsense" })
  try("curveslist", kit:client { curveslist = "nonsense" })
  try("curve and curveslist", kit:client { curve = "secp384r1", curveslist = "X25519:P-256" })
  try("curve alone", kit:client { curve = "P-384" })
  try("dhparam", kit:server { dhparam = function() end })
  try("dhparam of text", kit:server { dhparam = "dh.pem" })
  try("capath that is not there", kit:client { verify = "peer", capath = pki .. "/nowhere" })
  try("alpn", kit:client { alpn = 5 })
  try("alpn, empty", kit:client { alpn = {} })
  try("alpn, empty name", kit:client { alpn = "" })
  try("alpn, long name", kit:client { alpn = ("x"):rep(256) })
  try("alpn, list", kit:client { alpn = { "h2", "http/1.1" } })
  try("alpn of a server", kit:server { alpn = "h2" })
  try("password without a certificate", kit:client { password = "secret" })
  try("password of a number", kit:server { password = 5 })
  try("dane", kit:client { dane = true })
  try("dane flags", kit:client { dane = { "no_ee_namechecks" } })
  try("ciphersuites", kit:client { ciphersuites = "TLS_AES_128_GCM_SHA256" })
end)

-- Those of which LuaSec 1.2 tells a reason that something before has left.
local LOADS = {
  { "certificate", { certificate = "nowhere.pem" } }, { "certificate of text", { certificate = "text.pem" } },
  { "key", { key = "nowhere.pem" } }, { "key of text", { key = "text.pem" } },
  { "another's key", { key = "ecdsa.key" } }, { "encrypted key", { key = "rsa-pkcs8.key", password = "wrong" } },
  { "encrypted key, function", { key = "rsa-pkcs8.key", password = function() return "secret" end } },
  { "encrypted key, right", { key = "rsa-pkcs8.key", password = "secret" } },
  { "ca", { cafile = "nowhere.pem" } }, { "ca of text", { cafile = "text.pem" } },
}

case("files", function(kit, ssl)
  for _, row in ipairs(LOADS) do
    local cfg = kit:server()
    for name, value in pairs(row[2]) do
      cfg[name] = name ~= "password" and path(value) or value
    end
    local context, err = ssl.newcontext(cfg)
    kit:say(row[1], list(context ~= nil, err and err:match "^error loading (.-) %(" or err),
      tostring(err == nil or not err:find "^error loading" or err:match "%((.+)%)$" ~= nil))
  end
  local context, err = ssl.newcontext(kit:server { ciphers = "nonsense" })
  kit:say("ciphers", list(context, err and err:match "^(.-) %("))
end)

case("setcipher", function(kit, ssl, context)
  local made = ssl.newcontext(kit:server())
  kit:say(list(context.setcipher(made, "HIGH")))
  local done, err = context.setcipher(made, "nonsense")
  kit:say(list(done, err and err:match "^(.-) %("))
  kit:say(raised(pcall(context.setcipher, 5, "HIGH")))
  kit:say(tostring(made):match "^SSL context: ", type(made))
end)

case("steps", function(kit, _, context)
  local made = context.create("any")
  kit:say(list(made, context.setmode(made, "server")))
  kit:say(list(context.loadkey(made, path "rsa.key", nil)))
  kit:say(list(context.loadcert(made, path "rsa.crt")))
  kit:say(list(context.checkkey(made), context.locations(made, path "root.crt")))
  kit:say(list(context.setverify(made, "peer"), context.setoptions(made, "all", "no_ticket")))
  kit:say(list(context.setdepth(made, 3)))
  kit:say(list(context.setciphersuites(made, "TLS_AES_256_GCM_SHA384"), context.setcurveslist(made, "P-256")))
  kit:say(list(made:setverifyext("lsec_continue")))
  kit:say(list(context.create("nonsense")))
end)

case("certificates", function(kit)
  local two = kit:server { certificate = false, key = false, certificates = {
    { certificate = path "rsa.crt", key = path "rsa.key" }, { certificate = path "ecdsa.crt", key = path "ecdsa.key" },
  } }
  local a = kit:pair(kit:client { protocol = "tlsv1_2", ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }, two)
  kit:say(list(a:info "authentication"))
  a = kit:pair(kit:client { protocol = "tlsv1_2", ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" }, two)
  kit:say(list(a:info "authentication"))
end)

case("before the handshake", function(kit, ssl)
  local a, b = sockets()
  kit.open[#kit.open + 1] = b
  local conn = kit:closing(assert(ssl.wrap(a, kit:client())))
  kit:say(tostring(conn):sub(1, 15), a:getfd() < 0 and "taken" or "left")
  kit:say("receive", list(conn:receive()))
  kit:say("receive", list(conn:receive("*a", "pre")))
  kit:say("send", list(conn:send "x"))
  kit:say("getpeerverification", list(conn:getpeerverification()))
  for _, name in ipairs { "getalpn", "getsniname", "getpeercertificate", "getpeerchain", "getfinished", "info" } do
    kit:say(name, list(conn[name](conn)))
  end
  kit:say("dirty", list(conn:dirty()), "fd", type(conn:getfd()))
  kit:say("settimeout", list(conn:settimeout(0)), list(conn:setstats(1, 2, 3)))
  local received, sent = conn:getstats()
  kit:say("getstats", list(received, sent))
  kit:say("sni", list(conn:sni "localhost"))
  kit:say("sni of a table", raised(pcall(conn.sni, conn, {})):match "string expected")
  kit:say("close", tostring(select("#", conn:close())), tostring(select("#", conn:close())))
  kit:say(tostring(conn):match "%(closed%)")
end)

case("wait", function(kit, ssl)
  local a, b = sockets()
  kit.open[#kit.open + 1] = b
  local conn = kit:closing(assert(ssl.wrap(a, kit:client())))
  conn:settimeout(0)
  kit:say(list(conn:dohandshake()), list(conn:want()))
  conn:settimeout(0.05)
  kit:say(list(conn:dohandshake()), list(conn:want()))
end)

for _, version in ipairs { "tlsv1_2", "tlsv1_3" } do
  case("a connection, " .. version, function(kit)
    local a, b = kit:pair(kit:client { protocol = version }, kit:server(), function(a) a:sni "localhost" end)
    local fields = a:info()
    fields.compression = nil
    kit:say(show(fields))
    kit:say(list(a:info "cipher"), list(a:info "bits"), list(a:info "nonsense"), list(b:info "protocol"))
    kit:say(tostring(select("#", a:dohandshake())), list(a:dohandshake()))
    kit:say("want", list(a:want()), list(a:getalpn(), a:getsniname(), b:getsniname()))
    local exported = a:exportkeyingmaterial("EXPORTER-x", 32, "")
    kit:say("exported", tostring(exported == b:exportkeyingmaterial("EXPORTER-x", 32, "")),
      #a:exportkeyingmaterial("EXPORTER-x", 20))
    kit:say("finished", tostring(a:getfinished() == b:getpeerfinished()), tostring(a:getfinished() ~= nil))
    kit:say("certificate", list(a:getpeercertificate(), b:getpeercertificate()), #a:getpeerchain(), #b:getpeerchain())
    kit:say("verification", list(a:getpeerverification()), list(b:getpeerverification()))
    kit:say("nothing", list(a:receive(5)), list(a:want()))
    kit:say("prefix", list(a:receive("*l", "pre")))
    a:settimeout(0.05)
    kit:say("time is up", list(a:receive(1)))
    a:settimeout(0)
    kit:say("sent", list((a:send "hello\n")))
    kit:say("received", list((finish(b, "receive"))))
    kit:say("sent", list((a:send("hello", 2, 3))))
    kit:say("received", list((finish(b, "receive", 2))))
    local received, sent = a:getstats()
    kit:say("stats", list(received, sent))
    kit:say("pattern", raised(pcall(a.receive, a, "x")))
    kit:say("send", raised(pcall(a.send, a)))
    b:send "last words"
    kit:say("close", tostring(select("#", b:close())))
    kit:say("rest", list(finish(a, "receive", "*a")))
    kit:say("end", list(finish(a, "receive")))
  end)
end

case("verification", function(kit)
  local function try(what, client, server, name)
    kit:say(what)
    local a, b = kit:pair(kit:client(client), kit:server(server), name and function(a) a:sni(name) end)
    kit:say("of the server", list(a:getpeerverification()))
    kit:say("of the client", list(b:getpeerverification()))
  end
  local trusted, mine = path "root.crt", { certificate = path "client.crt", key = path "client.key" }
  local function with(more)
    local cfg = { certificate = mine.certificate, key = mine.key }
    for name, value in pairs(more or {}) do cfg[name] = value end
    return cfg
  end
  try("none", { verify = "none" })
  try("peer, nothing trusted", { verify = "peer" })
  try("peer", { verify = "peer", cafile = trusted })
  try("peer, another authority", { verify = "peer", cafile = path "other-root.crt" })
  try("peer, expired", { verify = "peer", cafile = trusted },
    { certificate = path "expired.crt", key = path "expired.key" })
  try("peer, self-signed", { verify = "peer", cafile = trusted },
    { certificate = path "selfsigned.crt", key = path "selfsigned.key" })
  try("continue, self-signed", { verify = "peer", verifyext = "lsec_continue", cafile = trusted },
    { certificate = path "selfsigned.crt", key = path "selfsigned.key" })
  try("continue, good", { verify = "peer", verifyext = "lsec_continue", cafile = trusted })
  try("a client's, for servers", { verify = "peer", cafile = trusted }, with())
  try("a client's, any purpose", { verify = "peer", verifyext = "lsec_ignore_purpose", cafile = trusted }, with())
  try("server: peer, nobody", {}, { verify = "peer", cafile = trusted })
  try("server: peer, client", with(), { verify = "peer", cafile = trusted })
  try("server: required, nobody", {}, { verify = { "peer", "fail_if_no_peer_cert" }, cafile = trusted })
  try("server: required, client", with(), { verify = { "peer", "fail_if_no_peer_cert" }, cafile = trusted })
  try("server: stranger", { certificate = path "stranger.crt", key = path "stranger.key" },
    { verify = "peer", cafile = trusted })
  try("server: stranger, nothing trusted", { certificate = path "stranger.crt", key = path "stranger.key" },
    { verify = "peer" })
  local any = { verify = { "peer", "client_once" }, verifyext = "lsec_ignore_purpose", cafile = trusted }
  local servers = { certificate = path "rsa.crt", key = path "rsa.key" }
  try("server: a server's", servers, { verify = "peer", cafile = trusted })
  try("server: a server's, any purpose", servers, any)
  try("server: continue, required, nobody", {}, { verify = { "peer", "fail_if_no_peer_cert" },
    verifyext = "lsec_continue", cafile = trusted })
  try("server: continue, required, nobody, nothing trusted", {}, { verify = { "peer", "fail_if_no_peer_cert" },
    verifyext = "lsec_continue" })
  try("server: a client's, any purpose", with(), any)
  try("server: continue, self-signed", { certificate = path "selfsigned.crt", key = path "selfsigned.key" },
    { verify = { "peer", "client_once" }, verifyext = { "lsec_continue", "lsec_ignore_purpose" }, cafile = trusted })
  try("the wrong name", { verify = "peer", cafile = trusted }, {}, "other.example")
end)

case("alpn", function(kit)
  local function try(what, ours, theirs)
    kit:say(what)
    local a, b = kit:pair(kit:client { alpn = ours }, kit:server { alpn = theirs })
    kit:say(list(a:getalpn(), b:getalpn()))
  end
  try("lists", { "a", "b" }, { "b", "a" })
  try("a string", "a", { "b", "a" })
  try("nothing in common", "a", { "b" })
  try("only the client", "a", nil)
  try("only the server", nil, { "a" })
  try("a function", { "a", "b" }, function(names) return names[2] end)
  try("a function, a list", { "a", "b" }, function() return { "c", "b" } end)
  try("a function, nothing", { "a" }, function() return nil end)
  try("a function, not offered", { "a" }, function() return "c" end)
end)

case("sni", function(kit, ssl)
  local other = ssl.newcontext(kit:server { certificate = path "other.crt", key = path "other.key" })
  local trusted = path "root.crt"
  local function try(what, name, map, strict, more)
    kit:say(what)
    local a, b = kit:pair(kit:client { verify = "none", cafile = trusted }, kit:server(), function(a, b)
      if name then a:sni(name) end
      if map then b:sni(map, strict) end
      if more then more() end
    end)
    local certificate = a:getpeercertificate()
    local subject = certificate and certificate:subject()
    kit:say(list(b:getsniname()), subject and subject[#subject].value or "none")
  end
  try("no map", "a.example")
  try("in the map", "b.example", { ["b.example"] = other })
  local later = {}
  try("added later", "b.example", later, true, function() later["b.example"] = other end)
  try("not in the map", "c.example", { ["b.example"] = other })
  try("not in the map, strict", "c.example", { ["b.example"] = other }, true)
  try("no name, strict", nil, { ["b.example"] = other }, true)
  try("capitals", "B.Example", { ["b.example"] = other }, true)
end)

case("sni, wrong", function(kit, ssl)
  local a, b = sockets()
  a, b = kit:closing(ssl.wrap(a, kit:client())), kit:closing(ssl.wrap(b, kit:server()))
  kit:say(pcall(b.sni, b, { ["b.example"] = 5 }) and "taken" or "raises", pcall(b.sni, b, "x") and "taken" or "raises")
  kit:say(pcall(a.sni, a) and "taken" or "raises")
end)

case("versions and ciphers", function(kit)
  local function try(what, client, server)
    kit:say(what)
    local a = kit:pair(kit:client(client), kit:server(server))
    kit:say(list(a:info "protocol"))
  end
  try("any", {}, {})
  try("off", {}, { options = { "no_tlsv1_3" } })
  try("off below", { options = { "all", "no_tlsv1", "no_tlsv1_1", "no_tlsv1_2" } }, {})
  try("exactly", { protocol = "tlsv1_2" }, {})
  try("none in common", { protocol = "tlsv1_2" }, { protocol = "tlsv1_3" })
  try("no cipher in common", { protocol = "tlsv1_2", ciphers = "ECDHE-RSA-AES128-GCM-SHA256" },
    { ciphers = "ECDHE-RSA-AES256-GCM-SHA384" })
  try("no curve in common", { curveslist = "P-256" }, { curve = "P-384" })
  try("old", { protocol = "tlsv1_1", ciphers = "ALL:@SECLEVEL=0" }, { ciphers = "ALL:@SECLEVEL=0" })
  try("server's order", { protocol = "tlsv1_2", ciphers = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384" },
    { ciphers = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", options = "cipher_server_preference" })
end)

case("cut off", function(kit)
  local a, b = kit:pair(kit:client(), kit:server())
  kit.open = { a }
  b:send "hello"
  cut(b)
  kit:say(list(finish(a, "receive", "*a")))
  kit.kept = b
end)

case("cut off, ignored", function(kit)
  local a, b = kit:pair(kit:client { options = { "ignore_unexpected_eof" } }, kit:server())
  kit.open = { a }
  b:send "hello"
  cut(b)
  kit:say(list(finish(a, "receive", "*a")))
  kit.kept = b
end)

case("not TLS", function(kit, ssl)
  local a, b = sockets()
  kit.open[#kit.open + 1] = b
  b:send "HTTP/1.0 400 Bad Request\r\n\r\n"
  local conn = kit:closing(assert(ssl.wrap(a, kit:client())))
  conn:settimeout(0)
  kit:say(list(finish(conn, "dohandshake")))
end)

case("dane", function(kit, ssl)
  local digest = ("x"):rep(32)
  local a = sockets()
  local conn = kit:closing(ssl.wrap(a, kit:client()))
  kit:say("not asked for", list(conn:setdane "localhost"), list(conn:settlsa(3, 1, 1, digest)))
  kit:pair(kit:client { dane = true, verify = "peer" }, kit:server(), function(client)
    kit:say(list(client:setdane "localhost"), list(client:settlsa(3, 1, 1, digest)))
    kit:say(list(client:settlsa(3, 1, 9, digest)))
  end)
  local again
  local checked = kit:client { dane = true, verify = "peer", cafile = path "root.crt" }
  again = kit:pair(checked, kit:server(), function(client)
    kit:say(list(client:setdane "localhost"), list(client:settlsa(3, 1, 9, digest)))
  end)
  kit:say(list(again:getpeerverification()))
end)

case("no connection", function(kit, ssl)
  local conn = assert(ssl.wrap(socket.tcp(), kit:client()))
  kit:say(tostring(conn):sub(1, 14), list(conn:getfd()), list((conn:dohandshake())))
end)

--- Runs all cases over `ssl`; `context` is its `ssl.context`.
-- @treturn {table,...} `name` and `lines` of each
local function run(ssl, context)
  local results = {}
  for _, row in ipairs(cases) do
    local kit = setmetatable({ ssl = ssl, lines = {}, open = {} }, Kit)
    local done, err = pcall(row.run, kit, ssl, context)
    if not done then kit:say("FAILED " .. tostring(err)) end
    for _, conn in ipairs(kit.open) do conn:close() end
    if kit.kept then pcall(kit.kept.detach or type, kit.kept) end
    results[#results + 1] = { name = row.name, lines = kit.lines }
  end
  return results
end

if arg and arg[0] and arg[0]:find "luasec_cases%.lua$" then
  for _, result in ipairs(run(require(arg[1]), require(arg[1] .. ".context"))) do
    for _, line in ipairs(result.lines) do print(result.name .. "\t" .. line) end
  end
  io.stdout:flush()
  os.exit(0, false)  -- no finalizer of LuaSec's closes a descriptor twice
end

return { path = path, run = run, show = show, sockets = sockets, handshake = handshake, Kit = Kit }
