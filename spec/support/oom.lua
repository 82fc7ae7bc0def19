--- Whole lives for spec/support/oom.c, which lets one allocation after the
-- other fail in them. What a life finds must be right or not be there at all: whatever
-- fails, no byte is lost, no fact wrong and no wrong name accepted.
local socket = require "socket"
local process = require "luassl_process"
local ssl = require "luassl"

local again, ended, spare = again, ended, spare  -- luacheck: ignore

local function file(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

local failing  -- whose memory fails: "Lua", "OpenSSL", "" nobody's

-- The result, or the life's end: OpenSSL's want of memory is a failure like
-- others; Lua's raises, and no failure may come of it.
local function must(value, err, ...)
  if value ~= nil then return value, err, ... end
  if failing == "OpenSSL" and type(err) == "table" then error(ended, 0) end
  error("unexpected: " .. spare(tostring, err), 2)
end

local known  -- what this life found when nothing failed

local function flatten(value)
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for key, part in pairs(value) do
    parts[#parts + 1] = tostring(key) .. "=" .. flatten(part)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

local function compare(name, value)
  local text = flatten(value)
  if failing == "" then known[name] = text end
  if known[name] == text then return end
  error(("%s is %s, not %s"):format(name, text, known[name]), 0)
end

local function same(name, value)
  spare(compare, name, value)
end

local OPTIONS = {
  client = {ca_certs = file "root.crt", alpn_protocols = {"h2", "http/1.1"},
    certfile = file "client.pem"},
  server = {server_side = true, certfile = file "chained.pem",
    ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED,
    alpn_protocols = {"http/1.1"}},
  plain_client = {ca_data = spare(function()
    local f = assert(io.open(file "root.crt"))
    local text = f:read "*a"
    f:close()
    return text
  end), maximum_version = "TLSv1.2"},
  plain_server = {server_side = true, certfile = file "rsa.crt",
    keyfile = file "rsa-traditional.key",
    password = function() return "secret" end},
}
local logged = {keylog = 0, trace = 0}  -- lines
OPTIONS.logging_client = {ca_certs = file "root.crt",
  keylog = function() logged.keylog = logged.keylog + 1 end,
  trace = function() logged.trace = logged.trace + 1 end}
OPTIONS.logging_server = {server_side = true, certfile = file "rsa.pem",
  keylog = "/dev/null", trace = "/dev/null"}

OPTIONS.client_13 = {ca_certs = file "root.crt", minimum_version = "TLSv1.3"}

local RIGHT = {server_hostname = "localhost"}
local WRONG = {server_hostname = "wrong.example"}
local TEXT = "one\r\ntwo\nthree"
local LARGE = ("0123456789abcdef"):rep(10000)

local function context(name)
  return must(again(ssl.create_default_context, OPTIONS[name]))
end

local function pair()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local address, port = listener:getsockname()
  local client = assert(socket.connect(address, port))
  local server = assert(listener:accept())
  listener:close()
  client:settimeout(0)
  server:settimeout(0)
  client:setoption("send-buffer-size", 16384)
  server:setoption("recv-buffer-size", 16384)
  return client, server
end

local WAITS = {timeout = true, wantread = true, wantwrite = true}

-- Wraps; a wrap that was abandoned halfway leaves the object whole or closed.
local function wrap(context_, sock, options)
  local wrapped, err = again(context_.wrap_socket, context_, sock, options)
  if err == "closed" then error(ended, 0) end
  return must(wrapped, err)
end

-- Both handshakes, to their ends: true, or nil and the client's error.
local function handshake(client, server, carry)
  local client_done, server_done, client_err, server_err
  for _ = 1, 2000 do
    if not client_done then
      client_done, client_err = again(client.do_handshake, client)
    end
    if not server_done then
      server_done, server_err = again(server.do_handshake, server)
    end
    if client_done and server_done then return true end
    if not client_done and not WAITS[client_err] then return nil, client_err end
    if not server_done and not WAITS[server_err] then return nil, server_err end
    carry(client, server)
  end
  error("the handshake does not end", 0)
end

local function look(client, server)
  if failing == "OpenSSL" then  -- it offers what it had memory to load
    local version = again(client.version, client)
    if not version:find "^TLSv1%.[23]$" then error(version, 0) end
  else
    same("version", again(client.version, client))
    same("cipher", again(client.cipher, client))
  end
  same("alpn", again(client.selected_alpn_protocol, client))
  same("name", again(server.server_hostname, server))
  same("verdict", again(client.verify_result, client))
  same("certificate", must(again(client.getpeercert, client)))
  same("DER", must(again(client.getpeercert, client, true)))
end

local function look_closer(client)
  local certificate = must(again(client.peer_certificate, client))
  for _, fact in ipairs {"subject", "issuer", "serial", "not_before",
    "not_after", "subject_alt_name", "pem", "der"} do
    same(fact, must(again(certificate[fact], certificate)))
  end
  for _, name in ipairs {"localhost", "127.0.0.1", "a_b.example.com"} do
    same(name, must(again(certificate.matches_host, certificate, name)))
  end
  same("certificate's name", again(tostring, certificate))
  local pem = must(again(ssl.DER_cert_to_PEM_cert, must(again(certificate.der, certificate))))
  same("PEM of DER", pem)
  same("DER of PEM", must(again(ssl.PEM_cert_to_DER_cert, pem)))
end

-- What both ends tell of their connection, and of no other.
local function bind(client, server)
  for _, kind in ipairs {"tls-exporter", "tls-server-end-point", "tls-unique"} do
    local ours, err = again(client.get_channel_binding, client, kind)
    if err then must(nil, err) end
    local theirs
    theirs, err = again(server.get_channel_binding, server, kind)
    if err then must(nil, err) end
    if ours ~= theirs then error("another " .. kind, 0) end
  end
  local ours = must(again(client.export_keying_material, client, "EXPERIMENTAL", 32))
  if ours ~= must(again(server.export_keying_material, server, "EXPERIMENTAL", 32)) then
    error("another key", 0)
  end
  if again(client.finished, client, "own") ~= again(server.finished, server, "peer") then
    error("another Finished", 0)
  end
  if failing == "OpenSSL" then return end  -- both offer what they had memory to load
  same("group", again(client.group, client))
  same("signature", again(client.signature_algorithm, client, "peer"))
  same("shared ciphers", again(server.shared_ciphers, server))
  local info = must(again(client.info, client))
  info.peer_certificate = nil
  same("info", info)
end

-- Sends `data` one way; what arrives must be `data`.
local function transfer(from, to, data, carry)
  local sent, got, last = 0, "", nil
  for _ = 1, 20000 do
    if not last then  -- what it took may still wait to leave
      local err, partial
      last, err, partial = again(from.send, from, data, sent + 1)
      if not last and not WAITS[err] then must(nil, err) end
      sent = last or partial
    end
    carry(from, to)
    local all, err, partial = again(to.receive, to, #data, got)
    if all then
      if all ~= data then error("other bytes than were sent", 0) end
      return
    end
    if not WAITS[err] then must(nil, err) end
    got = partial
  end
  error("the transfer does not end", 0)
end

local function lines(from, to, carry)
  must(again(from.send, from, TEXT))
  for _, expected in ipairs {"one", "two"} do
    local line, err, partial = nil, nil, nil
    for _ = 1, 1000 do
      carry(from, to)
      line, err, partial = again(to.receive, to, "*l", partial)
      if line or not WAITS[err] then break end
    end
    if must(line, err) ~= expected then error("another line", 0) end
  end
  if must(again(to.read, to, 3)) ~= "thr" then error("other bytes", 0) end
  local data, _, partial = again(to.receive, to, 9)
  if data or partial ~= "ee" then error("partial data is wrong", 0) end
end

-- The peer's clean end.
local function closing(from, to, carry)
  must(again(from.shutdown, from, "send"))
  for _ = 1, 1000 do
    carry(from, to)
    local data, err = again(to.receive, to, 1)
    if data then error("data from nowhere", 0) end
    if err == "closed" then return end
    if not WAITS[err] then must(nil, err) end
  end
  error("the end does not come", 0)
end

-- Waits for what the last receiver may read.
local function poll(one, other)
  spare(socket.select, {other}, nil, 0.001)
  if not one:dirty() then spare(socket.select, {one}, nil, 0) end
end

local lives = {}

-- Nothing may be said to this client, whatever it asks.
local function refuse(client, server, carry)
  local ok, err = handshake(client, server, carry)
  if ok then error("a wrong name was accepted", 0) end
  if failing ~= "OpenSSL" and not err:is(ssl.SSLCertVerificationError) then
    error("another failure: " .. tostring(err), 0)
  end
  for _, method in ipairs {"do_handshake", "read", "receive"} do
    if again(client[method], client) then error(method .. " works", 0) end
  end
  if again(client.send, client, "secret") then error("send works", 0) end
  if again(client.getpeercert, client) and next(client:getpeercert()) then
    error("a refused certificate was shown as good", 0)
  end
end

function lives.socket()
  local client_context, server_context = context "client", context "server"
  local near, far = spare(pair)
  local client = wrap(client_context, near, RIGHT)
  local server = wrap(server_context, far)
  must(handshake(client, server, poll))
  look(client, server)
  look_closer(client)
  bind(client, server)
  again(tostring, client)
  again(client.getpeername, client)
  again(client.getsockname, client)
  lines(client, server, poll)
  transfer(client, server, LARGE, poll)
  closing(server, client, poll)
  must(again(client.close, client))
end

function lives.refused_socket()
  local client_context, server_context = context "client", context "server"
  local near, far = spare(pair)
  refuse(wrap(client_context, near, WRONG), wrap(server_context, far), poll)
end

function lives.unwrap()
  local client_context = context "plain_client"
  local server_context = context "plain_server"
  local near, far = spare(pair)
  local client = wrap(client_context, near, RIGHT)
  local server = wrap(server_context, far)
  must(handshake(client, server, poll))
  local one, other, err
  for _ = 1, 1000 do
    if not one then
      one, err = again(client.unwrap, client)
      if not one and not WAITS[err] then break end
    end
    if not other then
      other, err = again(server.unwrap, server)
      if not other and not WAITS[err] then break end
    end
    if one and other then break end
  end
  if err == "closed" then error(ended, 0) end  -- raised when it was done
  must(one, err)
  must(other, err)
  spare(one.send, one, "clear\n")
  if spare(other.receive, other) ~= "clear" then error("not clear", 0) end
end

local FED_MAX = 128 * 1024

local function pump(one, other)
  for _ = 1, 2 do
    while other:buffered() < FED_MAX do
      local bytes = again(one.drain, one, FED_MAX - other:buffered())
      if not bytes then break end
      must(again(other.feed, other, bytes))
    end
    one, other = other, one
  end
end

local function wrap_object(name, options)
  local context_ = context(name)
  return must(again(context_.wrap_object, context_, options))
end

function lives.object()
  local client = wrap_object("plain_client", RIGHT)
  local server = wrap_object("plain_server")
  must(handshake(client, server, pump))
  look_closer(client)
  bind(client, server)
  lines(client, server, pump)
  transfer(server, client, LARGE, pump)
  closing(client, server, pump)
  must(again(server.close, server))
  must(again(client.feed, client, nil))
end

-- No line is lost.
function lives.logs()
  logged.keylog, logged.trace = 0, 0
  local client = wrap_object("logging_client", RIGHT)
  local server = wrap_object("logging_server")
  must(handshake(client, server, pump))
  lines(server, client, pump)
  closing(client, server, pump)
  if failing == "OpenSSL" then return end  -- what it had no memory for, it does not offer
  same("keys", logged.keylog)
  same("trace", logged.trace)
end

function lives.refused_object()
  refuse(wrap_object("plain_client", WRONG), wrap_object("plain_server"),
    function(one, other) spare(pump, one, other) end)
end

-- An end without close_notify is never a clean one.
function lives.truncated_object()
  local client = wrap_object("plain_client", RIGHT)
  local server = wrap_object("plain_server")
  must(handshake(client, server, pump))
  must(again(client.send, client, "half"))
  pump(client, server)
  must(again(server.feed, server, nil))
  local all, err, partial = again(server.receive, server, "*a")
  if all then error("a truncated end was taken for a clean one", 0) end
  if not err:is(ssl.SSLEOFError) then must(nil, err) end
  if partial ~= "half" then error("lost: " .. tostring(partial), 0) end
end

function lives.unwrap_object()
  local client = wrap_object("plain_client", RIGHT)
  local server = wrap_object("plain_server")
  must(handshake(client, server, pump))
  local one, err = again(client.unwrap, client)
  if one or err ~= "wantread" then must(nil, err) end
  pump(client, server)
  must(again(server.unwrap, server))
  while true do  -- by hand: one that is closed takes nothing
    local bytes = again(server.drain, server)
    if not bytes then break end
    must(again(client.feed, client, bytes))
  end
  must(again(client.feed, client, "clear"))
  one = must(again(client.unwrap, client))
  if one ~= "clear" then error("lost: " .. tostring(one), 0) end
end

-- What the transport failed with comes as it is, or in an error.
function lives.broken_object()
  for _, broken in ipairs {"reset", "timeout"} do
    local client = wrap_object("plain_client", RIGHT)
    must(again(client.feed, client, nil, broken))
    local done, err = again(client.do_handshake, client)
    if done then error("a handshake without a peer", 0) end
    if broken == "timeout" then err = type(err) == "table" and err.cause or err end
    if err ~= broken then must(nil, err) end
  end
end

local FAILURES = {
  {certfile = file "missing.pem"}, {certfile = file "empty.pem"},
  {certfile = file "garbage.pem"}, {certfile = file "rsa.der"},
  {certfile = file "rsa.crt", keyfile = file "ecdsa.key"},
  {certfile = file "rsa-encrypted.pem", password = "wrong"},
  {ca_certs = file "text.pem"}, {ca_path = file "missing"},
  {ciphers = "none"}, {certfile = file "rsa.crt"},
}

function lives.contexts()
  for i, options in ipairs(FAILURES) do
    local made, err = again(ssl.SSLContext, options)
    if made then error("context " .. i .. " was made", 0) end
    if failing ~= "OpenSSL" then same("failure " .. i, err) end
  end
  local made = must(again(ssl.create_default_context,
    {ca_path = file "empty", system_trust = true}))
  must(again(made.set, made, {alpn_protocols = {"h2"}}))
  same("option", again(made.get, made, "alpn_protocols"))
  must(again(ssl.create_default_context))
end

local function several(of_uri)
  return {server_side = true, password = "secret", certificates = {
    {certfile = file "rsa.der", keyfile = file "rsa-pkcs8.der"},
    {pkcs12_file = file "ecdsa.p12"}, of_uri,
    {certfile = file "expired.pem"}, {certfile = file "untrusted.pem"},
  }}
end
local SEVERAL = several {certfile = file "ed25519.crt", key_uri = "file:" .. file "ed25519.key"}
local SEVERAL_FILES = several {certfile = file "ed25519.crt", keyfile = file "ed25519.key"}
local NO_IDENTITIES = {
  {pkcs12_file = file "ecdsa.p12", password = "wrong"},
  {pkcs12_file = file "ecdsa.p12"}, {pkcs12_file = file "rsa.der"},
  {certfile = file "rsa.der", keyfile = file "rsa-pkcs8.der", password = "wrong"},
  {certfile = file "rsa.der"}, {certfile = file "ecdsa.p12"},
}
local NO_URIS = {
  {certfile = file "rsa.crt", key_uri = "file:" .. file "rsa-pkcs8.key"},
  {certfile = file "rsa.crt", key_uri = "file:/nowhere"},
}

-- lives.system_trust leaves another one behind.
local function usual_trust()
  spare(process.setenv, "SSL_CERT_FILE", file "root.crt")
end

-- What the process keeps of the system's trust is the same before each life,
-- whichever was swept before: that of usual_trust, parsed.
function settle()  -- luacheck: ignore
  usual_trust()
  assert(ssl.create_default_context())
  assert(assert(ssl.SSLContext {certfile = file "rsa.pem"}):warnings())
end

local function fail_to_identify(name, list)
  for i, options in ipairs(list) do
    local made, err = again(ssl.SSLContext, options)
    if made then error(name .. i .. " was made", 0) end
    if failing ~= "OpenSSL" then same(name .. i, err) end
  end
end

-- No URI where OpenSSL's memory fails: OSSL_STORE_load of 3.0 gives its
-- passphrase to a decoder that it had no memory for, and crashes.
function lives.identity()
  local all = failing ~= "OpenSSL"
  usual_trust()
  local made = must(again(ssl.SSLContext, all and SEVERAL or SEVERAL_FILES))
  local warnings = must(again(made.warnings, made))
  if all then same("warnings", warnings) end
  for _, warning in ipairs(warnings) do warning.text = nil end  -- a name may be "?" in it
  same("kinds of warnings", warnings)
  must(again(made.reload, made))
  if all then same("certificates", must(again(made.get, made, "certificates"))) end
  fail_to_identify("identity ", NO_IDENTITIES)
  if all then fail_to_identify("URI ", NO_URIS) end
  must(again(made.reload, made, {certificates = {{certfile = file "rsa.pem"}, {certfile = file "ecdsa.pem"}}}))
  local client = wrap_object("plain_client", RIGHT)
  local server = must(again(made.wrap_object, made))
  must(handshake(client, server, pump))
end

local function ders(chain)
  local list = {}
  for i, certificate in ipairs(chain) do list[i] = must(again(certificate.der, certificate)) end
  return list
end

local SEVERAL_NAMES = {server_hostnames = {"a.example", "localhost"}}
local STRICT = {ca_certs = file "root.crt", crl_file = file "root.crl", crl_data = spare(function()
  local f = assert(io.open(file "root.crl"))
  local text = f:read "*a"
  f:close()
  return text
end), verify_flags = {"x509_strict"}, verify_depth = 3, purpose = "any", maximum_version = "TLSv1.2"}

-- A certificate of which OpenSSL could not read an extension is no authority to
-- it, for good: none such may be kept.
function lives.authorities()
  local made = must(again(ssl.SSLContext, {ca_certs = file "root.crt"}))
  same("authorities", must(again(made.get_ca_certs, made, true)))
end

-- Records of the server's key and of who issued it, in full; and others.
local RECORDS = spare(function()
  local function part(name, form)
    local f = assert(io.open(file(name)))
    local certificate = assert(ssl.load_certificates(f:read "*a"))[1]
    f:close()
    return certificate[form](certificate)
  end
  return {
    right = {{3, 1, 0, part("rsa.crt", "spki")}, {1, 0, 0, part("rsa.crt", "der")}, {9, 9, 9, "x"}},
    wrong = {{3, 1, 0, part("ecdsa.crt", "spki")}, {1, 0, 0, part("ecdsa.crt", "der")}},
    unusable = {{3, 1, 1, "00"}, {3, 0, 0, "x"}},
  }
end)

function lives.dane()
  local client_context = context "plain_client"
  local options = {server_hostname = "localhost", tlsa = RECORDS.right}
  for _ = 1, 2 do
    local client = must(again(client_context.wrap_object, client_context, options))
    local server = wrap_object("plain_server")
    must(handshake(client, server, pump))
    local match = must(again(client.tlsa_match, client))
    if failing ~= "OpenSSL" then same("match", match) end  -- the next one is right too
    options.session = options.session or must(again(client.session, client))
  end
  local client, err = again(client_context.wrap_object, client_context, {tlsa = RECORDS.unusable})
  if client then error("no record can be used", 0) end
  if failing ~= "OpenSSL" then same("failure", err) end
end

-- A key that is shown without a certificate, and is good, where OpenSSL has that; else what is said of it.
function lives.raw_keys()
  local keys = {RECORDS.right[1][4], RECORDS.wrong[1][4]}
  local client_context, err = again(ssl.SSLContext, {peer_public_keys = keys})
  if not client_context then
    if failing ~= "OpenSSL" then same("failure", err) end
    return
  end
  local server_context = must(again(ssl.SSLContext, {server_side = true, certfile = file "rsa.pem",
    certificate_types = {"raw_public_key"}}))
  local options = {}
  for _ = 1, 2 do
    local client = must(again(client_context.wrap_object, client_context, options))
    local server = must(again(server_context.wrap_object, server_context))
    must(handshake(client, server, pump))
    same("key", must(again(client.peer_public_key, client, "pem")))
    closing(client, server, pump)
    options.session = again(client.session, client)
  end
end

function lives.raw_keys_keep_out()
  local client_context = again(ssl.SSLContext, {peer_public_keys = {RECORDS.wrong[1][4]}})
  if not client_context then return end
  local server_context = must(again(ssl.SSLContext, {server_side = true, certfile = file "rsa.pem",
    certificate_types = {"raw_public_key", "x509"}}))
  refuse(must(again(client_context.wrap_object, client_context)),
    must(again(server_context.wrap_object, server_context)), pump)
end

local luasec = require "luassl.luasec"
local LUASEC = {
  client = {mode = "client", protocol = "any", verify = "peer", cafile = file "root.crt", check_hostname = true,
    alpn = {"h2", "http/1.1"}, dane = true},
  server = {mode = "server", protocol = "any", certificate = file "rsa.crt", key = file "rsa.key",
    alpn = function() return "http/1.1" end},
}

-- The same under LuaSec's names, whose failures are strings.
local function must_say(value, err, ...)
  if value then return value, err, ... end
  if failing == "OpenSSL" then error(ended, 0) end
  if spare(string.find, tostring(err), "not enough memory", 1, true) then error(ended, 0) end  -- a function's
  error("unexpected: " .. spare(tostring, err), 2)
end

local function wrap_luasec(sock, context_)
  local wrapped = must_say(again(luasec.wrap, sock, context_))
  again(wrapped.settimeout, wrapped, 0)
  if again(wrapped.getfd, wrapped) < 0 then error(ended, 0) end  -- a wrap that was abandoned has closed it
  return wrapped
end

-- Both handshakes, to their ends: true, or false and the client's error.
local function handshake_luasec(client, server)
  local done = {}
  for _ = 1, 2000 do
    for _, conn in ipairs {client, server} do
      local err
      if not done[conn] then done[conn], err = again(conn.dohandshake, conn) end
      if err and not WAITS[err] then return false, err end
    end
    if done[client] and done[server] then return true end
    poll(client, server)
  end
  error("the handshake does not end", 0)
end

local function pair_luasec(name, records)
  local client_context = must_say(again(luasec.newcontext, LUASEC.client))
  local server_context = must_say(again(luasec.newcontext, LUASEC.server))
  local near, far = spare(pair)
  local client, server = wrap_luasec(near, client_context), wrap_luasec(far, server_context)
  again(client.sni, client, name)
  again(server.sni, server, {[name] = server_context})
  if records then
    must_say(again(client.setdane, client, name))
    for _, record in ipairs(records) do
      must_say(again(client.settlsa, client, record[1], record[2], record[3], record[4]))
    end
  end
  return client, server
end

function lives.luasec()
  local client, server = pair_luasec("localhost", {RECORDS.right[1]})
  must_say(handshake_luasec(client, server))
  same("verification", must_say(again(client.getpeerverification, client)))
  if failing ~= "OpenSSL" then
    same("alpn", again(client.getalpn, client))
    same("info", must_say(again(client.info, client)))
    same("certificate", must_say(again(must_say(again(server.getlocalcertificate, server)).pem,
      must_say(again(client.getpeercertificate, client)))))
    same("chain", #must_say(again(server.getlocalchain, server)))
  end
  must_say(again(server.send, server, TEXT))
  poll(server, client)
  local line, err
  for _ = 1, 1000 do
    line, err = again(client.receive, client)
    if line or not WAITS[err] then break end
    poll(server, client)
  end
  if must_say(line, err) ~= "one" then error("another line", 0) end
  again(client.close, client)
end

function lives.luasec_keeps_out()
  for _, case in ipairs {{"wrong.example"}, {"localhost", {RECORDS.wrong[1]}}} do
    local client, server = pair_luasec(case[1], case[2])
    if handshake_luasec(client, server) then error("the wrong server was accepted", 0) end
    if again(client.receive, client) or again(client.send, client, "secret") then error("it works", 0) end
    if again(client.getpeerverification, client) then error("a refused certificate was told to be good", 0) end
  end
end

-- The context would trust the server without them.
function lives.dane_keeps_out()
  local client_context = context "plain_client"
  local client = must(again(client_context.wrap_object, client_context,
    {server_hostname = "localhost", tlsa = RECORDS.wrong}))
  refuse(client, wrap_object("plain_server"), pump)
end

-- Whom a revocation list names is not believed, and what is told is so.
function lives.trust()
  usual_trust()
  local checking = must(again(ssl.create_default_context, STRICT))
  same("authorities", must(again(checking.get_ca_certs, checking, true)))
  ders(must(again(checking.get_ca_certs, checking)))
  same("stats", must(again(checking.cert_store_stats, checking)))
  same("paths", again(ssl.get_default_verify_paths))
  same("CRLs", must(again(checking.get, checking, "crl_data")))
  local client = must(again(checking.wrap_object, checking, SEVERAL_NAMES))
  local server = wrap_object("plain_server")
  must(handshake(client, server, pump))
  same("sent", ders(must(again(client.peer_chain, client))))
  same("verified", ders(must(again(client.verified_chain, client))))
  same("errors", must(again(client.verify_errors, client)))
  same("shown", ders {must(again(server.local_certificate, server))})
  local session = again(client.session, client)
  if not session and failing == "OpenSSL" then error(ended, 0) end  -- it could not be bound
  local options = {server_hostnames = SEVERAL_NAMES.server_hostnames, session = session}
  client = must(again(checking.wrap_object, checking, options))
  server = wrap_object("plain_server")
  must(handshake(client, server, pump))
  local strict = must(again(ssl.create_default_context, {ca_certs = file "root.crt", crl_file = file "revoked.crl"}))
  refuse(must(again(strict.wrap_object, strict, RIGHT)), wrap_object("plain_server"),
    function(one, other) spare(pump, one, other) end)
end

local REVOKED = spare(function()
  local f = assert(io.open(file "revoked.ocsp", "rb"))
  local bytes = f:read "*a"
  f:close()
  return bytes
end)

-- A response is shown and judged, and one that says "revoked" accepts nobody.
function lives.ocsp()
  local server_context = must(again(ssl.SSLContext, {server_side = true, certfile = file "rsa.pem",
    ocsp_response = file "good.ocsp"}))
  local client_context = must(again(ssl.create_default_context, {ca_certs = file "root.crt", ocsp = "request"}))
  local client = must(again(client_context.wrap_object, client_context, RIGHT))
  local server = must(again(server_context.wrap_object, server_context))
  must(handshake(client, server, pump))
  same("the client's response", must(again(client.ocsp_response, client)))
  same("the server's response", must(again(server.ocsp_response, server)))
  same("bytes", must(again(client.ocsp_response, client, true)))
  local chain = must(again(client.verified_chain, client))
  same("request", must(again(chain[1].ocsp_request, chain[1], chain[2])))
  closing(client, server, pump)
  must(again(server_context.set, server_context, {ocsp_response = function() return REVOKED end}))
  refuse(must(again(client_context.wrap_object, client_context, RIGHT)),
    must(again(server_context.wrap_object, server_context)), function(one, other) spare(pump, one, other) end)
end

-- The system's trust is another one each time: it is read and parsed anew.
function lives.system_trust()
  spare(function()
    local other = file "roots.crt"
    if os.getenv "SSL_CERT_FILE" == other then other = file "root.crt" end
    process.setenv("SSL_CERT_FILE", other)
  end)
  local trusting = must(again(ssl.create_default_context))
  local client = must(again(trusting.wrap_object, trusting, RIGHT))
  local server = wrap_object("plain_server")
  must(handshake(client, server, pump))
  same("verdict", again(client.verify_result, client))
  local name = spare(os.getenv, "SSL_CERT_FILE")
  spare(process.setenv, "SSL_CERT_FILE", "/nowhere")
  local made, err = again(ssl.create_default_context)
  spare(process.setenv, "SSL_CERT_FILE", name)
  if made then error("a context without its bundle", 0) end
  if failing ~= "OpenSSL" then same("failure", err) end
end

local accept = getmetatable(socket.tcp()).__index.accept

-- LuaSocket loses the descriptor when it has no memory for its object.
-- Options that OpenSSL's structures take, lines, and numbers that are right.
function lives.negotiation()
  local server_context = must(again(ssl.SSLContext, {server_side = true, certfile = file "rsa.pem",
    profile = "intermediate", options = {"no_ticket"}, padding = 64, record_size = "dynamic",
    cipher_server_preference = true}))
  local client_context = must(again(ssl.create_default_context, {ca_certs = file "root.crt",
    max_fragment_length = 1024, options = {"legacy_server_connect"}}))
  local client = must(again(client_context.wrap_object, client_context, RIGHT))
  local server = must(again(server_context.wrap_object, server_context))
  must(handshake(client, server, pump))
  lines(client, server, pump)
  same("the client's counters", again(client_context.counters, client_context))
  must(again(client_context.set, client_context, {handshake_timeout = 7}))
  same("the client's counters", again(client_context.counters, client_context))
  closing(client, server, pump)
end

local KEY = ("k"):rep(32)
local BY_KEY = {
  client = {cert_reqs = ssl.CERT_REQUIRED, psk_authenticates = true,
    psk = {localhost = {identity = "me", key = KEY}, ["other.example"] = {identity = "x", key = KEY, hash = "sha384"}}},
  server = {server_side = true, psk = {me = KEY, other = {key = KEY, hash = "sha384"}}},
  asked = {server_side = true, psk = function(_, facts) return facts.identity == "me" and KEY or nil end,
    maximum_version = "TLSv1.2", ciphers = "kECDHEPSK"},
}

-- With a pre-shared key both know each other, or there is no connection.
function lives.psk()
  local client_context = must(again(ssl.SSLContext, BY_KEY.client))
  for _, name in ipairs {"server", "asked"} do
    local server_context = must(again(ssl.SSLContext, BY_KEY[name]))
    local client = must(again(client_context.wrap_object, client_context, RIGHT))
    local server = must(again(server_context.wrap_object, server_context))
    must(handshake(client, server, pump))
    for _, side in ipairs {client, server} do
      same("by", again(side.authenticated_by, side))
      same("identity", again(side.psk_identity, side))
    end
    lines(client, server, pump)
    closing(client, server, pump)
  end
end

-- Early data is read whole or not at all, and nobody takes it twice.
function lives.early()
  local server_context = must(again(ssl.SSLContext, {server_side = true, certfile = file "ecdsa.pem",
    max_early_data = 100}))
  local client_context = context "client_13"
  local session
  for i = 1, 2 do
    local client = must(again(client_context.wrap_object, client_context, {server_hostname = "localhost",
      session = session}))
    local server = must(again(server_context.wrap_object, server_context))
    if i == 2 then
      must(again(client.write_early_data, client, "early"))
      spare(pump, client, server)
      local early, err
      for _ = 1, 20 do
        early, err = again(server.read_early_data, server)
        if early or not WAITS[err] then break end
      end
      -- Not with a session from before the fork in which this life goes on.
      if early == nil and err == nil and failing ~= "" then error(ended, 0) end
      same("early", must(early, err))
    end
    local done, err = handshake(client, server, pump)
    if not done and failing ~= "" and spare(tostring, err):find "early data" then error(ended, 0) end
    must(done, err)
    -- OpenSSL's cache holds a session, which it has freed, when there is no memory to put it there.
    spare(server.send, server, "x")
    spare(pump, client, server)
    same("answer", must(again(client.receive, client, 1)))
    session = again(client.session, client)
    if not session and failing == "OpenSSL" then error(ended, 0) end
    closing(client, server, pump)
  end
end

local KEYS = spare(function() return {assert(ssl.new_ticket_key()), assert(ssl.new_ticket_key())} end)

-- One server's session at another that has its ticket key, and a stranger's.
function lives.tickets()
  local session
  for i, keys in ipairs {{KEYS[1]}, {KEYS[2], KEYS[1]}} do
    local server_context = must(again(ssl.SSLContext, {server_side = true, certfile = file "rsa.pem",
      cert_reqs = ssl.CERT_OPTIONAL, ca_path = file "empty", hooks_id = "x"}))
    must(again(server_context.set_ticket_keys, server_context, keys))
    local told = 0
    local client_context = must(again(ssl.create_default_context, {ca_certs = file "root.crt",
      on_session = function() told = told + 1 end}))
    local client = must(again(client_context.wrap_object, client_context,
      {server_hostname = "localhost", session = session}))
    local server = must(again(server_context.wrap_object, server_context))
    must(handshake(client, server, pump))
    lines(server, client, pump)
    if failing ~= "OpenSSL" then same("resumed " .. i, again(client.session_reused, client)) end
    if told > 2 then error("told of sessions that there are not", 0) end
    session = again(client.session, client)
    if not session and failing == "OpenSSL" then error(ended, 0) end
    closing(client, server, pump)
    local bytes = must(again(session.save, session, KEYS[1]:sub(1, 32)))
    session = must(again(ssl.load_session, bytes, KEYS[1]:sub(1, 32)))
  end
  if #must(again(ssl.new_ticket_key)) ~= 80 then error("half a key", 0) end
end

-- A server whose sessions are in a table.
function lives.store()
  local entries = {}
  local options = {server_side = true, certfile = file "rsa.pem", maximum_version = "TLSv1.2",
    get_session = function(_, id) return entries[id] end,
    put_session = function(_, id, bytes) spare(rawset, entries, id, bytes) end,
    remove_session = function(_, id) entries[id] = nil end}
  local server_context = must(again(ssl.SSLContext, options))
  local client_context = must(again(ssl.create_default_context, {ca_certs = file "root.crt", session_cache = true}))
  for i = 1, 2 do
    local client = must(again(client_context.wrap_object, client_context, RIGHT))
    local server = must(again(server_context.wrap_object, server_context))
    must(handshake(client, server, pump))
    lines(server, client, pump)
    if failing == "" then same("resumed " .. i, again(client.session_reused, client)) end
    closing(client, server, pump)
  end
end

local function spare_accept(...)
  return spare(accept, ...)
end

-- A server's loop, a client that connects by name, contexts kept.
function lives.connect()
  local listener = spare(function()
    local sock = assert(socket.bind("127.0.0.1", 0))
    getmetatable(sock).__index.accept = spare_accept
    return sock
  end)
  local _, port = listener:getsockname()
  local server_context = context "plain_server"
  listener = must(again(server_context.wrap_socket, server_context, listener))
  listener:settimeout(0)
  local client_context = context "plain_client"
  local client = must(again(client_context.wrap_socket, client_context,
    spare(socket.tcp)))
  client:settimeout(0)
  local server, done, err
  for _ = 1, 2000 do
    if not server then
      server, err = listener:accept()
      if server then server:settimeout(0)
      elseif err ~= "timeout" then must(nil, err) end
    end
    done, err = again(client.connect, client, "localhost", port)
    if not done and err ~= "timeout" then must(nil, err) end
    if server and not done then
      local _, problem = again(server.do_handshake, server)
      if problem and not WAITS[problem] then must(nil, problem) end
    end
    if done then break end
  end
  must(done, err)
  same("verdict", again(client.verify_result, client))
  must(again(client.close, client))
end

local more = require "spec.support.oom_hooks" {must = must, same = same,
  handshake = handshake, pump = pump, lines = lines, transfer = transfer,
  closing = closing, failing = function() return failing end}
for name, life in pairs(more) do lives[name] = life end

-- A fact may be nil, but not for want of memory.
local function fact(name, method, ...)
  local value, err = again(method, ...)
  if value == nil and err ~= nil then must(nil, err) end
  same(name, value)
end

local FACTS = {"authority_key_id", "basic_constraints", "ca_issuers_urls", "crl_urls", "der", "digest",
  "extended_key_usage", "extensions", "issuer", "issuer_alt_name", "key_bits", "key_curve", "key_type", "key_usage",
  "not_after", "not_before", "ocsp_urls", "pem", "pin", "scts", "serial", "signature_digest", "signature_name", "spki",
  "subject", "subject_alt_name", "subject_key_id", "text", "version"}
local FORMS = {subject = "oneline", issuer = "rfc2253", subject_alt_name = "full", spki = "pem", not_after = "seconds"}

local function text_of(name)
  return spare(function()
    local f = assert(io.open(file(name), "rb"))
    local text = f:read "*a"
    f:close()
    return text
  end)
end

-- All that a Certificate tells.
function lives.certificate()
  local names = must(again(ssl.load_certificates, text_of "names.pem"))[1]
  local root = must(again(ssl.load_certificates, text_of "root.crt"))[1]
  for _, name in ipairs(FACTS) do fact(name, names[name], names) end
  for name, form in pairs(FORMS) do fact(name .. form, names[name], names, form) end
  fact("attributes", names.subject, names, "full")
  fact("issued", root.issued, root, names)
  fact("host", names.matches_host, names, "localhost")
  fact("address", names.matches_ip, names, "127.0.0.1")
  same("DER", #must(again(ssl.load_certificates, text_of "rsa.der")))
  if again(function() return root == names end) then error("two are one", 0) end
end

-- A chain that is good is, one that is not is not.
function lives.verify()
  local options = {roots = text_of "root.crt", name = "chained", intermediates = {text_of "intermediate.crt"}}
  local leaf = must(again(ssl.load_certificates, text_of "chained.crt"))
  local done, err = again(ssl.verify, leaf, options)
  if done then error("a name that it does not have", 0) end
  if failing ~= "OpenSSL" then same("refusal", {tostring(err), err.verify_code, #err.chain}) end
  options.name = "localhost"
  local _, chain = must(again(ssl.verify, leaf, options))
  same("chain", #chain)
  done = again(ssl.verify, text_of "selfsigned.crt", {})
  if done then error("an unknown root", 0) end
end

-- What fails while the module loads can be loaded once more.
function lives.load()
  spare(function()
    for name in pairs(package.loaded) do
      if name:find "^luassl" then package.loaded[name] = nil end
    end
  end)
  local fresh = again(require, "luassl")
  local made = must(again(fresh.SSLContext, {}))
  must(again(made.wrap_object, made))
end

-- What OpenSSL can is not told wrong: without memory nothing is told.
function lives.features()
  local find = require "luassl.core".features
  local told, found = pcall(again, find)
  if not told then
    if failing == "OpenSSL" and spare(string.find, found, "no memory", 1, true) then error(ended, 0) end
    error(found, 0)
  end
  same("features", found)
end

local swept = {}

for name, life in pairs(lives) do
  local found = {}
  swept[name] = function(whose)
    failing, known = whose, found
    return life()
  end
end

return swept
