rockspec_format = "3.0"
package = "luassl"
version = "scm-1"

source = {
  url = "git+https://example.org/luassl.git",
  branch = "main",
}

description = {
  summary = "TLS sockets for Lua",
  detailed = [[
    A LuaSocket TCP object goes in, an object with the same methods that
    speaks TLS comes out, verified by default.
  ]],
  license = "MIT",
  labels = {"tls", "ssl", "openssl", "network", "socket"},
}

supported_platforms = {"unix"}

dependencies = {
  "lua >= 5.1, < 5.6",
  "luasocket >= 3.0",
}

external_dependencies = {
  OPENSSL = {header = "openssl/ssl.h", library = "ssl"},
}

-- spec/rockspecs_spec.lua tells what is missing here.
build = {
  type = "builtin",
  modules = {
    ["luassl.core"] = {
      sources = {
        "src/alpn.c",
        "src/base64.c",
        "src/binding.c",
        "src/brief.c",
        "src/bundle.c",
        "src/bytes.c",
        "src/callbacks.c",
        "src/certificate.c",
        "src/clock.c",
        "src/closure.c",
        "src/compat.c",
        "src/connection.c",
        "src/connection_type.c",
        "src/context.c",
        "src/core.c",
        "src/credentials.c",
        "src/decision.c",
        "src/diagnosis.c",
        "src/entry.c",
        "src/errors.c",
        "src/facts.c",
        "src/failure.c",
        "src/features.c",
        "src/files.c",
        "src/handover.c",
        "src/handshake.c",
        "src/hello.c",
        "src/hooks.c",
        "src/hostname.c",
        "src/lifetime.c",
        "src/limits.c",
        "src/material.c",
        "src/names.c",
        "src/object.c",
        "src/opening.c",
        "src/operation.c",
        "src/option_names.c",
        "src/option_table.c",
        "src/options.c",
        "src/outcome.c",
        "src/pins.c",
        "src/queue.c",
        "src/quote.c",
        "src/random.c",
        "src/readiness.c",
        "src/resumption.c",
        "src/session.c",
        "src/session_cache.c",
        "src/settings.c",
        "src/socket.c",
        "src/stamp.c",
        "src/tickets.c",
        "src/transfer.c",
        "src/transport.c",
        "src/truststore.c",
        "src/unsent.c",
        "src/usage.c",
        "src/verification.c",
        "src/verify.c",
      },
      incdirs = {"$(OPENSSL_INCDIR)"},
      libdirs = {"$(OPENSSL_LIBDIR)"},
      libraries = {"ssl", "crypto"},
    },
    ["luassl.certificates"] = "lua/luassl/certificates.lua",
    ["luassl.constants"] = "lua/luassl/constants.lua",
    ["luassl.contexts"] = "lua/luassl/contexts.lua",
    ["luassl.errors"] = "lua/luassl/errors.lua",
    ["luassl.features"] = "lua/luassl/features.lua",
    ["luassl.handshake"] = "lua/luassl/handshake.lua",
    ["luassl"] = "lua/luassl/init.lua",
    ["luassl.luasocket"] = "lua/luassl/luasocket.lua",
    ["luassl.misuse"] = "lua/luassl/misuse.lua",
    ["luassl.poll"] = "lua/luassl/poll.lua",
    ["luassl.socket"] = "lua/luassl/socket.lua",
  },
}

test = {
  type = "command",
  command = "make test",
}
