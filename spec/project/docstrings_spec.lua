-- The reference is made of docstrings: every public name has one that says what
-- it takes and gives, and every one is of a public name. `make lint` looks at
-- the pages made of them.
local core = require "luassl.core"
local complaints = require "doc.reference.complaints"
local docstrings = require "doc.reference.docstrings"
local names = require "doc.reference.names"
local ssl = require "luassl"

-- What is complained of after `change` has damaged pages, options or names.
local function found(change)
  local pages, described = docstrings.read()
  local public = names.of(ssl, core)
  local rows = core.options
  if change then rows = change(pages, described, public) or rows end
  return complaints(pages, described, public, rows)
end

local function drop(block, name)
  for i = #block.tags, 1, -1 do
    if block.tags[i][1] == name then table.remove(block.tags, i) end
  end
end

describe("the docstrings", function()
  it("are of every public name, and say what it takes and gives", function()
    assert.same({}, found())
  end)

  -- name = what is complained of, and what brings it about.
  local DAMAGES = {
    ["a function without one"] = {"ssl: connect has no docstring", function(pages)
      pages.ssl.entries.connect = nil end},
    ["a method of one type without one"] = {"SSLObject: read has no docstring", function(pages)
      pages.SSLObject.entries.read = nil end},
    ["a constant without one"] = {"ssl: CERT_NONE has no docstring", function(pages)
      pages.ssl.entries.CERT_NONE = nil end},
    ["a hook without one"] = {"Hooks: on_verify has no docstring", function(pages)
      pages.Hooks.entries.on_verify = nil end},
    ["an option without one"] = {"option linger has no docstring", function(_, described) described.linger = nil end},
    ["an option that is gone"] = {"option lingr: there is none", function(_, described)
      described.lingr = described.linger end},
    ["a method that is gone"] = {"SSLSocket: reed has a docstring, but there is no such name", function(pages)
      pages.SSLSocket.entries.reed = pages.SSLSocket.entries.read end},
    ["a function that is internal"] = {"ssl: publish has a docstring, but there is no such name", function(pages)
      pages.ssl.entries.publish = pages.ssl.entries.poll end},
    ["no description"] = {"Certificate: pem has no description", function(pages)
      pages.Certificate.entries.pem.text = "" end},
    ["no returns"] = {"Certificate: pem says of no value that it returns", function(pages)
      drop(pages.Certificate.entries.pem, "treturn") end},
    ["no example"] = {"SSLSession: lifetime has no example", function(pages)
      drop(pages.SSLSession.entries.lifetime, "usage") end},
    ["a parameter without a type"] = {"ssl: RAND_add @tparam bytes has no type or no name", function(pages)
      for _, t in ipairs(pages.ssl.entries.RAND_add.tags) do
        if t[2]:find "^string bytes" then t[2] = "bytes" end
      end
    end},
    ["an untyped return"] = {"SSLContext: get @return is not to be used here: types are to be told", function(pages)
      table.insert(pages.SSLContext.entries.get.tags, {"return", "its value", ""}) end},
    ["an unknown tag"] = {"ssl: poll unknown tag @sauce", function(pages)
      table.insert(pages.ssl.entries.poll.tags, {"sauce", "poll(2)", ""}) end},
    ["a first release that is none"] = {"ssl: poll @since now is no version", function(pages)
      table.insert(pages.ssl.entries.poll.tags, {"since", "now", ""}) end},
    ["a first release to come"] = {"ssl: poll @since 99.0.0 is still to come", function(pages)
      table.insert(pages.ssl.entries.poll.tags, {"since", "99.0.0", ""}) end},
    ["a default that is told twice"] = {"option linger: its row has the default, @default too",
      function(_, described) table.insert(described.linger.tags, {"default", "`6`", ""}) end},
  }

  for name, damage in pairs(DAMAGES) do
    it("are missed: " .. name, function() assert.same({damage[1]}, found(damage[2])) end)
  end

  it("are missed: a parameter of a function of Lua", function()
    if not debug.getinfo(1, "u").nparams then return end  -- Lua 5.1
    assert.same({"ssl: poll has 3 parameters, 0 are described"}, found(function(pages)
      drop(pages.ssl.entries.poll, "tparam")
    end))
  end)

  it("have examples that are Lua", function()
    local list = found(function(pages)
      table.insert(pages.ssl.entries.poll.tags, {"usage", "if ready then ... end", ""})
    end)
    assert.equal(1, #list)
    assert.matches("ssl: poll its example is no Lua", list[1], nil, true)
  end)

  it("tell every kind of error, and no other", function()
    local pages = docstrings.read()
    local told = {}
    for _, t in ipairs(pages.SSLError.entries.kinds.tags) do
      if t[1] == "tfield" then told[t[2]:match "^string (%S+)"] = true end
    end
    local kinds = {}
    for name in pairs(require "luassl.errors".kinds) do kinds[name] = true end
    assert.same(kinds, told)
  end)

  it("tell every name of ssl.HAS, and no other", function()
    local pages = docstrings.read()
    local told = {}
    for _, t in ipairs(pages.ssl.entries.HAS.tags) do
      if t[1] == "tfield" then told[t[2]:match "^boolean (%S+)"] = true end
    end
    local features = {}
    for name in pairs(core.features()) do features[name] = true end
    assert.same(features, told)
  end)
end)
