-- A few random programs, always the same: `make programs SEEDS=1-200` runs
-- more, and tells how to run one again.
local helpers = require "spec.support.helpers"
local model = require "spec.programs.model"
local random = require "spec.programs.random"

describe("the model of a stream", function()
  local stream, long, short

  before_each(function()
    stream = model.new(random.new(1))
    long, short = stream:message(50000), stream:message(100)
    stream:offer(long)
    stream:tell(long, 16384)
    stream:offer(short)
    stream:tell(short, #short.text)
  end)

  it("is the same on every Lua", function()
    assert.equal(336220995, random.new(1):draw())
    assert.equal(759013987, random.new(2):draw())
  end)

  it("takes what was told, and what may have been encrypted behind it", function()
    assert.is_true(stream:receive(long.text:sub(1, 20000), "raw"))
    assert.is_false(stream:is_whole())
    assert.is_true(stream:receive(long.text:sub(20001, 32768) .. short.text:sub(1, 50), "raw"))
    assert.is_false(stream:is_whole())
    assert.is_true(stream:receive(short.text:sub(51), "raw"))
    assert.is_true(stream:is_whole())
  end)

  it("takes lines without their ends", function()
    local first = long.text:find("\n", 1, true)
    assert.is_true(stream:receive(long.text:sub(1, first - 1):gsub("\r", ""), "line"))
    assert.is_true(stream:receive(long.text:sub(first + 1, first + 300):gsub("\r", ""), "part"))
    assert.is_true(stream:receive(long.text:sub(first + 301, 16384), "raw"))
  end)

  it("sees what is lost, twice, damaged or never sent", function()
    local whole = long.text:sub(1, 16384)
    for _, bytes in ipairs {
      whole:sub(1, 16383) .. short.text, whole:sub(1, 8000) .. whole:sub(8002), whole .. whole,
      whole:sub(1, 7919) .. whole, whole .. short.text .. short.text, whole .. short.text .. "x", short.text,
      whole:sub(1, 99) .. "<" .. whole:sub(101),
    } do
      local again = model.new(random.new(1))
      again.messages = stream.messages
      assert.is_false(again:receive(bytes, "raw"))
    end
  end)
end)

describe("random programs", function()
  for _, kind in ipairs {"object", "socket", "stream"} do
    for _, seeds in ipairs {"1-10", "11-20"} do
      it(("over an SSL%s hold, seeds %s"):format(kind, seeds), function()
        local scratch = helpers.temp_name()  -- names of files begin anew there
        assert.equal(0, helpers.spawn({"mkdir", scratch}):wait())
        local peer = helpers.spawn({helpers.interpreter, "spec/programs/run.lua", seeds, kind},
          {timeout = 120, env = {LUASSL_TMP = scratch}})
        local status = peer:wait(120)
        assert.equal("0", tostring(status), peer:output())
      end)
    end
  end
end)
