--- Answers of HTTP/1.1: their head, how their body is framed, and sources that
-- give it. LuaSocket's take an answer without a status line for a good one of
-- HTTP/0.9, hold a chunk of any announced size in memory, and take a body that
-- was cut short for a whole one; so these are our own.
-- @module luassl.http_response
-- @local

local errors = require "luassl.errors"
local http_message = require "luassl.http_message"
local http_reader = require "luassl.http_reader"

local failure, quote = http_message.failure, http_message.quote
local PIECE = http_reader.PIECE

local HEAD_MAX = 65536       -- bytes of a head, and of trailers
local FIELDS_MAX = 200       -- header fields of a head, and of trailers
local INFORMATIONAL_MAX = 20 -- answers 1xx before the answer
local EXTENSIONS_MAX = 65536 -- bytes of a body's chunk extensions
local DIGITS_MAX = 15        -- of a length: exact in every Lua's numbers
local HEX_MAX = 13           -- of a chunk's size: likewise

local http_response = {}

--- An end where there should have been more, as an error; other errors as they
-- are, `"timeout"` among them.
-- @function cut
-- @tparam any err what reading answered
-- @tparam string what is missing
-- @tparam[opt] table fields of the error
-- @treturn any
function http_response.cut(err, what, fields)
  local kind = errors.is_error(err) and err.kind
  if err ~= "closed" and kind ~= "eof" and kind ~= "syscall" then return err end
  local how = err == "closed" and "the peer ended the connection" or tostring(err)
  fields = fields or {}
  fields.cause = err
  return failure("incomplete", ("%s (%s)"):format(what, how), fields, "SSLEOFError")
end

local cut = http_response.cut

-- ---- heads

-- Version and code of a status line; an answer of another protocol is told as
-- early as its first bytes.
local function read_status(reader)
  local start, err = reader:peek(5)
  if not start then return nil, cut(err, "the connection ended before an answer came") end
  if start ~= ("HTTP/"):sub(1, #start) then
    return nil, failure("http", "what answers does not speak HTTP/1: it began with " .. quote(start))
  end
  local line
  line, err = reader:line()
  if not line then return nil, cut(err, "the answer ended in its status line") end
  local major, minor, code = line:match "^HTTP/(%d)%.(%d) (%d%d%d)$"
  if not major then major, minor, code = line:match "^HTTP/(%d)%.(%d) (%d%d%d) " end
  if major ~= "1" or tonumber(code) < 100 then
    return nil, failure("http", "the answer's status line is none of HTTP/1: " .. quote(line))
  end
  return tonumber(code), line, minor ~= "0"
end

-- A header field's line without white space at its end; nil: it is none. White
-- space before the colon is one of the ways to hide a field (RFC 9112, 5.1).
local function check_field(line)
  local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$"
  return name and name .. ": " .. value
end

-- The header fields up to the empty line, each unfolded in one line.
local function read_fields(reader, what)
  local lines, size = {}, 0
  while true do
    local line, err = reader:line()
    if not line then return nil, cut(err, "the answer ended in its " .. what) end
    if line == "" then return lines end
    size = size + #line + 2
    if size > HEAD_MAX then
      return nil, failure("limit", ("the answer's %s has more than %d bytes"):format(what, HEAD_MAX))
    end
    if line:find "^[ \t]" and #lines > 0 then  -- obs-fold: RFC 9112, 5.2
      lines[#lines] = lines[#lines] .. " " .. line:match "^[ \t]*(.-)[ \t]*$"
    else
      local field = check_field(line)
      if not field then return nil, failure("http", "the answer has a malformed header field: " .. quote(line)) end
      lines[#lines + 1] = field
    end
    if #lines > FIELDS_MAX then
      return nil, failure("limit", ("the answer's %s has more than %d fields"):format(what, FIELDS_MAX))
    end
  end
end

--- One head.
-- @function read_head
-- @tparam table reader
-- @tparam function parse makes a table of headers of a list of lines
-- @treturn[1] table `code`, `status` (its line), `headers`, `persistent`
-- (HTTP/1.1)
-- @treturn[2] nil
-- @treturn[2] any
function http_response.read_head(reader, parse)
  local code, status, persistent = read_status(reader)
  if not code then return nil, status end
  local lines, err = read_fields(reader, "header")
  if not lines then return nil, err end
  return { code = code, status = status, headers = parse(lines), persistent = persistent }
end

--- The head of the final answer; what comes before it is passed over.
-- @function read_final_head
-- @tparam table reader
-- @tparam function parse
-- @tparam[opt] table head the first one, if it was read already
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] any
-- @source RFC 9110, 15.2
function http_response.read_final_head(reader, parse, head)
  local err
  for _ = 1, INFORMATIONAL_MAX do
    if not head then
      head, err = http_response.read_head(reader, parse)
      if not head then return nil, err end
    end
    if head.code >= 200 then return head end
    if head.code == 101 then return nil, failure("http", "the server changed the protocol: " .. quote(head.status)) end
    head = nil
  end
  return nil, failure("limit", ("more than %d answers came before the answer"):format(INFORMATIONAL_MAX))
end

-- ---- bodies

-- A Content-Length; the same one several times is one (RFC 9110, 8.6).
local function parse_length(text)
  local length
  for part in (text .. ","):gmatch "([^,]*)," do
    local digits = part:match "^[ \t]*0*(%d+)[ \t]*$"
    if not digits or #digits > DIGITS_MAX or length and length ~= digits then
      return nil, failure("http", "the answer's Content-Length is no length, or several: " .. quote(text))
    end
    length = digits
  end
  return tonumber(length)
end

local function has_no_body(method, code)
  return method == "HEAD" or code == 204 or code == 304 or code >= 100 and code < 200
end

--- How the body is framed.
-- @function framing
-- @tparam string method of the request
-- @tparam table head
-- @treturn[1] string `"none"`, `"length"`, `"chunked"` or `"close"`
-- @treturn[1] integer|nil the length
-- @treturn[2] nil
-- @treturn[2] SSLError
-- @source RFC 9112, 6.3
function http_response.framing(method, head)
  local coding, length = head.headers["transfer-encoding"], head.headers["content-length"]
  if has_no_body(method, head.code) then return "none" end
  if coding and coding:lower() == "identity" then coding = nil end
  if coding then
    if length then return nil, failure("http", "the answer has both Transfer-Encoding and Content-Length") end
    if coding:lower() ~= "chunked" then
      return nil, failure("http", "the answer's Transfer-Encoding is not known: " .. quote(coding))
    end
    if not head.persistent then return nil, failure("http", "the answer is chunked, in HTTP/1.0") end
    return "chunked"
  end
  if not length then return "close" end
  local number, err = parse_length(length)
  if not number then return nil, err end
  return "length", number
end

-- Each source notes in `body` when all has come.

local function by_length(reader, body, length)
  local left = length
  return function()
    if left == 0 then
      body.complete = true
      return nil
    end
    local piece, err = reader:take(math.min(left, PIECE))
    if piece then
      left = left - #piece
      return piece
    end
    return nil, cut(err, ("the body was cut short: %.0f of %.0f bytes came"):format(length - left, length),
      { received = length - left, expected = length })
  end
end

local function until_close(reader, body)
  return function()
    if body.complete then return nil end
    local piece, err = reader:take(PIECE)
    if piece then return piece end
    if err == "closed" then
      body.complete = true
      return nil
    end
    return nil, cut(err, "the body was cut short: nothing says that it has ended")
  end
end

-- The size that a chunk's line announces; what follows it are extensions.
local function parse_chunk_size(line)
  local zeros, digits, rest = line:match "^(0*)(%x*)[ \t]*(.*)$"
  if zeros .. digits == "" or #digits > HEX_MAX or rest ~= "" and rest:sub(1, 1) ~= ";" then return nil end
  local size = 0
  for digit in digits:gmatch "%x" do size = size * 16 + tonumber(digit, 16) end
  return size, #rest
end

-- The line that begins a chunk, and before it the end of the last one.
local function begin_chunk(reader, state)
  local line, err
  if state.begun then
    line, err = reader:line()
    if not line then return nil, err end
    if line ~= "" then return nil, failure("http", "a chunk is longer than it says: " .. quote(line)) end
  end
  line, err = reader:line()
  if not line then return nil, err end
  local size, extension = parse_chunk_size(line)
  if not size then return nil, failure("http", "a chunk's size is malformed: " .. quote(line)) end
  state.extensions = state.extensions + extension
  if state.extensions > EXTENSIONS_MAX then
    return nil, failure("limit", ("the chunks have more than %d bytes of extensions"):format(EXTENSIONS_MAX))
  end
  state.begun = true
  return size
end

local CUT = "the body was cut short: its last chunk is missing"

local function chunked(reader, body)
  local left, state = 0, { extensions = 0 }
  return function()
    if body.complete then return nil end
    local piece, err
    if left == 0 then
      left, err = begin_chunk(reader, state)
      if left == 0 then
        local trailers
        trailers, err = read_fields(reader, "trailer")
        body.complete = trailers ~= nil
        return nil, err
      elseif not left then
        left = 0
        return nil, cut(err, CUT)
      end
    end
    piece, err = reader:take(math.min(left, PIECE))
    if not piece then return nil, cut(err, CUT) end
    left = left - #piece
    return piece
  end
end

-- Passes on at most `most` bytes.
local function bounded(source, most)
  local left, over = most, false
  local function too_large()
    return nil, failure("limit", ("the body has more than %.0f bytes (max_body)"):format(most))
  end
  return function()
    if over then return too_large() end
    local piece, err = source()
    if not piece then return nil, err end
    if #piece > left then
      over, piece = true, piece:sub(1, left)
      if left == 0 then return too_large() end
    end
    left = left - #piece
    return piece
  end
end

--- The body of an answer.
-- @function body
-- @tparam table reader
-- @tparam string method of the request
-- @tparam table head
-- @tparam[opt] number most bytes of it
-- @treturn[1] table `source`, an ltn12 source, and `complete`, once all has
-- come; `to_close`: the connection's end is its end
-- @treturn[2] nil
-- @treturn[2] SSLError
function http_response.body(reader, method, head, most)
  local kind, length = http_response.framing(method, head)
  if not kind then return nil, length end
  if most and length and length > most then
    return nil, failure("limit", ("the body has %.0f bytes, more than %.0f (max_body)"):format(length, most))
  end
  local body = { to_close = kind == "close" }
  local source
  if kind == "none" then source = by_length(reader, body, 0)
  elseif kind == "length" then source = by_length(reader, body, length)
  elseif kind == "chunked" then source = chunked(reader, body)
  else source = until_close(reader, body)
  end
  body.source = most and bounded(source, most) or source
  return body
end

return http_response
