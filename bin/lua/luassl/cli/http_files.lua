--- HTTP/1.1 of `luassl serve`: GET and HEAD of files below a directory.
-- Everything that a client sends is bounded, in bytes and in time.
-- @module luassl.cli.http_files
-- @local
local persist = require "luassl.cli.connection".persist
local socket = require "socket"

local http_files = {}

local HEAD_MAX = 16384  -- bytes of a request's head
local PATIENCE = 15  -- seconds for a request's head, and for each part of an answer
local REQUESTS = 1000  -- of one connection
local PIECE = 65536  -- bytes

local TYPES = {
  html = "text/html; charset=utf-8", htm = "text/html; charset=utf-8", css = "text/css; charset=utf-8",
  js = "text/javascript; charset=utf-8", mjs = "text/javascript; charset=utf-8", json = "application/json",
  txt = "text/plain; charset=utf-8", md = "text/plain; charset=utf-8", lua = "text/plain; charset=utf-8",
  svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif",
  webp = "image/webp", ico = "image/vnd.microsoft.icon", wasm = "application/wasm", pdf = "application/pdf",
  xml = "application/xml", woff2 = "font/woff2",
}

local REASONS = {
  [200] = "OK", [301] = "Moved Permanently", [400] = "Bad Request", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [417] = "Expectation Failed", [431] = "Request Header Fields Too Large",
}

--- The path below the directory that a request's target names.
-- @treturn[1] string "index.html", "a/b.txt"; ends in "/" where the target does
-- @treturn[2] nil it leads out of the directory, or to what is hidden
function http_files.path(target)
  local path = target:match "^/([^?#]*)"
  if not path then return nil end
  local broken
  path = path:gsub("%%(.?.?)", function(digits)
    if not digits:find "^%x%x$" then broken = true return "" end
    return string.char(tonumber(digits, 16))
  end)
  if broken or path:find "[%z\1-\31\127\\]" then return nil end
  for segment in (path .. "/"):gmatch "([^/]*)/" do
    -- "." and "..", and files like .git and .env: nobody means to serve them.
    if segment:sub(1, 1) == "." then return nil end
  end
  return (path:gsub("//+", "/"):gsub("^/", ""))
end

-- The file: a handle and its size; nil: there is none.
local function open(name)
  local file = io.open(name, "rb")
  if not file then return nil end
  local size = file:seek "end"
  -- A directory can be opened, and not read.
  if not size or size >= 2 ^ 62 or not file:seek "set" or not file:read(0) and size > 0 then
    file:close()
    return nil, true
  end
  return file, size
end

-- Whether a name is a directory's.
local function is_directory(name)
  local file = io.open(name .. "/.", "rb")
  if file then file:close() end
  return file ~= nil
end

local function send(conn, data)
  local deadline, at = socket.gettime() + PATIENCE, 1
  return persist(conn, deadline, function()
    local last, err, part = conn:send(data, at)
    if not last and part then at = math.max(at, part + 1) end
    return last, err
  end)
end

local function head(status, fields)
  local lines = {
    ("HTTP/1.1 %d %s"):format(status, REASONS[status]), "Server: luassl", "X-Content-Type-Options: nosniff",
    "Cache-Control: no-store",
  }
  for _, field in ipairs(fields) do lines[#lines + 1] = field end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function send_text(conn, request, status, field)
  local text = ("%d %s\n"):format(status, REASONS[status])
  local fields = { "Content-Type: text/plain", "Content-Length: " .. #text, "Connection: " .. request.connection }
  fields[#fields + 1] = field
  return send(conn, head(status, fields) .. (request.method == "HEAD" and "" or text)), status
end

local function send_file(conn, request, file, size, name)
  local kind = TYPES[(name:match "%.(%w+)$" or ""):lower()] or "application/octet-stream"
  local ok = send(conn, head(200, { "Content-Type: " .. kind, ("Content-Length: %d"):format(size),
    "Connection: " .. request.connection }))
  local left = request.method == "HEAD" and 0 or size
  while ok and left > 0 do
    local data = file:read(math.min(PIECE, left))
    ok = data and send(conn, data)  -- a file that has become shorter ends the connection
    left = left - (data and #data or 0)
  end
  file:close()
  return ok, 200
end

-- Answers one request: whether the connection goes on, and the status.
local function answer(conn, request, directory)
  if request.bad then return send_text(conn, request, request.bad) end
  if request.method ~= "GET" and request.method ~= "HEAD" then
    request.connection = "close"  -- a body would follow
    return send_text(conn, request, 405, "Allow: GET, HEAD")
  end
  local path = http_files.path(request.target)
  if not path then return send_text(conn, request, 403) end
  local name = directory .. "/" .. path
  if path == "" or path:sub(-1) == "/" then name = name .. "index.html"
  elseif is_directory(name) then
    return send_text(conn, request, 301, "Location: /" .. path:gsub("[^%w%-%._~/]", function(c)
      return ("%%%02X"):format(c:byte())
    end) .. "/")
  end
  local file, size = open(name)
  if not file then return send_text(conn, request, 404) end
  return send_file(conn, request, file, size, name)
end

-- The request of a head.
local function parse(text)
  local method, target, version = text:match "^(%u+) (%S+) HTTP/(1%.[01])\r?\n"
  local request = { method = method, target = target, connection = version == "1.1" and "keep-alive" or "close" }
  local lower = text:lower()
  if lower:find "\nconnection:[ \t]*close" then request.connection = "close" end
  if not method then request.bad = 400
  elseif lower:find "\ncontent%-length:" or lower:find "\ntransfer%-encoding:" then
    request.connection = "close"  -- what follows would be taken for a request
  end
  if request.bad then request.connection = "close" end
  return request
end

-- Reads a head; what came behind it stays in `state.rest`.
local function read_head(conn, state)
  local deadline = socket.gettime() + PATIENCE
  while true do
    local first, last = state.rest:find "\r?\n\r?\n"
    if first then
      local text = state.rest:sub(1, last)
      state.rest = state.rest:sub(last + 1)
      return parse(text)
    end
    if #state.rest > HEAD_MAX then return { bad = 431, connection = "close" } end
    local data = persist(conn, deadline, function() return conn:read(4096) end)
    if not data then return nil end
    state.rest = state.rest .. data
  end
end

--- Answers the requests of one connection, in a task.
-- @tparam SSLSocket conn after its handshake, its timeout 0
-- @tparam string directory
-- @tparam function log called with method, target and status
function http_files.serve(conn, directory, log)
  local state = { rest = "" }
  for _ = 1, REQUESTS do
    local request = read_head(conn, state)
    if not request then break end
    local goes_on, status = answer(conn, request, directory)
    log(request.method or "-", request.target or "-", status)
    if not goes_on or request.connection == "close" then break end
  end
end

return http_files
