-- Early data with openssl, GnuTLS and nginx, in both roles.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local EARLY = "early bird\n"

local function listen()
  local context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem", max_early_data = 4096})
  local raw = assert(socket.bind("127.0.0.1", 0))
  local _, port = raw:getsockname()
  local listener = assert(context:wrap_socket(raw, {do_handshake_on_connect = false}))
  listener:settimeout(helpers.patience)
  return listener, port
end

-- What the next client sends early, whether it resumed, and the line behind it.
local function serve_one(listener, answer)
  local conn = assert(listener:accept())
  conn:settimeout(helpers.patience)
  local early, err = conn:read_early_data()
  assert(early or not err, tostring(err))
  assert(conn:do_handshake())
  assert(conn:send(answer))
  local line = conn:receive()
  local found = {early = early, resumed = conn:session_reused(), accepted = conn:early_data_accepted(), line = line}
  conn:close()
  return found
end

describe("a server that takes early data", function()
  it("takes that of openssl, once", function()
    local listener, port = listen()
    local saved, data = helpers.temp_name(), helpers.temp_file(EARLY)
    local function visit(...)
      local argv = {"-tls1_3", "-quiet", ...}
      local peer = helpers.s_client(port, {arguments = argv})
      peer:write "a line\n"
      local found = serve_one(listener, "hello\n")
      peer:expect "hello"
      peer:close_input()
      peer:wait()
      return found, peer
    end
    assert.same({resumed = false, line = "a line"}, (visit("-sess_out", saved)))
    assert.same({early = EARLY, resumed = true, accepted = true, line = "a line"},
      (visit("-sess_in", saved, "-early_data", data)))
    assert.same({resumed = false, accepted = false, line = "a line"}, (visit("-sess_in", saved, "-early_data", data)))
    listener:close()
  end)

  it("takes that of GnuTLS", function()
    local listener, port = listen()
    local peer = helpers.spawn({"gnutls-cli", "--x509cafile", file "root.crt", "--priority",
      "NORMAL:-VERS-ALL:+VERS-TLS1.3", "--resume", "--waitresumption", "--earlydata", helpers.temp_file(EARLY),
      "-p", port, "localhost"}, {input = true})
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    assert(conn:do_handshake())
    assert(conn:send "hello\n")
    conn:receive "*a"
    conn:close()
    peer:write "a line\n"
    local served, found = pcall(serve_one, listener, "hello again\n")
    if not served and peer:output():find "error sending early data" then  -- Debian 13's gives up by itself
      peer:stop()
      listener:close()
      return pending "gnutls-cli sends none"
    end
    assert(served, tostring(found) .. peer:output())
    assert.same({early = EARLY, resumed = true, accepted = true, line = "a line"}, found)
    peer:close_input()
    peer:wait()
    listener:close()
  end)
end)

describe("a client that sends early data", function()
  local context

  before_each(function()
    context = assert(ssl.create_default_context {ca_certs = file "root.crt", minimum_version = "TLSv1.3"})
  end)

  after_each(function() context = nil end)

  local function connect(port, session)
    local conn = assert(context:wrap_socket(assert(socket.connect("127.0.0.1", port)), {
      server_hostname = "localhost", session = session, do_handshake_on_connect = false}))
    conn:settimeout(helpers.patience)
    return conn
  end

  it("is understood by openssl", function()
    local peer = helpers.s_server {arguments = {"-tls1_3", "-early_data", "-max_early_data", "4096"}}
    local conn = connect(peer.port)
    assert(conn:do_handshake())
    peer:write "one\n"
    assert.equal("one", conn:receive())
    local session = assert(conn:session())
    assert.equal(4096, session:max_early_data())
    conn:close()
    conn = connect(peer.port, session)
    assert.equal(#EARLY, conn:write_early_data(EARLY))
    assert(conn:do_handshake())
    assert.is_true(conn:early_data_accepted())
    assert(conn:send "two\n")
    peer:expect "early bird\n"  -- among what it says on its other stream
    peer:expect "End of early data"
    peer:expect "two\n"
    conn:close()
    -- A ticket serves once on this side, too: it is not offered again.
    conn = connect(peer.port, session)
    local sent, err = conn:write_early_data(EARLY)
    assert.is_nil(sent)
    assert.equal("early_data", err.kind)
    conn:close()
    peer:stop()
  end)

  it("is told by openssl that it was refused", function()
    local peer = helpers.s_server {arguments = {"-tls1_3", "-max_early_data", "4096", "-rev"}}
    local conn = connect(peer.port)
    assert(conn:do_handshake())
    assert(conn:send "one\n")
    assert.equal("eno", conn:receive())
    local session = assert(conn:session())
    conn:close()
    assert.equal(4096, session:max_early_data())
    conn = connect(peer.port, session)
    assert.equal(#EARLY, conn:write_early_data(EARLY))
    local line, err = conn:receive()
    assert.is_nil(line)
    assert.equal("early_data_refused", err.kind)
    assert.is_false(conn:early_data_accepted())
    assert.is_true(conn:session_reused())
    assert(conn:send(EARLY))
    assert.equal("drib ylrae", conn:receive())
    conn:close()
    peer:stop()
  end)

  it("is understood by GnuTLS", function()
    local port = helpers.free_port()
    local peer = helpers.spawn {"gnutls-serv", "--echo", "-p", port, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3",
      "--x509certfile", file "rsa.crt", "--x509keyfile", file "rsa.key", "--disable-client-cert", "--earlydata",
      "--maxearlydata", "4096"}
    helpers.wait_for_port(port)
    local conn = connect(port)
    assert(conn:do_handshake())
    assert(conn:send "one\n")
    assert.equal("one", conn:receive())
    local session = assert(conn:session())
    conn:close()
    assert.equal(4096, session:max_early_data())
    conn = connect(port, session)
    assert.equal(#EARLY, conn:write_early_data(EARLY))
    assert(conn:do_handshake())
    assert.is_true(conn:early_data_accepted())
    assert(conn:send "two\n")
    local heard = conn:receive()
    if heard == "early bird" then heard = conn:receive() end  -- it echoes that, too, or not
    assert.equal("two", heard)
    conn:close()
    peer:stop()
  end)

  it("is answered by nginx", function()
    local directory = helpers.temp_name()
    os.execute(("mkdir -p %s/logs"):format(directory))
    local port = helpers.free_port()
    local paths = {}
    for _, name in ipairs {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} do
      paths[#paths + 1] = ("%s_temp_path %s/%s;"):format(name, directory, name)
    end
    local peer = helpers.spawn {"nginx", "-p", directory, "-c", helpers.temp_file(([[
      daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr;
      events {} http { access_log off; %s server { listen 127.0.0.1:%d ssl; ssl_protocols TLSv1.3;
      ssl_certificate %s; ssl_certificate_key %s; ssl_early_data on;
      location / { return 200 "early: $ssl_early_data.\n"; } } }
    ]]):format(directory, table.concat(paths, " "), port, file "rsa.crt", file "rsa.key"))}
    helpers.wait_for_port(port)
    local request = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
    local conn = connect(port)
    assert(conn:do_handshake())
    assert(conn:send(request))
    assert.truthy(conn:receive "*a":find "early: %.\n")
    local session = assert(conn:session())
    conn:close()
    conn = connect(port, session)
    assert.equal(#request, conn:write_early_data(request))
    assert.truthy(conn:receive "*a":find "early: 1?%.\n")  -- 1: it was faster than the handshake
    assert.is_true(conn:early_data_accepted())
    conn:close()
    peer:stop()
  end)
end)
