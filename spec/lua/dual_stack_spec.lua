-- ssl.connect to a host with several addresses: RFC 8305's order and delay, one
-- deadline, and nothing left of the attempts that lost.
local audit = require "luassl_audit"
local dual_stack = require "luassl.dual_stack"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local getaddrinfo = socket.dns.getaddrinfo

-- What the resolver says: addresses, IPv6 unless there is a dot in them.
local function answer(...)
  local list = {}
  for i, addr in ipairs {...} do list[i] = {family = addr:find ":" and "inet6" or "inet", addr = addr} end
  return function() return list end
end

describe("the addresses of a host", function()
  it("alternate between the families, the resolver's first one first", function()
    for given, wanted in pairs {
      ["::1 ::2 ::3 1.1.1.1 2.2.2.2"] = "::1 1.1.1.1 ::2 2.2.2.2 ::3",
      ["1.1.1.1 2.2.2.2 ::1"] = "1.1.1.1 ::1 2.2.2.2",
      ["1.1.1.1"] = "1.1.1.1",
      ["::1 1.1.1.1 2.2.2.2 3.3.3.3"] = "::1 1.1.1.1 2.2.2.2 3.3.3.3",
    } do
      local list = {}
      for addr in given:gmatch "%S+" do list[#list + 1] = addr end
      local found = dual_stack.addresses({dns = {getaddrinfo = answer((unpack or table.unpack)(list))}}, "x")
      assert.equal(wanted, table.concat(found, " "))
    end
  end)

  it("are not known: the resolver's text", function()
    local conn, err = ssl.connect("no-such-host.invalid", 443)
    assert.is_nil(conn)
    assert.equal(select(2, socket.tcp():connect("no-such-host.invalid", 443)), err)
  end)
end)

describe("ssl.connect to several addresses", function()
  local peer, full

  -- A port of 127.0.0.3 that answers no SYN: its queue is full.
  local function fill(port)
    local listener = assert(socket.tcp4())
    listener:setoption("reuseaddr", true)
    assert(listener:bind("127.0.0.3", port))
    assert(listener:listen(0))
    full = {listener}
    for _ = 1, 8 do
      local sock = socket.tcp()
      sock:settimeout(0.05)
      local done = sock:connect("127.0.0.3", port)
      full[#full + 1] = sock
      if not done then return end
    end
    error "the queue has no end"
  end

  setup(function()
    peer = helpers.python_server("echo")
    fill(peer.port)
  end)

  teardown(function()
    peer:stop()
    for _, sock in ipairs(full) do sock:close() end
    peer, full = nil, nil
  end)

  after_each(function() socket.dns.getaddrinfo = getaddrinfo end)

  -- Connects to `addresses` as "localhost": the time it took before the results.
  local function connect(addresses, options)
    socket.dns.getaddrinfo = answer((unpack or table.unpack)(addresses))
    local start = socket.gettime()
    local conn, err = ssl.connect("localhost", peer.port, options)
    return socket.gettime() - start, conn, err
  end

  -- That it is connected, to the server, verified as "localhost".
  local function works(conn, err)
    assert(conn, err)
    conn:settimeout(helpers.patience)
    assert.equal("127.0.0.1", (conn:getpeername()))
    assert.equal("localhost", conn:server_hostname())
    assert(conn:send "hello\n")
    assert.equal("hello", conn:receive())
    assert(conn:close())
  end

  it("goes on at once when one refuses", function()
    local elapsed, conn, err = connect {"127.0.0.2", "127.0.0.4", "127.0.0.1"}
    works(conn, err)
    assert.is_true(elapsed < 0.24, tostring(elapsed))
  end)

  it("waits 250 ms for one that is silent, and leaves nothing of it", function()
    local before = audit.descriptors()
    local elapsed, conn, err = connect {"127.0.0.3", "127.0.0.1"}
    works(conn, err)
    assert.is_true(elapsed >= 0.24 and elapsed < 2, tostring(elapsed))
    assert.same(before, audit.descriptors())
  end)

  it("begins the next one when a later one refuses", function()
    local elapsed, conn, err = connect {"127.0.0.3", "127.0.0.2", "127.0.0.1"}
    works(conn, err)
    assert.is_true(elapsed >= 0.24 and elapsed < 0.49, tostring(elapsed))
  end)

  it("has one deadline for all", function()
    local before = audit.descriptors()
    local elapsed, conn, err = connect({"127.0.0.3", "127.0.0.3", "127.0.0.3"}, {timeout = 0.4})
    assert.same({nil, "timeout"}, {conn, err})
    assert.is_true(elapsed >= 0.39 and elapsed < 2, tostring(elapsed))
    assert.same(before, audit.descriptors())
  end)

  it("tells what the last one said when all refuse", function()
    local _, conn, err = connect {"127.0.0.2", "127.0.0.4"}
    assert.same({nil, "connection refused"}, {conn, err})
  end)

  it("takes a family that is not there for refused", function()
    local elapsed, conn, err = connect {"2001:db8::1", "127.0.0.1"}
    works(conn, err)
    assert.is_true(elapsed < 2, tostring(elapsed))
  end)

  it("finds a server that has one family alone", function()
    local probe = socket.bind("::1", 0)
    if not probe then return pending "this machine has no IPv6" end
    probe:close()
    local six = helpers.python_server("echo", {arguments = {"--host", "::1"}})
    for _, addresses in ipairs {{"::1", "127.0.0.1"}, {"127.0.0.1", "::1"}} do
      socket.dns.getaddrinfo = answer((unpack or table.unpack)(addresses))
      local conn = assert(ssl.connect("localhost", six.port))
      assert.equal("inet6", conn:getfamily())
      conn:close()
    end
    six:stop()
  end)

  it("fetches a certificate the same way", function()
    socket.dns.getaddrinfo = answer("127.0.0.2", "127.0.0.1")
    assert.matches("BEGIN CERTIFICATE", (assert(ssl.get_server_certificate {"localhost", peer.port})))
  end)
end)
