rockspec_format = "3.0"
package = "luassl-cli"
version = "scm-1"

-- Where LuaSSL is served: see luassl-scm-1.rockspec.
local home = "file://."

source = {
  url = "git+" .. home,
  branch = "main",
}

description = {
  summary = "luassl, a command that looks at TLS servers and certificates",
  detailed = [[
    Shows what a TLS server has, before STARTTLS too, and says in plain words
    what is wrong with it; checks many servers at once; serves a directory by
    HTTPS; makes throw-away certificates.
  ]],
  license = "MIT",
  labels = {"tls", "ssl", "commandline", "network"},
}

supported_platforms = {"unix"}

dependencies = {
  "lua >= 5.1, < 5.6",
  "luassl",
  "luasocket >= 3.0",
  "argparse >= 0.7",
  "dkjson >= 2.5",
}

-- Not "builtin", which would copy lua/ as well: that is the rock luassl's.
-- The program `openssl` is needed by `luassl serve` and `luassl ca` alone.
build = {
  type = "none",
  install = {
    lua = {
      ["luassl.cli.arguments"] = "bin/lua/luassl/cli/arguments.lua",
      ["luassl.cli.ca"] = "bin/lua/luassl/cli/ca.lua",
      ["luassl.cli.certificate"] = "bin/lua/luassl/cli/certificate.lua",
      ["luassl.cli.chain"] = "bin/lua/luassl/cli/chain.lua",
      ["luassl.cli.check"] = "bin/lua/luassl/cli/check.lua",
      ["luassl.cli.connection"] = "bin/lua/luassl/cli/connection.lua",
      ["luassl.cli.dialogue"] = "bin/lua/luassl/cli/dialogue.lua",
      ["luassl.cli.file"] = "bin/lua/luassl/cli/file.lua",
      ["luassl.cli.http_files"] = "bin/lua/luassl/cli/http_files.lua",
      ["luassl.cli"] = "bin/lua/luassl/cli/init.lua",
      ["luassl.cli.inspect"] = "bin/lua/luassl/cli/inspect.lua",
      ["luassl.cli.json"] = "bin/lua/luassl/cli/json.lua",
      ["luassl.cli.judgement"] = "bin/lua/luassl/cli/judgement.lua",
      ["luassl.cli.loop"] = "bin/lua/luassl/cli/loop.lua",
      ["luassl.cli.openssl"] = "bin/lua/luassl/cli/openssl.lua",
      ["luassl.cli.probe"] = "bin/lua/luassl/cli/probe.lua",
      ["luassl.cli.problems"] = "bin/lua/luassl/cli/problems.lua",
      ["luassl.cli.report"] = "bin/lua/luassl/cli/report.lua",
      ["luassl.cli.serve"] = "bin/lua/luassl/cli/serve.lua",
      ["luassl.cli.starttls"] = "bin/lua/luassl/cli/starttls.lua",
      ["luassl.cli.target"] = "bin/lua/luassl/cli/target.lua",
      ["luassl.cli.terminal"] = "bin/lua/luassl/cli/terminal.lua",
      ["luassl.cli.versions"] = "bin/lua/luassl/cli/versions.lua",
    },
    bin = { luassl = "bin/luassl" },
  },
  copy_directories = {},
}
