-- The annotations for editors are made of the docstrings: they name what the
-- module has, all of it and nothing else, and no type that nobody declares.
local core = require "luassl.core"
local helpers = require "spec.support.helpers"
local https = require "luassl.https"
local luacats = require "doc.reference.luacats"
local names = require "doc.reference.names"
local ssl = require "luassl"

helpers.audit()

local load = loadstring or load

local function keys(map)
  local set = {}
  for name in pairs(map) do set[name] = true end
  return set
end

-- The methods that a text gives a class.
local function methods_in(text, class)
  local set = {}
  for name in text:gmatch("\nfunction " .. class .. ":([%w_]+)%(") do set[name] = true end
  return set
end

-- The fields below `---@class NAME`.
local function fields_in(text, class)
  local set = {}
  local body = text:match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "\n(.-)\n[^-]")
  for name in (body .. "\n"):gmatch "%-%-%-@field ([%w_]+)" do set[name] = true end
  return set
end

local BUILTIN = {}
for _, name in ipairs {"any", "boolean", "false", "fun", "function", "integer", "nil", "number", "string", "table",
  "thread", "true", "userdata"} do BUILTIN[name] = true end

-- The types behind an annotation's name, without strings and names of parameters.
local function types_of(annotation)
  local kind, rest = annotation:match "^@(%l+)%s+(.*)$"
  if kind == "param" or kind == "field" then rest = rest:match "^%S+%s+(.*)$" end
  if kind ~= "param" and kind ~= "field" and kind ~= "return" and kind ~= "type" then return "" end
  rest = rest:gsub('"[^"]*"', ""):gsub(" # .*", "")
  local arguments, results = rest:match "^fun(%b()):?(.*)$"
  if arguments then return arguments:gsub("[%w_.]+%s*:", "") .. " " .. results:match "^[%s(|%w.,%[%])]*%)" end
  if rest:find "^{" then return rest:match "^%b{}":gsub("%[%d+%]:", "") end
  return rest:match "^table<[^>]*>[^%s]*" or rest:match "^[^%s]+"
end

local main, client = luacats.texts()

describe("the annotations", function()
  it("are Lua, and name what the module has", function()
    assert.same(keys(ssl), keys(assert(load(main))()))
    assert.same(keys(https), keys(assert(load(client))()))
  end)

  it("name the methods of each class", function()
    for page, methods in pairs(names.of(ssl, core)) do
      local expected = {}
      for name, value in pairs(methods) do
        if type(value) == "function" then expected[name] = true end
      end
      local text = page == "HTTPSClient" and client or main
      if text:find(("---@class luassl.%s\n"):format(page), 1, true) then
        assert.same(expected, methods_in(text, page), page)
        assert.is_truthy(next(expected))
      else
        assert(page == "ssl" or page == "https" or page == "Hooks", page)
      end
    end
  end)

  it("name the options, an error's kinds, and its fields", function()
    local options = {}
    for _, row in ipairs(core.options) do options[row.name] = true end
    assert.same(options, fields_in(main, "luassl.Options"))
    local kinds = {}
    for name in main:match "@alias luassl%.ErrorKind ([^\n]+)":gmatch '"([^"]+)"' do kinds[name] = true end
    assert.same(keys(require "luassl.errors".kinds), kinds)
    local fields = fields_in(main, "luassl.SSLError")
    assert.is_true(fields.kind and fields.verify_code and fields.chain)
  end)

  it("use no type that nobody declares", function()
    local text = main .. client
    local declared = {}
    for name in text:gmatch "%-%-%-@%l+ (luassl[%w_.]*)" do declared[name] = true end
    local count = 0
    for annotation in text:gmatch "%-%-%-(@[^\n]+)" do
      for name in types_of(annotation):gmatch "[%a_][%w_.]*" do
        assert(BUILTIN[name] or declared[name], ("%s: no type %s"):format(annotation, name))
        count = count + 1
      end
    end
    assert.is_true(count > 500, tostring(count))
  end)

  it("have types in LuaCATS' words", function()
    for given, wanted in pairs {["?string"] = "string|nil", ["{Certificate,...}"] = "luassl.Certificate[]",
      ["{Certificate|string,...}"] = "(luassl.Certificate|string)[]",
      ["{integer,string}"] = "{[1]: integer,[2]: string}", ["string|SSLError"] = "string|luassl.SSLError"} do
      assert.equal(wanted, luacats.type(given))
    end
  end)
end)
