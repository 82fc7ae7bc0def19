-- A server's session id context: a digest of its configuration and of the
-- client's server name, so that processes and machines with the same ones
-- resume each other's sessions, and no others.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"

helpers.audit()

local file, read_file = helpers.file, helpers.read_file

-- Runs `code` in a new process: the id contexts that it gave to OpenSSL, one
-- for each ClientHello. `meet(options [, name])` is such a connection, with a
-- new context each time.
local function ids_of(code, env)
  local log = helpers.temp_name()
  env = env or {}
  env.LUASSL_IDS = log
  resuming.elsewhere([[
    local near_context = resuming.client {cert_reqs = ssl.CERT_NONE,
      check_hostname = false, certfile = file "client.pem",
      alpn_protocols = {"h2"}}
    local function meet(options, name)
      local far_context = resuming.server(options)
      local near = assert(near_context:wrap_object {server_hostname = name})
      local far = assert(far_context:wrap_object())
      helpers.handshake(near, far)
      near:close()
      far:close()
    end
  ]] .. code, env)
  local list = {}
  for line in read_file(log):gmatch "[^\n]+" do
    assert.matches("^%x+$", line)
    assert.equal(64, #line)
    list[#list + 1] = line
  end
  return list
end

-- Options as Lua code for the process.
local CASES = {
  {"asks for client certificates", "{}",
    "{cert_reqs = ssl.CERT_OPTIONAL, ca_certs = file 'root.crt'}"},
  {"requires client certificates",
    "{cert_reqs = ssl.CERT_OPTIONAL, ca_certs = file 'root.crt'}",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'root.crt'}"},
  {"trusts others",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'root.crt'}",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'roots.crt'}"},
  {"trusts the system, too",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'root.crt'}",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'root.crt', "
      .. "system_trust = true}"},
  {"trusts a directory",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'root.crt'}",
    "{cert_reqs = ssl.CERT_REQUIRED, ca_certs = file 'root.crt', "
      .. "ca_path = file 'empty'}"},
  {"has another certificate", "{}", "{certfile = file 'ecdsa.pem'}"},
  {"has other pins",
    "{pins = {'sha256//' .. ('A'):rep(43) .. '='}}",
    "{pins = {'sha256//' .. ('B'):rep(42) .. 'A='}}"},
  {"has ALPN", "{}", "{alpn_protocols = {'h2'}}"},
  {"has other ALPN", "{alpn_protocols = {'h2', 'x'}}",
    "{alpn_protocols = {'h2', 'y'}}"},
  {"has another security level", "{}", "{ciphers = 'DEFAULT:@SECLEVEL=1'}"},
  {"takes other signatures", "{}",
    "{sigalgs = 'RSA-PSS+SHA256:ECDSA+SHA256'}"},
  {"has an id context of its own", "{}", "{session_id_context = 'mine'}"},
  {"has another id context of its own", "{session_id_context = 'yours'}",
    "{session_id_context = 'mine'}"},
}

describe("a server's session id context", function()
  for _, case in ipairs(CASES) do
    it("is another where it " .. case[1] .. ", the same in each process",
      function()
        local code = ("meet(%s, 'localhost')\nmeet(%s, 'localhost')\n"):format(
          case[2], case[3])
        local one, other = ids_of(code), ids_of(code)
        assert.equal(2, #one)
        assert.same(one, other)
        assert.is_not_equal(one[1], one[2])
      end)
  end

  -- Machines have their files elsewhere, in another order, written at another
  -- time.
  it("is told by what is trusted, not by where it lies", function()
    local roots = {read_file(file "root.crt"), read_file(file "other-root.crt")}
    local function hashed(...)
      local directory = helpers.temp_name()
      assert.equal(0, helpers.spawn({"mkdir", directory}):wait())
      for i, pem in ipairs {...} do helpers.write_file(directory .. "/" .. i .. ".pem", pem) end
      local rehash = helpers.spawn {"openssl", "rehash", directory}
      assert.equal(0, rehash:wait(), rehash:output())
      return directory
    end
    local function ids(what)
      return ids_of(("meet({cert_reqs = ssl.CERT_OPTIONAL, %s}, 'localhost')"):format(what))[1]
    end
    local function ca_certs(...) return ids(("ca_certs = %q"):format(helpers.temp_file(table.concat {...}))) end
    local function ca_path(...) return ids(("ca_path = %q"):format(hashed(...))) end
    assert.equal(ca_certs(roots[1], roots[2]), ca_certs(roots[2], roots[1], roots[2]))
    assert.is_not_equal(ca_certs(roots[1], roots[2]), ca_certs(roots[2]))
    assert.equal(ca_path(roots[1], roots[2]), ca_path(roots[2], roots[1]))
    assert.is_not_equal(ca_path(roots[1], roots[2]), ca_path(roots[1]))
  end)

  it("is told by what the system trusts where that is asked, not by where it lies", function()
    local roots = {read_file(file "root.crt"), read_file(file "other-root.crt")}
    local function ids(reqs, ...)
      return ids_of(([[meet({cert_reqs = %d, system_trust = true}, 'localhost')]]):format(reqs),
        {SSL_CERT_FILE = helpers.temp_file(table.concat {...}), SSL_CERT_DIR = "/nowhere"})[1]
    end
    assert.equal(ids(1, roots[1], roots[2]), ids(1, roots[2], roots[1]))
    assert.is_not_equal(ids(1, roots[1], roots[2]), ids(1, roots[1]))
    assert.equal(ids(0, roots[1], roots[2]), ids(0, roots[1]))
  end)

  it("is the same where hooks_id names the hooks, whichever they are", function()
    local code = [[
      meet({on_verify = function() end, hooks_id = "one"}, "localhost")
      meet({on_verify = function() return nil end, hooks_id = "one"}, "localhost")
      meet({on_verify = function() end, hooks_id = "two"}, "localhost")
      meet({on_certificate = function() end, hooks_id = "one"}, "localhost")
      meet({hooks_id = "one"}, "localhost")
    ]]
    local here, there = ids_of(code), ids_of(code)
    assert.same(here, there)
    assert.equal(here[1], here[2])
    for _, pair in ipairs {{1, 3}, {1, 4}, {1, 5}, {4, 5}} do
      assert.is_not_equal(here[pair[1]], here[pair[2]])
    end
  end)

  it("of one's own does not stand for who is trusted", function()
    local ids = ids_of [[
      meet({session_id_context = "x", cert_reqs = 1, ca_certs = file "root.crt"}, "localhost")
      meet({session_id_context = "x", cert_reqs = 1, ca_certs = file "roots.crt"}, "localhost")
      meet({session_id_context = "x", cert_reqs = 2, ca_certs = file "root.crt"}, "localhost")
      meet({session_id_context = "x"}, "localhost")
    ]]
    for i = 1, 4 do
      for j = i + 1, 4 do assert.is_not_equal(ids[i], ids[j]) end
    end
  end)

  it("is the same whatever sessions do not depend on", function()
    local ids = ids_of [[
      for _, options in ipairs {{}, {handshake_timeout = 5},
        {num_tickets = 5}, {nodelay = false}, {suppress_ragged_eofs = true}} do
        meet(options, "localhost")
      end
    ]]
    assert.equal(5, #ids)
    for i = 2, 5 do assert.equal(ids[1], ids[i]) end
  end)

  it("is another for each server name", function()
    local ids = ids_of [[
      for _, name in ipairs {"localhost", "LocalHost", "a.example",
        "b.example"} do meet({}, name) end
      meet({}, nil)
      meet({}, "127.0.0.1")  -- addresses are no server names
    ]]
    assert.equal(6, #ids)
    assert.equal(ids[1], ids[2])
    assert.equal(ids[5], ids[6])
    for _, pair in ipairs {{1, 3}, {1, 4}, {1, 5}, {3, 4}, {3, 5}, {4, 5}} do
      assert.is_not_equal(ids[pair[1]], ids[pair[2]])
    end
  end)

  it("is another for each server name with session_id_context, too",
    function()
      local ids = ids_of [[
        meet({session_id_context = "x"}, "a.example")
        meet({session_id_context = "x"}, "b.example")
      ]]
      assert.is_not_equal(ids[1], ids[2])
    end)

  it("of one's own holds whatever else differs", function()
    local ids = ids_of [[
      meet({session_id_context = "x"}, "localhost")
      meet({session_id_context = "x", certfile = file "ecdsa.pem",
        alpn_protocols = {"h2"}, on_verify = function() end}, "localhost")
    ]]
    assert.equal(2, #ids)
    assert.equal(ids[1], ids[2])
  end)

  -- The code of a function cannot be compared with another process's.
  it("is another for each hook, and in each process with one", function()
    for _, name in ipairs {"on_client_hello", "on_certificate", "on_verify"} do
      local code = ([[
        local function one() end
        local function other() return true end
        meet({}, "localhost")
        meet({%s = one}, "localhost")
        meet({%s = one}, "localhost")
        meet({%s = other}, "localhost")
      ]]):gsub("%%s", name)
      local here, there = ids_of(code), ids_of(code)
      -- Where the ClientHello is asked about it is looked at twice.
      local function id(list, i)
        if name ~= "on_client_hello" then return list[i] end
        return list[({1, 2, 4, 6})[i]]
      end
      assert.equal(id(here, 1), id(there, 1))
      assert.equal(id(here, 2), id(here, 3))
      assert.is_not_equal(id(here, 1), id(here, 2))
      assert.is_not_equal(id(here, 3), id(here, 4))
      assert.is_not_equal(id(here, 2), id(there, 2))
    end
  end)

  it("is the chosen context's where one is chosen", function()
    local ids = ids_of [[
      local names = {localhost = resuming.server {
        certfile = file "ecdsa.pem"}}
      meet({server_names = names}, "localhost")
      meet({certfile = file "ecdsa.pem"}, "localhost")
      meet({on_client_hello = function() return names.localhost end},
        "localhost")
    ]]
    -- First the one that chooses, then the chosen one.
    assert.equal(5, #ids)
    assert.equal(ids[2], ids[3])
    assert.equal(ids[2], ids[5])
    assert.is_not_equal(ids[1], ids[2])
    assert.is_not_equal(ids[4], ids[2])
  end)
end)

-- With one context, that is one ticket key, the name alone decides.
describe("a server does not resume", function()
  local VERSIONS = {"TLSv1.2", "TLSv1.3"}

  it("a session for another server name", function()
    for _, version in ipairs(VERSIONS) do
      local far_context = resuming.server()
      local listener = assert(far_context:wrap_socket(
        socket.bind("127.0.0.1", 0)))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      local peer = helpers.spawn {"python3", "spec/peers/resume.py",
        tostring(port), helpers.file "root.crt", version, "localhost",
        "127.0.0.1", "localhost"}
      local reused = {}
      for i = 1, 3 do
        local conn = assert(listener:accept())
        conn:settimeout(helpers.patience)
        assert(conn:send "hello\n")
        reused[i] = conn:session_reused()
        conn:receive "*a"
        conn:close()
      end
      assert.equal(0, peer:wait())
      assert.same({false, false, false}, reused)
      listener:close()
    end
  end)

  it("where session_cache is off", function()
    for _, version in ipairs(VERSIONS) do
      local far_context = resuming.server {session_cache = false}
      local near_context = resuming.client {maximum_version = version,
        session_cache = true}
      for _ = 1, 3 do
        assert.is_false(resuming.reuses(near_context, far_context))
      end
    end
  end)
end)
