-- A Lua state that one thread after the other runs.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local process = require "luassl_process"
local resuming = require "spec.support.resuming_handshakes"

helpers.audit()

local thread = process.thread

-- A pair whose `side` waits for its hook, and what goes on with that.
local STOPPED = [[
  local hooking = require "spec.support.hooking_pairs"
  return function(open, side, start)
    local function hook() coroutine.yield "hook" end
    local pair
    if side == "server" then
      pair = open(hooking.certified(), hooking.asking {on_verify = hook})
    else pair = open {on_verify = hook} end
    local other = side == "server" and pair.client or pair.server
    local co
    local function run()
      for _ = 1, 1000 do
        other:do_handshake()
        co = coroutine.create(function() return pair[side]:do_handshake() end)
        if select(2, coroutine.resume(co)) == "hook" then return end
        pair.pump()
      end
      error "it does not stop"
    end
    start(run)
    return pair, function() return coroutine.resume(co) end
  end]]
local stopped = (loadstring or load)(STOPPED)()

local function here(run) run() end

hooking.each("another thread", function(case)

  it("goes on with a client's handshake that waits for its hook", function()
    local pair, go_on = stopped(case.open, "client", thread)
    thread(function() assert(go_on()) end)
    hooking.talk(hooking.succeed(pair))
  end)

  it("cannot go on with a server's, and this one can", function()
    local pair, go_on = stopped(case.open, "server", here)
    thread(function()
      local _, done, err = go_on()
      assert.is_nil(done)
      assert.equal("state", err.kind)
      assert.truthy(err:find "another thread")
      done, err = pair.server:do_handshake()
      assert.is_nil(done)
      assert.equal("state", err.kind)
    end)
    hooking.talk(hooking.succeed(pair))
  end)

  it("runs whole handshakes", function()
    local pair
    thread(function()
      pair = hooking.succeed(case.open(hooking.certified(),
        hooking.asking {on_verify = function() end}))
    end)
    hooking.talk(pair)
    thread(function() hooking.talk(pair) end)
  end)
end)

-- What waits there is lost, and the audit would see it.
describe("a handshake that waits in another thread", function()
  it("is closed without going on", function()
    local output = resuming.elsewhere(([[
      local thread = require "luassl_process".thread
      local hooking = require "spec.support.hooking_pairs"
      local stopped = (loadstring or load)(%q)()
      for _, kind in ipairs {"socket", "object"} do
        for _ = 1, 3 do
          local function open(client, server)
            return hooking.open(kind, client, server)
          end
          local pair, go_on = stopped(open, "server", thread)
          thread(function()  -- of the same id as that which has ended
            local _, done, err = go_on()
            assert(done == nil and err.kind == "state", err)
          end)
          assert(select(2, pair.server:do_handshake()).kind == "state")
          assert(pair.server:close() == 1)
          pair, go_on = stopped(open, "server", function(run) run() end)
          thread(function() assert(pair.server:close() == 1) end)
          pair, go_on = stopped(open, "server", function(run) run() end)
          thread(function()
            pair = nil
            hooking.forget()
            collectgarbage()
          end)
          assert(go_on)
        end
      end
      print "all closed"]]):format(STOPPED))
    assert.equal("all closed\n", output)
  end)
end)

describe("an engine that computes elsewhere", function()
  for _, fd in ipairs {"with a descriptor", "without one"} do
    it("is waited for, " .. fd, function()
      local output = resuming.elsewhere([[
        local hooking = require "spec.support.hooking_pairs"
        for _, kind in ipairs {"socket", "object"} do
          for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
            local n = 0
            hooking.talk(hooking.succeed(hooking.open(kind,
              hooking.certified {maximum_version = version},
              hooking.asking {on_verify = function() n = n + 1 end})))
            assert(n == 1)
          end
        end
        print "all done"]], {LUASSL_ENGINE = "3",
          LUASSL_ENGINE_FD = fd:find "^with " and "1" or nil})
      assert.equal(("engine\n"):rep(12) .. "all done\n", output)
    end)
  end

  it("has the handshake's time", function()
    local output = resuming.elsewhere([[
      local hooking = require "spec.support.hooking_pairs"
      local err = hooking.refused(hooking.open("object", hooking.certified(),
        hooking.asking {on_verify = print, handshake_timeout = 0.05}), "server")
      print(err.kind)]], {LUASSL_ENGINE = "1000000"})
    assert.equal("handshake_timeout\n", (output:gsub("engine\n", "")))
  end)
end)

describe("the module", function()
  it("calls nothing whose results threads share", function()
    local program = helpers.spawn {"nm", "-D", "-u",
      os.getenv "LUASSL_BUILD" .. "/luassl/core.so"}
    assert.equal(0, program:wait(), program:output())
    local imported = {}
    for name in program:output():gmatch "[Uw] ([%w_]+)" do
      imported[name] = true
    end
    assert.is_true(imported.readv)
    for _, name in ipairs {"asctime", "ctime", "getenv", "gethostbyname",
      "getprotobyname", "getservbyname", "gmtime", "inet_ntoa", "localtime",
      "rand", "setlocale", "strerror", "strtok"} do
      assert.is_nil(imported[name], name)
    end
  end)
end)
