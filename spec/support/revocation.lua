--- An authority of its own with its revocation lists, for the specs about CRLs.
local authority = require "spec.badcerts.authority"
local helpers = require "spec.support.helpers"

local revocation = {}

local localhost = authority.alternative_names {authority.dns "localhost"}

-- A PEM file: the key, if there is one, and certificates.
local function written(key, ...)
  local parts = {key and helpers.read_file(key.file) or ""}
  for _, certificate in ipairs {...} do parts[#parts + 1] = certificate.pem end
  return helpers.temp_file(table.concat(parts))
end

--- Root, intermediate and leaves: `root`, `inter`, `leaf`, `client`, which the
-- intermediate signed, and `direct`, `visitor`, which the root did; tables of
-- spec/badcerts/authority.lua. With `file`, for a leaf, its PEM with key and
-- chain, and `alone` without the intermediate.
-- @treturn table also `ca_certs`, the root's file
function revocation.make()
  local made = {root = authority.ca "CRL root"}
  made.inter = authority.ca("CRL intermediate", {issuer = made.root})
  local client = authority.extended_key_usage "client"
  for name, options in pairs {
    leaf = {issuer = made.inter, san = localhost}, direct = {issuer = made.root, san = localhost},
    client = {issuer = made.inter, eku = client}, visitor = {issuer = made.root, eku = client},
  } do
    options.key = "P-256:CRL " .. name
    local leaf = authority.leaf(options)
    made[name] = leaf
    leaf.alone = written(leaf.key, leaf)
    leaf.file = options.issuer == made.inter and written(leaf.key, leaf, made.inter) or leaf.alone
  end
  made.ca_certs = written(nil, made.root)
  return made
end

--- A CRL by the issuer that has revoked the certificates in `...`: PEM, DER.
function revocation.crl(issuer, ...)
  local crl = authority.crl {issuer = issuer, revoked = {...}}
  return crl.pem, crl.der
end

--- The same with fields of `authority.crl`.
revocation.custom = authority.crl

return revocation
