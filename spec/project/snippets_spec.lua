-- README.md and doc/*.md: their snippets run as they are pasted, from an empty
-- directory, with LuaSSL as `make install` installs it. The blocks of a page
-- run in order and in one directory: a Lua block that begins with a file's
-- name, "-- client.lua", is saved as that file; a text block behind another is
-- what that one prints, "..." standing for anything. For marks see
-- spec/support/markdown.lua. In all of them 8443 stands for a free port.
local helpers = require "spec.support.helpers"
local markdown = require "spec.support.markdown"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

-- Pages with snippets that are marked "not run", and how many.
local NOT_RUN = {["README.md"] = 4, ["doc/command.md"] = 3, ["doc/debugging.md"] = 1, ["doc/event-loops.md"] = 2,
  ["doc/https.md"] = 2}

local PORT = 8443
local ABI = _VERSION:match "%d+%.%d+"
local PREFIX = "/usr"

local function list(pattern)
  local pipe = assert(io.popen("LC_ALL=C ls " .. pattern))
  local found = {}
  for path in pipe:lines() do found[#found + 1] = path end
  pipe:close()
  return found
end

local function save(path, content)
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
end

local function make_directory()
  local directory = helpers.temp_name()
  assert.equal(0, helpers.spawn({"mkdir", directory}):wait())
  return directory
end

-- ---- What the snippets find: LuaSSL, a `lua`, the README's certificate ----

local installed, programs, environment

local function install()
  installed, programs = helpers.temp_name(), make_directory()
  local make = helpers.spawn({"make", "-s", "--no-print-directory", "install", "install-command",
    "DESTDIR=" .. installed, "PREFIX=" .. PREFIX}, {timeout = 300})
  assert.equal(0, make:wait(300), make:output())
  local preload = helpers.preloaded  -- a sanitizer's
  save(programs .. "/lua", ("#!/bin/sh\n%sexec %s \"$@\"\n"):format(
    preload and ("LD_PRELOAD='%s' "):format(preload) or "", helpers.interpreter))
  save(programs .. "/luassl", ('#!/bin/sh\nexec lua "%s%s/bin/luassl" "$@"\n'):format(installed, PREFIX))
  assert.equal(0, helpers.spawn({"chmod", "755", programs .. "/lua", programs .. "/luassl"}):wait())
  local path = installed .. PREFIX
  environment = {
    LUA_PATH = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;;"):format(path, ABI, path, ABI),
    LUA_CPATH = ("%s/lib/lua/%s/?.so;;"):format(path, ABI),
    PATH = programs .. ":" .. os.getenv "PATH",
    no_proxy = "*",
  }
end

local function start(argv, directory)
  return helpers.spawn(argv, {directory = directory, env = environment})
end

local function run(argv, directory)
  local process = start(argv, directory)
  local status = process:wait(30)
  return status, process:output()
end

local available = {}

-- Whether there is a module, "copas", or a field of it, "copas.dohandshake".
local function is_available(name)
  if available[name] == nil then
    local module, field = name:match "^([^.]+)%.?(.*)$"
    local code = ("local found = require %q\nassert(%q == '' or found[%q])"):format(module, field, field)
    available[name] = run({helpers.interpreter, "-e", code}, make_directory()) == 0
  end
  return available[name]
end

-- ---- A page ----

local function read_blocks(path)
  local blocks, wrong = markdown.blocks(helpers.read_file(path))
  assert.same({}, wrong)
  return blocks
end

local certificate

-- The README's commands that make the server's certificate, once.
local function certificate_files()
  if certificate then return certificate end
  for _, block in ipairs(read_blocks "README.md") do
    if block.language == "sh" and block.code:find("openssl req", 1, true) then
      assert(not certificate, "two blocks make certificates")
      certificate = make_directory()
      local status, output = run({"sh", "-e", "-c", block.code}, certificate)
      assert.equal(0, status, output)
    end
  end
  return assert(certificate)
end

-- A page's directory: empty, or with the README's certificate, if the page
-- says that it is needed.
local function page_directory(path)
  local directory = make_directory()
  local codes = {}
  for i, block in ipairs(read_blocks(path)) do codes[i] = block.code end
  local code = table.concat(codes)
  if path ~= "README.md" and (code:find("%f[%w]server%.pem") or code:find "%f[%w]ca%.pem") then
    assert(helpers.read_file(path):find("(../README.md#a-certificate-to-try-it)", 1, true),
      "it does not say where its .pem come from")
    assert.equal(0, run({"cp", certificate_files() .. "/server.pem", certificate_files() .. "/ca.pem", directory}))
  end
  return directory
end

-- What was printed, as a page's text block shows it.
local function is_shown(printed, shown)
  local pattern = shown:gsub("%s+$", ""):gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".-")
  return printed:gsub("\r", ""):gsub("%s+$", ""):find("^" .. pattern .. "$") ~= nil
end

local Page = {}
Page.__index = Page

local function open_page(path)
  return setmetatable({path = path, directory = page_directory(path), port = helpers.free_port(),
    blocks = read_blocks(path), files = {}, lacking = {}}, Page)
end

function Page:at(block) return ("%s:%d: "):format(self.path, block.line) end

function Page:with_port(code)
  return (code:gsub(("%%f[%%w]%d%%f[%%W]"):format(PORT), tostring(self.port)))
end

function Page:save(name, code)
  self.files[name] = code
  save(self.directory .. "/" .. name, self:with_port(code))
end

function Page:end_server()
  local server = self.server
  if not server then return end
  assert.is_nil((server:status()), self:at(server.block) .. server:output())
  server:stop()
  self.server = nil
end

-- Each server has a port of its own: what the last one has started may go on a
-- moment longer.
function Page:change_port()
  self.port = helpers.free_port()
  for name, code in pairs(self.files) do self:save(name, code) end
end

function Page:start(block)
  local code = self:with_port(block.code)
  local argv = block.language == "sh" and {"sh", "-e", "-c", code}
    or {helpers.interpreter, helpers.temp_file(code)}
  return start(argv, self.directory)
end

function Page:serve(block)
  self:end_server()
  self:change_port()
  self.server = self:start(block)
  self.server.block = block
  local found = pcall(helpers.wait_for_port, self.port)
  assert(found, self:at(block) .. "it does not listen, and printed:\n" .. self.server:output())
end

function Page:execute(block, follower)
  local process = self:start(block)
  local status = process:wait(30)
  local printed = helpers.without_sanitizer(process:output())
  assert(status == 0, ("%sended with status %d, printed:\n%s"):format(self:at(block), status, printed))
  if follower and follower.language == "text" then
    assert(is_shown(printed, self:with_port(follower.code)), self:at(follower) .. "it printed:\n" .. printed)
  end
end

function Page:run()
  for i, block in ipairs(self.blocks) do
    local file = block.language == "lua" and block.code:match "^%-%- ([%w_]+%.lua)\n"
    if block.language == "text" or block.reason then  -- luacheck: ignore
    elseif block.needs and not is_available(block.needs) then
      self.lacking[#self.lacking + 1] = self:at(block) .. block.needs
    elseif file then self:save(file, block.code)
    elseif block.stays then self:serve(block)
    else self:execute(block, self.blocks[i + 1]) end
  end
  self:end_server()
end

-- The program that a page has under a file's name.
local function program(path, name)
  for _, block in ipairs(read_blocks(path)) do
    if block.code:find("-- " .. name .. "\n", 1, true) == 1 then return block end
  end
  error(name .. " is not in " .. path)
end

local function count_not_run(path)
  local count = 0
  for _, block in ipairs(read_blocks(path)) do
    if block.reason then count = count + 1 end
  end
  return count > 0 and count or nil
end

local pages = list "README.md doc/*.md"

local function is_file(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

describe("the snippets", function()
  setup(install)

  it("find what make install installed, not the tree", function()
    local status, printed = run({"lua", "-e", [[
      local connect = require "luassl".connect
      print(debug.getinfo(connect, "S").source)
      print(io.open "/proc/self/maps":read "*a":match "%S+/luassl/core%.so")]]}, make_directory())
    assert.equal(0, status, printed)
    local lua, c = printed:match "^@(.-)\n(.-)\n$"
    assert.equal(installed, lua:sub(1, #installed))
    assert.equal(installed, c:sub(1, #installed))
  end)

  for _, path in ipairs(pages) do
    it("run: " .. path, function()
      local page = open_page(path)
      page:run()
      if #page.lacking > 0 then pending("not here: " .. table.concat(page.lacking, ", ")) end
    end)
  end

  it("serve many clients at once, as the README says", function()
    local page = open_page "README.md"
    page.directory = certificate_files()
    page:serve(program("README.md", "many.lua"))
    local silent = assert(socket.connect("127.0.0.1", page.port))  -- no ClientHello
    local idle = {}
    for i = 1, 3 do
      idle[i] = assert(ssl.connect("localhost", page.port, {ca_certs = page.directory .. "/ca.pem"}))
    end
    assert(idle[3]:send "half a ")
    local conn = assert(ssl.connect("localhost", page.port, {ca_certs = page.directory .. "/ca.pem"}))
    local line = ("x"):rep(1e6)
    assert(conn:send(line .. "\n"))
    assert.equal("you said: " .. line, (conn:receive()))
    assert(idle[3]:send "line\n")
    assert.equal("you said: half a line", (idle[3]:receive()))
    for _, thing in ipairs {silent, idle[1], idle[2], idle[3], conn} do thing:close() end
    page:end_server()
  end)

  it("are run but for these", function()
    local found = {}
    for _, path in ipairs(pages) do found[path] = count_not_run(path) end
    assert.same(NOT_RUN, found)
  end)

  it("are Lua, shell commands, or what is printed", function()
    for _, path in ipairs(pages) do
      local text = helpers.read_file(path)
      for _, block in ipairs(read_blocks(path)) do
        assert(block.language == "lua" or block.language == "sh" or block.language == "text",
          ("%s:%d: %s"):format(path, block.line, block.language))
        if block.language == "lua" then assert((loadstring or load)(block.code)) end
        local file = block.code:match "^%-%- ([%w_]+%.lua)\n"
        if file then
          local module = ('require "%s"'):format(file:match "^[^.]+")
          assert(text:find("\nlua " .. file, 1, true) or text:find(module, 1, true), file .. " is never run")
        end
      end
    end
  end)

  it("say nothing that the module does not know", function()
    local count = 0
    for _, path in ipairs(pages) do
      local text = helpers.read_file(path):gsub("openssl%.ssl", "")  -- luaossl's
      for name in text:gmatch "%f[%w]ssl%.([%a_][%w_]*)" do
        local known = ssl[name] ~= nil or path == "doc/luasec.md"
          and (require "luassl.luasec"[name] ~= nil or is_file("rockspecs/luasec/ssl/" .. name .. ".lua"))
        if name ~= "rst" then assert(known, ("%s: no ssl.%s"):format(path, name)) end
        count = count + 1
      end
    end
    assert.is_true(count > 40, tostring(count))
  end)
end)
