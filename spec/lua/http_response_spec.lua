-- Answers of HTTP as bytes, without a connection: however they come in pieces,
-- the body is the same; cut anywhere, there is none that is whole; with any byte
-- changed, nothing raises and nothing is held without limit.
local answers = require "spec.support.http_answers"
local http_reader = require "luassl.http_reader"
local http_request = require "luassl.http_request"
local http_response = require "luassl.http_response"

-- What gives these bytes in pieces of `size()`, and then answers `ending`.
local function wire(bytes, size, ending)
  local first = 1
  return {read = function(_, most)
    if first > #bytes then return nil, ending end
    local piece = bytes:sub(first, first + math.min(size(), most) - 1)
    first = first + #piece
    return piece
  end}
end

local function whole() return math.huge end

-- true, the body and the head; or nil, the error and the part of the body.
local function receive(method, bytes, size, ending)
  local reader = http_reader.new(wire(bytes, size, ending))
  local head, err = http_response.read_final_head(reader, http_request.parse_headers)
  if not head then return nil, err, "" end
  local body
  body, err = http_response.body(reader, method, head)
  if not body then return nil, err, "" end
  local parts = {}
  while true do
    local piece
    piece, err = body.source()
    if not piece then break end
    parts[#parts + 1] = piece
  end
  if body.complete then return true, table.concat(parts), head end
  return nil, err, table.concat(parts)
end

-- Those that are not huge and whole.
local good = {}
for name, answer in pairs(answers) do
  if answer.body and #answer[1] < 20000 and not answer.options then good[name] = answer end
end

describe("an answer", function()
  it("is the same in any pieces", function()
    local state = 1
    local function size()
      state = (state * 1103515245 + 12345) % 2147483648
      return 1 + math.floor(state / 65536) % 7
    end
    for name, answer in pairs(good) do
      for _, pieces in ipairs {whole, size, function() return 1 end} do
        local done, body, head = receive(answer.method or "GET", answer[1], pieces, "closed")
        assert.is_true(done, name)
        assert.is_true(body == answer.body, name)
        assert.equal(answer.code or 200, head.code)
      end
    end
  end)

  it("that is cut anywhere is not whole, but where only its end ends it", function()
    for name, answer in pairs(good) do
      local bytes = answer[1]
      local head_end = select(2, bytes:find "\r?\n\r?\n")
      local until_close = name:find "close_notify"
      -- What the whole answer has needed: what comes behind it is not of it.
      local needed = name == "what follows the answer" and bytes:find "okHTTP" + 1 or #bytes
      for cut = 0, needed - 1 do
        if not (until_close and cut >= head_end) then
          local done, err, part = receive(answer.method or "GET", bytes:sub(1, cut), whole, "closed")
          assert.is_nil(done, ("%s, cut behind byte %d"):format(name, cut))
          assert.equal("incomplete", err.kind)
          assert.equal(answer.body:sub(1, #part), part)
        end
      end
    end
  end)

  it("that waits for more answers what waiting answered", function()
    for name, answer in pairs(good) do
      for _, ending in ipairs {"timeout", "mine"} do
        local done, err = receive(answer.method or "GET", answer[1]:sub(1, 12), whole, ending)
        assert.is_nil(done, name)
        assert.equal(ending, err)
      end
    end
  end)

  it("with any byte changed or gone is one or the other, and raises nothing", function()
    local BYTES = {"", "\0", "\r", "\n", " ", ":", ";", "0", "f", "-", "\255"}
    local seen = {}
    for _, answer in pairs(good) do
      local bytes = answer[1]
      if #bytes < 300 then
        for i = 1, #bytes do
          for _, byte in ipairs(BYTES) do
            local changed = bytes:sub(1, i - 1) .. byte .. bytes:sub(i + 1)
            local done, err = receive(answer.method or "GET", changed, whole, "closed")
            if not done then
              assert.is_string(err.kind)
              assert.is_true(#err.text < 600 and not err.text:find "[^\32-\126]", err.text)
              seen[err.kind] = true
            end
          end
        end
      end
    end
    assert.same({http = true, incomplete = true}, seen)
  end)
end)
