-- The rockspecs name every file by themselves: they must not lag behind. And the
-- version, which one line says.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local function read(path)
  local rockspec = {}
  local chunk
  if setfenv then
    chunk = assert(loadfile(path))
    setfenv(chunk, rockspec)
  else
    chunk = assert(loadfile(path, "t", rockspec))
  end
  chunk()
  return rockspec
end

local function list(pattern)
  local pipe = assert(io.popen("LC_ALL=C ls " .. pattern))
  local found = {}
  for path in pipe:lines() do found[#found + 1] = path end
  pipe:close()
  return found
end

-- Modules by name, as `build.modules` has them.
local function modules_of_tree()
  local modules = {}
  for _, path in ipairs(list "$(find lua -name '*.lua')") do
    local name = path:match "^lua/(.*)%.lua$":gsub("/", "."):gsub("%.init$", "")
    modules[name] = path
  end
  return modules
end

local SCM = "rockspecs/luassl-scm-1.rockspec"
local ALL = list "rockspecs/*.rockspec"
local VERSION = ssl._VERSION:match "^LuaSSL (%d+%.%d+%.%d+)$"

local function output(...)
  local peer = helpers.spawn {"env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", ...}
  assert.equal(0, peer:wait(), peer:output())
  return peer:output()
end

describe("the rockspec", function()
  local rockspec = read(SCM)

  it("lists the C files of src/", function()
    assert.same(list "src/*.c src/*/*.c", rockspec.build.modules["luassl.core"].sources)
  end)

  it("lists, with those of the other rocks, the Lua files of lua/", function()
    local modules, programs = {}, {}
    for _, path in ipairs(ALL) do
      for name, source in pairs(read(path).build.modules or {}) do
        assert.is_nil(modules[name], name .. " is in two rocks")
        modules[name] = source
      end
    end
    modules["luassl.core"] = nil
    for name, source in pairs(modules) do
      if not source:find "^lua/" then programs[name], modules[name] = source, nil end
    end
    assert.same(modules_of_tree(), modules)
    for name, source in pairs(programs) do assert.is_truthy(io.open(source), name) end
  end)
end)

describe("the rock under LuaSec's names", function()
  it("lists the files of rockspecs/luasec/, and nothing of luassl's", function()
    local build = read("rockspecs/luassl-luasec-scm-1.rockspec").build
    local modules = {}
    for _, path in ipairs(list "rockspecs/luasec/*.lua rockspecs/luasec/*/*.lua") do
      modules[path:match "^rockspecs/luasec/(.*)%.lua$":gsub("/", ".")] = path
    end
    assert.same(modules, build.install.lua)
    assert.equal("none", build.type)  -- "builtin" copies lua/
  end)
end)

for _, path in ipairs(ALL) do
  describe(path, function()
    local rockspec = read(path)

    it("is that of a checkout, and names no host, as none serves LuaSSL", function()
      assert.equal(("rockspecs/%s-scm-1.rockspec"):format(rockspec.package), path)
      assert.equal("scm-1", rockspec.version)
      assert.equal("git+file://.", rockspec.source.url)
    end)

    it("becomes that of `make dist`, which is the same but for its version and source", function()
      local released = read(helpers.temp_file(output("sh", ".ci/dist", "rockspec", VERSION, "/srv/files",
        rockspec.package)))
      assert.equal(VERSION .. "-1", released.version)
      assert.same({url = ("file:///srv/files/luassl-%s.tar.gz"):format(VERSION)}, released.source)
      rockspec.version, rockspec.source = released.version, released.source
      assert.same(rockspec, released)
    end)
  end)
end

describe("the version", function()
  it("is a number", function()
    assert.is_string(VERSION, ssl._VERSION)
  end)

  it("is what the CHANGELOG begins with", function()
    assert.equal(VERSION, helpers.read_file "CHANGELOG.md":match "\n## (%S+)")
  end)

  it("is in the reference, the archive and the rocks", function()
    for target, part in pairs {
      dist = ('.ci/dist all "%s"'):format(VERSION),
      rocks = ('run.sh "%s"'):format(VERSION),
      deb = ('.ci/deb "%s"'):format(VERSION),
    } do
      local commands = output("make", "-n", "DEPS=:", target)
      assert.truthy(commands:find(part, 1, true), commands)
    end
    assert.truthy(helpers.read_file "doc/reference/make.sh":find('require "luassl"._VERSION', 1, true))
  end)

  it("is said nowhere else", function()
    local found = list(("$(grep -rlF 'LuaSSL %s' lua src rockspecs doc Makefile .ci)"):format(VERSION))
    assert.same({"lua/luassl/init.lua"}, found)
  end)
end)
