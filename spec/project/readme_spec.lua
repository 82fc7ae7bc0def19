-- README.md: its snippets run as they are pasted, and what it names exists.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local readme = helpers.read_file "README.md"
local prose = readme:gsub("%s+", " ")  -- wherever its lines break
local PORT = 8443  -- what the snippets say

local function blocks(language)
  local found = {}
  for block in readme:gmatch("\n```" .. language .. "\n(.-)\n```") do
    found[#found + 1] = block .. "\n"
  end
  return found
end

-- The one block of a language that has `text` in it.
local function block_with(language, text)
  local found
  for _, block in ipairs(blocks(language)) do
    if block:find(text, 1, true) then
      assert(not found, "two blocks with " .. text)
      found = block
    end
  end
  return assert(found, "no block with " .. text)
end

describe("the snippets", function()
  it("are Lua", function()
    local all = blocks "lua"
    assert.is_true(#all >= 3)
    for _, block in ipairs(all) do
      assert((loadstring or load)(block))
    end
  end)

  it("make certificates, serve, and fetch from each other", function()
    local directory = helpers.temp_name()
    assert.equal(0, helpers.spawn({"mkdir", directory}):wait())
    local commands = helpers.spawn({"sh", "-e", "-c",
      block_with("sh", "openssl req")}, {directory = directory})
    assert.equal(0, commands:wait(), commands:output())

    local port = helpers.free_port()  -- PORT may be taken
    local function start(block)
      local code, count = block:gsub(("%%f[%%w]%d%%f[%%W]"):format(PORT), port)
      assert.equal(1, count)
      return helpers.spawn({helpers.interpreter, helpers.temp_file(code)},
        {directory = directory})
    end

    local server = start(block_with("lua", "socket.bind"))
    helpers.wait_for_port(port)  -- by a client that is none: it goes on
    for _ = 1, 2 do
      local client = start(block_with("lua", "ssl.connect"))
      assert.equal(0, client:wait(), client:output())
      local printed = client:output()
      assert.truthy(printed:find "^TLSv1%.3\tTLS_[%w_]+\n", printed)
      assert.truthy(printed:find("HTTP/1.0 200 OK", 1, true), printed)
      assert.truthy(printed:find("you said: GET / HTTP/1.0\n", 1, true),
        printed)
    end

    local curl = helpers.spawn({"curl", "-sS", "-m", "10", "--noproxy", "*",
      "--cacert", "ca.pem", "--resolve",
      ("localhost:%d:127.0.0.1"):format(port),
      ("https://localhost:%d/"):format(port)}, {directory = directory})
    assert.equal(0, curl:wait(), curl:output())
    assert.equal("you said: GET / HTTP/1.1\n", curl:output())
    assert.is_nil((server:status()), server:output())
    server:stop()
  end)

  -- Runs a snippet that speaks of these variables.
  local function run(code, variables)
    setmetatable(variables, {__index = _G})
    if setfenv then return setfenv(assert(loadstring(code)), variables)() end
    return assert(load(code, "README", "t", variables))()
  end

  it("fetch a page by socket.http", function()
    local peer = helpers.s_server {arguments = {"-www"}}
    local page = {}
    local code, count = block_with("lua", "http.request")
      :gsub(tostring(PORT), tostring(peer.port))
    assert.equal(1, count)
    run(code, {ssl = ssl, socket = socket, http = require "socket.http",
      ltn12 = require "ltn12", io = {stdout = {
        write = function(_, text) page[#page + 1] = text return true end,
        close = function() end,
      }}})
    assert.truthy(table.concat(page):find "<HTML>")
    peer:stop()
  end)

  it("poll, given what they speak of", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local client, server = helpers.pair {over = "socket"}
    assert(helpers.handshake(client, server))
    server:settimeout(helpers.patience)
    client:settimeout(helpers.patience)
    assert(server:send "a line\n")
    local printed
    run(block_with("lua", "ssl.poll"), {ssl = ssl, listener = listener,
      conn = client, print = function(line) printed = line end})
    assert.equal("a line", printed)
    for _, thing in ipairs {listener, client, server} do thing:close() end
  end)
end)

describe("the names", function()
  local function exists(holder, where, name)
    assert(holder[name] ~= nil, ("no %s.%s"):format(where, name))
  end

  it("of the module exist", function()
    local count = 0
    for name in readme:gmatch "%f[%w]ssl%.([%a_][%w_]*)" do
      exists(ssl, "ssl", name)
      count = count + 1
    end
    assert.is_true(count > 12, tostring(count))
    for name in readme:gmatch "`(PROTOCOL_%w+)`" do exists(ssl, "ssl", name) end
    for name in readme:gmatch "`(CERT_%w+)`" do exists(ssl, "ssl", name) end
    for name in readme:gmatch "`(%w+Error)`" do exists(ssl, "ssl", name) end
    for name, value in pairs(ssl) do
      if name:find "^PROTOCOL_" or name:find "^CERT_" or name:find "Error$"
        or type(value) == "function" then
        assert(readme:find(name, 1, true), "not in README.md: " .. name)
      end
    end
  end)

  it("of methods exist", function()
    local client, server = helpers.pair {over = "socket"}
    local object, other = helpers.pair()
    local methods = {getmetatable(client).__index, getmetatable(object).__index}
    for name in readme:gmatch "`sock:([%w_]+)%(" do
      exists(methods[1], "SSLSocket", name)
      exists(methods[2], "SSLObject", name)
    end
    local listed = assert(prose:match "Both kinds of connection have `([^`]+)`")
    local count = 0
    for name in listed:gmatch "[%w_]+" do
      exists(methods[1], "SSLSocket", name)
      exists(methods[2], "SSLObject", name)
      count = count + 1
    end
    assert.is_true(count > 5)
    for _, thing in ipairs {client, server, object, other} do thing:close() end
  end)

  it("of options are known", function()
    local sock = socket.tcp()
    local function is_known(open, name)
      local _, err = pcall(open, {[name] = io.stdout})  -- never the right type
      assert(not tostring(err):find "unknown option", tostring(err))
    end
    local count = 0
    local row = assert(readme:match "`ssl%.wrap_socket%(sock, {([^}]*)}%)`")
    for name in row:gmatch "([%w_]+)=" do
      is_known(function(options) return ssl.wrap_socket(sock, options) end,
        name)
      count = count + 1
    end
    row = assert(readme:match
      "`ssl%.get_server_certificate%({host, port}, {([^}]*)}%)`")
    for name in row:gmatch "([%w_]+)=" do
      is_known(function(options)
        return ssl.get_server_certificate({"localhost", 1}, options)
      end, name)
      count = count + 1
    end
    local listed = assert(prose:match "with the options `([^`]+)`")
    for name in listed:gmatch "[%w_]+" do
      is_known(ssl.SSLContext, name)
      is_known(ssl.create_default_context, name)
      count = count + 1
    end
    assert.is_true(count > 35, tostring(count))
    sock:close()
  end)

  it("of make's targets exist", function()
    local makefile = helpers.read_file "Makefile"
    local count = 0
    local text = readme:gsub("luarocks make", "")
    for target in text:gmatch "%f[%w]make (%l+)%f[^%w]" do
      assert(makefile:find("\n" .. target .. ":", 1, true),
        "make has no " .. target)
      count = count + 1
    end
    assert.is_true(count >= 4)
  end)

  it("of files exist", function()
    local count = 0
    for path in readme:gmatch "%]%(([%w_./]+)%)" do
      local handle = assert(io.open(path))
      handle:close()
      count = count + 1
    end
    assert.is_true(count >= 3)
  end)

  it("of results are right", function()
    local time, seconds = readme:match
      '`ssl%.cert_time_to_seconds%("([^"]+)"%)` | `([%d.]+)`'
    assert.equal(tonumber(seconds), ssl.cert_time_to_seconds(time))
  end)
end)
