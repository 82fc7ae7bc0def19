-- Protections that the other specs pass by: spec/faults plants what takes each
-- of them out.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local function run(...)
  local peer = helpers.spawn {...}
  assert(peer:wait() == 0, peer:output())
end

describe("a session", function()
  -- The context's options are the same: the level comes from elsewhere.
  it("is for the security level of the system's configuration", function()
    local function id(level)
      local log = helpers.temp_name()
      local configuration = helpers.temp_file(("openssl_conf = a\n[a]\n"
        .. "ssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
        .. "CipherString = DEFAULT:@SECLEVEL=%d\n"):format(level))
      resuming.elsewhere([[
        local near = assert(resuming.client():wrap_object {
          server_hostname = "localhost"})
        local far = assert(resuming.server():wrap_object())
        assert(helpers.handshake(near, far))
        near:close()
        far:close()
      ]], {LUASSL_IDS = log, OPENSSL_CONF = configuration})
      return helpers.read_file(log)
    end
    local lower, higher = id(1), id(2)
    assert.matches("^%x+\n$", lower)
    assert.equal(lower, id(1))
    assert.is_not_equal(lower, higher)
  end)

  it("is for what its anchors are trusted for", function()
    local function trusting(purpose)
      local name = helpers.temp_name()
      run("openssl", "x509", "-in", file "root.crt", "-trustout", "-out", name,
        "-addtrust", purpose)
      return resuming.client {ca_certs = name}
    end
    local context = trusting "serverAuth"
    local session = resuming.session(context, resuming.server())
    assert.is_true(resuming.offers(context, {session = session}))
    assert.is_true(resuming.offers(trusting "serverAuth", {session = session}))
    assert.is_false(resuming.offers(trusting "clientAuth", {session = session}))
  end)
end)

describe("after a resumption", function()
  -- What was accepted unverified is the peer's say-so, all but its leaf.
  it("on_verify is told no chain that was not verified", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local told = {}
      local context = resuming.client {maximum_version = version,
        ca_certs = file "other-root.crt", on_verify = function(_, facts)
          told[#told + 1] = {facts.resumed, facts.verified, #facts.chain}
          return ssl.ACCEPT_UNVERIFIED
        end}
      local far_context = resuming.server {certfile = file "chained.pem"}
      local session = resuming.session(context, far_context)
      assert.is_true(resuming.reuses(context, far_context,
        {session = session}))
      assert.same({{false, false, 2}, {true, false, 1}}, told)
    end
  end)

  -- Each connection uses one up.
  it("a server gives one ticket, not num_tickets", function()
    local context = resuming.client {session_cache = true}
    local far_context = resuming.server {num_tickets = 3}
    assert.is_false(resuming.reuses(context, far_context))  -- 3
    assert.is_true(resuming.reuses(context, far_context))  -- 2, and 1
    for _ = 1, 3 do assert.is_true(resuming.offers(context)) end
    assert.is_false(resuming.offers(context))
  end)
end)

describe("tickets of TLS 1.3", function()
  it("go with a server's first data, not behind the handshake", function()
    local near = assert(resuming.client():wrap_object {
      server_hostname = "localhost"})
    local far = assert(resuming.server():wrap_object())
    assert(helpers.handshake(near, far))
    assert.is_nil(far:drain())
    assert(far:write ".")
    assert.is_true(#far:drain() > 300)  -- one byte takes 23
  end)
end)

describe("ssl.connect with a hook", function()
  after_each(helpers.forget_contexts)

  it("looks at the other options of the same table, too", function()
    local peer = helpers.python_server "echo"
    local asked = 0
    local options = {server_hostname = "localhost", ca_certs = file "root.crt",
      on_verify = function() asked = asked + 1 end}
    assert(ssl.connect("127.0.0.1", peer.port, options)):close()
    options.ca_certs = file "other-root.crt"
    local conn, err = ssl.connect("127.0.0.1", peer.port, options)
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.equal(2, asked)
    peer:stop()
  end)
end)

describe("a handshake that is abandoned while a server's on_verify decides", function()
  after_each(hooking.close_all)

  -- A paused job that is freed as it is leaves its stack behind, 38 KiB.
  it("leaves no stack behind", function()
    if os.getenv "LD_PRELOAD" then  -- a sanitizer keeps what was freed
      return pending "memory tells nothing there"
    end
    local peer = helpers.lua [[
      local hooking = require "spec.support.hooking_pairs"
      local helpers = require "spec.support.helpers"
      local near_context = hooking.context("client", hooking.certified())
      local far_context = hooking.context("server", hooking.asking {
        on_verify = function() coroutine.yield "hook" end})
      local function abandon()
        local pair = hooking.open("object", near_context, far_context)
        local thread = coroutine.wrap(function()
          return hooking.drive(pair, function()
            pair.client:do_handshake()
            return pair.server:do_handshake()
          end)
        end)
        assert(thread() == "hook")
        hooking.close_all()
      end
      local function memory()
        collectgarbage()
        collectgarbage()
        return helpers.read_file "/proc/self/statm":match "^%d+ (%d+)" * 4
      end
      for _ = 1, 50 do abandon() end
      local before = memory()
      for _ = 1, 200 do abandon() end
      print(memory() - before)
    ]]
    assert.equal(0, peer:wait(60), peer:output())
    local grown = tonumber(peer:output())
    assert.is_true(grown < 200 * 38 / 4, grown .. " KiB")
  end)

  for _, kind in ipairs {"socket", "object"} do
    it("does not succeed, over an SSL" .. kind, function()
      local pair = hooking.open(kind,
        hooking.certified {maximum_version = "TLSv1.2"},
        hooking.asking {on_verify = function() coroutine.yield "hook" end})
      local client, server = pair.client, pair.server
      local thread = coroutine.wrap(function()
        return hooking.drive(pair, function()
          client:do_handshake()
          return server:do_handshake()
        end)
      end)
      assert.equal("hook", thread())
      server:close()
      pair.pump()
      if kind == "object" then client:feed(nil) end
      local done, err = hooking.drive(pair,
        function() return client:do_handshake() end)
      assert.is_nil(done)
      assert.is_true(err:is(ssl.SSLError), tostring(err))
    end)
  end
end)

describe("accept, when a hook refuses", function()
  after_each(hooking.close_all)

  it("says that it was one client, and lets go of it", function()
    local listener = hooking.keep(assert(hooking.context("server", {
      on_client_hello = function() return nil, "no" end})
      :wrap_socket(assert(socket.bind("127.0.0.1", 0)))))
    local _, port = listener:getsockname()
    listener:settimeout(0.01)
    assert.same({n = 2, nil, "timeout"}, {n = select("#", listener:accept()),
      listener:accept()})
    listener:settimeout(helpers.patience)
    local object = hooking.keep(assert(hooking.context "client"
      :wrap_object {server_hostname = "localhost"}))
    object:do_handshake()
    local sock = hooking.keep(assert(socket.connect("127.0.0.1", port)))
    sock:settimeout(helpers.patience)
    assert(sock:send(object:drain()))
    collectgarbage "stop"  -- which would let go of it, some day
    local results = {listener:accept()}
    local alert, err = sock:receive "*a"
    collectgarbage "restart"
    assert.same({nil, "no", true}, results)
    object:feed(assert(alert, err))
    assert.equal("handshake_failure", select(2, object:do_handshake()).alert)
  end)
end)

-- A cipher of TLS 1.2 without certificates asks OpenSSL to verify nothing.
describe("a client that meets a server without a certificate", function()
  after_each(hooking.close_all)

  local function meet(options)
    options.ciphers, options.maximum_version = "aNULL:@SECLEVEL=0", "TLSv1.2"
    return hooking.open("object", options, ssl.SSLContext {server_side = true,
      ciphers = "aNULL:@SECLEVEL=0", maximum_version = "TLSv1.2"})
  end

  for _, reqs in ipairs {"CERT_REQUIRED", "CERT_OPTIONAL"} do
    it("refuses it: " .. reqs, function()
      for _, checked in ipairs {true, false} do
        local err = hooking.refused(
          meet {cert_reqs = ssl[reqs], check_hostname = checked}, "client")
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("verification", err.kind)
      end
    end)
  end

  it("refuses it, whatever on_verify accepts", function()
    local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
    local err = hooking.refused(meet {on_verify = hook}, "client")
    assert.equal("verification", err.kind)
    assert.equal(1, calls.n)
    assert.is_nil(calls.facts.certificate)
    assert.is_false(calls.facts.verified)
  end)

  it("refuses it where it has pins", function()
    local err = hooking.refused(meet {cert_reqs = ssl.CERT_NONE,
      pins = {resuming.pin "rsa.crt"}}, "client")
    assert.equal("pin", err.kind)
  end)

  it("may do without one under CERT_NONE", function()
    hooking.talk(hooking.succeed(meet {cert_reqs = ssl.CERT_NONE}))
  end)
end)

describe("a connection that has failed", function()
  after_each(hooking.close_all)

  it("says no close_notify behind the alert", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local pair = hooking.succeed(hooking.open("object",
        {maximum_version = version}, {}))
      local client, server = pair.client, pair.server
      pair.pump()
      assert(server:write "x")
      local record = server:drain()
      client:feed(record:sub(1, -2)
        .. string.char((record:byte(-1) + 1) % 256))
      assert.equal("bad_record_mac", select(2, client:read()).alert)
      server:feed(assert(client:drain()))
      assert.equal("bad_record_mac", select(2, server:read()).alert)
      for _, conn in ipairs {client, server} do
        conn:close()
        assert.is_nil(conn:drain())
      end
    end
  end)
end)

describe("a program with the rights of others", function()
  -- As secure_getenv(3) has it: set-group-ID is enough.
  it("heeds no SSL_CERT_FILE", function()
    if os.getenv "LD_PRELOAD" then return pending "a sanitizer would be lost there" end
    local function child(interpreter)
      local peer = helpers.spawn {interpreter, helpers.temp_file [[
        local helpers = require "spec.support.helpers"
        local ssl = require "luassl"
        local status = helpers.read_file "/proc/self/status"
        local real, effective = status:match "Gid:%s+(%d+)%s+(%d+)"
        local client = assert(ssl.create_default_context())
        local server = assert(ssl.SSLContext {server_side = true,
          certfile = helpers.file "rsa.pem"})
        print(real == effective, (helpers.handshake(
          client:wrap_object {server_hostname = "localhost"},
          server:wrap_object())))
      ]]}
      assert.equal(0, peer:wait(), peer:output())
      return peer:output()
    end
    local copy = helpers.temp_name()
    local made = helpers.spawn {"sh", "-c", ("cp \"$(command -v %s)\" %s "
      .. "&& chgrp 65534 %s && chmod 2755 %s"):format(helpers.interpreter,
      copy, copy, copy)}
    if made:wait() ~= 0 then return pending "only root has other groups" end
    assert.equal("true\ttrue\n", child(helpers.interpreter))
    local output = child(copy)
    if output:find "^true" then return pending "a file system without it" end
    assert.equal("false\tnil\n", output)
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

  -- RFC 8446, 4.1.2: after a HelloRetryRequest it says the same again.
  it("is for the name in the second ClientHello, too", function()
    local near = hooking.keep(assert(resuming.client {groups = "X25519:P-384"}
      :wrap_object {server_hostname = "localhost"}))
    local far = hooking.keep(assert(resuming.server {
      server_names = {localhost = resuming.server {groups = "P-384"}}}
      :wrap_object()))
    near:do_handshake()
    far:feed(near:drain())
    far:do_handshake()
    near:feed(far:drain())
    near:do_handshake()
    local bytes, count = near:drain():gsub("localhost", "otherhost")
    assert.equal(1, count)
    far:feed(bytes)
    local done, err = far:do_handshake()
    assert.is_nil(done)
    assert.equal("illegal_parameter", err.alert)
    near:feed(far:drain())
    assert.equal("illegal_parameter", select(2, near:do_handshake()).alert)
  end)
end)

describe("the options of a connection", function()
  after_each(hooking.close_all)

  it("are as they were when it was made, for the chosen context too", function()
    local options = {suppress_ragged_eofs = true}
    local pair = hooking.open("object", {}, {on_client_hello = function()
      options.suppress_ragged_eofs = false
      return hooking.context "server"
    end}, {server = options})
    hooking.succeed(pair)
    pair.cut "client"
    local data, err = pair.server:read()
    assert.is_nil(data)
    assert.equal("closed", err)
  end)

  it("name no peer to check on a server", function()
    local context = hooking.context("server", hooking.asking())
    assert.error_matches(function()
      context:wrap_object {check_hostname = true}
    end, "check_hostname")
  end)
end)

describe("an operation that a hook has stopped", function()
  after_each(hooking.close_all)

  it("keeps its own deadline, whatever was called meanwhile", function()
    local near, far = helpers.sockets()
    near:settimeout(0)
    far:settimeout(0.2)
    local client = hooking.keep(assert(hooking.context("client")
      :wrap_socket(near, {server_hostname = "localhost"})))
    client:do_handshake()
    local server = hooking.keep(assert(hooking.context("server", {
      on_client_hello = function() coroutine.yield "hook" end})
      :wrap_socket(far, {do_handshake_on_connect = false})))
    local thread = coroutine.create(function() return server:receive() end)
    assert.same({true, "hook"}, {coroutine.resume(thread)})
    server:settimeout(5)
    assert.equal("timeout", select(2, server:do_handshake()))
    local start = socket.gettime()
    assert.same({true, nil, "timeout", ""}, {coroutine.resume(thread)})
    assert.is_true(socket.gettime() - start < 2)
  end)
end)

-- Lua runs finalizers wherever it allocates: also while it makes the facts
-- that a hook is to be told.
describe("a finalizer that goes on with a handshake which is about to ask", function()
  local SCRIPT = [[
    local hooking = require "spec.support.hooking_pairs"

    local function finalizer(call)
      if not newproxy then return setmetatable({}, {__gc = call}) end
      getmetatable(newproxy(true)).__gc = call
    end

    -- Each step of the collector is a whole cycle.
    local function harsh()
      require "spec.support.collector".collect_at_once(0)
      collectgarbage()  -- from here on
    end

    for _, place in ipairs(hooking.places) do
      local asked, came, inside = 0, 0, false
      local client, server = place.options(function()
        asked, inside = asked + 1, false
      end)
      local pair = hooking.open("object", client, server)
      local conn = pair[place.side]
      local other = pair[place.side == "client" and "server" or "client"]
      local function again()
        if inside then
          inside, came = false, came + 1
          conn:do_handshake()
          inside = true
        end
        if pair then finalizer(again) end
      end
      harsh()
      finalizer(again)
      local results = hooking.together({
        function() return other:do_handshake() end,
        function()
          inside = true
          local done, err = conn:do_handshake()
          inside = false
          if err and err.kind == "state" then err = "wantread" end
          return done, err
        end}, pair.pump)
      hooking.close_all()
      pair = nil
      print(place.name, results[1][1], results[2][1], asked, came > 0)
    end
  ]]

  it("leaves it one question", function()
    local peer = helpers.lua(SCRIPT)
    assert.equal(0, peer:wait(60), peer:output())
    for _, place in ipairs(hooking.places) do
      assert.is_truthy(peer:output():find(place.name
        .. "\ttrue\ttrue\t1\ttrue\n", 1, true), peer:output())
    end
  end)
end)
