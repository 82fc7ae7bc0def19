-- What is done in a shorter way when it can be: the long way's answers come
-- out of it all the same.
local socket = require "socket"
local collector = require "spec.support.collector"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

-- Two SSLObjects, connected.
local function objects()
  local near, far = helpers.pair()
  assert(helpers.handshake(near, far))
  helpers.pump(near, far)
  return near, far
end

local function close_all(list)
  for _, one in ipairs(list) do one:close() end
end

describe("a line at hand", function()
  local near, far

  before_each(function() near, far = objects() end)

  after_each(function()
    close_all {near, far}
    near, far = nil, nil
  end)

  local function check(sent, lines)
    for _, bytes in ipairs(sent) do assert(far:send(bytes)) end
    helpers.pump(near, far)
    for _, line in ipairs(lines) do
      assert.same({line, n = 3}, {n = select("#", near:receive "*l"), line})
    end
  end

  it("has no carriage returns, whichever record brings them", function()
    local sent = {"one\ntwo\nthr", "ee\r\nfo\rur\r\nfive\n", "\r\n\nsix\nse", "ven\r", "\neight\n", "\r\r\nnine\n"}
    local lines = {"one", "two", "three", "four", "five", "", "", "six", "seven", "eight", "", "nine"}
    for _, bytes in ipairs(sent) do assert(far:send(bytes)) end
    helpers.pump(near, far)
    for i, line in ipairs(lines) do
      local pattern = ({"*l", "l", nil})[i % 3 + 1]
      assert.equal(line, near:receive(pattern))
    end
    assert.same({nil, "wantread", ""}, {near:receive()})
  end)

  it("has three results, as those that had to be waited for", function()
    check({"a\nb\nc\n"}, {"a"})
    assert.equal(3, select("#", near:receive "*l"))
    assert.equal(3, select("#", near:receive()))
    assert.equal(3, select("#", near:receive()))
  end)

  it("counts, and is followed by what other patterns ask for", function()
    assert(far:send "a\nbc\ndefgh\ni")
    helpers.pump(near, far)
    assert.equal("a", near:receive())
    assert.equal("xbc", near:receive("*l", "x"))
    assert.equal("de", near:receive(2))
    assert.equal("fgh", near:receive "*l")
    assert.same({nil, "wantread", "i"}, {near:receive "*l"})
  end)

  it("stays there for a finalizer that reads too", function()
    local conn, text = near, "some line that is longer than short strings are"
    assert(far:send((text .. "\n"):rep(200)))
    helpers.pump(near, far)
    local heard = {}
    local function hear()
      local fine, line = pcall(conn.receive, conn)
      if fine and line then heard[#heard + 1] = line end
      return not fine or line
    end
    for _ = 1, 200 do
      local proxy = rawget(_G, "newproxy")  -- Lua 5.1
      if proxy then getmetatable(proxy(true)).__gc = hear
      else setmetatable({}, {__gc = hear}) end
    end
    collector.set(1, 200)
    repeat until not hear()
    collector.reset()
    collectgarbage()
    collectgarbage()
    for _, line in ipairs(heard) do assert.equal(text, line) end
    assert.is_true(#heard > 0 and #heard <= 200)
  end)
end)

describe("the connection of the last call", function()
  it("is another one when its object is", function()
    for round = 1, 30 do
      local near, far = objects()
      assert(far:send "hello\n")
      helpers.pump(near, far)
      assert.equal("hello", near:receive())
      if round % 2 == 0 then close_all {near, far} end
      near, far = nil, nil  -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      local fresh = helpers.pair()
      assert.same({nil, "wantread", ""}, {fresh:receive()})
      fresh:close()
      assert.same({nil, "closed", ""}, {fresh:receive()})
      assert.same({nil, "closed", 0}, {fresh:send "x"})
    end
  end)

  it("is no other object with its methods", function()
    local near, far = objects()
    near:receive()
    near:receive()
    for _, other in ipairs {false, 1, "x", {}, io.stdout, helpers.pair} do
      assert.is_false(pcall(near.receive, other))
      assert.is_false(pcall(near.send, other, "x"))
    end
    assert.is_false(pcall(near.receive))
    local plain = socket.tcp()
    assert.is_false(pcall(near.receive, plain))
    plain:close()
    close_all {near, far}
  end)

  it("keeps half a record when another's turn comes", function()
    local pairs_of, data = {}, ("0123456789"):rep(1700)
    for i = 1, 3 do pairs_of[i] = {objects()} end
    for _ = 1, 5 do
      local rest = {}
      for i, one in ipairs(pairs_of) do
        assert(one[2]:send(data .. i))
        local bytes = one[2]:drain()
        one[1]:feed(bytes:sub(1, 5000 * i))
        rest[i] = bytes:sub(5000 * i + 1)
        assert.same({nil, "wantread", ""}, {one[1]:receive "*l"})
        assert.same({nil, "wantread", ""}, {one[1]:receive "*l"})
      end
      for i, one in ipairs(pairs_of) do
        one[1]:feed(rest[i])
        assert.equal(data .. i, one[1]:receive(#data + 1))
        assert(one[1]:send "back")
        helpers.pump(one[1], one[2])
        assert.equal("back", one[2]:receive(4))
      end
    end
    for _, one in ipairs(pairs_of) do close_all(one) end
  end)
end)

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("records read ahead, " .. version .. ",", function()
    local pair

    before_each(function()
      pair = wire.opened {side = "client", client = {maximum_version = version}}
    end)

    after_each(function()
      pair:close()
      pair = nil
    end)

    -- Small and large ones, which the kernel hands over in one piece.
    local function records()
      local parts, clear = {}, {}
      for i = 1, 40 do
        local text = ("%d,"):format(i):rep(i % 10 == 0 and 4000 or 3):sub(1, 16384)
        assert(pair.peer:send(text))
        parts[i], clear[i] = pair.peer:drain(), text
      end
      return table.concat(parts), table.concat(clear)
    end

    it("end where TLS does: what is behind it is clear text", function()
      local bytes, clear = records()
      assert(pair.peer:shutdown "send")
      pair:inject(bytes .. pair.peer:drain() .. "clear text")
      local heard = {}
      local data, err, partial
      repeat
        data, err, partial = pair.conn:receive "*a"
        heard[#heard + 1] = data or partial
        if err == "timeout" then socket.select({pair.conn}, nil, helpers.patience) end
      until data or err ~= "timeout"
      assert.is_true(table.concat(heard) == clear)
      local tcp, leftover = pair:drive(function() return pair.conn:unwrap() end)
      assert.equal("clear text", leftover)
      tcp:close()
    end)

    it("come out whole, however they are cut", function()
      local bytes, clear = records()
      local heard, at = {}, 1
      for _, step in ipairs {1, 3, 4, 5, 6, 1000, 16000, 17000, 33, 7} do
        pair:inject(bytes:sub(at, at + step - 1))
        at = at + step
        socket.select({pair.raw}, nil, 0.002)
        local _, _, partial = pair.conn:receive "*a"
        heard[#heard + 1] = partial
      end
      pair:inject(bytes:sub(at))
      local length = #table.concat(heard)
      while length < #clear do
        assert.equal(1, #socket.select({pair.conn}, nil, helpers.patience))
        local _, _, partial = pair.conn:receive "*a"
        heard[#heard + 1] = partial
        length = length + #partial
      end
      assert.is_true(table.concat(heard) == clear)
      assert.is_false(pair.conn:dirty())
    end)
  end)
end

describe("a request's answer", function()
  it("is waited for no longer than the limit, and less when it comes", function()
    local client, server = helpers.pair {over = "socket"}
    assert(helpers.handshake(client, server))
    for _, limit in ipairs {0, 0.05} do
      client:settimeout(limit)
      for _ = 1, 2 do
        assert.equal(5, client:send "ask\n\n")
        local start = socket.gettime()
        assert.same({nil, "timeout", ""}, {client:receive()})
        local taken = socket.gettime() - start
        assert.is_true(taken >= limit - 0.002 and taken < limit + 2, taken)
      end
    end
    assert(server:send "answer\n")
    client:settimeout(helpers.patience)
    assert.equal(1, client:send "x")
    assert.equal("answer", client:receive())
    close_all {client, server}
  end)
end)

describe("methods before the handshake", function()
  -- `method` again and again, yielding in between if in a coroutine.
  local function patiently(wrap, method)
    return wrap(function()
      while true do
        local result, err, partial = method()
        if result or err ~= "timeout" or wrap ~= coroutine.wrap then return result, err, partial end
        coroutine.yield(nil, err)
      end
    end)
  end

  local function plainly(call) return call end

  it("run it and go on, in a coroutine and outside", function()
    for _, wrap in ipairs {plainly, coroutine.wrap} do
      local client, server = helpers.pair {over = "socket"}
      client:settimeout(0)
      server:settimeout(0)
      local results = wire.together {
        patiently(wrap, function()
          local data, err, partial = client:receive("*l", "<")
          assert(data or partial == "<")
          return data, err, partial
        end),
        patiently(wrap, function() return server:send("xline\n", 2) end),
      }
      assert.equal("<line", results[1][1])
      assert.equal(6, results[2][1])
      close_all {client, server}
    end
  end)
end)
