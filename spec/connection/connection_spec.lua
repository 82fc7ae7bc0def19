-- What every connection does, whatever carries it: the same cases run over
-- SSLSocket (a real descriptor) and SSLObject (byte strings), whole and through
-- a relay that cuts and joins.

local luasocket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local relay = require "spec.support.relay"
local sending = require "spec.support.sending_habits"

helpers.audit()

local LIMIT = 20  -- seconds that any case may take

-- A pair of connections before their handshake, at timeout 0; `pump` lets
-- bytes through, `cut` ends one side's transport without a close_notify.
local function object_pair(client_context, server_context, options, piece)
  local pair = {}
  pair.client = assert(client_context:wrap_object(options.client))
  pair.server = assert(server_context:wrap_object(options.server))
  function pair.pump()
    helpers.carry(pair.client, pair.server, piece)
    helpers.carry(pair.server, pair.client, piece)
  end
  function pair.cut(side)
    pair.pump()
    pair[side == "client" and "server" or "client"]:feed(nil)
  end
  function pair.close()
    pair.client:close()
    pair.server:close()
  end
  return pair
end

local function socket_pair(client_context, server_context, options)
  local pair = {}
  local client, server = helpers.sockets()
  client:settimeout(0)
  server:settimeout(0)
  pair.client = assert(client_context:wrap_socket(client, options.client))
  pair.server = assert(server_context:wrap_socket(server, options.server))
  function pair.pump()
    luasocket.select({ pair.client, pair.server }, nil, 0.001)
  end
  function pair.cut(side)
    helpers.raw(pair[side], function(sock) sock:shutdown "send" end)
  end
  pair.close = function()
    pair.client:close()
    pair.server:close()
  end
  return pair
end

-- Over a relay that lets pieces through whose sizes it draws.
local function relay_pair(client_context, server_context, options, piece)
  local pair = {}
  local client, near = helpers.sockets()
  local server, far = helpers.sockets()
  local between = relay.new(near, far)
  local policy = relay.random(sending.generator(1), piece)
  client:settimeout(0)
  server:settimeout(0)
  pair.client = assert(client_context:wrap_socket(client, options.client))
  pair.server = assert(server_context:wrap_socket(server, options.server))
  function pair.pump() between:round(policy) end
  function pair.cut(side)
    helpers.raw(pair[side], function(sock) sock:shutdown "send" end)
    repeat between:take(LIMIT) until between.ended[side]
    between:give(side)
  end
  function pair.close()
    pair.client:close()
    pair.server:close()
    between:close()
  end
  return pair
end

local WAITS = { timeout = true, wantread = true, wantwrite = true }

-- Repeats an operation until it is done or fails.
local function drive(pair, operation)
  local limit = luasocket.gettime() + LIMIT
  while true do
    local result, err, partial = operation()
    if result ~= nil or not WAITS[err] then return result, err, partial end
    assert(luasocket.gettime() < limit, "does not end: " .. tostring(err))
    pair.pump()
  end
end

-- Reads on behind what came before a timeout, wherever the bytes were cut:
-- "*a" whose last part came before the end is all there is.
local function receive(pair, side, pattern)
  local partial = ""
  return drive(pair, function()
    local data, err, rest = pair[side]:receive(pattern, partial)
    partial = rest or partial
    if err == "closed" and pattern == "*a" and partial ~= "" then return partial end
    return data, err, rest
  end)
end

local function handshake(pair)
  local done, limit = {}, luasocket.gettime() + LIMIT
  while not (done.client and done.server) do
    for _, side in ipairs { "client", "server" } do
      local ok, err = pair[side]:do_handshake()
      if ok then done[side] = true
      elseif not WAITS[err] then return nil, err, side end
    end
    assert(luasocket.gettime() < limit, "handshake does not end")
    pair.pump()
  end
  return true
end

local function contexts(client, server)
  client, server = client or {}, server or {}
  client.ca_certs = client.ca_certs or helpers.file "root.crt"
  server.server_side = true
  server.certfile = server.certfile or helpers.file "rsa.crt"
  server.keyfile = server.keyfile or helpers.file "rsa.key"
  return assert(ssl.create_default_context(client)), assert(ssl.create_default_context(server))
end

local transports = {
  { name = "SSLSocket", pair = socket_pair },
  { name = "SSLSocket cut and joined", pair = relay_pair, piece = 300 },
  { name = "SSLObject", pair = object_pair },
  { name = "SSLObject fed byte by byte", pair = object_pair, piece = 1 },
}

for _, transport in ipairs(transports) do
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    describe(("connection over %s, %s"):format(transport.name, version), function()
      local pair

      local function open(client, server, options)
        client = client or {}
        client.maximum_version = version
        options = options or {}
        options.client = options.client or { server_hostname = "localhost" }
        local client_context, server_context = contexts(client, server)
        pair = transport.pair(client_context, server_context, options, transport.piece)
        return pair
      end

      local function opened(...)
        open(...)
        assert(handshake(pair))
        return pair
      end

      after_each(function()
        if pair then pair.close() end
        pair = nil
      end)

      it("shakes hands and tells the facts", function()
        opened { alpn_protocols = { "h2", "http/1.1" } }
        assert.equal(version, pair.client:version())
        assert.equal(version, pair.server:version())
        local name, protocol, bits = pair.client:cipher()
        assert.is_string(name)
        assert.is_string(protocol)
        assert.is_true(bits >= 128)
        assert.equal(name, (pair.server:cipher()))
        assert.is_nil(pair.client:selected_alpn_protocol())
        assert.equal("localhost", pair.client:server_hostname())
        assert.equal("localhost", pair.server:server_hostname())
        assert.equal(0, (pair.client:verify_result()))
        assert.is_nil((pair.server:verify_result()))
        assert.is_nil(pair.server:getpeercert())
        assert.is_true(#pair.client:getpeercert(true) > 100)
        assert.is_table(pair.client:getpeercert().subject)
        assert.equal(pair.client:getpeercert(true), pair.client:peer_certificate():der())
        assert.is_true(pair.client:do_handshake())  -- again: already done
      end)

      it("knows nothing before the handshake", function()
        open()
        for _, fact in ipairs { "version", "cipher", "selected_alpn_protocol", "peer_certificate", "verify_result" } do
          assert.is_nil(pair.client[fact](pair.client), fact)
        end
        local cert, err = pair.client:getpeercert()
        assert.is_nil(cert)
        assert.is_true(err:is(ssl.SSLError))
      end)

      it("says what it waits for", function()
        open()
        local ok, err = pair.client:do_handshake()
        assert.is_nil(ok)
        assert.equal("wantread", err)
        assert.is_true((pair.client:want()))
      end)

      it("agrees on a protocol, the server's first choice", function()
        opened({ alpn_protocols = { "http/1.1", "h2" } }, { alpn_protocols = { "h2", "http/1.1" } })
        assert.equal("h2", pair.client:selected_alpn_protocol())
        assert.equal("h2", pair.server:selected_alpn_protocol())
      end)

      it("refuses a client whose protocols it does not speak", function()
        open({ alpn_protocols = { "spdy" } }, { alpn_protocols = { "h2" } })
        local ok, err = handshake(pair)
        assert.is_nil(ok)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("no_application_protocol", err.alert)
      end)

      it("handshakes in the first read and write", function()
        open()
        local partial = 1
        drive(pair, function()
          pair.server:do_handshake()
          local sent, err, last = pair.client:send("hello", partial)
          partial = last and last + 1 or partial
          return sent, err
        end)
        assert.equal("hello", (receive(pair, "server", 5)))
      end)

      it("echoes", function()
        opened()
        assert.equal(11, (pair.client:send("hello world")))
        local data = receive(pair, "server", 11)
        assert.equal("hello world", data)
        assert.equal(4, (pair.server:write("back")))
        assert.equal("back", (drive(pair, function() return pair.client:read() end)))
      end)

      it("sends parts of a string and tells the last index", function()
        opened()
        assert.equal(4, (pair.client:send("abcdef", 2, 4)))
        assert.equal(6, (pair.client:send("abcdef", -2)))
        assert.equal(2, (pair.client:send("abcdef", 3, 2)))  -- nothing
        assert.equal(6, (pair.client:send("abcdef", 1, 100)))
        assert.equal("bcdefabcdef", (receive(pair, "server", 11)))
      end)

      it("receives lines without line ends and carriage returns", function()
        opened()
        pair.client:send("one\r\ntwo\n\nfo\rur\r\n\0five\0\nrest")
        for _, line in ipairs { "one", "two", "", "four", "\0five\0" } do
          assert.equal(line, (receive(pair, "server")))
        end
        local data, err, partial = pair.server:receive "*l"
        assert.is_nil(data)
        assert.is_true(WAITS[err])
        assert.equal("rest", partial)
      end)

      it("receives a line that spans many records", function()
        opened()
        local long = ("x"):rep(100000)
        local sent = 0
        drive(pair, function()
          local last, err, partial = pair.client:send(long, sent + 1)
          sent = partial or sent
          return last, err
        end)
        pair.client:send("y\nz")
        assert.equal(long .. "y", (receive(pair, "server", "l")))
        assert.equal("z", (receive(pair, "server", 1)))
      end)

      it("counts and prepends a prefix", function()
        opened()
        pair.client:send("cdefgh\nij")
        assert.equal("cd", (receive(pair, "server", 2)))
        assert.equal("xyef", (pair.server:receive(4, "xy")))
        assert.equal("wxyz", (pair.server:receive(2, "wxyz")))
        assert.equal("xygh", (pair.server:receive("*l", "xy")))
        local data, _, partial = pair.server:receive(5, "p")
        assert.is_nil(data)
        assert.equal("pij", partial)
      end)

      it("waits with receive(0) until something comes, and takes nothing", function()
        opened()
        local data, err = pair.server:receive(0)
        assert.is_nil(data)
        assert.is_true(WAITS[err])
        pair.client:send("a")
        assert.equal("", (receive(pair, "server", 0)))
        assert.is_true(pair.server:dirty())
        assert.equal(1, pair.server:pending())
        assert.equal("a", (pair.server:receive(1)))
        assert.is_false(pair.server:dirty())
      end)

      it("reads what is there, up to a limit", function()
        opened()
        pair.client:send("abcdef")
        assert.equal("", (pair.server:read(0)))
        assert.equal("ab", (drive(pair, function() return pair.server:read(2) end)))
        assert.equal("cdef", (pair.server:read()))
        local data, err = pair.server:read()
        assert.is_nil(data)
        assert.equal("wantread", err)
      end)

      it("gives partial results at a timeout", function()
        opened()
        pair.client:send("1234")
        receive(pair, "server", 0)
        local data, err, partial = pair.server:receive(10)
        assert.is_nil(data)
        assert.equal(transport.pair == object_pair and "wantread" or "timeout", err)
        assert.equal("1234", partial)
        pair.client:send("567890")
        assert.equal("1234567890", (drive(pair, function()
          local rest
          data, err, rest = pair.server:receive(10, partial)
          partial = rest or partial
          return data, err
        end)))
      end)

      it("carries large data both ways", function()
        opened()
        local size = transport.piece and 70001 or 3000001
        local data = {}
        for i = 1, size / 8 do data[i] = ("%08x"):format(i * 2654435761 % 4294967296) end
        data = table.concat(data)
        for _, way in ipairs { { "client", "server" }, { "server", "client" } } do
          local from, to = pair[way[1]], pair[way[2]]
          local sent, got = 0, ""
          local whole = drive(pair, function()
            if sent < #data then
              local last, _, partial = from:send(data, sent + 1)
              sent = last or partial
            end
            pair.pump()
            local all, err, partial = to:receive(#data, got)
            got = partial or got
            return all, err
          end)
          assert.is_true(whole == data)
        end
      end)

      it("ends cleanly with close_notify", function()
        opened()
        pair.client:send("last")
        assert.equal(1, pair.client:shutdown "send")
        assert.equal("last", (receive(pair, "server", "*a")))
        local data, err, partial = pair.server:receive "*a"
        assert.is_nil(data)
        assert.equal("closed", err)
        assert.equal("", partial)
        assert.equal("closed", select(2, pair.server:read()))
        assert.equal("closed", select(2, pair.client:send "more"))
        -- The other direction goes on.
        assert.equal(5, (pair.server:send "still"))
        assert.equal("still", (receive(pair, "client", 5)))
      end)

      it("gives a partial line before the end", function()
        opened()
        pair.client:send("line\npart")
        pair.client:close()
        assert.equal("line", (receive(pair, "server")))
        local data, err, partial = receive(pair, "server")
        assert.is_nil(data)
        assert.equal("closed", err)
        assert.equal("part", partial)
      end)

      it("tells a truncated end from a clean one", function()
        opened()
        pair.client:send("whole\nhalf")
        pair.pump()
        pair.cut "client"
        assert.equal("whole", (receive(pair, "server")))
        local data, err, partial = receive(pair, "server", "*a")
        assert.is_nil(data)
        assert.is_true(err:is(ssl.SSLEOFError))
        assert.equal("half", partial)
        data, err = pair.server:receive "*a"
        assert.is_nil(data)
        assert.is_true(err:is(ssl.SSLEOFError))
      end)

      it("takes a truncated end for an end where told so", function()
        opened(nil, nil, { server = { suppress_ragged_eofs = true } })
        pair.client:send("all")
        pair.pump()
        pair.cut "client"
        assert.equal("all", (receive(pair, "server", "*a")))
        assert.equal("closed", select(2, pair.server:receive "*a"))
      end)

      it("never takes the end of the transport for a handshake", function()
        open(nil, nil, { server = { suppress_ragged_eofs = true } })
        pair.client:do_handshake()
        pair.pump()
        pair.server:do_handshake()
        pair.cut "client"
        local ok, err = drive(pair, function() return pair.server:do_handshake() end)
        assert.is_nil(ok)
        assert.is_true(err:is(ssl.SSLEOFError))
        assert.is_true(rawequal(err, select(2, pair.server:do_handshake())))
      end)

      it("stops reading after shutdown('receive')", function()
        opened()
        assert.equal(1, pair.server:shutdown "receive")
        pair.client:send("unheard")
        pair.pump()
        assert.equal("closed", select(2, pair.server:receive(1)))
        assert.equal(2, (pair.server:send "ok"))
        assert.equal("ok", (receive(pair, "client", 2)))
      end)

      it("refuses an unknown CA, says so, and stays refused", function()
        open { ca_certs = helpers.file "other-root.crt" }
        local ok, err, side = handshake(pair)
        assert.is_nil(ok)
        assert.equal("client", side)
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("verification", err.kind)
        assert.equal("unknown_ca", err.alert)
        assert.equal("sent", err.alert_direction)
        assert.is_truthy(err:find "ca_certs")
        for _, method in ipairs { "do_handshake", "receive", "read" } do
          local again = select(2, pair.client[method](pair.client))
          assert.is_true(rawequal(err, again), method)
        end
        assert.is_true(rawequal(err, select(2, pair.client:send "secret")))
        assert.is_true(#pair.client:peer_certificate():der() > 100)
        assert.is_true(pair.client:verify_result() ~= 0)
        local server_error = select(2, drive(pair, function() return pair.server:do_handshake() end))
        if server_error == nil then
          server_error = select(2, drive(pair, function() return pair.server:receive(1) end))
        end
        assert.equal("unknown_ca", server_error.alert)
        assert.equal("received", server_error.alert_direction)
      end)

      it("refuses a wrong name and tells the right ones", function()
        open(nil, nil, { client = { server_hostname = "wrong.example" } })
        local ok, err = handshake(pair)
        assert.is_nil(ok)
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.is_truthy(err:find("wrong.example", 1, true))
        assert.is_truthy(err:find("localhost", 1, true))
      end)

      it("asks for a client certificate and verifies it", function()
        opened({ certfile = helpers.file "client.pem" },
               { cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt" })
        assert.is_table(pair.server:getpeercert().subject)
        assert.equal(0, (pair.server:verify_result()))
      end)

      it("refuses a client without the certificate it requires", function()
        open(nil, { cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt" })
        local ok, err = handshake(pair)
        if ok then ok, err = drive(pair, function() return pair.client:read() end) end
        assert.is_nil(ok)
        assert.is_true(err:is(ssl.SSLError))
      end)

      it("answers closed, and raises nothing, once it is closed", function()
        opened()
        assert.equal(1, (pair.client:close()))
        assert.equal(1, (pair.client:close()))
        for _, method in ipairs {
          "do_handshake", "receive", "read", "version", "cipher", "getpeercert", "peer_certificate", "pending",
          "selected_alpn_protocol", "verify_result", "server_hostname",
        } do
          local result, err = pair.client[method](pair.client)
          assert.is_nil(result, method)
          assert.equal("closed", err, method)
        end
        for _, method in ipairs { "send", "write" } do
          local result, err = pair.client[method](pair.client, "x")
          assert.is_nil(result, method)
          assert.equal("closed", err, method)
        end
        assert.is_false(pair.client:dirty())
        assert.is_truthy(tostring(pair.client):find "^SSL%a+ %(closed%)")
      end)
    end)
  end
end
