-- The pages in Markdown: every link leads somewhere, and what they name exists.
-- Their snippets: snippets_spec.lua.
local helpers = require "spec.support.helpers"
local markdown = require "spec.support.markdown"
local socket = require "socket"
local luasec = require "luassl.core".luasec
local ssl = require "luassl"
require "luassl.luasec"

helpers.audit()

local function list(command)
  local pipe = assert(io.popen("LC_ALL=C " .. command))
  local found = {}
  for path in pipe:lines() do found[#found + 1] = path end
  pipe:close()
  return found
end

local pages = list "ls *.md doc/*.md bench/RESULTS.md"
local user_pages = list "ls README.md doc/*.md"

-- A file's text, "" for a folder, nil where there is neither.
local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a" or ""
  file:close()
  return text
end

local function each_line(text, use)
  for line in (text .. "\n"):gmatch "(.-)\n" do use(line) end
end

describe("the links", function()
  for _, path in ipairs(pages) do
    it("lead somewhere: " .. path, function()
      assert.same({}, markdown.dead_links(path, read(path), read))
    end)
  end

  it("lead from the README to every page", function()
    local reached, waiting = {["README.md"] = true}, {"README.md"}
    while #waiting > 0 do
      local path = table.remove(waiting)
      for _, target in ipairs(markdown.links(read(path))) do
        local other = markdown.resolve(path, target)
        if other:find "%.md$" and not reached[other] then
          reached[other] = true
          waiting[#waiting + 1] = other
        end
      end
    end
    for _, path in ipairs(pages) do assert(reached[path], "no link leads to " .. path) end
  end)

  it("that lead nowhere are found", function()
    local files = {["doc/b.md"] = "# A `b`, and _c_\n```sh\n# d\n```\n## e\n## e\n", ["x.lua"] = ""}
    local text = "[1](doc/b.md) [2](doc/c.md) [3](doc/b.md#a-b-and-_c_) [4](doc/b.md#d) [5](doc/b.md#e-1)\n"
      .. "[6](doc/b.md#e-2) ![7](x.lua) `[8](no)` [9](#a) [10](#f) [11](https://x/y)\n```lua\nt[1](y)\n```\n# a\n"
    local function find(path, page)
      return markdown.dead_links(path, page, function(name) return files[name] end)
    end
    assert.same({"doc/c.md", "doc/b.md#d", "doc/b.md#e-2", "#f"}, find("README.md", text))
    assert.same({"b.md#x", "x.lua"}, find("doc/a.md", "[1](b.md) [2](b.md#x) [3](../x.lua) [4](x.lua)"))
  end)
end)

describe("the blocks", function()
  it("have their languages and marks, on every page", function()
    for _, path in ipairs(pages) do
      local _, wrong = markdown.blocks(read(path))
      assert.same({}, wrong, path)
    end
  end)

  it("are read with their marks", function()
    local blocks, wrong = markdown.blocks("a\n```sh\nx\ny\n```\n<!-- snippet: stays, needs a.b -->\n```lua\nz\n```\n"
      .. "<!-- snippet: not run: it, stays -->\n```sh\n```\n")
    assert.same({}, wrong)
    assert.same({"x\ny\n", "z\n", "\n"}, {blocks[1].code, blocks[2].code, blocks[3].code})
    assert.same({nil, true, nil}, {blocks[1].stays, blocks[2].stays, blocks[3].stays})
    assert.same({"a.b", "it, stays"}, {blocks[2].needs, blocks[3].reason})
    assert.equal(7, blocks[2].line)
  end)

  it("that escape are found", function()
    local block = "```sh\nx\n```\n"
    for _, text in ipairs {"```\nx\n```\n", "  " .. block, "```sh\nx\n", "<!-- snippet: stays -->\n\n" .. block,
      "<!-- snippet: ignore -->\n" .. block, "<!-- snippet: not run: -->\n" .. block} do
      local _, wrong = markdown.blocks(text)
      assert.is_true(#wrong > 0, text)
    end
  end)
end)

describe("the README", function()
  it("is short", function()
    local count = 0
    each_line(read "README.md", function() count = count + 1 end)
    assert.is_true(count <= 251, count .. " lines")
  end)

  it("has lines that fit, but for tables", function()
    each_line(markdown.prose(read "README.md"), function(line)
      assert(#line <= 150 or line:find "^|", line)
    end)
  end)
end)

describe("the names", function()
  local methods = {}

  setup(function()
    local client, server = helpers.pair {over = "socket"}
    local object, other = helpers.pair()
    methods.SSLSocket, methods.SSLObject = getmetatable(client).__index, getmetatable(object).__index
    methods.SSLContext = getmetatable(assert(ssl.SSLContext())).__index
    methods.Certificate = getmetatable(ssl.load_certificates(read(helpers.file "root.crt"))[1]).__index
    for _, thing in ipairs {client, server, object, other} do thing:close() end
  end)

  local reference = read "doc/python-2.6.md"

  it("of the reference are on its page", function()
    for name, value in pairs(ssl) do
      if name:find "^PROTOCOL_" or name:find "^CERT_" or name:find "^RAND_" or name:find "_cert$"
        or name == "wrap_socket" or name == "get_server_certificate" or name == "cert_time_to_seconds" then
        assert(reference:find("%f[%w_]" .. name .. "%f[^%w_]"), "not there: " .. name)
      end
      assert(value ~= nil)
    end
    for name in reference:gmatch "`([%u]+_[%w_]+)`" do assert(ssl[name] ~= nil, "no ssl." .. name) end
  end)

  it("of methods exist", function()
    local count = 0
    for _, path in ipairs(user_pages) do
      for name in read(path):gmatch "`%l+:([%w_]+)%(" do
        local found = path == "doc/luasec.md" and luasec.methods[name]
          or methods.SSLSocket[name] or methods.SSLObject[name] or methods.SSLContext[name]
          or methods.Certificate[name] or name == "is" or name == "matches_host" or name == "save"
        assert(found, ("%s: no method %s"):format(path, name))
        count = count + 1
      end
    end
    assert.is_true(count > 20, tostring(count))
  end)

  it("that both kinds of connection have are listed", function()
    local text = read "doc/luasocket.md":gsub("%s+", " ")
    local listed, expected = {}, {}
    for name in assert(text:match "Both kinds of connection have `([^`]+)`"):gmatch "[%w_]+" do listed[name] = true end
    for name in pairs(methods.SSLObject) do
      if methods.SSLSocket[name] and name ~= "dohandshake" then expected[name] = true end
    end
    assert.same(expected, listed)
  end)

  -- Raises for an option that is not known, whatever its value.
  local function check_option(open, name)
    local _, err = pcall(open, {[name] = io.stdout})  -- never the right type
    assert(not tostring(err):find "unknown option", tostring(err))
  end

  it("of options are known", function()
    local sock = socket.tcp()
    local count = 0
    local row = assert(reference:match "`ssl%.wrap_socket%(sock, {([^}]*)}%)`")
    for name in row:gmatch "([%w_]+)=" do
      check_option(function(options) return ssl.wrap_socket(sock, options) end, name)
      count = count + 1
    end
    row = assert(reference:match "`ssl%.get_server_certificate%({host, port}, {([^}]*)}%)`")
    for name in row:gmatch "([%w_]+)=" do
      check_option(function(options) return ssl.get_server_certificate({"localhost", 1}, options) end, name)
      count = count + 1
    end
    each_line(read "doc/configuration.md", function(line)
      for name in (line:match "^| (`[^|]+) |" or ""):gmatch "`([%w_]+)`" do
        check_option(function(options) return ssl.connect("localhost", 1, options) end, name)
        count = count + 1
      end
    end)
    assert.is_true(count > 30, tostring(count))
    sock:close()
  end)

  it("of the errors of verification are all there are", function()
    local listed, known = {}, {}
    for name in read "doc/verification-errors.md":gmatch "\n| %d+ | `([%w_]+)` |" do listed[name] = true end
    for name in read "src/x509/verdict_names.c":gmatch 'NAMED%([%w_]+,%s*"([%w_]+)"%)' do known[name] = true end
    assert.same(known, listed)
    assert.is_true(listed.cert_has_expired)
  end)

  it("of make's targets exist", function()
    local makefile = read "Makefile"
    local count = 0
    for _, path in ipairs(pages) do
      local text = read(path):gsub("luarocks make", "")
      for target in text:gmatch "[\n`]make (%l[%l-]*)%f[^%l-]" do
        assert(makefile:find("\n" .. target .. ":", 1, true) or makefile:find("\n" .. target .. " ", 1, true),
          ("%s: make has no %s"):format(path, target))
        count = count + 1
      end
    end
    assert.is_true(count >= 15, tostring(count))
  end)
end)
