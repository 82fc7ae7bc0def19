--- The certificates of a file: PEM, DER or PKCS#12.
-- @module luassl.cli.file
-- @local
local ssl = require "luassl"

local file = {}

local SIZE_MAX = 16 * 1024 * 1024  -- bytes

--- Reads a file, or what comes at "-".
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string
function file.read(name)
  local handle, problem = io.stdin, nil
  if name ~= "-" then handle, problem = io.open(name, "rb") end
  if not handle then return nil, problem end
  local content, err = handle:read(SIZE_MAX + 1)
  if name ~= "-" then handle:close() end
  if not content and err then return nil, name .. ": " .. err end
  if content and #content > SIZE_MAX then return nil, name .. ": the file is larger than 16 MiB" end
  return content or ""
end

-- An error without the name of the function that it is from.
local function plain(err)
  return (tostring(err):gsub("^load_certificates: ", ""))
end

-- What a client sees of a server with that PKCS#12: a handshake in memory.
local function from_pkcs12(bytes, password)
  local server, err = ssl.SSLContext { server_side = true, pkcs12 = bytes, password = password, security_level = 0 }
  if not server then return nil, tostring(err) end
  local client = assert(ssl.SSLContext { security_level = 0 })
  local one, other = assert(client:wrap_object {}), assert(server:wrap_object { server_side = true })
  for _ = 1, 10 do
    for _, step in ipairs { { one, other }, { other, one } } do
      local from, to = step[1], step[2]
      local ok, problem = from:do_handshake()
      if not ok and problem ~= "wantread" and problem ~= "wantwrite" then return nil, tostring(problem) end
      local data = from:drain(65536)
      while data do
        to:feed(data)
        data = from:drain(65536)
      end
    end
  end
  local chain = one:peer_chain()
  one:close()
  other:close()
  if not chain then return nil, "it holds no certificate that TLS could show" end
  return chain
end

-- The labels of what PEM holds besides certificates.
local function labels(text)
  local list, seen = {}, {}
  for label in text:gmatch "%-%-%-%-%-BEGIN ([A-Z0-9 #]+)%-%-%-%-%-" do
    if not seen[label] then list[#list + 1], seen[label] = label, true end
  end
  return list, seen
end

-- Whether the key that stands with the certificates is the first one's.
local function check_key(text, password)
  if not password and (text:find "BEGIN ENCRYPTED" or text:find "\nProc%-Type: 4,ENCRYPTED") then
    return nil, "it is encrypted, and was not looked at (--password-file)"
  end
  local context, err = ssl.SSLContext { server_side = true, cert = text, security_level = 0, password = password }
  if context then return true end
  return false, (tostring(err):gsub("^cert: ", ""))
end

local function from_pem(text, password)
  local list, seen = labels(text)
  local has_key = false
  for label in pairs(seen) do has_key = has_key or label:find "PRIVATE KEY$" ~= nil end
  local chain, err = ssl.load_certificates(text)
  if not chain and #list > 0 and not seen.CERTIFICATE then
    return nil, "it holds no certificate, but " .. table.concat(list, ", ")
  end
  if not chain then return nil, plain(err) end
  local found = { chain = chain, kind = "PEM" }
  if has_key then found.key_fits, found.key_problem = check_key(text, password) end
  return found
end

local function from_der(bytes, password)
  local chain = ssl.load_certificates(bytes)
  if chain then return { chain = chain, kind = "DER" } end
  local body = bytes:byte(2) and bytes:byte(2) >= 128 and bytes:byte(2) - 128 + 3 or 3
  if bytes:sub(body, body + 2) == "\2\1\3" then
    local err
    chain, err = from_pkcs12(bytes, password)
    if not chain then
      return nil, "it is PKCS#12, which cannot be opened"
        .. (password and "" or " without its passphrase (--password-file)") .. ": " .. err
    end
    return { chain = chain, kind = "PKCS#12", key_fits = true }
  end
  if bytes:sub(body, body + 1) == "\2\1" then return nil, "it is DER, but no certificate: a private key, perhaps" end
  return nil, "it is DER, but no certificate: a request or a CRL, perhaps"
end

--- The certificates in a file.
-- @tparam string name of the file, or "-"
-- @tparam[opt] string password
-- @treturn[1] table `chain`, `kind`; with a private key `key_fits` and `key_problem`
-- @treturn[2] nil
-- @treturn[2] string
function file.certificates(name, password)
  local bytes, problem = file.read(name)
  if not bytes then return nil, problem end
  local found, err
  if bytes == "" then err = "it is empty"
  elseif bytes:find("-----BEGIN", 1, true) then found, err = from_pem(bytes, password)
  elseif bytes:byte() == 48 then found, err = from_der(bytes, password)
  else
    found, err = ssl.load_certificates(bytes)
    if found then found = { chain = found, kind = "certificates" } end
  end
  if not found then return nil, (name == "-" and "standard input" or name) .. ": " .. plain(err) end
  return found
end

return file
