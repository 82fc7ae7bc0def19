-- Option keylog: the secrets of a connection in NSS's format; no line is lost,
-- nobody else reads them, and what goes wrong is told.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local LABELS = {
  ["TLSv1.2"] = {"CLIENT_RANDOM"},
  ["TLSv1.3"] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"},
}

-- The sorted labels of lines, each of which is whole.
local function labels_of(text)
  local found = {}
  for line in text:gmatch "([^\n]*)\n" do
    local label, random, secret = line:match "^([%u%d_]+) (%x+) (%x+)$"
    assert(label, line)
    assert.equal(64, #random)
    assert.is_true(#secret == 64 or #secret == 96)
    found[#found + 1] = label
  end
  table.sort(found)
  return found
end

local function mode_of(path)
  local pipe = io.popen("stat -c %a " .. path)
  local mode = pipe:read "*l"
  pipe:close()
  return mode
end

local function pair(version, client, server)
  client = client or {}
  client.minimum_version, client.maximum_version = version, version
  return helpers.pair {client = client, server = server}
end

-- A list that its method `add`, a function for keylog, fills.
local function collector()
  local lines = {}
  return lines, function(line) lines[#lines + 1] = line end
end

describe("a key log", function()
  for version, labels in pairs(LABELS) do
    it("in a file has every secret, for its owner alone, " .. version, function()
      local path, other = helpers.temp_name(), helpers.temp_name()
      local near, far = pair(version, {keylog = path}, {keylog = other})
      assert.equal("600", mode_of(path))
      assert.equal("", helpers.read_file(path))
      assert(helpers.handshake(near, far))
      assert.same(labels, labels_of(helpers.read_file(path)))
      near:close()
      far:close()
      local function sorted(name)
        local lines = {}
        for line in io.lines(name) do lines[#lines + 1] = line end
        table.sort(lines)
        return lines
      end
      assert.same(sorted(path), sorted(other))
    end)

    it("for a function has every secret, and the connection, " .. version, function()
      local lines, seen = {}, {}
      local near, far = pair(version, {keylog = function(line, conn)
        lines[#lines + 1] = line
        seen[conn] = conn:version() or "before"
      end})
      assert(helpers.handshake(near, far))
      assert.same(labels, labels_of(table.concat(lines, "\n") .. "\n"))
      assert.same(near, (next(seen)))
      near:close()
      far:close()
    end)

    it("goes on after a resumption, " .. version, function()
      local lines, add = collector()
      local client, server = resuming.client {minimum_version = version, maximum_version = version, keylog = add},
        resuming.server()
      local session = resuming.session(client, server)
      local before = #lines
      local near, far = resuming.meet(client, server, {session = session})
      assert.is_true(near:session_reused())
      assert.same(labels, labels_of(table.concat(lines, "\n", before + 1) .. "\n"))
      resuming.part(near, far)
    end)
  end

  it("is appended to a file, which keeps its mode and what is in it", function()
    local path = helpers.temp_file "# mine\n"
    assert(os.execute("chmod 640 " .. path))
    for _ = 1, 2 do
      local near, far = pair("TLSv1.2", {keylog = path})
      assert(helpers.handshake(near, far))
      near:close()
      far:close()
    end
    assert.equal("640", mode_of(path))
    local text = helpers.read_file(path)
    assert.equal("# mine\n", text:sub(1, 7))
    assert.same({"CLIENT_RANDOM", "CLIENT_RANDOM"}, labels_of(text:sub(8)))
  end)

  it("has what a handshake told before it failed", function()
    local path = helpers.temp_name()
    local lines, add = collector()
    local near, far = pair("TLSv1.3", {keylog = add}, {keylog = path, certfile = helpers.file "untrusted.pem"})
    assert.is_nil((helpers.handshake(near, far)))
    assert.equal("failed", near:info().state)
    assert.same({"SERVER_HANDSHAKE_TRAFFIC_SECRET"}, labels_of(table.concat(lines, "\n") .. "\n"))
    assert.same({"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "EXPORTER_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
      "SERVER_TRAFFIC_SECRET_0"}, labels_of(helpers.read_file(path)))
    near:close()
    far:close()
  end)

  it("of a process that is killed is there", function()
    local path = helpers.temp_name()
    local peer = helpers.s_server {arguments = {"-tls1_3"}}
    local ended = helpers.lua([[
      local path, port, root = ...
      local ssl = require "luassl"
      local conn = assert(ssl.connect("127.0.0.1", port, {server_hostname = "localhost", ca_certs = root,
        keylog = path, on_verify = function() os.execute("kill -9 $PPID") end}))
      print(conn)
    ]], path, peer.port, helpers.file "root.crt")
    ended:wait()
    assert.same({"SERVER_HANDSHAKE_TRAFFIC_SECRET"}, labels_of(helpers.read_file(path)))
    peer:stop()
  end)

  it("has its lines before a hook runs", function()
    local order = {}
    local near, far = pair("TLSv1.3", {keylog = function(line) order[#order + 1] = line:match "^%S+" end,
      on_verify = function() order[#order + 1] = "on_verify" end})
    assert(helpers.handshake(near, far))
    assert.equal("on_verify", order[2])
    assert.equal(6, #order)
    near:close()
    far:close()
  end)

  it("is no more where the context that was chosen has none", function()
    local lines, add = collector()
    local chosen = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})
    local near, far = pair("TLSv1.3", {}, {keylog = add, server_names = {localhost = chosen}})
    assert(helpers.handshake(near, far))
    assert.same({}, lines)
    near:close()
    far:close()
  end)

  it("binds no session, and stays with set", function()
    local lines, add = collector()
    local client, server = resuming.client {session_cache = true}, resuming.server()
    resuming.session(client, server)
    assert(client:set {keylog = add})
    assert.is_true(resuming.reuses(client, server))
    assert.equal(add, client:get "keylog")
    assert(client:set {nodelay = false})
    resuming.session(client, server)
    assert.equal(10, #lines)
  end)

  describe("that fails", function()
    it("ends the connection with what the function raised", function()
      local raised = {}
      local near, far = pair("TLSv1.3", {keylog = function() error(raised) end})
      local done, err = helpers.handshake(near, far)
      assert.is_nil(done)
      assert.equal(raised, err)
      assert.same({nil, raised}, {near:do_handshake()})
      assert.same({nil, raised, ""}, {near:receive(1)})
      assert.equal("failed", near:info().state)
      near:close()
      far:close()
    end)

    it("does so in the methods that run the handshake first", function()
      for _, call in ipairs {
        function(conn) return conn:receive(1) end, function(conn) return conn:send "x" end,
        function(conn) return conn:read(1) end, function(conn) return conn:write "x" end,
      } do
        local near, far = pair("TLSv1.2", {keylog = function() error("no room", 0) end})
        call(near)
        helpers.pump(near, far)
        far:do_handshake()
        helpers.pump(near, far)
        assert.equal("no room", select(2, call(near)))
        near:close()
        far:close()
      end
    end)

    it("is no condition, and not nil", function()
      for _, value in ipairs {"timeout", "closed", false} do
        local near, far = pair("TLSv1.2", {keylog = function() error(value or nil, 0) end})
        local _, err = helpers.handshake(near, far)
        assert.equal("hook", err.kind)
        assert.matches("raised: " .. (value or "nil"), tostring(err))
        near:close()
        far:close()
      end
    end)

    it("is told all the same all the lines", function()
      local lines = {}
      local near, far = pair("TLSv1.3", {}, {keylog = function(line)
        lines[#lines + 1] = line
        error "no"
      end})
      helpers.handshake(near, far)
      assert.equal(4, #lines)  -- those of the server's first step
      near:close()
      far:close()
    end)

    it("tells the file and why", function()
      local context, err = ssl.SSLContext {keylog = "/nonexistent/keys.log"}
      assert.is_nil(context)
      assert.equal("/nonexistent/keys.log", err.file)
      assert.matches("keylog", tostring(err))
      assert.matches("No such file", tostring(err))
      local directory = helpers.temp_name()
      assert(os.execute("mkdir " .. directory))
      local near, far = pair("TLSv1.2", {keylog = directory .. "/keys.log"})
      assert(os.execute("rm -r " .. directory))
      local done
      done, err = helpers.handshake(near, far)
      assert.is_nil(done)
      assert.matches("keylog", tostring(err))
      assert.equal(directory .. "/keys.log", err.file)
      near:close()
      far:close()
    end)

    it("cannot yield", function()
      local near, far = pair("TLSv1.2", {keylog = function() coroutine.yield() end})
      local err
      local thread = coroutine.create(function() err = select(2, helpers.handshake(near, far)) end)
      assert(coroutine.resume(thread))
      assert.matches("attempt to yield", tostring(err))
      near:close()
      far:close()
    end)
  end)

  it("may close the connection", function()
    local near, far = pair("TLSv1.2", {keylog = function(_, conn) assert.equal(1, conn:close()) end})
    near:do_handshake()
    helpers.pump(near, far)
    far:do_handshake()
    helpers.pump(near, far)
    near:do_handshake()
    assert.same({nil, "closed"}, {near:info()})
    far:close()
  end)

  it("goes where it went when the directory is another", function()
    local path = helpers.temp_name()
    assert(os.execute("mkdir " .. path))
    local peer = helpers.lua([[
      local helpers = require "spec.support.helpers"
      local process = require "luassl_process"
      require "luassl"
      process.chdir(arg[1])
      local near, far = helpers.pair {client = {keylog = "keys.log"}}
      process.chdir "/"
      assert(helpers.handshake(near, far))
    ]], path)
    assert.equal(0, peer:wait(), peer:output())
    assert.same(LABELS["TLSv1.3"], labels_of(helpers.read_file(path .. "/keys.log")))
  end)

  describe("from the environment", function()
    local CHILD = [[
      local helpers = require "spec.support.helpers"
      local status = helpers.read_file "/proc/self/status"
      local real, effective = status:match "Gid:%s+(%d+)%s+(%d+)"
      local near, far = helpers.pair {client = {keylog = "environment"}}
      print(real == effective, (helpers.handshake(near, far)))
    ]]

    it("goes to the file that it names, if it names one", function()
      local path = helpers.temp_name()
      for _, variables in ipairs {{SSLKEYLOGFILE = path}, {SSLKEYLOGFILE = ""}, {}} do
        local peer = helpers.spawn({helpers.interpreter, helpers.temp_file(CHILD)}, {env = variables})
        assert.equal(0, peer:wait(), peer:output())
        assert.equal("true\ttrue\n", peer:output())
      end
      assert.same(LABELS["TLSv1.3"], labels_of(helpers.read_file(path)))
    end)

    it("is no matter in a program that was not asked to", function()
      local path = helpers.temp_name()
      local peer = helpers.spawn({helpers.interpreter, helpers.temp_file((CHILD:gsub("keylog = \"environment\"", "")))},
        {env = {SSLKEYLOGFILE = path}})
      assert.equal(0, peer:wait(), peer:output())
      assert.is_nil(io.open(path))
    end)

    it("is not heeded by a program with the rights of others", function()
      if helpers.preloaded then return pending "a sanitizer would be lost there" end
      local copy, path = helpers.temp_name(), helpers.temp_name()
      local made = helpers.spawn {"sh", "-c", ("cp \"$(command -v %s)\" %s && chgrp 65534 %s && chmod 2755 %s"):format(
        helpers.interpreter, copy, copy, copy)}
      if made:wait() ~= 0 then return pending "only root has other groups" end
      local peer = helpers.spawn({copy, helpers.temp_file(CHILD)}, {env = {SSLKEYLOGFILE = path}})
      assert.equal(0, peer:wait(), peer:output())
      if peer:output():find "^true" then return pending "a file system without it" end
      assert.equal("false\ttrue\n", peer:output())
      assert.is_nil(io.open(path))
    end)
  end)
end)

describe("a trace", function()
  it("has the messages of a handshake, and no secret", function()
    local lines = {}
    local near, far = pair("TLSv1.3", {trace = function(line) lines[#lines + 1] = line end})
    assert(helpers.handshake(near, far))
    assert(far:write "x")
    helpers.pump(near, far)
    near:read(1)
    local text = table.concat(lines, "\n")
    for _, what in ipairs {"sent ClientHello, %d+ bytes", "received ServerHello, %d+ bytes", "received Certificate, ",
      "received CertificateVerify, ", "received EncryptedExtensions, ", "received Finished, %d%d bytes",
      "sent Finished, ", "received NewSessionTicket, ", "client localhost: state "} do
      assert.matches(what, text)
    end
    for line in text:gmatch "[^\n]+" do
      assert.matches("^client localhost: [%w /,:_%(%)%-%.]+$", line)
      assert.is_nil(line:match(("%x"):rep(16)), line)
    end
    near:close()
    assert.matches("client localhost: sent alert, warning: close_notify", table.concat(lines, "\n"))
    far:close()
  end)

  it("goes to a file, of both sides", function()
    local path = helpers.temp_name()
    local near, far = pair("TLSv1.2", {trace = path}, {trace = path})
    assert.equal("600", mode_of(path))
    assert(helpers.handshake(near, far))
    near:close()
    far:close()
    local text = helpers.read_file(path)
    assert.matches("client localhost: sent ClientKeyExchange", text)
    assert.matches("server localhost: received ClientKeyExchange", text)
    assert.matches("server localhost: sent ServerHelloDone, 4 bytes\n", text)
  end)

  it("tells of alerts and retries", function()
    local lines = {}
    local near, far = pair("TLSv1.3", {groups = "X25519:P-256", trace = function(line) lines[#lines + 1] = line end},
      {groups = "P-256", certfile = helpers.file "untrusted.pem"})
    assert.is_nil((helpers.handshake(near, far)))
    local text = table.concat(lines, "\n")
    assert.matches("received HelloRetryRequest, ", text)
    assert.matches("sent alert, fatal: unknown_ca", text)
    near:close()
    far:close()
  end)
end)

-- The socket's side of the same.
describe("a key log of an SSLSocket", function()
  it("fails connect and accept", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local port = select(2, listener:getsockname())
    local server = assert(resuming.server {keylog = function() error("full", 0) end}:wrap_socket(listener))
    local peer = helpers.s_client(port)
    local conn, err, theirs = server:accept()
    assert.is_nil(conn)
    assert.equal("full", err)
    assert.is_true(theirs)
    peer:stop()
    server:close()
  end)
end)
