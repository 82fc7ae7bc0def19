-- Handshakes that a method has begun and that nobody will ever end: what
-- accept and connect hold, many at once, and in any order.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local file = helpers.file

helpers.audit()

local function yielding()
  coroutine.yield "hook"
end

local function nothing_left(make)
  make()
  local before = helpers.snapshot()
  for _ = 1, 5 do make() end
  assert.same({}, helpers.growth(before))
end

-- A listener with that hook, and a client whose ClientHello is there.
local function listening(hook)
  local context = hooking.context("server", {on_client_hello = hook})
  local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0))))
  listener:settimeout(helpers.patience)
  local _, port = listener:getsockname()
  local near = assert(socket.connect("127.0.0.1", port))
  near:settimeout(0)
  local client = assert(hooking.context("client"):wrap_socket(near, {server_hostname = "localhost"}))
  assert.equal("wantread", select(2, client:do_handshake()))
  return listener, client
end

describe("a handshake that nobody ends", function()
  after_each(hooking.close_all)
  after_each(helpers.stop_all)

  it("is collected with accept's coroutine", function()
    nothing_left(function()
      local listener, client = listening(yielding)
      local thread = coroutine.create(function() return listener:accept() end)
      assert.same({true, "hook"}, {coroutine.resume(thread)})
      client:close()
      listener:close()
    end)
  end)

  it("is answered though its listener was closed meanwhile", function()
    local listener, client = listening(yielding)
    hooking.keep(client)
    local thread = coroutine.create(function() return listener:accept() end)
    assert.same({true, "hook"}, {coroutine.resume(thread)})
    listener:close()
    client:close()
    local fine, conn, err, one = coroutine.resume(thread)
    assert.is_true(fine)
    assert.is_nil(conn)
    assert.is_true(err ~= nil)
    assert.is_true(one)  -- the client's failure, not the listener's
  end)

  if coroutine.close then
    it("is collected after accept's coroutine was closed", function()
      nothing_left(function()
        local listener, client = listening(yielding)
        local thread = coroutine.create(function() return listener:accept() end)
        assert.same({true, "hook"}, {coroutine.resume(thread)})
        assert.is_true(coroutine.close(thread))
        client:close()
        listener:close()
      end)
    end)
  end

  it("is collected with connect's coroutine", function()
    local peer = helpers.python_server "echo"
    local context = hooking.context("client", {on_verify = yielding})
    nothing_left(function()
      local thread = coroutine.create(function()
        return ssl.connect("127.0.0.1", peer.port, {context = context, server_hostname = "localhost"})
      end)
      assert.same({true, "hook"}, {coroutine.resume(thread)})
    end)
  end)

  it("leaves an accept loop alive that closes its connection in the hook", function()
    local listener, client = listening(function(conn) conn:close() end)
    hooking.keep(listener, client)
    local conn, err, one = listener:accept()
    assert.is_nil(conn)
    assert.is_true(err ~= nil)
    assert.is_true(one)
  end)

  it("is told by accept's third result to be one client's", function()
    for _, hook in ipairs {
      function() error("text", 0) end, function() error({}) end, function() error() end,
      function() return nil, "text" end, function() return false end, function() return nil, "timeout" end,
    } do
      local listener, client = listening(hook)
      hooking.keep(listener, client)
      local conn, err, one = listener:accept()
      assert.is_nil(conn)
      assert.is_true(err ~= nil)
      assert.is_true(one)
      listener:settimeout(0)
      conn, err, one = listener:accept()
      assert.same({nil, "timeout", nil}, {conn, err, one})
    end
  end)

  -- Each has a stack of its own inside OpenSSL.
  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    it("does not hurt the others, closed, resumed and dropped in any order: " .. version, function()
      local client = hooking.context("client", hooking.certified {maximum_version = version})
      local server = hooking.context("server", hooking.asking {on_verify = yielding})
      local seed = 7
      local function random(n)
        seed = (seed * 1103515245 + 12345) % 2147483648
        return math.floor(seed / 65536) % n + 1
      end
      nothing_left(function()
        local list = {}
        for i = 1, 20 do
          local pair = hooking.open("object", client, server)
          pair.thread = coroutine.create(function()
            while true do
              local done, err = pair.server:do_handshake()
              if done or not hooking.WAITS[err] then return done, err end
              coroutine.yield "wait"
            end
          end)
          local what
          repeat
            pair.client:do_handshake()
            pair.pump()
            what = select(2, coroutine.resume(pair.thread))
          until what == "hook"
          list[i] = pair
        end
        hooking.forget()
        while #list > 0 do
          local pair, fate = table.remove(list, random(#list)), random(4)
          if fate == 1 then pair.server:close()
          elseif fate == 2 then collectgarbage()
          else
            if fate == 3 then pair.client:close() end
            repeat assert(coroutine.resume(pair.thread)) until coroutine.status(pair.thread) == "dead"
            if fate == 4 then
              hooking.succeed(pair)
              hooking.talk(pair)
            end
          end
        end
      end)
    end)
  end

  -- Whoever chose a context made it after the connection: at the end of both
  -- it goes first, and its pins hold all the same.
  it("keeps what a chosen context asked for until it is gone itself", function()
    local errors = {}
    local function make()
      local client = hooking.context("client", hooking.certified {alpn_protocols = {"a", "b"}})
      local pair = hooking.open("object", client, {on_client_hello = function()
        return hooking.context("server", hooking.asking {alpn_protocols = {"b"},
          pins = {"sha256//" .. ("A"):rep(43) .. "="}})
      end})
      local function finish()
        for _ = 1, 5 do
          pair.client:do_handshake()
          pair.pump()
          local _, err = pair.server:do_handshake()
          errors[#errors + 1] = type(err) == "table" and err.kind or nil
        end
      end
      local proxy = newproxy and newproxy(true)  -- luacheck: ignore
      if proxy then getmetatable(proxy).__gc = finish
      else setmetatable({}, {__gc = finish}) end
      pair.client:do_handshake()
      pair.pump()
      pair.server:do_handshake()  -- chooses
      hooking.forget()
    end
    for _ = 1, 3 do make() end
    helpers.snapshot()
    assert.is_true(#errors > 0)
    for _, kind in ipairs(errors) do assert.equal("pin", kind) end
  end)
end)

describe("what a hook raised", function()
  after_each(hooking.close_all)

  it("stays what it is, though it reads like Lua's own word on yields", function()
    for _, text in ipairs {"no attempt to yield, please", "attempt to yield the floor"} do
      local pair = hooking.open("object", nil, {on_client_hello = function() error(text, 0) end})
      assert.equal(text, (hooking.refused(pair, "server")))
    end
  end)

  it("may be raised with a traceback by a handler of its own", function()
    local pair = hooking.open("object", nil, {on_client_hello = function()
      local fine, err = xpcall(function() error "deep" end, debug.traceback)
      assert(not fine)
      error(err, 0)
    end})
    assert.is_truthy(hooking.refused(pair, "server"):find("deep\nstack traceback", 1, true))
  end)

  it("comes from ssl.wrap_socket for a file that certificates come from", function()
    local near, far = helpers.sockets()
    near:settimeout(0)
    local client = hooking.keep(assert(hooking.context("client"):wrap_socket(near, {server_hostname = "localhost"})))
    client:do_handshake()
    local conn, err = ssl.wrap_socket(far, {server_side = true, certfile = file "ecdsa.pem",
      on_certificate = function() return ssl.SSLContext {certfile = file "no-such-file"} end})
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLError))
    assert.is_truthy(err:find("no-such-file", 1, true))
  end)
end)
