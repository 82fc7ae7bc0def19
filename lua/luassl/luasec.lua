--- LuaSec's `ssl` module over LuaSSL, for programs that are written for LuaSec.
-- The page `doc/luasec.md` says what to switch on, and what differs.
-- @module luassl.luasec
-- @usage local ssl = require "luassl.luasec"
-- local conn = assert(ssl.wrap(sock, { mode = "client", protocol = "any", verify = "peer",
--   cafile = "ca.pem", check_hostname = true }))
-- conn:sni "example.com"
-- assert(conn:dohandshake())

local config = require "luassl.luasec.config"
local connection = require "luassl.luasec.connection"
local context = require "luassl.luasec.context"
local core = require "luassl.luasec.core"

local luasec = {
  _VERSION = "1.3.0", _COPYRIGHT = core.copyright(), config = config, context = context, core = core,
}

--- Reads a certificate.
-- @tparam string pem
-- @treturn[1] userdata with LuaSec's methods: `subject`, `extensions` ...
-- @treturn[2] nil
-- @treturn[2] string why not
-- @source LuaSec, ssl.loadcertificate
-- @usage print(ssl.loadcertificate(pem):notafter())
function luasec.loadcertificate(pem)
  return require "luassl.luasec.x509".load(pem)
end

--- Makes a context. Keys that it does not know are ignored, as LuaSec does.
-- @tparam table cfg `mode` and `protocol`, and what else the table in
-- `doc/luasec.md` has
-- @treturn[1] userdata for `wrap` and for the tables of `sni`
-- @treturn[2] nil
-- @treturn[2] string `"error loading certificate (...)"`, `"invalid protocol (...)"`
-- and others of LuaSec's
-- @raise when `mode` or `protocol` is missing, and on wrong types
-- @source LuaSec, ssl.newcontext
-- @usage local context = assert(ssl.newcontext { mode = "server", protocol = "any",
--   certificate = "server.pem", key = "server.key" })
function luasec.newcontext(cfg)
  local made, err = context.new(2, cfg)
  if not made then return nil, err end
  return made
end

--- TLS over a LuaSocket object, whose descriptor is taken over. It is not
-- connected, bound or asked whether it is; the handshake is `dohandshake`'s, and
-- what is set until then counts. The connection has no timeout.
-- @tparam userdata sock LuaSocket object, or another with `getfd` and `setfd`
-- @tparam table|userdata params what `newcontext` takes, or a context: of
-- `newcontext`, or an SSLContext
-- @treturn[1] userdata connection
-- @treturn[2] nil
-- @treturn[2] string why there is none; of a client also that the server has
-- sent clear text before TLS
-- @raise for anything else
-- @source LuaSec, ssl.wrap
-- @usage local conn = assert(ssl.wrap(sock, context))
function luasec.wrap(sock, params)
  local self, err = connection.wrap(2, sock, params)
  if not self then return nil, err end
  return self
end

--- Puts our modules where programs look for LuaSec's: `ssl`, `ssl.https`,
-- `ssl.context`, `ssl.x509`, `ssl.core` and `ssl.config`, in this Lua state.
-- @function install
-- @treturn table what `require "ssl"` gives from now on
-- @usage require("luassl.luasec").install()
-- local https = require "ssl.https"
function luasec.install()
  return require "luassl.luasec.install"()
end

return luasec
