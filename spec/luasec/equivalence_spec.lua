-- LuaSec's contexts and connections over ours: the same cases over LuaSec, in a
-- process of its own, and over ours; what differs is in a table here, and told
-- in doc/luasec.md.
local helpers = require "spec.support.helpers"
local cases = require "spec.support.luasec_cases"
local luasec = require "luassl.luasec"

helpers.audit()

local SCRIPT = "spec/support/luasec_cases.lua"
local TOLD_OF_1_2 = "1.2.0"

-- What LuaSec answers, what ours does, and the words with which the page tells of it.
local DIFFERENCES = {
  { case = "a connection, tlsv1_2", theirs = "certificate object, nil 1 1", ours = "certificate object, nil 1 0",
    told = "`getpeerchain` is empty" },
  { case = "a connection, tlsv1_3", theirs = "certificate object, nil 1 1", ours = "certificate object, nil 1 0",
    told = "`getpeerchain` is empty" },
  { case = "a connection, tlsv1_3", theirs = "finished true true", ours = "finished true false",
    told = "`getfinished` and `getpeerfinished` are nil in TLS 1.3" },
  { case = "verification", theirs = 'of the server false, "self-signed certificate in certificate chain"',
    ours = 'of the server false, "unable to get local issuer certificate"', told = "sends no root certificate" },
  { case = "sni", theirs = 'server: false, "callback failed"', ours = 'server: false, "unrecognized_name"',
    told = "`\"unrecognized_name\"`" },
  { case = "sni", theirs = 'client: false, "tlsv1 unrecognized name"', ours = "client: true", told = "in lower case" },
  { case = "sni", theirs = 'server: false, "callback failed"', ours = "server: true", told = "in lower case" },
  { case = "sni", theirs = '"B.Example" none', ours = '"b.example" other.example', told = "in lower case" },
  { case = "reset", theirs = 'nil, "closed", ""', ours = 'nil, "Connection reset by peer", ""',
    told = "`\"Connection reset by peer\"`" },
}

local function known(case, theirs, ours)
  for _, difference in ipairs(DIFFERENCES) do
    if difference.case == case and difference.theirs == theirs and difference.ours == ours then return difference end
  end
end

local function lines_of(results)
  local lines = {}
  for _, result in ipairs(results) do
    for _, line in ipairs(result.lines) do lines[#lines + 1] = { case = result.name, text = line } end
  end
  return lines
end

-- What LuaSec answers; nil where it is not installed.
local function theirs()
  local peer = helpers.spawn({ helpers.interpreter, SCRIPT, "ssl" }, { timeout = 120 })
  local status = peer:wait(130)
  local output = peer:output()
  if output:find "module 'ssl' not found" then return nil end
  assert(status == 0, output)
  local lines = {}
  for case, text in output:gmatch "([^\n\t]*)\t([^\n]*)\n" do lines[#lines + 1] = { case = case, text = text } end
  return lines
end

local function version()
  local peer = helpers.spawn({ helpers.interpreter, "-e", "print(require 'ssl'._VERSION)" }, { timeout = 30 })
  peer:wait(35)
  return peer:output():match "[%d.]+"
end

describe("luassl.luasec answers what LuaSec does", function()
  local ours = lines_of(cases.run(luasec, luasec.context))

  it("in each case, of which none fails", function()
    assert.is_true(#ours > 300)
    for _, line in ipairs(ours) do
      assert.is_nil(line.text:match "^FAILED" or line.text:match "too late", line.case .. ": " .. line.text)
    end
  end)

  it("but for what is told", function()
    local reference = theirs()
    if not reference then return pending "LuaSec is not here" end
    assert.equal(#reference, #ours)
    local used = {}
    for i, line in ipairs(reference) do
      assert.equal(line.case, ours[i].case)
      if line.text ~= ours[i].text then
        local difference = known(line.case, line.text, ours[i].text)
        assert.is_truthy(difference, ("%s:\nLuaSec: %s\nours:   %s"):format(line.case, line.text, ours[i].text))
        used[difference] = true
      end
    end
    if version() ~= TOLD_OF_1_2 then return end
    for _, difference in ipairs(DIFFERENCES) do
      assert.is_truthy(used[difference], "no difference any more: " .. difference.case .. ": " .. difference.theirs)
    end
  end)

  it("and the page tells of each difference", function()
    local page = helpers.read_file "doc/luasec.md":gsub("%s+", " ")
    for _, difference in ipairs(DIFFERENCES) do
      assert.is_truthy(page:find(difference.told, 1, true), difference.told)
    end
  end)
end)
