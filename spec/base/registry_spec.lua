-- Our names in Lua's registry, where all C libraries of a state keep the
-- metatables of their types: others' are left alone, and ours are ours.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

-- What another process of this Lua prints, and its exit status.
local function run(code)
  local peer = helpers.lua(code)
  local status = peer:wait()
  return (peer:output():gsub("\n$", "")), status
end

-- Plain names, each a type of ours and a name that any library may take.
local NAMES = {
  "Certificate", "IOError", "SSLCertVerificationError", "SSLContext", "SSLEOFError", "SSLError", "SSLObject",
  "SSLSession", "SSLSocket", "SSLSyscallError", "SocketError",
}

-- What of another library's metatables changed; it uses them as it did.
local SURVIVES = [[
  local registry = debug.getregistry()
  local names = {"%s"}
  local theirs = {}
  local function register()
    for _, name in ipairs(names) do
      if registry[name] ~= nil then print("taken", name) end
      theirs[name] = {__index = {hello = print}, __name = name, __tostring = function() return "theirs" end}
      registry[name] = theirs[name]
    end
  end
  local function load()
    local ssl = require "luassl"
    local context = assert(ssl.SSLContext())
    local object = assert(context:wrap_object())
    local _, err = ssl.RAND_egd "/nonexistent"
    assert(err:is(ssl.IOError) and tostring(object):find "^SSLObject")
    object:close()
  end
  %s
  for _, name in ipairs(names) do
    local found = registry[name]
    if found ~= theirs[name] or found.__index.hello ~= print or found.__tostring() ~= "theirs" then
      print("changed", name)
    end
    local count = 0
    for _ in pairs(found) do count = count + 1 end
    if count ~= 3 then print("more in it", name) end
  end
  print "looked"
]]

describe("another library's metatable of the same plain name", function()
  for when, steps in pairs {before = "register() load()", after = "load() register() load()"} do
    it("loses nothing when it is registered " .. when, function()
      assert.equal("looked", (run(SURVIVES:format(table.concat(NAMES, '","'), steps))))
    end)
  end
end)

describe("a name of ours in the registry", function()
  it("begins with luassl, whatever is made and done", function()
    local said = run [[
      local registry = debug.getregistry()
      require "socket" require "mime"
      local before = {}
      for key in pairs(registry) do before[key] = true end
      local ssl = require "luassl"
      local _, err = ssl.RAND_egd "/nonexistent"
      assert(ssl.SSLContext {session_cache = true}):wrap_object():close()
      for key in pairs(registry) do
        local ours = type(key) ~= "string" or before[key] or key:find "^luassl%." or key:find "^LOADLIB: "
        if not ours then print(key) end
      end
      print "looked"
    ]]
    assert.equal("looked", said)
  end)

  it("is refused when somebody else has it", function()
    local taken = {"luassl.material", "luassl.Scratch"}
    for _, name in ipairs(NAMES) do taken[#taken + 1] = "luassl." .. name end
    local said = run(([[
      for _, name in ipairs {"%s"} do
        for _, value in ipairs {{}, {__name = name:sub(8)}, 42, true} do
          debug.getregistry()[name] = value
          local done, message = pcall(require, "luassl.core")
          if done or not message:find('the registry holds a "' .. name .. '"', 1, true) then print(name, message) end
          if debug.getregistry()[name] ~= value then print("changed", name) end
          if type(value) == "table" and value.__gc then print("filled", name) end
          debug.getregistry()[name] = nil
          package.loaded["luassl.core"] = nil  -- Lua 5.1 takes it for under way
        end
      end
      require "luassl"  -- what failed half way is made whole
      print "looked"
    ]]):format(table.concat(taken, '", "')))
    assert.equal("looked", said)
  end)

  it("of the module's table is not believed", function()
    assert.equal("nil\ttable", (run [[
      debug.getregistry()["luassl.core"] = {forged = true}
      local core = require "luassl.core"
      print(core.forged, type(core.errors))
    ]]))
  end)

  it("serves the module that is opened again", function()
    assert.equal("true", (run [[
      local first = require "luassl.core"
      package.loaded["luassl.core"] = nil
      print(rawequal(first, require "luassl.core"))
    ]]))
  end)
end)

describe("the plain name of a type", function()
  it("is what errors call it on every Lua", function()
    local context = assert(ssl.SSLContext())
    local object = assert(context:wrap_object())
    local index = getmetatable(object).__index
    assert.error_matches(function() index.read(context) end, "%(SSLObject expected, got %w")
    assert.error_matches(function() context.get(object, "key") end, "%(SSLContext expected, got SSLObject")
    assert.error_matches(function() context.get({}, "key") end, "%(SSLContext expected, got table")
    assert.error_matches(function() context.get(io.stdout, "key") end, "%(SSLContext expected, got %w")
    assert.error_matches(function() context.get() end, "%(SSLContext expected, got no value")
    object:close()
  end)

  it("is in the metatable", function()
    local context = assert(ssl.SSLContext())
    assert.equal("SSLContext", debug.getmetatable(context).__name)
    assert.equal("SSLError", ssl.SSLError.__name)
  end)
end)
