-- TLS 1.3 servers send tickets behind the handshake, to clients that may be
-- gone or never read: neither side loses data by that, or sees EPIPE or RST.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local ROUNDS = 50
local BODY = ("0123456789abcdef"):rep(2500)  -- 40000 bytes

local function is_body(got)  -- assert.equal would print both
  assert.equal(#BODY, #(got or ""))
  assert.is_true(got == BODY)
end

local function listen()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  return listener, tonumber(port)
end

local function server_context(options)
  options = options or {}
  options.server_side, options.certfile = true, helpers.file "rsa.pem"
  return assert(ssl.SSLContext(options))
end

local function client_context()
  return assert(ssl.SSLContext { ca_certs = helpers.file "root.crt", cert_reqs = ssl.CERT_REQUIRED })
end

-- A pair on loopback; the client has done its handshake, the server has not
-- seen its end: its tickets come later.
local function half_done(options)
  local client, server = helpers.pair { over = "socket", server = options }
  local done
  repeat
    done = client:do_handshake()
    if not done then server:do_handshake() end
  until done
  client:settimeout(5)
  server:settimeout(5)
  return client, server
end

describe("tickets of TLS 1.3", function()
  it("sent to a client that is gone cost none of what it sent", function()
    for _ = 1, ROUNDS do
      local client, server = half_done()
      assert.equal(#BODY, client:send(BODY))
      assert.equal(1, client:close())
      is_body(server:receive "*a")
      assert.equal(1, server:close())
    end
  end)

  it("sent to a client that is gone fail no handshake", function()
    for _ = 1, ROUNDS do
      local client, server = half_done()
      client:close()
      assert.is_true(server:do_handshake())
      assert.equal("closed", (select(2, server:receive(1))))
      server:close()
    end
  end)

  it("met by a reset let the server read what came before it", function()
    for _ = 1, ROUNDS do
      local client, server = half_done()
      client:send(BODY)
      client:setoption("linger", {on = true, timeout = 0})
      helpers.raw(client, function(tcp) tcp:close() end)  -- RST, no close_notify
      local data, err, partial = server:receive(#BODY)
      is_body(data or partial)
      if not data then assert.truthy(err) end
      assert.is_nil((server:receive(1)))
      server:close()
      client:close()
    end
  end)

  it("never read by a client turn its close into no reset", function()
    for _ = 1, ROUNDS do
      local client, server = half_done()
      assert.is_true(server:do_handshake())  -- the tickets are there
      client:send(BODY)
      assert.equal(1, client:close())
      socket.sleep(0)
      is_body(server:receive "*a")
      local sent, err = server:send "too late"
      assert.truthy(sent or err)
      server:close()
    end
  end)

  it("do not keep an answer from a client that only reads", function()
    for _ = 1, ROUNDS do
      local client, server = half_done()
      server:send(BODY)
      assert.equal(1, server:close())
      is_body(client:receive "*a")
      assert.equal(1, client:close())
    end
  end)

  it("are as many as num_tickets says", function()
    for _, n in ipairs {0, 1, 5} do
      local client, server = half_done {num_tickets = n}
      server:send "x"
      assert.equal("x", client:receive(1))
      assert.equal(n > 0, client:session() ~= nil)
      client:close()
      server:close()
    end
  end)

  it("reach openssl, which says how many", function()
    for n = 0, 3 do
      local listener, port = listen()
      local peer = helpers.s_client(port, {arguments = {"-tls1_3"}})
      local conn = assert(server_context({num_tickets = n}):wrap_socket(listener:accept()))
      conn:send "ready\n"
      peer:expect "ready"
      conn:close()
      listener:close()
      assert.equal(0, peer:status(5))
      local _, count = peer:output():gsub("Post%-Handshake New Session Ticket arrived", "")
      assert.equal(n, count)
    end
  end)

  it("are no matter to a Python client that sends and closes", function()
    local listener, port = listen()
    local context = server_context()
    local peer = helpers.spawn({"python3", "-c", [[
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
for _ in range(20):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as tcp:
        tls = context.wrap_socket(tcp, server_hostname="localhost")
        tls.sendall(b"0123456789abcdef" * 2500)
        tls.close()
]], tostring(port), helpers.file "root.crt"})
    for _ = 1, 20 do
      local conn = assert(context:wrap_socket(listener:accept()))
      conn:settimeout(5)
      local data, err, partial = conn:receive "*a"
      is_body(data or partial)  -- Python says no close_notify
      if not data then assert.is_true(err:is(ssl.SSLError)) end
      conn:close()
    end
    listener:close()
    assert.equal(0, peer:status(5))
  end)

  it("of a Python server do not spoil what our client sends and closes", function()
    local peer = helpers.spawn({"python3", "-c", [[
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
for _ in range(20):
    tcp, _ = listener.accept()
    with context.wrap_socket(tcp, server_side=True) as tls:
        total = 0
        while True:
            data = tls.recv(65536)
            if not data:
                break
            total += len(data)
        print("got", total, flush=True)
]], helpers.file "rsa.pem"})
    local port = tonumber(peer:expect "port (%d+)")
    local context = client_context()
    for _ = 1, 20 do
      local tcp = assert(socket.connect("127.0.0.1", port))
      local conn = assert(context:wrap_socket(tcp, {server_hostname = "localhost"}))
      assert.equal(#BODY, conn:send(BODY))
      assert.equal(1, conn:close())
    end
    assert.equal(0, peer:status(10))
    local _, whole = peer:output():gsub("got 40000", "")
    assert.equal(20, whole)
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

  -- Each connection uses one up.
  it("are one after a resumption, not num_tickets", function()
    local context = resuming.client {session_cache = true}
    local far_context = resuming.server {num_tickets = 3}
    assert.is_false(resuming.reuses(context, far_context))  -- 3
    assert.is_true(resuming.reuses(context, far_context))  -- 2, and 1
    for _ = 1, 3 do assert.is_true(resuming.offers(context)) end
    assert.is_false(resuming.offers(context))
  end)
end)
