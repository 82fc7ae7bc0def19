--- The SSLContext that LuaSec's settings stand for, or LuaSec's string for why
-- there is none.
-- @module luassl.luasec.settings

local core = require "luassl.core"
local decide = require "luassl.luasec.hello"
local errors = require "luassl.errors"
local ssl = require "luassl"

local new = core.context.new

local settings = {}

local VERSIONS = {
  { name = "TLSv1", protocol = "tlsv1", off = "no_tlsv1" },
  { name = "TLSv1.1", protocol = "tlsv1_1", off = "no_tlsv1_1" },
  { name = "TLSv1.2", protocol = "tlsv1_2", off = "no_tlsv1_2" },
  { name = "TLSv1.3", protocol = "tlsv1_3", off = "no_tlsv1_3" },
}

-- Those of OpenSSL's switches that mean something here; the other ones are how
-- it is anyway, or of protocols that are not spoken.
local SWITCHES = {
  "allow_no_dhe_kex", "legacy_server_connect", "no_encrypt_then_mac", "no_extended_master_secret", "no_ticket",
  "prioritize_chacha",
}

-- ---- errors ----

-- What the system says of a file that cannot be read.
local function system_reason(path)
  local file, message = io.open(path, "rb")
  if file then
    local _
    _, message = file:read(0)
    file:close()
  end
  return type(message) == "string" and (message:match "^.*: (.*)$" or message)
end

-- The reason as programs look for it, else as LuaSSL tells it.
local function reason(err)
  if err.kind == "file" or err.kind == "syscall" then
    return err.file and system_reason(err.file) or err.reason or err.text
  end
  if err.kind == "passphrase" then return "bad decrypt" end
  if err.kind == "pem" and err.text:find ": no .- in " then return "no start line" end
  return err.reason or err.text:gsub("^[%w_]+: ", "")
end

local function loading(what)
  return function(err)
    if err.kind == "key_mismatch" then return "private key does not match public key" end
    return ("error loading %s (%s)"):format(what, reason(err))
  end
end

local WORDS = {
  ca_certs = loading "CA locations", ca_path = loading "CA locations", certfile = loading "certificate",
  keyfile = loading "private key", password = loading "private key",
}
WORDS.ciphers = function(err) return ("error setting cipher list (%s)"):format(reason(err)) end
WORDS.ciphersuites = WORDS.ciphers
WORDS.groups = function(_, wanted)
  if wanted.curveslist then return ('unknown elliptic curve in "%s"'):format(wanted.curveslist) end
  return ("elliptic curve '%s' not supported"):format(wanted.curve)
end

-- LuaSec's string for why there is no context.
local function words(err, wanted)
  if not errors.is_error(err) then return tostring(err) end
  local operation = err.operation:gsub("^certificates%[%d+%]%.", "")
  local say = WORDS[operation]
  return say and say(err, wanted) or ("error creating context (%s)"):format(reason(err))
end

-- ---- from settings to an SSLContext ----

-- The highest versions that are not switched off, without a gap; nil: none.
local function versions(wanted, options)
  local lowest, highest
  for i = #VERSIONS, 1, -1 do
    local version = VERSIONS[i]
    local exact = wanted.protocol == version.protocol
    local asked = exact or wanted.protocol == "any" or wanted.protocol == "sslv23"
    if asked and not wanted.switches[version.off] then
      highest = highest or version
      lowest = version
    elseif highest then break end
  end
  if not highest then return nil, "no version of TLS is left" end
  if highest ~= VERSIONS[#VERSIONS] then options.maximum_version = highest.name end
  local weak = (wanted.ciphers or ""):find("@SECLEVEL=0", 1, true)
  local exact = highest.protocol == wanted.protocol
  -- OpenSSL speaks TLS 1.0 and 1.1 at this level alone.
  if exact or weak or lowest == VERSIONS[4] or highest == VERSIONS[1] or highest == VERSIONS[2] then
    options.minimum_version = lowest.name
  end
  return true
end

-- Whether a file of PEM has a private key; a file that cannot be read is the
-- context's to complain of.
local function has_key(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then file:close() end
  return not text or text:find("PRIVATE KEY-----", 1, true) or not text:find("CERTIFICATE-----", 1, true)
end

-- OpenSSL takes a certificate without its key, and does not show it.
local function certificates(wanted, options)
  local list = {}
  for _, entry in ipairs(wanted.certificates) do
    if entry.certificate and (entry.key or has_key(entry.certificate)) then
      list[#list + 1] = { certfile = entry.certificate, keyfile = entry.key, password = entry.password }
    elseif entry.key and not entry.certificate and system_reason(entry.key) then
      return nil, ("error loading private key (%s)"):format(system_reason(entry.key))
    end
  end
  if #list == 1 then
    for name, value in pairs(list[1]) do options[name] = value end
  elseif #list > 1 then options.certificates = list end
  return true
end

local function failure(kind, reason_given, text)
  return errors.new("SSLError", { kind = kind, operation = "handshake", reason = reason_given, text = text })
end

-- The verdict where `cert_reqs` does not say all: with lsec_continue every
-- certificate will do, and where nothing is trusted none, unless TLSA records
-- are for it. `required`: a certificate has to be there.
local function judge(continues, required)
  return function(_, facts)
    if not facts.certificate then
      if not required then return true end
      return nil, failure("no_certificate", "peer did not return a certificate",
        "handshake: the peer did not return a certificate")
    end
    if facts.verified then return true end
    if continues then return ssl.ACCEPT_UNVERIFIED end
    return nil, failure("verification", "certificate verify failed",
      "handshake: there is nothing to verify the peer's certificate with")
  end
end

local function verification(wanted, options)
  local server, verify, ext = wanted.mode == "server", wanted.verify, wanted.verifyext
  local required = not server or verify.fail_if_no_peer_cert or false
  local trusts = options.ca_certs or options.ca_path
  -- As LuaSec has it: on both sides a server's certificate is asked for, as XMPP's servers show it to each other.
  if ext.lsec_ignore_purpose then options.purpose = "sslserver" end
  if ext.crl_check or ext.crl_check_chain then
    options.verify_flags = { "crl_check", ext.crl_check_chain and "crl_check_all" or nil }
  end
  options.verify_depth = wanted.depth
  if wanted.check_hostname and not server then options.check_hostname = true end
  options.cert_reqs = ssl.CERT_NONE
  if not verify.peer then return end
  if trusts then options.cert_reqs = required and ssl.CERT_REQUIRED or ssl.CERT_OPTIONAL end
  if ext.lsec_continue or not trusts then
    options.on_verify = judge(ext.lsec_continue, required)
    options.hooks_id = ("luassl.luasec, %s, %s"):format(ext.lsec_continue and "continue" or "verify",
      required and "required" or "optional")
  end
end

-- The options of an SSLContext; nil and LuaSec's string.
local function options_of(wanted)
  local options = { server_side = wanted.mode == "server", check_hostname = nil }
  local done, err = versions(wanted, options)
  if not done then return nil, ("error creating context (%s)"):format(err) end
  done, err = certificates(wanted, options)
  if not done then return nil, err end
  options.ca_certs, options.ca_path = wanted.cafile, wanted.capath
  options.ciphers, options.ciphersuites = wanted.ciphers, wanted.ciphersuites
  options.groups = wanted.curveslist or wanted.curve
  options.options = {}
  for _, switch in ipairs(SWITCHES) do
    if wanted.switches[switch] then options.options[#options.options + 1] = switch end
  end
  options.suppress_ragged_eofs = wanted.switches.ignore_unexpected_eof
  options.handshake_timeout = wanted.handshake_timeout
  if options.server_side then
    options.cipher_server_preference = wanted.switches.cipher_server_preference
    options.on_client_hello, options.hooks_id = decide, "luassl.luasec"
  else options.alpn_protocols = wanted.alpn end
  verification(wanted, options)
  return options
end

-- Makes the SSLContext anew: true; or nil and LuaSec's string.
function settings.build(wanted)
  local options, err = options_of(wanted)
  if not options then return nil, err end
  local fine, made
  fine, made, err = pcall(new, options)
  if not fine then return nil, ("error creating context (%s)"):format(tostring(made)) end
  if not made and errors.is_error(err) and err.operation == "ca_path" and err.kind == "file" then
    -- OpenSSL looks for the directory when it needs it: nothing is trusted then.
    wanted.capath = nil
    return settings.build(wanted)
  end
  if not made then return nil, words(err, wanted) end
  wanted.built = made
  return true
end

return settings
