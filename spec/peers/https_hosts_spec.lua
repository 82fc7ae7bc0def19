-- luassl.https in event loops, each with its `connect` of examples/https_hosts:
-- many requests take about as long as the slowest, not all together. A host that
-- is not there for this Lua is left out.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local socket = require "socket"

helpers.audit()

local COUNT, PAUSE = 20, 0.02  -- of each answer 50 pieces: a second

local peer

setup(function()
  peer = http_peers.python(http_peers.directory {
    slow = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" .. ("x"):rep(50),
    held = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nx",
    cut = "HTTP/1.1 200 OK\r\n\r\nx",
  })
end)

teardown(function()
  peer:stop()
  peer = nil
end)

local function url(path)
  return ("https://127.0.0.1:%d/%s"):format(peer.port, path)
end

-- What each host's program has for its requests: `ask(url, timeout)` gives a
-- line that tells how it ended.
local PREAMBLE = [[
local https = require "luassl.https"
local function asker(connect, ca)
  return function(url, timeout)
    local size = 0
    local done, err = https.request { url = url, connect = connect, timeout = timeout, tls = { ca_certs = ca },
      sink = function(piece)
        size = size + (piece and #piece or 0)
        return 1
      end }
    return ("%s %s %d"):format(tostring(done), type(err) == "table" and err.kind or tostring(err), size)
  end
end
]]

local SLOW = "slow?size=1&pause=" .. PAUSE
local OTHERS = {
  {"held?end=hold", 0.5, "nil timeout 1"}, {"cut?end=cut", 20, "nil incomplete 1"}, {"cut?end=notify", 20, "1 200 1"},
}

local function check(lines, started)
  for i = 1, COUNT do assert.equal("1 200 50", lines[i], lines[i]) end
  assert.is_true(socket.gettime() - started < COUNT)
end

local function split(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

-- Runs a program that takes the file of `connect`, a CA, a timeout and URLs, and
-- prints a line for each.
local function run(program, host, timeout, urls)
  local argv = {helpers.interpreter, helpers.temp_file(PREAMBLE .. program), "examples/https_hosts/" .. host,
    helpers.file "root.crt", timeout}
  for _, each in ipairs(urls) do argv[#argv + 1] = each end
  local process = helpers.spawn(argv)
  assert.equal(0, process:wait(30), process:output())
  return split(process:output())
end

local PROGRAMS = {
  luv = [[
    local uv = require "luv"
    local ask = asker(dofile(arg[1]), arg[2])
    for i = 4, #arg do
      coroutine.wrap(function() print(ask(arg[i], tonumber(arg[3]))) end)()
    end
    uv.run()
  ]],
  copas = [[
    local copas = require "copas"
    local ask = asker(dofile(arg[1]), arg[2])
    local left = #arg - 3
    for i = 4, #arg do
      copas.addthread(function()
        print(ask(arg[i], tonumber(arg[3])))
        left = left - 1
      end)
    end
    while left > 0 do copas.step() end
  ]],
}

for host, program in pairs(PROGRAMS) do
  local found, loaded = pcall(require, host)
  if found then
    it("in " .. host .. " requests wait for each other's sake", function()
      local urls = {}
      for i = 1, COUNT do urls[i] = url(SLOW) end
      local started = socket.gettime()
      check(run(program, host .. ".lua", 25, urls), started)
      for _, other in ipairs(OTHERS) do
        if host ~= "copas" or loaded.settimeout or other[3] ~= "nil timeout 1" then
          assert.equal(other[3], run(program, host .. ".lua", other[2], {url(other[1])})[1])
        end
      end
    end)
  end
end

-- Where nginx has Lua, its module; Debian's place.
local MODULES = "/usr/lib/nginx/modules/"
local handle = io.open(MODULES .. "ngx_http_lua_module.so")
if handle then handle:close() end

-- What a sanitizer was built into nginx cannot load.
if handle and jit and not os.getenv "LD_PRELOAD" then
  describe("in nginx", function()
    local nginx

    setup(function()
      local directory, port = helpers.temp_name(), helpers.free_port()
      assert(helpers.spawn({"mkdir", "-p", directory .. "/logs"}):wait() == 0)
      local text = ([[
        daemon off; master_process off; worker_processes 1; pid DIR/pid; error_log stderr;
        load_module MODULESndk_http_module.so; load_module MODULESngx_http_lua_module.so;
        events {} http {
          access_log off; client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c;
          uwsgi_temp_path DIR/d; scgi_temp_path DIR/e;
          lua_package_path "PATH"; lua_package_cpath "CPATH";
          init_by_lua_block { require "ltn12" require "luassl.https" require "socket.http" }
          server { listen 127.0.0.1:PORT; location / { content_by_lua_block {
            PREAMBLE
            local ask = asker(dofile "examples/https_hosts/nginx.lua", "ROOT")
            ngx.say(ask(ngx.unescape_uri(ngx.var.arg_url), tonumber(ngx.var.arg_timeout)))
          } } }
        }
      ]]):gsub("%u+", {DIR = directory, PATH = package.path, CPATH = package.cpath, PORT = tostring(port),
        PREAMBLE = PREAMBLE, ROOT = helpers.file "root.crt"}):gsub("MODULES", MODULES)
      nginx = helpers.spawn({"nginx", "-p", ".", "-c", helpers.temp_file(text)}, {timeout = 120})
      nginx.port = port
      helpers.wait_for_port(port)
    end)

    teardown(function()
      nginx:stop()
      nginx = nil
    end)

    -- A curl that asks nginx, which asks the server.
    local function begin(path, timeout)
      local inner = url(path):gsub("[^%w]", function(byte) return ("%%%02X"):format(byte:byte()) end)
      return helpers.spawn {"curl", "-sS", "-m", "25", "--noproxy", "*",
        ("http://127.0.0.1:%d/?timeout=%s&url=%s"):format(nginx.port, timeout, inner)}
    end

    local function finish(process)
      assert.equal(0, process:wait(30), process:output())
      return (process:output():gsub("\n$", ""))
    end

    it("requests wait for each other's sake", function()
      local started, processes, lines = socket.gettime(), {}, {}
      for i = 1, COUNT do processes[i] = begin(SLOW, 25) end
      for i = 1, COUNT do lines[i] = finish(processes[i]) end
      check(lines, started)
      for _, other in ipairs(OTHERS) do assert.equal(other[3], finish(begin(other[1], other[2]))) end
      assert.is_nil(nginx:output():find("[alert]", 1, true), nginx:output())
    end)
  end)
end
