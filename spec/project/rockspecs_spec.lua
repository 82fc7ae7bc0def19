-- The rockspecs name every file by itself: they must not lag behind.

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
  for _, path in ipairs(list "lua/luassl/*.lua") do
    local name = path:match "^lua/(.*)%.lua$":gsub("/", "."):gsub("%.init$", "")
    modules[name] = path
  end
  return modules
end

local paths = list "rockspecs/*.rockspec"

for _, path in ipairs(paths) do
  describe(path, function()
    local rockspec = read(path)

    it("is named after its package and version", function()
      assert.equal(("rockspecs/%s-%s.rockspec"):format(rockspec.package, rockspec.version), path)
    end)

    it("lists the C files of src/", function()
      assert.same(list "src/*.c src/*/*.c", rockspec.build.modules["luassl.core"].sources)
    end)

    it("lists the Lua files of lua/", function()
      local modules = {}
      for name, source in pairs(rockspec.build.modules) do modules[name] = source end
      modules["luassl.core"] = nil
      assert.same(modules_of_tree(), modules)
    end)

    it("differs from the others in its version and source alone", function()
      local other = read(paths[1])
      other.version, other.source = rockspec.version, rockspec.source
      assert.same(other, rockspec)
    end)
  end)
end

describe("the rockspecs", function()
  it("are for the tree as it is, and for a version", function()
    local found = {}
    for _, path in ipairs(paths) do
      found[read(path).version:match "^scm" and "scm" or "versioned"] = true
    end
    assert.same({scm = true, versioned = true}, found)
  end)
end)
