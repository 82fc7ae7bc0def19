-- A connection that is left to another process: not a byte of it goes out, and
-- nothing that comes in is taken away.
local audit = require "luassl_audit"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"
local wire = require "spec.support.wire"

helpers.audit()

-- What the raw end gets from now on, to the end of TCP.
local function heard(pair)
  pair.heard = {}
  pair:drive(function() return pair.ended, "timeout" end)
  return table.concat(pair.heard)
end

for _, side in ipairs {"client", "server"} do
  describe("detach of a " .. side, function()
    local pair

    after_each(function()
      pair:close()
      pair = nil
    end)

    it("says nothing, and the connection is closed", function()
      pair = wire.opened {side = side}
      pair:carry()
      local fd = math.floor(pair.conn:getfd())
      assert.is_true(pair.conn:detach())
      assert.equal("", heard(pair))
      assert.is_nil(audit.descriptors()[fd])
      assert.equal(-1, pair.conn:getfd())
      assert.truthy(tostring(pair.conn):find "closed")
      assert.same({nil, "closed", ""}, {pair.conn:receive()})
      assert.same({nil, "closed"}, {pair.conn:detach()})
      assert.equal(1, pair.conn:close())
    end)

    it("forgets what could not leave yet", function()
      pair = wire.opened {side = side, buffer = 4096}
      local encrypted = pair:fill()
      assert.is_true(pair.conn:detach())
      local data, err, partial = pair:receive "*a"
      assert.is_nil(data)
      assert.is_true(err:is(ssl.SSLEOFError))
      assert.is_true(#partial < encrypted)
    end)

    it("says nothing in the middle of a handshake", function()
      pair = wire.open {side = side}
      if side == "server" then
        pair.peer:do_handshake()
        pair:carry_out()
        socket.select({pair.conn}, nil, helpers.patience)
      end
      pair:drive(function()
        pair.conn:do_handshake()
        return pair.heard[1], "timeout"
      end)
      assert.is_true(pair.conn:detach())
      assert.equal("", heard(pair))
    end)
  end)
end

describe("detach", function()
  it("says nothing while a hook is suspended, whichever", function()
    for _, name in ipairs {"on_client_hello", "on_certificate", "on_verify"} do
      local pair = wire.open {side = "server", client = {certfile = helpers.file "client.pem"}, server = {
        cert_reqs = ssl.CERT_OPTIONAL, ca_certs = helpers.file "root.crt",
        [name] = function() coroutine.yield "asked" end}}
      local told
      local thread = coroutine.wrap(function()
        local done, err
        repeat
          done, err = pair.conn:do_handshake()
          if err == "wantread" then coroutine.yield "wait" end
        until err ~= "wantread"
        told = {done, err}
        return "over"
      end)
      pair:drive(function()
        pair.peer:do_handshake()
        pair:carry()
        return thread() == "asked" or nil, "timeout"
      end)
      pair:carry_in()
      assert.is_true(pair.conn:detach())
      assert.equal("", heard(pair), name)
      assert.equal("over", thread())
      assert.same({nil, "closed"}, told)
      pair:close()
    end
  end)

  it("is refused in the middle of another call", function()
    local pair, answers = nil, {}
    pair = wire.open {client = {trace = function()
      answers[#answers + 1] = {pair.conn:detach()}
    end}}
    for _, result in ipairs(pair:handshake()) do assert.is_true(result[1], result[2]) end
    assert.is_true(#answers > 0)
    for _, answer in ipairs(answers) do
      assert.is_nil(answer[1])
      assert.equal("state", answer[2].kind)
    end
    pair:close()
  end)

  it("closes what listens and what is not connected", function()
    local context = wire.context "server"
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local server = assert(context:wrap_socket(listener))
    assert.is_true(server:detach())
    assert.same({nil, "closed"}, {server:accept()})
    assert.is_nil(socket.connect("127.0.0.1", port))
    local client = assert(wire.context("client", {check_hostname = false}):wrap_socket(socket.tcp()))
    assert.is_true(client:detach())
    assert.same({nil, "closed"}, {client:connect("127.0.0.1", 1)})
  end)
end)

-- Two processes have the server's end; `way`: which of them goes on.
local FORK = [[
local socket = require "socket"
local posix = require "luassl_posix"
local process = require "luassl_process"
local life = require "spec.support.connection_life"
local ssl = require "luassl"
local way, early = ...

local function serve(conn)
  conn:settimeout(20)
  assert(conn:receive() == "first")
  assert(conn:send "the other has it\n")
  assert(conn:receive() == "second")
  assert(conn:send "still\n")
  assert(conn:close())
end

local function leave(conn)
  assert(conn:detach() == true)
  assert(conn:close() == 1)
  collectgarbage()
  collectgarbage()
end

local function client(port)
  local conn = assert(ssl.connect("127.0.0.1", port, {ca_certs = os.getenv "LUASSL_PKI" .. "/root.crt",
    server_hostname = "localhost"}))
  conn:settimeout(20)
  assert(conn:send "first\n")
  assert(conn:receive() == "the other has it")
  assert(conn:send "second\n")
  assert(conn:receive "*a" == "still\n")  -- and a clean end
  conn:close()
end

local function child(body, ...)
  local pid = posix.fork()
  if pid ~= 0 then return pid end
  local done, err = xpcall(body, debug.traceback, ...)
  if not done then io.stderr:write(tostring(err), "\n") end
  posix.leave(done and 0 or 1)
end

local _, context = life.contexts()
local raw = assert(socket.bind("127.0.0.1", 0))
local _, port = raw:getsockname()
local visitor = child(function()
  raw:close()
  client(port)
end)
local listener = assert(context:wrap_socket(raw, {do_handshake_on_connect = early == "true"}))
listener:settimeout(20)
local conn = assert(listener:accept())
local stay, go = leave, serve
if way == "parent" then stay, go = serve, leave end
-- What has arrived stays for the other, and what is said comes from it alone.
socket.select({conn}, nil, 20)
local pid = child(function() go(conn) end)
if way == "child" then
  stay(conn)
  assert(process.wait(pid, 20) == 0, "the child failed")
else
  assert(process.wait(pid, 20) == 0, "the child failed")
  stay(conn)
end
assert(process.wait(visitor, 20) == 0, "the client failed")
]]

describe("a connection of two processes", function()
  for _, way in ipairs {"child", "parent"} do
    for _, early in ipairs {"true", "false"} do
      it(("goes on in the %s, handshaken before the fork: %s"):format(way, early), function()
        local program = helpers.lua(FORK, way, early)
        local status = program:wait(helpers.patience * 2)
        assert.equal("", program:output())
        assert.equal(0, status)
      end)
    end
  end
end)
