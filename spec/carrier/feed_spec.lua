-- What an SSLObject takes of its transport: no more than a fixed amount that
-- waits, the transport's end, and its error.

local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"

helpers.audit()

local MOST = helpers.FED_MAX
local RECORD = 16384

local function pair(options)
  local client, server = helpers.pair(options)
  assert(helpers.handshake(client, server))
  return client, server
end

-- All that `conn` has to say.
local function drained(conn)
  local parts = {}
  for bytes in function() return conn:drain() end do parts[#parts + 1] = bytes end
  return table.concat(parts)
end

-- What sending all of `data` puts on the wire.
local function encrypted(conn, data)
  local parts, sent = {}, 0
  while sent < #data do
    local last, err, part = conn:send(data, sent + 1)
    assert(last or err == "wantwrite", err)
    sent = last or part
    parts[#parts + 1] = drained(conn)
  end
  return table.concat(parts)
end

describe("feed takes", function()
  it("128 KiB that wait, and tells how much it took", function()
    local client, server = pair()
    local wire = encrypted(client, ("x"):rep(3 * MOST))
    assert.same({0, 0}, {server:buffered()})
    assert.equal(100000, server:feed(wire:sub(1, 100000)))
    assert.same({100000, 0}, {server:buffered()})
    assert.equal(MOST - 100000, server:feed(wire:sub(100001)))
    assert.equal(0, server:feed "x")
    assert.equal(0, server:feed "")
    assert.same({MOST, 0}, {server:buffered()})
  end)

  it("as much again as was consumed", function()
    local client, server = pair()
    local wire = encrypted(client, ("x"):rep(2 * MOST))
    wire = wire:sub(server:feed(wire) + 1)
    assert.equal(RECORD, #server:read(RECORD))
    local consumed = MOST - server:buffered()
    assert.is_true(consumed > RECORD)
    assert.equal(consumed, server:feed(wire))
  end)

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    for _, piece in ipairs {1000000, 50000, 16389, 4096} do
      it(("all in the end, where a read follows: %s, %d bytes at once"):format(version, piece), function()
        local client, server = pair {client = {maximum_version = version}}
        local data = ("0123456789abcdef"):rep(40000)
        local wire, got, feeds = encrypted(client, data), {}, 0
        while wire ~= "" do
          local taken = server:feed(wire:sub(1, piece))
          wire, feeds = wire:sub(taken + 1), feeds + 1
          local all, err, part = server:receive "*a"
          assert.same({nil, "wantread"}, {all, err})
          got[#got + 1] = part
          assert.is_true(taken > 0)
        end
        assert.equal(data, table.concat(got))
        assert.is_true(feeds <= math.ceil(#data / math.min(piece, MOST - 2 * RECORD)) + 20)
      end)
    end
  end

  it("a whole handshake message, however long", function()
    local _, server = helpers.pair()
    local body = "\1\2\0\128" .. ("\3"):rep(131200)  -- a ClientHello, as long as one may be
    local wire = {}
    for i = 1, #body, RECORD do
      local part = body:sub(i, i + RECORD - 1)
      wire[#wire + 1] = "\22\3\1" .. string.char(math.floor(#part / 256), #part % 256) .. part
    end
    wire = table.concat(wire)
    local first = server:feed(wire)
    assert.equal(MOST, first)
    assert.same({nil, "wantread"}, {server:do_handshake()})
    assert.equal(#wire - first, server:feed(wire:sub(first + 1)))
    local done, err = server:do_handshake()
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLError))  -- it was read to its end
  end)

  it("no more behind a failure, and does not grow", function()
    local client, server = pair()
    server:feed("\23\3\3\0\20" .. ("x"):rep(20))
    local _, err = server:read()
    assert.equal("protocol", err.kind)
    assert.equal(MOST, server:feed(("x"):rep(MOST)))
    assert.equal(0, server:feed "x")
    assert.equal(err, (select(2, server:read())))
    client:close()
  end)
end)

describe("buffered", function()
  it("tells what waits outward, behind close too", function()
    local client, server = pair()
    assert.equal(1000, client:send(("x"):rep(1000)))
    local inward, outward = client:buffered()
    assert.equal(0, inward)
    assert.is_true(outward > 1000 and outward < 1100)
    assert.equal(100, #client:drain(100))
    assert.same({0, outward - 100}, {client:buffered()})
    server:feed "\23"
    server:close()
    inward, outward = server:buffered()
    assert.equal(0, inward)
    assert.equal(#server:drain(), outward)
    assert.same({0, 0}, {server:buffered()})
  end)

  it("is 0 before the handshake, and counts what was fed then", function()
    local client, server = helpers.pair()
    assert.same({0, 0}, {server:buffered()})
    client:do_handshake()
    local hello = client:drain()
    server:feed(hello)
    assert.same({#hello, 0}, {server:buffered()})
  end)
end)

describe("the transport's error", function()
  local failure = assert(select(2, socket.bind("256.0.0.1", 0)))
  local values = {failure, {"a table"}, 7, true, "", "close", "timeout\0", print}

  it("is what reads answer, the value itself, behind what came before", function()
    for _, value in ipairs(values) do
      for _, suppress in ipairs {true, false} do
        local client, server = pair {server = {suppress_ragged_eofs = suppress}}
        server:feed(encrypted(client, "one\ntwo"))
        assert.equal(0, server:feed(nil, value))
        assert.equal("one", (server:receive "*l"))
        local line, err, partial = server:receive "*l"
        assert.is_nil(line)
        assert.is_true(rawequal(value, err))
        assert.equal("two", partial)
        for _, call in ipairs {{"read", 5}, {"read", 0}, {"receive", "*a"}, {"receive", 1}} do
          local data, why = server[call[1]](server, call[2])
          assert.equal(call[2] == 0 and call[1] == "read" and "" or nil, data)
          if data == nil then assert.is_true(rawequal(value, why)) end
        end
        client:close()
        server:close()
      end
    end
  end)

  it("is what the handshake answers, and all that would run it", function()
    for _, value in ipairs(values) do
      local client = helpers.pair()
      assert.same({nil, "wantread"}, {client:do_handshake()})
      client:feed(nil, value)
      for _, name in ipairs {"do_handshake", "read", "receive", "do_handshake"} do
        local done, err = client[name](client)
        assert.is_nil(done)
        assert.is_true(rawequal(value, err))
      end
      local sent, err, last = client:send "text"
      assert.same({nil, 0}, {sent, last})
      assert.is_true(rawequal(value, err))
      assert.is_truthy(tostring(client):find "failed")
    end
  end)

  it("leaves what is sent alone", function()
    local client, server = pair()
    server:feed(nil, failure)
    assert.equal(4, server:send "text")
    client:feed(server:drain())
    assert.equal("text", (client:receive(4)))
    assert.equal(1, server:shutdown "send")
    client:feed(server:drain())
    assert.same({nil, "closed"}, {client:read()})
  end)

  it("does not hide a clean end that came before", function()
    local client, server = pair()
    client:shutdown "send"
    server:feed(client:drain())
    server:feed(nil, failure)
    assert.same({nil, "closed"}, {server:read()})
  end)

  it("is told by feed, too; the first one counts", function()
    local client, server = pair()
    server:feed(nil, failure)
    for _, call in ipairs {{"x"}, {nil, "another"}, {nil}} do
      assert.same({nil, failure}, {server:feed(call[1], call[2])})
    end
    client:feed(nil)
    assert.same({nil, "closed"}, {client:feed(nil, failure)})
    assert.is_true(select(2, client:read()):is(ssl.SSLEOFError))
    server:close()
    assert.same({nil, "closed"}, {server:feed(nil, failure)})
    assert.same({nil, "closed"}, {server:read()})
  end)

  it("is no error where it is \"closed\"", function()
    local _, server = pair()
    server:feed(nil, "closed")
    assert.is_true(select(2, server:read()):is(ssl.SSLEOFError))
    _, server = pair {server = {suppress_ragged_eofs = true}}
    server:feed(nil, "closed")
    assert.same({nil, "closed"}, {server:read()})
  end)

  it("never reads like a condition", function()
    for _, value in ipairs {"timeout", "wantread", "wantwrite"} do
      local _, server = pair {server = {suppress_ragged_eofs = true}}
      assert.equal(0, server:feed(nil, value))
      local data, err = server:read()
      assert.is_nil(data)
      assert.is_true(err:is(ssl.SSLError))
      assert.same({"transport", value}, {err.kind, err.cause})
      assert.is_truthy(tostring(err):find(value, 1, true))
      assert.is_true(rawequal(err, (select(2, server:receive(1)))))
    end
  end)
end)

describe("the transport's end", function()
  -- A certificate of more than 4 KB, for itself: tickets hold it.
  local function large_certificate()
    local path, names = helpers.temp_name(), {}
    for i = 1, 100 do names[i] = ("DNS:a-name-of-some-length-%03d.example"):format(i) end
    local peer = helpers.spawn {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
      "-nodes", "-keyout", path, "-out", path .. ".crt", "-subj", "/CN=large", "-addext",
      "subjectAltName=" .. table.concat(names, ",")}
    assert(peer:wait() == 0, peer:output())
    return helpers.read_file(path) .. helpers.read_file(path .. ".crt")
  end

  -- A server that has so much to say that it reads nothing.
  it("waits for what came before it, though nothing is read for now", function()
    local client, server = pair {client = {cert = large_certificate()}, server = {
      num_tickets = 100, cert_reqs = ssl.CERT_OPTIONAL, ca_certs = helpers.file "root.crt",
      on_verify = function() return ssl.ACCEPT_UNVERIFIED end,
    }}
    server:feed(encrypted(client, "the last words"))
    server:feed(nil)
    server:send "x"  -- its tickets go with it
    assert.is_true(select(2, server:buffered()) > 256 * 1024)
    assert.same({nil, "wantwrite"}, {server:read()})
    drained(server)
    assert.equal("the last words", (server:read()))
    assert.is_true(select(2, server:read()):is(ssl.SSLEOFError))
  end)
end)
