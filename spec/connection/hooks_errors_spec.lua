-- What a hook raises or refuses with comes back, the very value, from every
-- method that runs a handshake.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local file = helpers.file

helpers.audit()

-- What can be raised. nil comes back as an SSLError: nil would say nothing.
local function errors()
  local _, failure = ssl.SSLContext {ca_certs = file "no-such-file"}
  return {
    string = "text", table = {}, boolean = false, number = 7, object = failure, userdata = io.stdout,
    class = setmetatable({}, {__tostring = function() return "an error of its own" end}),
    locked = setmetatable({}, {__newindex = function() error "locked" end, __metatable = false}),
  }
end

hooking.each("what a hook raises", function(case)
  for _, place in ipairs(hooking.places) do
    it("is returned as it is, and told as internal_error: " .. place.name, function()
      for name, value in pairs(errors()) do
        local pair = case.open(place.options(function() error(value, 0) end))
        local err, other = hooking.refused(pair, place.side)
        assert.is_true(rawequal(value, err), name)
        assert.equal("internal_error", other.alert, name)
        assert.equal("received", other.alert_direction, name)
      end
    end)

    it("is an SSLError if it is nil: " .. place.name, function()
      local pair = case.open(place.options(function() error() end))
      local err, other = hooking.refused(pair, place.side)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("hook", err.kind)
      assert.equal("internal_error", other.alert)
    end)

    -- A caller that waits for the socket would do so for ever.
    it("is no condition: " .. place.name, function()
      for _, condition in ipairs {"timeout", "closed", "wantread", "wantwrite"} do
        local pair = case.open(place.options(function() error(condition, 0) end))
        local err, other = hooking.refused(pair, place.side)
        assert.is_true(type(err) ~= "string" and err:is(ssl.SSLError), condition)
        assert.equal("hook", err.kind)
        assert.equal(condition, err.cause)
        assert.equal("internal_error", other.alert)
      end
    end)

    it("may be an error of Lua's: " .. place.name, function()
      local pair = case.open(place.options(function(connection) return connection.field.field end))
      local err, other = hooking.refused(pair, place.side)
      assert.is_truthy(err:find "hooks_errors_spec.lua:%d+: attempt to index")
      assert.equal("internal_error", other.alert)
    end)

    it("may be a stack overflow: " .. place.name, function()
      -- C's stack where Lua watches it: Lua's own takes a minute to fill.
      local function deep() return rawget(_G, "jit") and 1 + deep() or (("x"):gsub("x", deep)) end
      local pair = case.open(place.options(deep))
      local err, other = hooking.refused(pair, place.side)
      assert.is_truthy(tostring(err):find "overflow")
      assert.equal("internal_error", other.alert)
    end)

    it("comes from every method from then on: " .. place.name, function()
      local value = {}
      local pair = case.open(place.options(function() error(value) end))
      hooking.refused(pair, place.side)
      local conn = pair[place.side]
      for _, call in ipairs {{"do_handshake"}, {"dohandshake"}, {"read"}, {"receive"}, {"receive", 5},
        {"receive", "*a"}, {"write", "x"}, {"send", "x"}} do
        local result, err = conn[call[1]](conn, call[2])
        assert.is_nil(result, call[1])
        assert.is_true(rawequal(value, err), call[1])
      end
      assert.equal(1, (conn:close()))
      assert.equal("closed", select(2, conn:do_handshake()))
    end)

    -- The first I/O runs the handshake.
    for _, call in ipairs {{"read"}, {"receive"}, {"receive", 3}, {"receive", "*a", "prefix"}, {"write", "x"},
      {"send", "x"}, {"send", "xyz", 2, 3}} do
      it(("comes from %s when that runs the handshake: %s"):format(call[1], place.name), function()
        local value, side = {}, place.side
        local pair = case.open(place.options(function() error(value) end))
        local other = pair[side == "client" and "server" or "client"]
        local result, err = hooking.drive(pair, function()
          other:do_handshake()
          return pair[side][call[1]](pair[side], call[2], call[3], call[4])
        end)
        assert.is_nil(result)
        assert.is_true(rawequal(value, err))
      end)
    end
  end
end)

-- Blocking methods, whose peer is another process.
describe("what a hook answers, in a blocking method,", function()
  after_each(hooking.close_all)
  after_each(helpers.stop_all)

  local REASON = {}
  local ways = {
    raised = function() error(REASON) end,
    refused = function() return nil, REASON end,
  }

  local function client_options(hook)
    return {ca_certs = file "root.crt", server_hostname = "localhost", on_verify = hook}
  end

  for way, hook in pairs(ways) do
    describe(way .. ",", function()
      it("comes from ssl.connect", function()
        local peer = helpers.python_server "echo"
        local conn, err = ssl.connect("127.0.0.1", peer.port, client_options(hook))
        assert.is_nil(conn)
        assert.is_true(rawequal(REASON, err))
      end)

      it("comes from ssl.get_server_certificate", function()
        local peer = helpers.python_server "echo"
        local pem, err = ssl.get_server_certificate({"127.0.0.1", peer.port}, {on_verify = hook})
        assert.is_nil(pem)
        assert.is_true(rawequal(REASON, err))
      end)

      it("comes from ssl.wrap_socket of a client", function()
        local peer = helpers.python_server "echo"
        local options = client_options(hook)
        options.cert_reqs = ssl.CERT_REQUIRED
        local conn, err = ssl.wrap_socket(assert(socket.connect("127.0.0.1", peer.port)), options)
        assert.is_nil(conn)
        assert.is_true(rawequal(REASON, err))
      end)

      it("comes from connect", function()
        local peer = helpers.python_server "echo"
        local context = hooking.context("client", {on_verify = hook})
        local conn = hooking.keep(assert(context:wrap_socket(socket.tcp(), {server_hostname = "localhost"})))
        conn:settimeout(helpers.patience)
        local done, err = conn:connect("127.0.0.1", peer.port)
        assert.is_nil(done)
        assert.is_true(rawequal(REASON, err))
        assert.is_true(rawequal(REASON, select(2, conn:read())))
      end)

      for _, call in ipairs {{"read"}, {"write", "x"}, {"send", "x"}, {"receive"}, {"do_handshake"}} do
        it("comes from " .. call[1], function()
          local peer = helpers.python_server "echo"
          local context = hooking.context("client", {on_verify = hook})
          local conn = hooking.keep(assert(context:wrap_socket(assert(socket.connect("127.0.0.1", peer.port)),
            {server_hostname = "localhost", do_handshake_on_connect = false})))
          conn:settimeout(helpers.patience)
          local done, err = conn[call[1]](conn, call[2])
          assert.is_nil(done)
          assert.is_true(rawequal(REASON, err))
        end)
      end

      it("comes from ssl.wrap_socket of a server", function()
        for _, name in ipairs {"on_client_hello", "on_certificate"} do
          local near, far = helpers.sockets()
          near:settimeout(0)
          local client = hooking.keep(assert(hooking.context("client"):wrap_socket(near,
            {server_hostname = "localhost"})))
          assert.equal("wantread", select(2, client:do_handshake()))
          local conn, err = ssl.wrap_socket(far, {server_side = true, certfile = file "rsa.pem", [name] = hook})
          assert.is_nil(conn)
          assert.is_true(rawequal(REASON, err))
        end
      end)
    end)
  end

  -- A server's loop that tells one client's failure from its listener's.
  it("leaves an accept loop alive", function()
    local answers, served = {}, 0
    for _, value in pairs(errors()) do
      answers[#answers + 1] = function() error(value, 0) end
      answers[#answers + 1] = function() return nil, value end
    end
    answers[#answers + 1] = function() error() end
    answers[#answers + 1] = function() return nil, "timeout" end
    answers[#answers + 1] = function() error("timeout", 0) end
    answers[#answers + 1] = function() return 5 end
    local context = hooking.context("server", {on_client_hello = function()
      served = served + 1
      return answers[served]()
    end})
    local listener = hooking.keep(assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)))))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local client_context = hooking.context "client"
    for i = 1, #answers do
      local near = assert(socket.connect("127.0.0.1", port))
      near:settimeout(0)
      local client = hooking.keep(assert(client_context:wrap_socket(near, {server_hostname = "localhost"})))
      client:do_handshake()
      local conn, err = listener:accept()
      assert.is_nil(conn)
      assert.is_true(err ~= "timeout" and err ~= "closed", tostring(err))
      assert.equal(i, served)
      if type(err) == "table" and getmetatable(err) then
        if err.kind == "hook" then assert.is_true(err.accepted) end
      end
    end
  end)

  it("comes from accept, the same value", function()
    for name, value in pairs(errors()) do
      local context = hooking.context("server", {on_client_hello = function() error(value, 0) end})
      local listener = hooking.keep(assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)))))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      local near = assert(socket.connect("127.0.0.1", port))
      near:settimeout(0)
      local client = hooking.keep(assert(hooking.context("client"):wrap_socket(near, {server_hostname = "localhost"})))
      client:do_handshake()
      local conn, err = listener:accept()
      assert.is_nil(conn)
      assert.is_true(rawequal(value, err), name)
    end
  end)

  it("is told to openssl's client by its alert", function()
    for _, version in ipairs {"-tls1_2", "-tls1_3"} do
      local context = hooking.context("server", hooking.asking {
        on_verify = function() return nil, "certificate_revoked" end})
      local listener = hooking.keep(assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)))))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      local peer = helpers.s_client(port, {arguments = {version, "-cert", file "client.crt", "-key",
        file "client.key"}})
      local conn, err = listener:accept()
      assert.is_nil(conn)
      assert.equal("certificate_revoked", err)
      peer:expect "alert certificate revoked"
    end
  end)
end)
