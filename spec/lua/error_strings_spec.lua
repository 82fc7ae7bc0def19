-- Errors where programs expect strings, on each Lua: a form gives for an error
-- what it gives for the error's text, or the difference is told here.
local errors = require "luassl.errors"
local helpers = require "spec.support.helpers"
local ltn12 = require "ltn12"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local LUA = jit and "LuaJIT" or _VERSION

-- Where a library function insists on a string, by Lua.
local NOT_5_1 = {["Lua 5.1"] = true}
local NOT_5_1_5_2 = {["Lua 5.1"] = true, ["Lua 5.2"] = true}
local ONLY_JIT = {
  ["Lua 5.1"] = true, ["Lua 5.2"] = true, ["Lua 5.3"] = true, ["Lua 5.4"] = true, ["Lua 5.5"] = true,
}
local NOWHERE = {LuaJIT = true}
for lua in pairs(ONLY_JIT) do NOWHERE[lua] = true end

local function samples()
  local list = {}
  local _, pem = ssl.PEM_cert_to_DER_cert "no PEM"
  local _, egd = ssl.RAND_egd "/nonexistent/100%/socket"  -- made in C
  list[1] = egd
  list[2] = errors.new("SSLEOFError", {kind = "eof", operation = "read", text = "read: gone, %s and all"})
  list[3] = pem
  return list
end

local function pack(...)
  return {n = select("#", ...), ...}
end

-- {what it looks like, the form[, where it takes nothing but strings]}
local FORMS = {
  {'"failed: " .. err', function(err) return "failed: " .. err end},
  {'err .. "!"', function(err) return err .. "!" end},
  {'"<" .. err .. ">"', function(err) return "<" .. err .. ">" end},
  {"err .. 7", function(err) return err .. 7 end},
  {"7.5 .. err", function(err) return 7.5 .. err end},
  {"err .. err", function(err) return err .. err end},
  {"tostring(err)", function(err) return tostring(err) end},
  {"table.concat{tostring(err)}", function(err) return table.concat({tostring(err), "b"}, ", ") end},
  {'("%s"):format(tostring(err))', function(err) return ("%s, %q"):format(tostring(err), tostring(err)) end},
  {"err:find(pattern)", function(err) return err:find "(%a+)%W+(%a+)" end},
  {"err:find(pattern) without a match", function(err) return err:find "^timeout$" end},
  {"err:find(text, init, true)", function(err) return err:find(".", 3, true) end},
  {"err:match(pattern)", function(err) return err:match "^([%w_]+).*: (.*)$" end},
  {"err:match(pattern, init)", function(err) return err:match("%a+", -4) end},
  {"err:gmatch(pattern)", function(err)
    local words = {}
    for word in err:gmatch "%a+" do words[#words + 1] = word end
    return table.concat(words, ",")
  end},
  {"err:gsub(pattern, text)", function(err) return err:gsub("%a+", "<%0>") end},
  {"err:gsub(pattern, function, n)", function(err) return err:gsub("%a+", string.upper, 2) end},
  {"err:gsub(pattern, table)", function(err) return err:gsub("%a+", {gone = "here", such = ""}) end},
  {"err:sub(i)", function(err) return err:sub(-5) end},
  {"err:sub(i, j)", function(err) return err:sub(2, 4), err:sub(4, 2), err:sub(-100, 100) end},
  {"err:lower()", function(err) return err:lower() end},
  {"err:upper()", function(err) return err:upper() end},
  {"err:upper():find(text)", function(err) return err:upper():find("N", 1, true) end},
  {"err:len()", function(err) return err:len() end},
  {"err:gsub():format(...)", function(err) return (err:gsub("%%", "%%%%")):format() end},
  {'({gone = 1})[err]', function(err) return ({gone = 1})[err] end},
  {'err == "timeout"', function(err) return err == "timeout", err ~= "closed" end},
  {'("%s"):format(err)', function(err) return ("%s %5s %.3s %90s"):format(1, err, err, err) end, NOT_5_1},
  {'("%q"):format(err)', function(err) return ("%q"):format(err) end, ONLY_JIT},
  {"table.concat{err}", function(err) return table.concat {err} end, NOWHERE},
  {"string.find(err)", function(err) return string.find(err, ":") end, NOWHERE},
  {"string.len(err)", function(err) return string.len(err) end, NOWHERE},
  {"string.upper(err)", function(err) return string.upper(err) end, NOWHERE},
  {"string.rep(err)", function(err) return string.rep(err, 2) end, NOWHERE},
  {"err < text", function(err) return err < "timeout" end, NOWHERE},
  {"io.write(err)", function(err)
    local file = assert(io.open(os.getenv "LUASSL_TMP" .. "/written", "w"))
    local done, message = pcall(file.write, file, err)
    file:close()
    if not done then error(message, 0) end
  end, NOWHERE},
}

describe("an error in the place of a string:", function()
  for _, form in ipairs(FORMS) do
    local name, use, where = form[1], form[2], form[3]
    it(name, function()
      for _, err in ipairs(samples()) do
        assert.is_table(err)
        assert.is_string(err.text)
        if where and where[LUA] then
          local done, message = pcall(use, err)
          assert.is_false(done)
          assert.is_string(message)
          -- Lua 5.3 and later call a table by the name of its class.
          local names = message:gsub("SSL%a*Error", "table")
          assert.is_truthy(names:find "got table" or names:find "%(table%)"
            or names:find "compare table" or names:find "no literal form", message)
        else
          local expected = pack(use(err.text))
          for _ = 1, 100 do  -- LuaJIT compiles what it meets often
            assert.same(expected, pack(use(err)))
          end
        end
      end
    end)
  end

  it("#err is no length, err:len() is", function()
    for _, err in ipairs(samples()) do assert.equal(0, #err) end
  end)
end)

-- What another process of this Lua, without busted, says on its two outputs,
-- and its exit status.
local function run(code)
  local peer = helpers.lua([[
    local err = select(2, require "luassl".RAND_egd "/nonexistent/socket")
    ]] .. code)
  local status = peer:wait()
  return (peer:output():gsub("\n$", "")), status
end

local TEXT = "RAND_egd /nonexistent/socket: No such file or directory"
local ONLY_STRINGS = "bad argument #2 to 'assert' (string expected, got table)"

describe("an error", function()
  it("prints", function()
    assert.equal(TEXT .. "\t" .. TEXT, (run "print(err, err.text)"))
  end)

  it("is raised by error as it is, without a position", function()
    for _, err in ipairs(samples()) do
      for _, raise in ipairs {
        function() error(err) end,
        function() error(err, 0) end,
        function() error(err, 2) end,
      } do
        local done, caught = pcall(raise)
        assert.is_false(done)
        assert.is_true(rawequal(err, caught))
      end
      assert.is_true(rawequal(err, (select(2, pcall(error, err)))))
    end
  end)

  it("is handed on by coroutines, xpcall and traceback as it is", function()
    for _, err in ipairs(samples()) do
      local function raise() error(err) end
      assert.is_true(rawequal(err, (select(2, coroutine.resume(coroutine.create(raise))))))
      assert.is_true(rawequal(err, (select(2, pcall(coroutine.wrap(raise))))))
      assert.is_true(rawequal(err, (select(2, xpcall(raise, function(e) return e end)))))
      assert.is_true(rawequal(err, (debug.traceback(err))))
    end
  end)

  it("is raised by assert as it is, where assert takes more than strings", function()
    local expected = NOT_5_1_5_2[LUA] and ONLY_STRINGS or "true"
    for _, condition in ipairs {"nil", "false"} do
      local said, status = run(([[
        local done, caught = pcall(function() assert(%s, err) end)
        print(rawequal(caught, err) or tostring(caught):match "bad .*")]]):format(condition))
      assert.equal(0, status)
      assert.equal(expected, said)
    end
  end)

  it("goes through assert as a string everywhere", function()
    assert.equal(TEXT, (run "print(select(2, pcall(assert, nil, tostring(err))))"))
  end)

  it("that nobody catches ends the program with its text, but in 5.1", function()
    local said, status = run "error(err)"
    assert.equal(1, status)
    local expected = NOT_5_1[LUA] and "(error object is not a string)" or TEXT
    assert.is_truthy(said:find(expected, 1, true), said)
    said, status = run "error(tostring(err), 0)"
    assert.equal(1, status)
    assert.is_truthy(said:find(TEXT, 1, true), said)
    said, status = run "assert(nil, err)"
    assert.equal(1, status)
    assert.is_truthy(said:find(NOT_5_1_5_2[LUA] and ONLY_STRINGS or TEXT, 1, true), said)
  end)
end)

-- Whoever prints what nobody caught says where it was raised, as of strings.
describe("the place where an error was raised", function()
  local PLACED = "^[^\n]*: [^\n:]*/%d+:3: RAND_egd /nonexistent/socket: No such file or directory"

  local function ends_with_place(code)
    local said, status = run("\n" .. code)
    assert.equal(1, status)
    assert.is_truthy(said:find(PLACED), said)
  end

  it("is told when the program ends", function()
    if not NOT_5_1[LUA] then
      ends_with_place "error(err)"
      ends_with_place "local function f() error(err, 0) end f()"
      ends_with_place "coroutine.wrap(function() pcall(error, err) end)() error(err)"
    end
    if not NOT_5_1_5_2[LUA] then
      ends_with_place "assert(nil, err)"
      ends_with_place "assert(false, err)"
    end
    ends_with_place "error(tostring(err))"  -- everywhere
  end)

  it("is not in the text that a program asks for", function()
    for _, code in ipairs {
      "print((select(2, pcall(error, err))))",
      "print((select(2, xpcall(function() error(err) end, tostring))))",
      "print((select(2, xpcall(function() error(err) end, function(e) return tostring(e) end))))",
      "print((select(2, xpcall(function() error(err) end, function(e) return e.text end))))",
      "print((select(2, xpcall(function() error(err) end, function(e) return e .. '' end))))",
      "print(select(2, coroutine.resume(coroutine.create(function() error(err) end))))",
    } do
      assert.equal(TEXT, (run(code)))
    end
  end)

  it("is left out where there is no library debug", function()
    local peer = helpers.lua [[
      debug = nil
      local err = select(2, require "luassl".RAND_egd "/nonexistent/socket")
      print(err)
      io.stdout:flush()
      error(err)]]
    assert.equal(1, peer:wait())
    local said = peer:output()
    assert.equal(TEXT .. "\n", said:match "^[^\n]*\n")
    assert.is_truthy(said:find(NOT_5_1[LUA] and "(error object is not a string)" or ": " .. TEXT, 1, true), said)
  end)
end)

describe("an error in LuaSocket's hands", function()
  it("goes from try through protect as it is", function()
    for _, err in ipairs(samples()) do
      local finished
      local try = socket.newtry(function() finished = true end)
      local results = pack(socket.protect(function() return try(nil, err, "partial") end)())
      assert.is_true(finished)
      assert.is_nil(results[1])
      assert.is_true(rawequal(err, results[2]))
      results = pack(socket.protect(function()
        return socket.try(socket.protect(function() socket.try(nil, err) end)())
      end)())
      assert.is_nil(results[1])
      assert.is_true(rawequal(err, results[2]))
    end
  end)

  it("that was raised goes on through protect", function()
    for _, err in ipairs(samples()) do
      local done, caught = pcall(socket.protect(function() error(err, 0) end))
      assert.is_false(done)
      assert.is_true(rawequal(err, caught))
    end
  end)

  it("ends a pump and comes out of it", function()
    for _, err in ipairs(samples()) do
      local done, caught = ltn12.pump.all(function() return nil, err end, ltn12.sink.null())
      assert.is_nil(done)
      assert.is_true(rawequal(err, caught))
      done, caught = ltn12.pump.all(ltn12.source.string "x", function() return nil, err end)
      assert.is_nil(done)
      assert.is_true(rawequal(err, caught))
    end
  end)

  it("is told by socket.http's request", function()
    local http = require "socket.http"
    for _, err in ipairs(samples()) do
      local body, caught = http.request {url = "http://127.0.0.1:9/", create = function() return nil, err end}
      assert.is_nil(body)
      assert.is_true(rawequal(err, caught))
    end
  end)
end)
