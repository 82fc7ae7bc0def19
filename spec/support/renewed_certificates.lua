--- Certificates that follow each other: renewed for the same names and type of
-- key, or not.
local helpers = require "spec.support.helpers"
local openssl = require "spec.support.serving".openssl

local renewed = {}

--- A new certificate, with a new key but for RSA.
-- @tparam[opt] table options `names` ("DNS:localhost"), `subject`
--   ("/CN=renewed"), `algorithm` ("EC", "RSA", "ED25519"), `issuer` ("root")
-- @treturn string path of the certificate
-- @treturn string path of the key
-- @treturn string path of both in one file
function renewed.make(options)
  options = options or {}
  local key, csr, crt = helpers.temp_name(), helpers.temp_name(), helpers.temp_name()
  local algorithm = options.algorithm or "EC"
  if algorithm == "RSA" then key = helpers.file "rsa.key"  -- making one takes long
  else
    openssl("genpkey", "-algorithm", algorithm, "-out", key,
      (table.unpack or unpack)(algorithm == "EC" and {"-pkeyopt", "ec_paramgen_curve:P-256"} or {}))
  end
  local issuer = options.issuer or "root"
  local extensions = helpers.temp_file("subjectAltName=" .. (options.names or "DNS:localhost") .. "\n")
  openssl("req", "-new", "-key", key, "-subj", options.subject or "/CN=renewed", "-out", csr)
  openssl("x509", "-req", "-in", csr, "-CA", helpers.file(issuer .. ".crt"), "-CAkey", helpers.file(issuer .. ".key"),
    "-days", "3", "-extfile", extensions, "-out", crt)
  return crt, key, helpers.temp_file(helpers.read_file(crt) .. helpers.read_file(key))
end

--- A file with a key, its leaf and an intermediate, which has expired.
function renewed.expired_chain()
  local key, csr, crt = helpers.temp_name(), helpers.temp_name(), helpers.temp_name()
  local directory = helpers.temp_name()
  assert(helpers.spawn({"mkdir", directory}):wait() == 0)
  local extensions = helpers.temp_file "basicConstraints=critical,CA:TRUE\n"
  local config = helpers.temp_file(([[
[ca]
default_ca = dated
[dated]
database = %s/index
new_certs_dir = %s
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
]]):format(directory, directory))
  helpers.write_file(directory .. "/index", "")
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
  openssl("req", "-new", "-key", key, "-subj", "/CN=old intermediate", "-out", csr)
  openssl("ca", "-config", config, "-batch", "-notext", "-in", csr, "-out", crt, "-cert", helpers.file "root.crt",
    "-keyfile", helpers.file "root.key", "-extfile", extensions, "-startdate", "20200101000000Z", "-enddate",
    "20210101000000Z")
  local leaf, leaf_key, leaf_csr = helpers.temp_name(), helpers.temp_name(), helpers.temp_name()
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", leaf_key)
  openssl("req", "-new", "-key", leaf_key, "-subj", "/CN=leaf", "-out", leaf_csr)
  openssl("x509", "-req", "-in", leaf_csr, "-CA", crt, "-CAkey", key, "-days", "3", "-out", leaf)
  return helpers.temp_file(helpers.read_file(leaf) .. helpers.read_file(crt) .. helpers.read_file(leaf_key))
end

return renewed
