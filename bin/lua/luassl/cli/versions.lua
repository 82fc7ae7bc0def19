--- `luassl versions`: what a server speaks, found by asking for one thing after
-- another. Nothing is verified, and nothing but a handshake is done.
-- @module luassl.cli.versions
-- @local
local connection = require "luassl.cli.connection"
local json = require "luassl.cli.json"
local loop = require "luassl.cli.loop"
local socket = require "socket"
local ssl = require "luassl"
local target = require "luassl.cli.target"
local terminal = require "luassl.cli.terminal"

local versions = {}

local VERSIONS = { "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1" }
local SUITES = {
  "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
  "TLS_AES_128_CCM_8_SHA256",
}
local GROUPS = {
  "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM768", "X25519", "P-256", "X448", "P-384", "P-521",
  "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192", "brainpoolP256r1", "brainpoolP384r1",
  "brainpoolP512r1", "secp256k1",
}
local ROUNDS = 100  -- suites of a version, at most

-- A client of one version that takes anything; nil: this OpenSSL cannot be one.
local function context_of(version, options)
  local all = {
    security_level = 0, minimum_version = version, maximum_version = version, cert_reqs = ssl.CERT_NONE,
    options = { "legacy_server_connect" }, session_cache = false,
  }
  for name, value in pairs(options) do all[name] = value end
  return ssl.SSLContext(all)
end

-- One handshake: the connection's facts; or nil, and whether the server was not reached.
local function try(state, version, options)
  local context, err = context_of(version, options)
  if not context then return nil, false, tostring(err) end
  local conn, failure = connection.tls(context, state.where, socket.gettime() + state.settings.timeout)
  state.count = state.count + 1
  state.progress(state.count)
  if not conn then
    if failure.conn then failure.conn:close() end
    return nil, failure.unreachable, failure.text
  end
  local info = conn:info()
  conn:close()
  return info
end

-- Why nobody ought to use a cipher suite: RFC 9325, 4.1; nil: one may.
local function weakness(name, bits)
  if name:find "^A[EC]*DH%-" then return "the server is not authenticated" end
  if name:find "NULL" then return "nothing is encrypted" end
  if name:find "RC4" or name:find "DES%-CBC" or bits < 128 then return "the cipher is broken" end
  if name:find "^EXP" then return "of export strength" end
end

-- The cipher suites of a version, in the server's order: what it chose is left
-- out in the next handshake.
local function suites(state, version)
  local found, rest = {}, {}
  for i, name in ipairs(SUITES) do rest[i] = name end
  local excluded = ""
  for _ = 1, ROUNDS do
    local options = version == "TLSv1.3" and { ciphersuites = table.concat(rest, ":") }
      or { ciphers = "ALL:COMPLEMENTOFALL" .. excluded }
    if #rest == 0 then break end
    local info, unreachable, text = try(state, version, options)
    if not info then
      if unreachable then state.unreachable = text end
      break
    end
    found[#found + 1] = {
      name = info.cipher, bits = info.cipher_bits, weakness = weakness(info.cipher, info.cipher_bits),
    }
    excluded = excluded .. ":!" .. info.cipher
    for i = #rest, 1, -1 do
      if rest[i] == info.cipher then table.remove(rest, i) end
    end
  end
  return found
end

local OTHER_NAMES = { ["P-256"] = "secp256r1", ["P-384"] = "secp384r1", ["P-521"] = "secp521r1" }

-- Whether a connection's group is the one that was asked for.
local function is_group(info, name)
  local group = (info.group or ""):lower()
  return group == name:lower() or group == OTHER_NAMES[name]
end

-- The groups that a version's key exchange takes, each asked for alone. In TLS
-- 1.2 a server's ECDSA key needs its curve among the client's groups: RFC 8422, 5.1.
local function groups(state, version)
  local found = {}
  for _, name in ipairs(GROUPS) do
    local options = { groups = name }
    if version ~= "TLSv1.3" then options.ciphers = "ECDHE:@SECLEVEL=0" end
    local info, unreachable = try(state, version, options)
    if not info and not unreachable and version ~= "TLSv1.3" and not name:find "^ffdhe" then
      options.groups = name
      for curve in pairs(OTHER_NAMES) do
        if curve ~= name then options.groups = options.groups .. ":" .. curve end
      end
      info = try(state, version, options)
    end
    if info and is_group(info, name) then found[#found + 1] = name end
  end
  return found
end

local function ask(state)
  for _, version in ipairs(VERSIONS) do
    local list = suites(state, version)
    if #list > 0 then state.found[version] = { suites = list } end
    if state.unreachable and not next(state.found) then return end
  end
  for _, version in ipairs { "TLSv1.3", "TLSv1.2" } do
    if state.found[version] then state.found[version].groups = groups(state, version) end
  end
end

local COLOUR = { ["TLSv1.3"] = "green", ["TLSv1.2"] = "green", ["TLSv1.1"] = "yellow", ["TLSv1"] = "yellow" }

local function show(out, state)
  for _, version in ipairs(VERSIONS) do
    local found = state.found[version]
    if not found then out:line(("%-9s no"):format(version))
    else
      out:line(out:paint(COLOUR[version], ("%-9s"):format(version)), " yes")
      for _, suite in ipairs(found.suites) do
        out:line("            ", suite.name, (" (%d bits)"):format(suite.bits),
          suite.weakness and out:paint("red", ": " .. suite.weakness) or "")
      end
      if found.groups then
        out:line("            groups: ", #found.groups > 0 and table.concat(found.groups, ", ") or "none")
      end
    end
  end
  out:line("SSLv3 and older were not asked for: OpenSSL does not speak them any more.")
end

local function to_json(state)
  local list = {}
  for _, version in ipairs(VERSIONS) do
    local found = state.found[version]
    if found then
      list[#list + 1] = {
        version = version, suites = json.list(found.suites), groups = found.groups and json.list(found.groups),
      }
    end
  end
  return json.encode {
    target = state.where.host .. ":" .. state.where.port, versions = json.list(list), handshakes = state.count,
  }
end

-- A line on the terminal that tells how far it is; elsewhere nothing.
local function progress_on(stream, quiet)
  if quiet or not terminal.is_tty(2) then return function() end, function() end end
  return function(count) stream:write(("\r%d handshakes"):format(count)) stream:flush() end,
    function() stream:write("\r\27[K") stream:flush() end
end

--- Runs the command.
-- @tparam table out a writer
-- @tparam table settings
-- @treturn integer exit status
function versions.run(out, settings)
  local where, err = target.host(settings.target, settings.starttls)
  if not where then error({ usage = err }, 0) end
  where.starttls, where.name = settings.starttls, target.name(where, settings.name)
  local progress, finish = progress_on(io.stderr, settings.json)
  local state = { where = where, settings = settings, found = {}, count = 0, progress = progress }
  local tasks = loop.new()
  tasks:spawn(function() ask(state) end)
  tasks:run()
  finish()
  if not next(state.found) then
    local status = state.unreachable and "unreachable" or "refused"
    out:line(out:paint("red", status), ": ", state.unreachable or "it takes no version of TLS that OpenSSL speaks")
    return state.unreachable and 2 or 1
  end
  if settings.json then out:raw(to_json(state) .. "\n") else show(out, state) end
  return 0
end

return versions
