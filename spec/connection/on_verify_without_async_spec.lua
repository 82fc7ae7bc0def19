-- A server's on_verify where OpenSSL has no stacks to switch, as
-- ASYNC_is_capable(3) tells: it runs inside OpenSSL's call.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"

helpers.audit()

local function run(code)
  return resuming.elsewhere(code, {LUASSL_NO_ASYNC = "1"})
end

describe("on_verify without stacks", function()
  local SCRIPT = [[
    local socket = require "socket"
    local place, answer = %q, %q
    local asked = 0
    local asking = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
      on_verify = function(conn, facts)
        asked = asked + 1
        assert(facts.verified and facts.server_name == "localhost")
        if answer == "raises" then error("no", 0) end
        if answer == "refuses" then return nil, "no" end
      end}
    local options = {}
    if place == "the first context's" then options = asking
    elseif place == "by server_names" then
      options.server_names = {localhost = resuming.server(asking)}
    else
      local chosen = resuming.server(asking)
      options.on_client_hello = function() return chosen end
    end
    local listener = assert(resuming.server(options):wrap_socket(
      socket.bind("127.0.0.1", 0)))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    for _, version in ipairs {"-tls1_2", "-tls1_3"} do
      local peer = helpers.s_client(port, {arguments = {version, "-cert",
        file "client.crt", "-key", file "client.key"}, input = ""})
      local conn, err = listener:accept()
      print(conn and "accepted" or err, asked)
      if conn then conn:close() end
      peer:wait()
    end
  ]]

  -- Chosen in the middle of a step, at its end, or not at all.
  for _, place in ipairs {"the first context's", "by server_names",
    "by on_client_hello"} do
    for answer, outcome in pairs {agrees = "accepted", refuses = "no",
      raises = "no"} do
      it(("is asked and %s: %s"):format(answer, place), function()
        assert.equal(("%s\t1\n%s\t2\n"):format(outcome, outcome),
          run(SCRIPT:format(place, answer)))
      end)
    end
  end

  -- Both sides' contexts, and how they meet: `over(near, far)` has them
  -- handshake and answers what the server's do_handshake did.
  local OBJECTS = [[
    local near_context = resuming.client {certfile = file "client.pem"}
    local function meet(on_verify, options)
      local all = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
        on_verify = on_verify}
      for name, value in pairs(options or {}) do all[name] = value end
      local near = near_context:wrap_object {server_hostname = "localhost"}
      local far = resuming.server(all):wrap_object()
      local done, _, err = helpers.handshake(near, far)
      return done, err, far
    end
  ]]

  it("cannot yield, and says so", function()
    local output = run(OBJECTS .. [[
      local thread = coroutine.create(function()
        return meet(function() coroutine.yield() end)
      end)
      local _, done, err = coroutine.resume(thread)
      print(coroutine.status(thread), done, err:is(ssl.SSLError), err.kind)
      print(tostring(err):find("yield", 1, true) ~= nil)
    ]])
    assert.equal("dead\tnil\ttrue\thook\ntrue\n", output)
  end)

  it("closes its connection when it has returned", function()
    local output = run(OBJECTS .. [[
      local connection, state
      local done, err, far = meet(function(conn)
        connection = conn
        local closed = conn:close()
        state = closed .. " " .. tostring(conn):match "%((.-)%)"
        return nil, "no"
      end)
      print(done, err, state, select(2, connection:read()))
      print(far:close())
    ]])
    assert.equal("nil\tno\t1 handshake\tclosed\n1\n", output)
  end)

  it("finds its connection at work", function()
    local output = run(OBJECTS .. [[
      local errors = {}
      print((meet(function(conn)
        for _, name in ipairs {"do_handshake", "read"} do
          local result, err = conn[name](conn)
          errors[#errors + 1] = result == nil and err.kind
        end
        local result, err = conn:write "x"
        errors[#errors + 1] = result == nil and err.kind
      end)))
      print(table.concat(errors, " "))
    ]])
    assert.equal("true\nstate state state\n", output)
  end)

  it("may have handshakes of others inside", function()
    local output = run(OBJECTS .. [[
      local depth = 0
      local function on_verify()
        depth = depth + 1
        if depth < 4 then assert(meet(on_verify)) end
      end
      print((meet(on_verify)), depth)
    ]])
    assert.equal("true\t4\n", output)
  end)

  it("returns the very value that it raised or refused with", function()
    local output = run(OBJECTS .. [[
      local value = setmetatable({}, {__tostring = function() return "v" end})
      local _, raised = meet(function() error(value) end)
      local _, refused = meet(function() return nil, value end)
      print(rawequal(raised, value), rawequal(refused, value))
    ]])
    assert.equal("true\ttrue\n", output)
  end)

  it("accepts what OpenSSL did not, only by name", function()
    local output = run(OBJECTS .. [[
      near_context = resuming.client {certfile = file "untrusted.pem"}
      print((meet(function() return ssl.ACCEPT_UNVERIFIED end)))
      print((meet(function() return true end)))
    ]])
    assert.equal("true\nnil\n", output)
  end)

  it("is asked about who has no certificate, and after a resumption",
    function()
      local output = run [[
        for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
          local asked = {}
          local near_context = resuming.client {session_cache = true,
            maximum_version = version}
          local far_context = resuming.server {on_verify = function(_, facts)
            asked[#asked + 1] = tostring(facts.resumed)
            if #asked == 3 then return nil, "no" end
          end}
          for _ = 1, 2 do
            local near, far = assert(resuming.meet(near_context, far_context))
            resuming.part(near, far)
          end
          local near = near_context:wrap_object {server_hostname = "localhost"}
          local done, _, err = helpers.handshake(near,
            far_context:wrap_object())
          print(done, err, table.concat(asked, " "))
        end
      ]]
      assert.equal(("nil\tno\tfalse true true\n"):rep(2), output)
    end)

  it("of a client may yield all the same", function()
    local output = run [[
      local context = resuming.client {
        on_verify = function() coroutine.yield "asking" end}
      local far_context = resuming.server()
      local thread = coroutine.create(function()
        return (helpers.handshake(
          context:wrap_object {server_hostname = "localhost"},
          far_context:wrap_object()))
      end)
      print(select(2, coroutine.resume(thread)))
      print(select(2, coroutine.resume(thread)))
    ]]
    assert.equal("asking\ntrue\n", output)
  end)
end)

describe("ssl.HAS without stacks", function()
  it("tells so", function()
    assert.equal("false\ttrue\n", run "print(ssl.HAS.ASYNC, ssl.HAS.SNI)")
  end)
end)

-- An OpenSSL may know how to do a client's verification again and not do it.
describe("a client's on_verify that cannot be waited for", function()
  it("is not asked, and the handshake is refused", function()
    local output = resuming.elsewhere([[
      local asked = 0
      local near = resuming.client({on_verify = function() asked = asked + 1 end})
        :wrap_object {server_hostname = "localhost"}
      local far = resuming.server():wrap_object()
      local done, err, other = helpers.handshake(near, far)
      print(done, err.kind, other.alert, asked)
    ]], {LUASSL_NO_RETRY = "1"})
    assert.equal("nil\tverification\tinternal_error\t0\n", output)
  end)
end)
