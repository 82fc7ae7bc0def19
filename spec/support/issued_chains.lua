--- Certificates with whatever extensions, for specs: each by one
-- `openssl req`, signed by itself or by another.
local helpers = require "spec.support.helpers"

local issued = {}

local CONFIG = [[
[req]
distinguished_name = dn
x509_extensions = extensions
prompt = no
utf8 = yes
[dn]
%s
[extensions]
%s
[sections]
%s
[ca]
default_ca = dated
[dated]
database = %s
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
]]

local LEAF = [[
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectAltName = %s]]

--- Extensions of a CA and of a leaf, lines of OpenSSL's configuration.
issued.CA = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign"

function issued.leaf(san, more)
  return LEAF:format(san or "DNS:localhost") .. "\n" .. (more or "")
end

local function run(argv, directory)
  local peer = helpers.spawn(argv, {directory = directory})
  assert(peer:wait() == 0, peer:output())
end

-- With an empty database for `openssl ca`.
local function new_directory()
  local path = helpers.temp_name()
  run {"mkdir", path}
  assert(io.open(path .. "/index", "w")):close()
  return path
end

--- @tparam table options `issuer`: what this returned (none: self-signed);
--   `key`: a key of the PKI, "ecdsa" by default; `subject`: lines ("CN = x");
--   `extensions`: lines; `sections`: further sections; `days` (20); `dates`:
--   the first and the last second, {"20200101000000Z", "20210101000000Z"}, with
--   an issuer alone; `arguments` for the program
-- @treturn table `certificate`, `key`: paths; `pem`: the certificate; `chain`:
--   it and those of its issuers but a self-signed one; `file`: path of key and
--   chain
function issued.certificate(options)
  local issuer, dates = options.issuer, options.dates
  local directory = dates and new_directory() or ""
  local config = helpers.temp_file(CONFIG:format(options.subject or "CN = issued",
    options.extensions or issued.leaf(), options.sections or "", directory .. "/index"))
  local path, key = helpers.temp_name(), helpers.file((options.key or "ecdsa") .. ".key")
  local argv = {"openssl", "req", "-x509", "-config", config, "-key", key, "-out", path,
    "-days", tostring(options.days or 20)}
  local function append(words)
    for _, word in ipairs(words) do argv[#argv + 1] = word end
  end
  if issuer and not dates then append {"-CA", issuer.certificate, "-CAkey", issuer.key} end
  append(options.arguments or {})
  run(argv)
  if dates then
    local own = path
    path = helpers.temp_name()
    run({"openssl", "ca", "-config", config, "-batch", "-notext", "-ss_cert", own, "-cert", issuer.certificate,
      "-keyfile", issuer.key, "-extensions", "extensions", "-startdate", dates[1], "-enddate", dates[2],
      "-out", path}, directory)
  end
  local self = {certificate = path, key = key, pem = helpers.read_file(path), issuer = issuer}
  self.chain = self.pem .. (issuer and issuer.issuer and issuer.chain or "")
  self.file = helpers.temp_file(helpers.read_file(key) .. self.chain)
  return self
end

--- What the PKI of the run has: root and key.
function issued.root()
  return {certificate = helpers.file "root.crt", key = helpers.file "root.key",
    pem = helpers.read_file(helpers.file "root.crt")}
end

return issued
