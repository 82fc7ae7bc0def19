-- LuaSocket's own protocols and tools over an SSLSocket, unchanged, against
-- servers that people run: nginx and aiosmtpd, both from Debian.
local http = require "socket.http"
local ltn12 = require "ltn12"
local mime = require "mime"
local smtp = require "socket.smtp"
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"

helpers.audit()

local big = {}
for i = 1, 100000 do big[i] = ("%08x:%s\r\n"):format(i * 40503, ("x"):rep(i % 50)) end
big = table.concat(big)

-- What http.request and smtp.send take: makes a client that verifies.
local function create()
  return ssl.wrap_socket(socket.tcp(), {ca_certs = helpers.file "root.crt",
    cert_reqs = ssl.CERT_REQUIRED, check_hostname = true,
    suppress_ragged_eofs = false})
end

describe("nginx", function()
  local server, base, directory

  local function write(name, content)
    local file = assert(io.open(directory .. "/" .. name, "wb"))
    file:write(content)
    file:close()
  end

  setup(function()
    local port, other = helpers.free_port(), helpers.free_port()
    directory = helpers.temp_name()
    assert(os.execute(("mkdir -p '%s/up'"):format(directory)))
    write("page.txt", "the page\n")
    write("big.txt", big)
    write("made.shtml", '<!--#echo var="request_method" -->' .. big)
    write("nginx.conf", ([[
      daemon off; master_process off; error_log stderr; pid pid;
      events {}
      http {
        access_log off; types { text/plain txt; text/html shtml; } client_max_body_size 100m; root .;
        client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
        uwsgi_temp_path t4; scgi_temp_path t5;
        ssl_certificate %s; ssl_certificate_key %s;
        server {
          listen 127.0.0.1:%d ssl;
          location / { ssi on; }
          location /to-the-end/ {
            alias ./; ssi on; chunked_transfer_encoding off; }
          location /up/ { dav_methods PUT; }
          location = /moved { return 302 /page.txt; }
        }
        server {
          listen 127.0.0.1:%d ssl;
          ssl_certificate %s; ssl_certificate_key %s;
        }
      }]]):format(helpers.file "rsa.crt", helpers.file "rsa.key", port, other,
        helpers.file "other.crt", helpers.file "other.key"))
    server = helpers.spawn({"nginx", "-e", "stderr", "-p", directory, "-c",
      directory .. "/nginx.conf"}, {timeout = 60,
      env = {PATH = os.getenv "PATH" .. ":/usr/sbin"}})
    helpers.wait_for_port(port)
    base = "https://localhost:" .. port
    server.other = "https://localhost:" .. other
  end)

  teardown(function()
    server:stop()
    server = nil
  end)

  -- http.request with a sink: the body, then what else it answers.
  local function request(path, more)
    local chunks = {}
    local arguments = {url = base .. path, create = create,
      sink = ltn12.sink.table(chunks)}
    for name, value in pairs(more or {}) do arguments[name] = value end
    local done, code, headers = http.request(arguments)
    return done and table.concat(chunks), code, headers
  end

  it("serves a page to socket.http", function()
    local body, code, headers = request "/page.txt"
    assert.equal("the page\n", body)
    assert.equal(200, code)
    assert.equal("9", headers["content-length"])
  end)

  it("serves much, of known length, in chunks and to the end", function()
    for path, mode in pairs {["/big.txt"] = "content-length",
        ["/made.shtml"] = "transfer-encoding", ["/to-the-end/made.shtml"] = 1} do
      local body, code, headers = request(path)
      assert.equal(200, code)
      assert.is_true(body == (path:find "made" and "GET" or "") .. big)
      assert.equal(mode ~= 1, (headers["content-length"]
        or headers["transfer-encoding"]) ~= nil)
      assert.is_true(mode == 1 or headers[mode] ~= nil, mode)
    end
  end)

  it("takes what is put, of known length and in chunks", function()
    for name, length in pairs {known = #big, unknown = false} do
      local _, code = request("/up/" .. name, {method = "PUT",
        source = ltn12.source.string(big),
        headers = {["content-length"] = length or nil}})
      assert.equal(201, code)
      assert.is_true(helpers.read_file(directory .. "/up/" .. name) == big)
    end
  end)

  it("moves a page, which socket.http follows", function()
    local https = http.schemes.https
    local original = https.create
    https.create = function() return create end  -- for every https URL
    local body, code, headers = http.request(base .. "/moved")
    https.create = original
    assert.equal("the page\n", body)
    assert.equal(200, code)
    assert.truthy(headers.location:find "page.txt$")
    assert.equal(302, (select(2, request("/moved", {redirect = false}))))
  end)

  it("serves two requests on one connection", function()
    local conn = http.open("localhost", base:match "%d+$", create)
    for _ = 1, 2 do
      conn:sendrequestline("GET", "/page.txt")
      conn:sendheaders {host = "localhost"}
      assert.equal(200, (conn:receivestatusline()))
      local chunks = {}
      conn:receivebody(conn:receiveheaders(), (ltn12.sink.table(chunks)))
      assert.equal("the page\n", table.concat(chunks))
    end
    conn:close()
  end)

  it("under another name is refused, and the error says so", function()
    local done, err = http.request {url = server.other, create = create}
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.truthy(err:find("other.example", 1, true))
    done, err = http.request {url = base .. "/page.txt", create = function()
      return ssl.create_default_context {
        ca_certs = helpers.file "other-root.crt"}:wrap_socket(socket.tcp())
    end}
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
  end)

  it("serves several at once in one select", function()
    local conns, bodies = {}, {}
    for i = 1, 4 do
      local conn = assert(create())
      assert(conn:connect("localhost", base:match "%d+$"))
      conn:settimeout(0)
      assert(conn:send "GET /big.txt HTTP/1.0\r\n\r\n")
      conns[i], bodies[conn] = conn, ""
    end
    while conns[1] do
      local readable = socket.select(conns, nil, helpers.patience)
      assert(readable[1], "nothing comes")
      for _, conn in ipairs(readable) do
        local data, err, partial = conn:receive(100000)
        bodies[conn] = bodies[conn] .. (data or partial)
        if err == "closed" then
          conn:close()
          for i = #conns, 1, -1 do
            if conns[i] == conn then table.remove(conns, i) end
          end
        else
          assert(data or err == "timeout", err)
        end
      end
    end
    for _, body in pairs(bodies) do
      assert.is_true(body:match "\r\n\r\n(.*)" == big)
    end
  end)
end)

it("socket.http gives up on a server that is silent", function()
  local peer = helpers.python_server("silent")
  local limit = http.TIMEOUT
  http.TIMEOUT = 0.1
  local start = socket.gettime()
  local done, err = http.request {url = "https://127.0.0.1:" .. peer.port,
    create = create}
  http.TIMEOUT = limit
  kinds.check_elapsed(0.1, start)
  assert.same({nil, "timeout"}, {done, err})
  peer:stop()
end)

describe("a mail server", function()
  local server, implicit, starttls, kept

  setup(function()
    kept = helpers.temp_name()
    -- Debian's packages are for its own Python, which another may hide.
    server = helpers.spawn({"sh", "-c", [[
      for python in python3 /usr/bin/python3; do
        $python -c "import aiosmtpd" 2>/dev/null && exec $python "$@"
      done
      echo "no aiosmtpd" ]], "sh", "spec/peers/smtp.py", "--cert",
      helpers.file "rsa.pem", "--keep", kept})
    implicit, starttls = server:expect "ready implicit=(%d+) starttls=(%d+)"
  end)

  teardown(function()
    server:stop()
    server = nil
  end)

  local function mail(name)
    return {from = "<from@luassl.example>",
      rcpt = {"<one@luassl.example>", "<two@luassl.example>"},
      source = smtp.message {
        headers = {subject = name, to = "one, two"},
        body = {preamble = "parts", {body = "text of " .. name},
          {headers = {["content-transfer-encoding"] = "BASE64"},
            body = ltn12.source.chain(ltn12.source.string(big),
              ltn12.filter.chain(mime.encode "base64", mime.wrap()))}}}}
  end

  local function check_arrived(name, port)
    local number, to, user = server:expect(
      "mail (%d+) from=from@luassl.example to=(%[[^%]]*%]) tls=TLSv1.3 "
      .. "user=(%a+) subject=" .. name)
    assert.equal(port, number)
    assert.equal("['one@luassl.example', 'two@luassl.example']", to)
    assert.is_true(helpers.read_file(kept) == big)
    return user
  end

  it("takes mail over TLS from socket.smtp", function()
    local message = mail "implicit"
    message.server, message.port, message.create = "localhost", implicit, create
    assert.equal(1, assert(smtp.send(message)))
    check_arrived("implicit", implicit)
  end)

  it("takes mail after STARTTLS on socket.smtp's connection", function()
    local session = smtp.open("localhost", starttls)
    local extensions = session:greet "localhost"
    assert.truthy(extensions:find("STARTTLS", 1, true))
    session.try(session.tp:command "STARTTLS")
    session.try(session.tp:check "220")
    session.tp.c = session.try(ssl.wrap_socket(session.tp.c, {
      ca_certs = helpers.file "root.crt", cert_reqs = ssl.CERT_REQUIRED,
      server_hostname = "localhost"}))
    session.try(session.tp:command("EHLO", "localhost"))
    extensions = select(2, session.try(session.tp:check "250"))
    assert.falsy(extensions:find("STARTTLS", 1, true))
    session:auth("post", "secret", extensions)
    session:send(mail "started")
    session:quit()
    session:close()
    assert.equal("post", check_arrived("started", starttls))
  end)

  it("is refused when its name is wrong", function()
    local message = mail "refused"
    message.server, message.port = "localhost", implicit
    function message.create()
      return ssl.wrap_socket(socket.tcp(), {ca_certs = helpers.file "root.crt",
        cert_reqs = ssl.CERT_REQUIRED, server_hostname = "mail.example"})
    end
    local done, err = smtp.send(message)
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.falsy(server:output():find("subject=refused", 1, true))
  end)
end)

for _, kind in ipairs(kinds) do
  describe("over a " .. kind.name, function()
    local client, server

    before_each(function()
      client, server = kind.pair()
      client:settimeout(helpers.patience)
      server:settimeout(helpers.patience)
    end)

    after_each(function()
      client:close()
      server:close()
      client, server = nil, nil
    end)

    teardown(kinds.forget)

    it("ltn12 pumps through socket.sink and socket.source", function()
      local data = big:sub(1, 20000)
      assert(ltn12.pump.all(ltn12.source.string(data),
        socket.sink("keep-open", client)))
      local sink, chunks = ltn12.sink.table()
      assert(ltn12.pump.all(socket.source("by-length", server, #data), sink))
      assert.equal(data, table.concat(chunks))
      assert(ltn12.pump.all(ltn12.source.string(data),
        socket.sink("close-when-done", client)))
      assert.equal(-1, client:getfd())
      sink, chunks = ltn12.sink.table()
      assert(ltn12.pump.all(socket.source("until-closed", server), sink))
      assert.equal(data, table.concat(chunks))
      assert.equal(-1, server:getfd())
    end)

    it("ltn12 pumps through http-chunked and filters", function()
      local data = big:sub(1, 20000)
      assert(ltn12.pump.all(ltn12.source.chain(ltn12.source.string(data),
        mime.encode "base64"), socket.sink("http-chunked", client)))
      local sink, chunks = ltn12.sink.table()
      assert(ltn12.pump.all(socket.source("http-chunked", server, {}),
        ltn12.sink.chain(mime.decode "base64", sink)))
      assert.is_true(table.concat(chunks) == data)
    end)

    it("select takes sources and sinks", function()
      local source = socket.source("by-length", server, 3)
      assert.same({{}, {}, "timeout"}, {socket.select({source}, nil, 0)})
      client:send "abcdef"
      assert.equal(source,
        socket.select({source}, nil, helpers.patience)[1])
      assert.equal("abc", source())
      assert.equal(source, socket.select({source}, nil, 0)[1])  -- dirty
      local sink = socket.sink("keep-open", client)
      assert.equal(sink, select(2, socket.select(nil, {sink}, 0))[1])
    end)

    it("a source and a sink tell the errors of their socket", function()
      server:settimeout(0)
      local source = socket.source("by-length", server, 3)
      assert.same({nil, "timeout"}, {source()})
      client:close()
      assert.same({nil, "closed", 0}, {socket.sink("keep-open", client)("x")})
    end)

    it("protect and try hand errors on as they are", function()
      local finished = 0
      local try = socket.newtry(function()
        finished = finished + 1
        client:close()
      end)
      local exchange = socket.protect(function(pattern)
        try(client:send "line\n")
        local line = try(server:receive())
        server:settimeout(0)
        return line, try(server:receive(pattern))
      end)
      client:send "first\nab\n"
      assert.same({"first", "ab"}, {exchange "*l"})
      assert.equal(0, finished)
      assert.same({nil, "timeout"}, {exchange(100)})
      assert.equal(1, finished)
      assert.equal(-1, client:getfd())
      assert.same({nil, "closed"}, {exchange "*l"})
      assert.equal(2, finished)
    end)
  end)
end

it("protect and try hand an SSLError on as the object it is", function()
  local near, far = helpers.sockets()
  far:send "HTTP/1.1 400 Bad Request\r\n\r\n"
  local conn = kinds.tls.client(near)
  local finished
  local try = socket.newtry(function() finished = true end)
  local done, err = socket.protect(function()
    return try(conn:receive())
  end)()
  assert.is_nil(done)
  assert.is_true(finished)
  assert.is_true(err:is(ssl.SSLError))
  assert.equal("plaintext", err.kind)
  assert.equal(err, (select(2, conn:receive())))
  conn:close()
  far:close()
  kinds.forget()
end)
