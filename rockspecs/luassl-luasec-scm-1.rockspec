rockspec_format = "3.0"
package = "luassl-luasec"
version = "scm-1"

source = {
  url = "git+file://.",
  branch = "main",
}

description = {
  summary = "LuaSSL under LuaSec's names: replaces luasec",
  detailed = [[
    Installs the modules ssl, ssl.https, ssl.context, ssl.x509, ssl.core and
    ssl.config, which are those of LuaSec (the rock luasec) and stand on
    LuaSSL. It replaces luasec: remove that one, and programs that were written
    for it run unchanged.
  ]],
  license = "MIT",
  labels = {"tls", "ssl", "openssl", "network", "socket", "luasec"},
}

supported_platforms = {"unix"}

dependencies = {
  "lua >= 5.1, < 5.6",
  "luassl",
}

-- Not "builtin", which would copy lua/ as well: that is the rock luassl's.
build = {
  type = "none",
  install = {
    lua = {
      ["ssl"] = "rockspecs/luasec/ssl.lua",
      ["ssl.config"] = "rockspecs/luasec/ssl/config.lua",
      ["ssl.context"] = "rockspecs/luasec/ssl/context.lua",
      ["ssl.core"] = "rockspecs/luasec/ssl/core.lua",
      ["ssl.https"] = "rockspecs/luasec/ssl/https.lua",
      ["ssl.x509"] = "rockspecs/luasec/ssl/x509.lua",
    },
  },
  copy_directories = {},
}
