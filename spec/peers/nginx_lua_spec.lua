-- luassl.ngx in the real host: nginx with its Lua module, several workers,
-- contexts made before the fork. Runs on LuaJIT, which is nginx's Lua.
local http = require "socket.http"
local socket = require "socket"
local helpers = require "spec.support.helpers"
local cases = require "spec.support.connected_cases"

helpers.audit()

local REQUESTS = tonumber(os.getenv "LUASSL_REQUESTS") or 300  -- each loads LuaSSL anew; for measuring: more

local CONF = [[
  %s
  daemon off; pid pid; error_log stderr info; worker_processes 2;
  events { worker_connections 1024; }
  http {
    access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t;
    scgi_temp_path t; keepalive_timeout 0;
    lua_package_path "%s;/usr/share/lua/5.1/?.lua;;"; lua_package_cpath "%s;;";
    init_by_lua_block {
      local ssl = require "luassl"
      local pki = "%s/"
      local function client(options)
        options.ca_certs, options.session_cache = pki .. "root.crt", false
        local context, err = ssl.create_default_context(options)
        return context or error(tostring(err))
      end
      local function ask(sock)  -- yields to nginx in the middle of a handshake
        assert(sock:connect("127.0.0.1", %d))
        assert(sock:send "GET /plain HTTP/1.0\r\n\r\n")
        return assert(sock:receive "*a"):match "\r\n\r\n(%%a+)"
      end
      local makers = {
        plain = function() return client {} end,
        identified = function() return client { certfile = pki .. "client.pem" } end,
        pinned = function() return client { pins = { "sha256//" .. ("A"):rep(43) .. "=" } } end,
        hooked = function()
          return client { on_verify = function(conn, facts)
            conn.asked = ask(ngx.socket.tcp())
            return facts.verified
          end }
        end,
        refusing = function()
          return client { on_verify = function()
            ask(ngx.socket.tcp())
            return nil, "certificate_unknown"
          end }
        end,
        fetched = function()  -- a hundred: none goes on before all are there
          local waiting, identity = 0, client { certfile = pki .. "client.pem" }
          return client { on_certificate = function()
            waiting = waiting + 1
            while waiting < 100 do ngx.sleep(0.005) end
            return identity
          end }
        end,
        impatient = function() return client { handshake_timeout = 0.2 } end,
      }
      package.loaded.contexts = setmetatable({ plain = makers.plain() }, {
        __index = function(_, name) return makers[name]() end })
    }
    server {
      listen 127.0.0.1:%d;
      location = /plain { content_by_lua_block { ngx.print "plain" } }
      location = /pid { content_by_lua_block { ngx.print(ngx.worker.pid()) } }
      location = /fetch { content_by_lua_block {
        local arguments = ngx.req.get_uri_args()
        local conn, err = require "luassl.ngx".connect("127.0.0.1", tonumber(arguments.port), {
          context = require "contexts"[arguments.context or "plain"],
          server_hostname = arguments.name or "localhost", timeout = 10 })
        if not conn then
          ngx.log(ngx.WARN, "no connection: ", err)
          return ngx.say("failed: ", tostring(err))
        end
        conn:settimeout(10)
        assert(conn:send "hello\n")
        local line, failure = conn:receive()
        ngx.say(tostring(line or failure), " ", conn:version(), " ", tostring(conn.asked))
        conn:close()
      } }
      location = /duplex { content_by_lua_block {
        local conn = assert(require "luassl.ngx".connect("127.0.0.1", tonumber(ngx.var.arg_port), {
          context = require "contexts".plain, server_hostname = "localhost" }))
        conn:settimeout(10)
        local text = ("0123456789"):rep(100000) .. "\n"
        local reader = ngx.thread.spawn(function() return #assert(conn:receive()) end)
        local idle = ngx.thread.spawn(function() return conn:receive() end)
        local writer = ngx.thread.spawn(function() return assert(conn:send(text)) end)
        local _, sent = ngx.thread.wait(writer)
        local _, received = ngx.thread.wait(reader)
        ngx.thread.kill(idle)  -- which waits in a read
        assert(conn:send "still there\n")
        ngx.say(sent, " ", received, " ", (conn:receive()))
        conn:settimeout(0.05)
        local _, err = conn:receive()
        conn:settimeout(10)
        assert(conn:send "and now\n")
        ngx.say(err, " ", (conn:receive()))
        conn:close()
      } }
      location = /cases { content_by_lua_block {
        require "spec.support.cases_in_nginx".answer(tonumber(ngx.var.arg_relay), ngx.var.arg_pki)
      } }
      location = /fetched { content_by_lua_block {
        local context, threads, answers = require "contexts".fetched, {}, 0
        for i = 1, 100 do
          threads[i] = ngx.thread.spawn(function()
            local conn = assert(require "luassl.ngx".connect("127.0.0.1", tonumber(ngx.var.arg_port), {
              context = context, server_hostname = "localhost" }))
            assert(conn:send "hello\n")
            if conn:receive() == "hello" then answers = answers + 1 end
            conn:close()
          end)
        end
        for i = 1, 100 do ngx.thread.wait(threads[i]) end
        ngx.say(answers)
      } }
      location = /nested { content_by_lua_block {
        local tls, ssl = require "luassl.ngx", require "luassl"
        local contexts = require "contexts"
        local outer = assert(tls.connect("127.0.0.1", tonumber(ngx.var.arg_proxy), {
          context = contexts.plain, server_hostname = "localhost" }))
        assert(ssl.http_connect(outer, "127.0.0.1", tonumber(ngx.var.arg_port)))
        local conn = assert(contexts.plain:wrap_stream(outer, { server_hostname = "localhost" }))
        conn:settimeout(10)
        assert(conn:send "hello\n")
        ngx.say((conn:receive()), " ", conn:version(), " in ", outer:version())
        conn:close()
      } }
    }
    server {
      listen 127.0.0.1:%d;
      lua_code_cache off;
      location / { content_by_lua_block {
        local conn, err = require "luassl.ngx".connect("127.0.0.1", tonumber(ngx.var.arg_port), {
          context = require "contexts".plain, server_hostname = "localhost" })
        ngx.print(conn and conn:version() or tostring(err), " ", ngx.worker.pid())
        if conn then conn:close() end
      } }
    }
  }]]

-- Echoes lines over TLS; prints whom a client was, if it is asked.
local ECHO = [[
import asyncio, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
if len(sys.argv) > 2:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[2])
async def serve(reader, writer):
    try:
        while True:
            line = await reader.readline()
            if not line: break
            writer.write(line)
            await writer.drain()
    except OSError: pass
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=1 << 22)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    async with server: await server.serve_forever()
asyncio.run(main())
]]

local MODULES = "/usr/lib/nginx/modules/"

local function readable(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local has_lua = jit ~= nil and readable(MODULES .. "ngx_http_lua_module.so")

describe("luassl.ngx", function()
  if not has_lua then
    pending "needs LuaJIT and nginx's Lua module"
    return
  end

  local server, base, uncached, port

  local function echo(...)
    local peer = helpers.spawn({"python3", "-c", ECHO, ...}, {timeout = 120})
    return peer, (peer:expect "port (%d+)")
  end

  setup(function()
    local directory = helpers.temp_name()
    assert.equal(0, helpers.spawn({"mkdir", directory}):wait())
    local front, other = helpers.free_port(), helpers.free_port()
    local pipe = io.popen "id -un"  -- root's workers would be somebody else, who may not read our files
    local load_modules = ("user %s; "):format((pipe:read()))
    pipe:close()
    for _, name in ipairs {"ndk_http_module.so", "ngx_http_lua_module.so"} do
      if readable(MODULES .. name) then load_modules = load_modules .. "load_module " .. MODULES .. name .. "; " end
    end
    local root = os.getenv "LUASSL_BUILD":gsub("/build/[^/]*$", "")
    local file = assert(io.open(directory .. "/nginx.conf", "w"))
    file:write(CONF:format(load_modules, ("%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua"):format(root, root, root),
      os.getenv "LUASSL_BUILD" .. "/?.so", helpers.file "", front, front, other))
    file:close()
    server = helpers.spawn({"nginx", "-e", "stderr", "-p", directory, "-c", directory .. "/nginx.conf"},
      {timeout = 300, env = {PATH = os.getenv "PATH" .. ":/usr/sbin"}})
    local fine, why = pcall(helpers.wait_for_port, front)
    if not fine then error(why .. server:output()) end
    base, uncached = "http://127.0.0.1:" .. front, "http://127.0.0.1:" .. other
    server.echo, port = echo(helpers.file "ecdsa.pem")
  end)

  teardown(function()
    helpers.stop_all()
    server = nil
  end)

  local function get(path, ...)
    http.TIMEOUT = 30
    local page, status = http.request(base .. path:format(...))
    assert(page, status)
    return page
  end

  it("fetches over TLS", function()
    assert.equal("hello TLSv1.3 nil\n", get("/fetch?port=%s", port))
  end)

  it("has a client certificate", function()
    local peer, its = echo(helpers.file "ecdsa.pem", helpers.file "root.crt")
    assert.equal("hello TLSv1.3 nil\n", get("/fetch?port=%s&context=identified", its))
    peer:stop()
    peer = helpers.s_server {arguments = {"-Verify", "1", "-verify_return_error", "-CAfile", helpers.file "root.crt"}}
    assert.matches("alert certificate_required", (get("/fetch?port=%s", peer.port)))
    peer:stop()
  end)

  it("has hooks that wait for cosockets", function()
    assert.equal("hello TLSv1.3 plain\n", get("/fetch?port=%s&context=hooked", port))
    assert.matches("^failed: certificate_unknown", get("/fetch?port=%s&context=refusing", port))
  end)

  it("fetches a hundred certificates at once, in hooks that wait", function()
    local peer, its = echo(helpers.file "ecdsa.pem", helpers.file "root.crt")
    assert.equal("100\n", get("/fetched?port=%s", its))
    peer:stop()
  end)

  it("tells why a handshake fails", function()
    assert.matches("^failed: .*hostname mismatch", get("/fetch?port=%s&name=other.example", port))
    assert.matches("^failed: .*one of the pins", get("/fetch?port=%s&context=pinned", port))
    assert.equal("failed: connection refused\n", get("/fetch?port=%d", helpers.free_port()))
    local plain = assert(base:match ":(%d+)$")
    assert.matches("^failed: .*plain HTTP", get("/fetch?port=%s", plain))
    local silent = socket.bind("127.0.0.1", 0)
    assert.matches("^failed: .*within 0.2 seconds",
      get("/fetch?port=%s&context=impatient", select(2, silent:getsockname())))
    silent:close()
  end)

  it("receives and sends at once, and goes on when a light thread is killed", function()
    assert.equal("1000001 1000000 still there\ntimeout and now\n", get("/duplex?port=%s", port))
  end)

  describe("does what a socket does: it", function()
    local answers

    setup(function()
      local relay = helpers.spawn({"python3", "spec/support/joining_relay.py"}, {timeout = 120})
      answers = {}
      for line in get("/cases?relay=%s&pki=%s", relay:expect "port (%d+)", helpers.file ""):gmatch "[^\n]+" do
        answers[#answers + 1] = line
      end
      relay:stop()
    end)

    local count = 0
    cases.add(require "spec.support.cases_in_nginx".LACKS, function(name)
      count = count + 1
      local number = count
      it(name, function() assert.equal("ok", answers[number]) end)
    end)
  end)

  it("speaks TLS in TLS through a proxy", function()
    local proxy = helpers.spawn {"python3", "spec/support/connect_proxy.py", helpers.file "rsa.pem",
      "HTTP/1.1 200 OK\\r\\n\\r\\n"}
    assert.equal("hello TLSv1.3 in TLSv1.3\n", get("/nested?proxy=%s&port=%s", (proxy:expect "port (%d+)"), port))
    proxy:stop()
  end)

  it("is loaded anew for hundreds of requests without growth", function()
    local function resident(pid)
      return tonumber(helpers.read_file("/proc/" .. pid .. "/status"):match "VmRSS:%s*(%d+)")
    end
    local first
    for i = 1, REQUESTS do
      local page = assert(http.request(uncached .. "/?port=" .. port))
      local version, pid = page:match "^(%S+) (%d+)$"
      assert.equal("TLSv1.3", version, page .. server:output():sub(-500))
      if i == 100 then first = {pid = pid, kib = resident(pid)} end
    end
    local grown = first.kib .. " KiB became " .. resident(first.pid)
    if os.getenv "LUASSL_NUMBERS" then print(("%d requests: %s"):format(REQUESTS, grown)) end
    assert.is_true(resident(first.pid) - first.kib < 8192, grown)
  end)

  it("is reloaded and ends clean, without an alert in the log", function()
    local master = tonumber((helpers.read_file(server.argv[5] .. "/pid"):match "%d+"))
    local before = get "/pid"
    local kill = helpers.spawn {"kill", "-HUP", tostring(master)}
    assert.equal(0, kill:wait())
    local deadline = socket.gettime() + helpers.patience
    while get "/pid" == before and socket.gettime() < deadline do socket.sleep(0.02) end
    assert.equal("hello TLSv1.3 nil\n", get("/fetch?port=%s", port))
    assert.equal(0, helpers.spawn({"kill", "-QUIT", tostring(master)}):wait())
    assert.equal(0, server:wait(30))
    local log = server:output()
    log = log:gsub("[^\n]*lua_code_cache is off[^\n]*", "")  -- nginx's advice
    assert.is_nil(log:match "[^\n]*%[alert%][^\n]*")
    assert.is_nil(log:match "[^\n]*%[emerg%][^\n]*")
    assert.matches("no connection: handshake: the server's certificate is refused", log)
  end)

  it("is in an example that fetches 200 pages at once", function()
    local program = helpers.spawn({"sh", "examples/nginx/run.sh", helpers.free_port(), helpers.free_port()},
      {timeout = 120, env = {PATH = os.getenv "PATH" .. ":/usr/sbin"}})
    assert.equal(0, program:wait(120), program:output())
    local printed = program:output()
    assert.matches("\na slow page\n", printed)
    assert.matches("\nhandshake: .*hostname mismatch", printed)
    assert.matches("\n200 pages in [%d.]+ s\n", printed)
  end)
end)
