-- What on_client_hello and on_certificate choose: another context, by replay
-- of the ClientHello, a certificate, an application protocol.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local file = helpers.file

helpers.audit()

local function pem(name)
  return helpers.read_file(file(name))
end

-- DER of the certificate in a file of the PKI.
local function der(name)
  return assert(ssl.PEM_cert_to_DER_cert(pem(name .. ".crt")))
end

local function is_refusal(err)
  return err ~= nil and not hooking.WAITS[err] and err ~= "closed"
end

hooking.each("what a hook chooses", function(case)
  it("is another context, whose everything holds", function()
    local hook, calls = hooking.spy()
    local own, own_calls = hooking.spy()
    local chosen = hooking.context("server", hooking.asking {certfile = file "ed25519.pem",
      alpn_protocols = {"chosen"}, on_client_hello = hook, server_names = {localhost = hooking.context "server"},
      on_certificate = own, on_verify = own})
    local pair = case.open(hooking.certified {alpn_protocols = {"first", "chosen"}},
      {alpn_protocols = {"first"}, on_client_hello = function() return chosen end})
    hooking.talk(hooking.succeed(pair))
    assert.equal(der "ed25519", pair.client:getpeercert(true))
    assert.equal("chosen", pair.client:selected_alpn_protocol())
    assert.equal("localhost", pair.server:server_hostname())
    assert.is_table(pair.server:getpeercert().subject)
    assert.equal(0, calls.n)
    assert.equal(2, own_calls.n)
  end)

  it("is another context after a yield", function()
    local chosen = hooking.context("server", {certfile = file "ed25519.pem"})
    local pair = case.open(nil, {on_client_hello = function()
      for _ = 1, 5 do coroutine.yield() end
      return {context = chosen}
    end})
    local thread = coroutine.create(function()
      while true do
        local done, err = pair.server:do_handshake()
        if done or not hooking.WAITS[err] then return done, err end
        coroutine.yield()
      end
    end)
    local deadline = socket.gettime() + helpers.patience
    repeat
      assert(coroutine.resume(thread))
      pair.client:do_handshake()
      pair.pump()
      assert(socket.gettime() < deadline)
    until coroutine.status(thread) == "dead"
    hooking.talk(hooking.succeed(pair))
    assert.equal(der "ed25519", pair.client:getpeercert(true))
  end)

  it("is the context that it has already", function()
    local server
    server = hooking.context("server", {on_client_hello = function() return server end})
    hooking.talk(hooking.succeed(case.open(nil, server)))
  end)

  it("is kept alive by the connection alone", function()
    local pair = case.open(hooking.certified {alpn_protocols = {"b"}}, {on_client_hello = function()
      return hooking.context("server", hooking.asking {certfile = file "ed25519.pem", alpn_protocols = {"a", "b"},
        pins = {"sha256//" .. ("A"):rep(43) .. "="}})
    end})
    pair.client:do_handshake()
    pair.pump()
    for _ = 1, 3 do
      pair.server:do_handshake()
      collectgarbage()
      collectgarbage()
    end
    assert.equal("pin", hooking.refused(pair, "server").kind)
  end)

  it("is an application protocol", function()
    local pair = case.open({alpn_protocols = {"a", "b", "c"}}, {alpn_protocols = {"a"},
      on_client_hello = function() return {alpn_protocol = "c"} end})
    hooking.succeed(pair)
    assert.equal("c", pair.client:selected_alpn_protocol())
    assert.equal("c", pair.server:selected_alpn_protocol())
  end)

  it("is no application protocol for a client that offers none", function()
    local pair = case.open({}, {on_client_hello = function(_, facts)
      assert.same({}, facts.alpn_protocols)
      return {alpn_protocol = "c"}
    end})
    local err = hooking.refused(pair, "server")
    assert.equal("alpn", err.kind)
    assert.equal("on_client_hello: it chose an alpn_protocol that is none of the client's alpn_protocols"
      .. " (RFC 7301, 3.2)", tostring(err))
  end)

  it("is a context, a protocol and a certificate together", function()
    local chosen = hooking.context("server", {certfile = file "rsa.pem", alpn_protocols = {"a"}})
    local pair = case.open({alpn_protocols = {"a", "b"}}, {on_client_hello = function()
      return {context = chosen, alpn_protocol = "b", certificate = {cert = pem "ed25519.crt", key = pem "ed25519.key"}}
    end})
    hooking.succeed(pair)
    assert.equal("b", pair.client:selected_alpn_protocol())
    assert.equal(der "ed25519", pair.client:getpeercert(true))
  end)

  it("is a certificate with its chain, for either side", function()
    for _, place in ipairs {hooking.places[2], hooking.places[3]} do
      local name = place.side == "server" and "chained" or "client"
      local other = place.side == "server" and "client" or "server"
      for _, value in ipairs {hooking.context(place.side, {certfile = file(name .. ".pem")}),
        {cert = pem(name .. ".pem"):match "%-%-%-%-%-BEGIN CERT.*", key = pem(name .. ".key")}} do
        local client, server = place.options(function() return value end)
        if place.side == "client" then client.certfile = nil end
        local pair = hooking.succeed(case.open(client, server))
        assert.equal(der(name), pair[other]:getpeercert(true))
        assert.is_table(pair[other]:getpeercert().subject)
        assert.equal(0, (pair[other]:verify_result()))
      end
    end
  end)

  it("that is a certificate holds although server_names has one", function()
    local named = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
    local pair = hooking.succeed(case.open({}, {server_names = {localhost = named}, on_client_hello = function()
      return {certificate = {cert = pem "ecdsa.crt", key = pem "ecdsa.key"}}
    end}))
    assert.equal(ssl.PEM_cert_to_DER_cert(pem "ecdsa.crt"), pair.client:getpeercert(true))
    hooking.talk(pair)
  end)

  it("is a certificate whose key has a passphrase", function()
    local pair = case.open({}, {on_certificate = function()
      return {cert = pem "rsa.crt", key = pem "rsa-traditional.key", password = "secret"}
    end})
    hooking.succeed(pair)
    assert.equal(der "rsa", pair.client:getpeercert(true))
  end)

  it("is a certificate for a server that has none of its own", function()
    for _, name in ipairs {"on_certificate", "on_client_hello"} do
      local certificate = hooking.context("server", {certfile = file "ed25519.pem"})
      local context = assert(ssl.SSLContext {server_side = true, [name] = function()
        if name == "on_certificate" then return certificate end
        return {certificate = certificate}
      end})
      local pair = hooking.open(case.kind, {maximum_version = case.version}, context)
      hooking.succeed(pair)
      assert.equal(der "ed25519", pair.client:getpeercert(true))
    end
  end)

  it("has to make sense", function()
    local client_context = hooking.context("client", {certfile = file "client.pem"})
    local bare = assert(ssl.SSLContext {server_side = true, on_certificate = print})
    local key = pem "rsa.key"
    for name, value in pairs {
      client = client_context, ["client in a table"] = {context = client_context}, ["no context"] = {context = 5},
      ["a string for a context"] = {context = "name"}, ["a table for a context"] = {context = {}},
      ["false for a context"] = {context = false}, ["false for a certificate"] = {certificate = false},
      ["an unknown field"] = {contexts = client_context}, ["a list"] = {client_context},
      ["not offered"] = {alpn_protocol = "other"}, ["empty protocol"] = {alpn_protocol = ""},
      ["long protocol"] = {alpn_protocol = ("x"):rep(256)}, ["a protocol of another type"] = {alpn_protocol = {}},
      ["no certificate there"] = {certificate = bare}, ["a certificate of another type"] = {certificate = 5},
      ["a string for a certificate"] = {certificate = "PEM"},
      ["another's key"] = {certificate = {cert = pem "ecdsa.crt", key = key}},
      ["no key"] = {certificate = {cert = pem "ecdsa.crt"}}, ["no PEM"] = {certificate = {cert = "PEM", key = key}},
      ["a certificate with unknown fields"] = {certificate = {cert = pem "rsa.crt", key = key, keyfile = "x"}},
    } do
      local pair = case.open({alpn_protocols = {"offered"}}, {on_client_hello = function() return value end})
      local err, other = hooking.refused(pair, "server")
      assert.is_true(is_refusal(err), name)
      assert.equal("internal_error", other.alert, name)
    end
  end)

  it("has to make sense for on_certificate too", function()
    local bare = assert(ssl.SSLContext {server_side = true, on_certificate = print})
    for name, value in pairs {
      bare = bare, ["an unknown field"] = {cerfile = file "rsa.pem"}, ["a list"] = {pem "rsa.crt", pem "rsa.key"},
      ["another's key"] = {cert = pem "ecdsa.crt", key = pem "rsa.key"}, ["no key"] = {cert = pem "ecdsa.crt"},
      ["no certificate"] = {key = pem "ecdsa.key"}, empty = {}, ["no PEM"] = {cert = "x", key = "y"},
      ["wrong passphrase"] = {cert = pem "rsa.crt", key = pem "rsa-traditional.key", password = "wrong"},
      ["of another type"] = {cert = 5, key = {}}, ["a context in a table"] = {context = bare},
    } do
      for _, place in ipairs {hooking.places[2], hooking.places[3]} do
        local err, other = hooking.refused(case.open(place.options(function() return value end)), place.side)
        assert.is_true(is_refusal(err), name)
        assert.equal("internal_error", other.alert, name)
      end
    end
  end)

  it("with unknown fields is told by their names", function()
    for value, field in pairs {[{contexts = 1}] = "contexts",
      [{certificate = {cert = pem "rsa.crt", key = pem "rsa.key", keyfile = "x"}}] = "keyfile"} do
      local pair = case.open({}, {on_client_hello = function() return value end})
      local err = hooking.refused(pair, "server")
      assert.is_truthy(tostring(err):find(field, 1, true), tostring(err))
    end
  end)

  it("may be a context of another version", function()
    local only = hooking.context("server", {minimum_version = "TLSv1.2", maximum_version = "TLSv1.2"})
    local pair = hooking.open(case.kind, {maximum_version = case.version}, {minimum_version = "TLSv1.3",
      on_client_hello = function() return only end})
    hooking.succeed(pair)
    assert.equal("TLSv1.2", pair.client:version())
  end)

  it("fails in the chosen context as it would have at first", function()
    local pair = case.open({ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
      ciphersuites = "TLS_AES_128_GCM_SHA256"}, {on_client_hello = function()
      return hooking.context("server", {ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384",
        ciphersuites = "TLS_AES_256_GCM_SHA384"})
    end})
    local err, other = hooking.refused(pair, "server")
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("handshake_failure", other.alert)
  end)
end)

-- The server is an SSLObject that is fed piece by piece, or an SSLSocket whose
-- kernel gives what has come.
local CHANGE_CIPHER_SPEC = "\20\3\3\0\1\1"  -- a client may send it, RFC 8446, 5
local WARNING = "\21\3\3\0\2\1\90"  -- user_canceled: no reason to end

describe("the ClientHello that is replayed", function()
  after_each(hooking.close_all)

  local BEHIND = {["TLSv1.2"] = WARNING, ["TLSv1.3"] = CHANGE_CIPHER_SPEC}

  local function contexts(version, protocols)
    local chosen = hooking.context("server", {certfile = file "ed25519.pem", alpn_protocols = {"last"}})
    local calls = {n = 0}
    return hooking.context("client", {maximum_version = version, alpn_protocols = protocols}),
      hooking.context("server", {on_client_hello = function(_, facts)
        calls.n, calls.facts = calls.n + 1, facts
        return chosen
      end}), calls
  end

  -- 60 KB of protocols, the last of which is the server's.
  local function many_protocols()
    local list = {}
    for i = 1, 234 do list[i] = ("x"):rep(250) .. ("%05d"):format(i) end
    list[#list + 1] = "last"
    return list
  end

  -- A server gets it in pieces, each of which leaves it waiting for more. Up to
  -- sixty thousand: luassert would take most of the time.
  local function give(server, hello, piece)
    local feed, do_handshake = server.feed, server.do_handshake
    for i = 1, #hello, piece do
      local bytes = hello:sub(i, i + piece - 1)
      local taken = feed(server, bytes)
      local done, err = do_handshake(server)
      if taken ~= #bytes or done ~= nil or err ~= "wantread" then
        assert.same({#bytes, nil, "wantread"}, {taken, done, err})
      end
    end
  end

  local lists = {small = {"first", "last"}, large = many_protocols()}

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    for size, protocols in pairs(lists) do
      for _, behind in ipairs {"", BEHIND[version]} do
        for _, piece in ipairs {1, 7, 5000} do
          it(("may come in pieces of %d bytes (%s, %s, %d bytes behind it)"):format(piece, version, size, #behind),
            function()
            local client_context, server_context, calls = contexts(version, protocols)
            local pair = hooking.open("object", client_context, server_context)
            pair.client:do_handshake()
            local hello = assert(pair.client:drain()) .. behind
            assert.is_true(#hello > (size == "large" and 59000 or 100))
            give(pair.server, hello, piece)
            hooking.talk(hooking.succeed(pair))
            assert.equal(1, calls.n)
            assert.same(protocols, calls.facts.alpn_protocols)
            assert.equal("last", pair.client:selected_alpn_protocol())
            assert.equal(der "ed25519", pair.client:getpeercert(true))
          end)
        end

        it(("may come to a socket (%s, %s, %d bytes behind it)"):format(version, size, #behind), function()
          local client_context, server_context, calls = contexts(version, protocols)
          local raw, far = helpers.sockets()
          far:settimeout(0)
          raw:settimeout(0)
          local server = hooking.keep(assert(server_context:wrap_socket(far)))
          local client = hooking.keep(assert(client_context:wrap_object {server_hostname = "localhost"}))
          client:do_handshake()
          local unsent = assert(client:drain()) .. behind
          local results = hooking.together({
            function() return server:do_handshake() end, function() return client:do_handshake() end,
          }, function()
            if unsent ~= "" then
              local last, _, partial = raw:send(unsent)
              unsent = unsent:sub((last or partial) + 1)
            end
            unsent = unsent .. (client:drain() or "")
            local data, _, partial = raw:receive(65536)
            if (data or partial) ~= "" then client:feed(data or partial) end
          end)
          raw:close()
          assert.same({true, true}, {results[1][1], results[2][1]})
          assert.equal(1, calls.n)
          assert.equal("last", server:selected_alpn_protocol())
        end)
      end
    end
  end

  local function u16(n) return string.char(math.floor(n / 256), n % 256) end
  local function u24(n) return string.char(math.floor(n / 65536)) .. u16(n % 65536) end

  -- A ClientHello of TLS 1.2 as large as they come: 40 KB of cipher suites
  -- that nobody knows, 60 KB of protocols, in records of 16 KiB.
  local function huge_hello(suites, protocols)
    local ciphers = {"\192\43"}  -- ECDHE-ECDSA-AES128-GCM-SHA256
    for i = 1, suites do ciphers[#ciphers + 1] = "\250" .. string.char(i % 256) end
    local names = {}
    for i, name in ipairs(protocols) do names[i] = string.char(#name) .. name end
    names, ciphers = table.concat(names), table.concat(ciphers)
    local extensions = table.concat {
      u16(0), u16(14), u16(12), "\0", u16(9), "localhost",
      u16(10), u16(4), u16(2), u16(23), u16(11), u16(2), "\1\0",
      u16(13), u16(4), u16(2), "\8\7", u16(16), u16(#names + 2), u16(#names), names,
    }
    local body = "\3\3" .. ("r"):rep(32) .. "\0" .. u16(#ciphers) .. ciphers .. "\1\0" .. u16(#extensions) .. extensions
    local message = "\1" .. u24(#body) .. body
    local records = {}
    for i = 1, #message, 16384 do
      local part = message:sub(i, i + 16383)
      records[#records + 1] = "\22\3\1" .. u16(#part) .. part
    end
    return table.concat(records)
  end

  it("may have 100 KB, and more behind it", function()
    for _, piece in ipairs {200000, 16384, 997} do
      local protocols = lists.large
      local _, server_context, calls = contexts("TLSv1.2", protocols)
      local server = hooking.keep(assert(server_context:wrap_object()))
      local hello = huge_hello(20000, protocols) .. WARNING
      assert.is_true(#hello > 100000)
      give(server, hello, piece)
      assert.equal(1, calls.n)
      assert.equal(20001, #calls.facts.ciphers)
      assert.equal("0xfa01", calls.facts.ciphers[2])
      assert.same(protocols, calls.facts.alpn_protocols)
      local answer = server:drain()
      assert.equal("\22\3\3", answer:sub(1, 3))  -- ServerHello: the replay went through
      assert.equal("\2", answer:sub(6, 6))
    end
  end)

  it("is refused when it is larger than OpenSSL takes, without a word to the hook", function()
    local _, server_context, calls = contexts("TLSv1.2", {"last"})
    local server = hooking.keep(assert(server_context:wrap_object()))
    server:feed("\22\3\1\64\0\1" .. u24(200000) .. ("x"):rep(16380))
    local done, err = server:do_handshake()
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal(0, calls.n)
  end)

  -- Whatever is behind it, and however wrong: an error, and no crash.
  it("may be broken in every way", function()
    local _, server_context = contexts("TLSv1.2", {"last"})
    local hello = huge_hello(3, {"last"})
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % n
    end
    for _ = 1, 1500 do
      local at = 6 + random(#hello - 5)
      local bytes = hello:sub(1, at - 1) .. string.char(random(256)) .. hello:sub(at + 1)
      if random(4) == 0 then bytes = bytes:sub(1, random(#bytes)) end
      local server = assert(server_context:wrap_object())
      server:feed(bytes)
      server:do_handshake()
      server:close()
    end
  end)
end)

describe("a choice for a ClientHello", function()
  after_each(hooking.close_all)

  -- It is the hook's, and final: the chosen context's own do not choose again.
  it("is not taken back by the chosen context's server_names", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local last = hooking.context("server", {certfile = file "other.pem"})
      local chosen = hooking.context("server", {certfile = file "rsa.pem",
        server_names = {localhost = last}})
      for _, answer in ipairs {chosen, {context = chosen}} do
        local pair = hooking.succeed(hooking.open("object",
          {maximum_version = version},
          {on_client_hello = function() return answer end}))
        assert.equal(helpers.read_file(file "rsa.crt"),
          pair.client:peer_certificate():pem())
      end
    end
  end)
end)
