-- What `send` and `write` tell: the records that the kernel took whole, at a
-- timeout and after a failure alike. Whoever goes on behind it, repeats the
-- whole, or gives up, gets what they mean.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local sending = require "spec.support.sending_habits"
local wire = require "spec.support.wire"

helpers.audit()

local BUFFER = 32768
local INJECT = os.getenv "LUASSL_BUILD" .. "/luassl_inject.so"
local HABITS = {"goes on behind the index", "cuts off what was told",
  "repeats the whole", "repeats an equal string", "writes the rest"}

local pair

local function open(version, side, timeout)
  pair = wire.opened {side = side, buffer = BUFFER,
    client = {maximum_version = version}}
  pair.conn:settimeout(timeout or 0)
  return pair.conn
end

local function close()
  if pair then pair:close() end
  pair = nil
end

-- Letters, other ones for each number; they do not repeat by the record.
local function text(size, number)
  local block = {}
  for i = 0, 1022 do
    block[#block + 1] = string.char(65 + (i * i + number) % 26)
  end
  return table.concat(block):rep(math.ceil(size / 1023)):sub(1, size)
end

-- Of two numbers below 62 they share no letter; within one they are the same.
local function letter(number)
  local all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  return all:sub(number, number)
end

-- What the peer can read without our sending any more, at least `least` bytes
-- of it.
local function taken(least)
  local got, deadline = "", socket.gettime() + 1.5
  repeat
    pair:carry_in()
    local data, _, partial = pair.peer:receive(1e8, got)
    got = data or partial
    local more = socket.select({pair.raw}, nil, 0.002)[1]
  until not more and (#got >= least or socket.gettime() > deadline)
  return got
end

-- Goes on behind `index`: with what the peer `got` before that is all of it.
local function check_rest(conn, data, index, got)
  pair:drive(function()
    local last, err, partial = conn:send(data, index + 1)
    index = last or partial
    got = got .. taken(0)
    return last, err
  end)
  got = got .. taken(0)
  assert.equal(#data, #got)
  assert.is_true(got == data)
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  for _, side in ipairs {"client", "server"} do
    describe(("sends of a %s, %s,"):format(side, version), function()
      after_each(close)

      for _, timeout in ipairs {0, 0.01} do
        for _, size in ipairs {20000, 100000, 1000000} do
          it(("tell what the kernel took: %d bytes, timeout %s"):format(size,
              timeout), function()
            local conn = open(version, side, timeout)
            local data, told = text(size, 0), 0
            repeat  -- until a call does not get through
              local last, err, partial = conn:send(data, 1 + told % size)
              told = told - told % size + (last or partial)
            until err
            local got = taken(told)
            assert.equal(told, #got)
            assert.is_true(got == data:rep(math.ceil(told / size))
              :sub(1, told))
          end)
        end
      end

      it("tell it of a part of a string, and of write", function()
        local conn = open(version, side)
        local data = text(1000000, 0)
        local _, err, index = conn:send(data, 1001, 990000)
        assert.equal("timeout", err)
        local got = taken(index - 1000)
        assert.equal(index - 1000, #got)
        local written, _, partial = conn:write(data:sub(index + 1, 990000))
        got = got .. taken(written or partial)
        assert.equal(index - 1000 + (written or partial), #got)
        assert.is_true(got == data:sub(1001, 1000 + #got))
      end)

      it("tell nothing to a peer that has reset", function()
        for _, name in ipairs {"send", "write"} do
          for _, size in ipairs {1, 16384, 100000, 1000000} do
            local conn = open(version, side)
            pair:reset()
            local sent, err, told = conn[name](conn, ("x"):rep(size))
            assert.is_nil(sent)
            assert.is_true(err:is(ssl.SSLSyscallError))
            assert.equal(0, told)
            close()
          end
        end
      end)

      it("tell no more when the peer resets in between", function()
        local conn = open(version, side)
        local data = text(1000000, 0)
        local told = select(3, conn:send(data))
        assert.equal(told, #taken(told))
        pair:reset()
        for _ = 1, 3 do
          local sent, err, index = conn:send(data, told + 1)
          assert.is_nil(sent)
          assert.is_true(err:is(ssl.SSLError))
          assert.equal(told, index)
        end
      end)

      it("of nothing flush", function()
        local conn = open(version, side)
        local data = text(100000, 0)
        local told
        for _ = 1, 20 do
          local last, err, partial = conn:send(data)
          if err then told = partial break end
          assert.equal(#data, last)
        end
        assert.is_true(told < #data)
        assert.same({nil, "timeout", 0}, {conn:send ""})
        local got = ""
        assert.equal(0, (pair:drive(function()
          got = got .. taken(0)
          return conn:send ""
        end)))
        got = got .. taken(0)
        -- The last message may end with its records that were encrypted.
        assert.is_true(#got % #data >= told or #got % #data == 0)
        assert.is_true(got == data:rep(30):sub(1, #got))
        assert.equal(3, conn:send "end")
        assert.equal("end", taken(3))
      end)

      it("of other bytes go behind what waits", function()
        local conn = open(version, side)
        local one, other = text(1000000, 0), text(50000, 1)
        local _, _, told = conn:send(one)
        local last, got, index = 0, "", 0
        pair:drive(function()
          local err, partial
          last, err, partial = conn:send(other, index + 1)
          index = last or partial
          got = got .. taken(0)
          return last, err
        end)
        got = got .. taken(0)
        local first = #got - #other
        assert.is_true(first >= told and first < #one)
        assert.is_true(got == one:sub(1, first) .. other)
      end)

      it("know what has left since, in a receive", function()
        local conn = open(version, side)
        local data = text(300000, 0)
        local index = select(3, conn:send(data))
        local got = taken(index)
        for _ = 1, 20 do  -- flushes all that waits
          assert.is_nil((conn:receive()))
          got = got .. taken(0)
        end
        assert.is_true(#got > index)
        check_rest(conn, data, index, got)
      end)

      it("of a part count what waits of it as done", function()
        local conn = open(version, side)
        local data = text(60000, 0):rep(5)
        local told = select(3, conn:send(data))
        local got = taken(told)
        -- Fewer bytes than wait, then the rest.
        assert.equal(1, (pair:drive(function()
          return conn:send(data:sub(told + 1, told + 1))
        end)))
        got = got .. taken(0)
        check_rest(conn, data, told + 1, got)
      end)
    end)
  end
end

-- The peer reads a little, or nothing.
local function step(draw, got)
  if draw(3) == 1 then return end
  local data = pair.raw:receive(draw(40000)) or ""
  if data == "" then
    data = select(3, pair.raw:receive(draw(40000))) or ""
  end
  pair.peer:feed(data)
  got[#got + 1] = select(3, pair.peer:receive(1e8)) or nil
end

describe("a caller that", function()
  after_each(close)

  local SEEDS = tonumber(os.getenv "LUASSL_SEEDS") or 2

  local function run(habit, timeout, seed, check, write)
    local conn = open(seed % 2 == 0 and "TLSv1.2" or "TLSv1.3",
      seed % 3 == 0 and "server" or "client", timeout)
    local draw = sending.generator(seed)
    local got, sent, told = {}, {}, {}
    for number = 1, 40 do
      local message = write(sending.size(draw), number)
      local count, err = sending.habits[habit](conn, message,
        function() step(draw, got) end)
      assert(not err, err)
      sent[#sent + 1], told[#told + 1] = message, count
    end
    conn:settimeout(0)
    pair:drive(function()
      got[#got + 1] = taken(0)
      return conn:send ""
    end)
    assert.equal(1, conn:shutdown "send")
    got[#got + 1] = pair:receive "*a"
    check(table.concat(got), sent, told)
  end

  for seed = 1, SEEDS do
    for _, timeout in ipairs {0, 0.002} do
      for _, habit in ipairs(HABITS) do
        it(("%s: all once, in order, timeout %s, seed %d"):format(habit,
            timeout, seed), function()
          run(habit, timeout, seed, function(got, sent)
            local expected = table.concat(sent)
            assert.equal(#expected, #got)
            assert.is_true(got == expected)
          end, text)
        end)
      end

      it(("gives up: what was told at least, timeout %s, seed %d"):format(
          timeout, seed), function()
        run("gives up", timeout, seed, function(got, sent, told)
          local at = 0
          for i, message in ipairs(sent) do
            local piece = got:match("^" .. letter(i) .. "*", at + 1)
            assert.is_true(#piece >= told[i] and #piece <= #message, i)
            at = at + #piece
          end
          assert.equal(#got, at)
        end, function(size, number) return letter(number):rep(size) end)
      end)
    end
  end

  it("loops as over a LuaSocket, then closes: all arrives", function()
    local conn = open()
    local data = text(1000000, 0)
    local i, got = 1, {}
    repeat
      local last, _, partial = conn:send(data, i)
      i = (last or partial) + 1
      if i <= #data then got[#got + 1] = taken(0) end
    until i > #data
    assert.equal(1, conn:close())
    got[#got + 1] = pair:receive "*a"
    assert.is_true(table.concat(got) == data)
    assert.same({nil, "closed", ""}, {pair:receive "*a"})
  end)
end)

describe("with peers of other kinds", function()
  local SMALL, LARGE = 1500000, 8000000
  local paths, digests = {}, {}
  local digester, slow

  setup(function()
    digester = helpers.python_server "digest"
    slow = helpers.spawn {"python3", "spec/peers/slow.py", "--cert",
      helpers.file "ecdsa.pem", "--pause", 0.005, "--limit", 0.1}
    for _, size in ipairs {SMALL, LARGE} do
      local path = helpers.temp_name()
      assert.equal(0, helpers.spawn {"openssl", "rand", "-out", path,
        size}:wait())
      local hasher = helpers.spawn {"openssl", "dgst", "-sha256", "-r", path}
      assert.equal(0, hasher:wait())
      paths[size], digests[size] = path, hasher:output():match "^%x+"
    end
  end)

  teardown(function()
    digester:stop()
    slow:stop()
    digester, slow = nil, nil
  end)

  -- Sends the file of that size, in lines of a length or as it draws them.
  local function sender(port, habit, timeout, seed, size, line)
    return helpers.spawn({helpers.interpreter, "spec/support/sending_client.lua", port, habit,
      timeout, seed, paths[size], line}, {env = {LD_PRELOAD = INJECT,
      LUASSL_INJECT = seed}})
  end

  local function check_all(client, size)
    local status = client:wait()  -- all that it says is there then
    assert.equal(digests[size], client:output():match "answer (%x+)\n",
      client:output())
    assert.equal(0, status)
    assert.equal(size, tonumber(client:output():match "told (%d+)"))
  end

  for seed, habit in ipairs(HABITS) do
    for _, timeout in ipairs {"0", "nil"} do
      it(("%s: all arrives, timeout %s"):format(habit, timeout), function()
        check_all(sender(digester.port, habit, timeout, seed, SMALL), SMALL)
      end)
    end
  end

  it("4,000 lines, each repeated until it is sent, come once", function()
    check_all(sender(digester.port, "repeats the whole", "0", 1, LARGE, 2000),
      LARGE)
  end)

  -- Never more than the kernel took, which the peer's end makes certain.
  local function check(client)
    client:expect("taken %d+\n")
    local status = client:wait()
    assert.equal(0, status, client:output())
    local told = tonumber(client:output():match "told (%d+)\n")
    local took = tonumber(client:output():match "taken (%d+)\n")
    local ends = {syscall = true, closed = true, eof = true}
    assert.is_true(ends[client:output():match "error (%S+)\n"])
    assert.is_true(told <= took, ("told %d, taken %d"):format(told, took))
  end

  for seed, habit in ipairs(HABITS) do
    it(habit .. ": a slow peer goes", function()
      check(sender(slow:expect "reader=(%d+)", habit, "0", seed, SMALL))
    end)

    it(habit .. ": the peer dies", function()
      local peer = helpers.spawn {"python3", "spec/peers/slow.py", "--cert",
        helpers.file "ecdsa.pem", "--pause", 0.005}
      local client = sender(peer:expect "reader=(%d+)", habit, "nil", seed,
        SMALL)
      client:expect "(connected)"
      peer:stop()
      check(client)
    end)
  end
end)
