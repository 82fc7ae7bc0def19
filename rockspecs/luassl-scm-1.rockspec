rockspec_format = "3.0"
package = "luassl"
version = "scm-1"

-- Where LuaSSL is served, and the one place that says it. No public host does
-- yet: this is a checkout's own directory. `make dist` writes the rockspec of a
-- version from this file, with the archive's address below it.
local home = "file://."

source = {
  url = "git+" .. home,
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

-- spec/project/rockspecs_spec.lua tells what is missing here.
build = {
  type = "builtin",
  modules = {
    ["luassl.core"] = {
      sources = {
        "src/base/base64.c",
        "src/base/buffer.c",
        "src/base/clock.c",
        "src/base/compat.c",
        "src/base/environment.c",
        "src/base/errors.c",
        "src/base/failure.c",
        "src/base/fd_io.c",
        "src/base/features.c",
        "src/base/file_identity.c",
        "src/base/files.c",
        "src/base/quote.c",
        "src/base/random.c",
        "src/carrier/bare_fd.c",
        "src/carrier/luasocket_fd.c",
        "src/carrier/poll.c",
        "src/carrier/sslobject.c",
        "src/carrier/sslsocket.c",
        "src/connection/bio.c",
        "src/connection/callbacks.c",
        "src/connection/chains.c",
        "src/connection/channel_binding.c",
        "src/connection/client_hello.c",
        "src/connection/closure.c",
        "src/connection/connection.c",
        "src/connection/connection_info.c",
        "src/connection/connection_type.c",
        "src/connection/decision.c",
        "src/connection/diagnosis.c",
        "src/connection/engine_wait.c",
        "src/connection/handshake.c",
        "src/connection/handshake_usage.c",
        "src/connection/hook_args.c",
        "src/connection/hooks.c",
        "src/connection/lifetime.c",
        "src/connection/limits.c",
        "src/connection/log_lines.c",
        "src/connection/method_prologue.c",
        "src/connection/negotiated.c",
        "src/connection/opening.c",
        "src/connection/operation.c",
        "src/connection/outcome.c",
        "src/connection/post_handshake.c",
        "src/connection/post_handshake_methods.c",
        "src/connection/record_size.c",
        "src/connection/rejudgement.c",
        "src/connection/resumption.c",
        "src/connection/tickets.c",
        "src/connection/trace.c",
        "src/connection/transfer.c",
        "src/connection/unsent.c",
        "src/connection/verification.c",
        "src/connection/verify.c",
        "src/context/alpn.c",
        "src/context/certificate_list.c",
        "src/context/chain_verification.c",
        "src/context/context.c",
        "src/context/context_certificates.c",
        "src/context/context_options.c",
        "src/context/context_trust.c",
        "src/context/counters.c",
        "src/context/der.c",
        "src/context/foreign_names.c",
        "src/context/identity.c",
        "src/context/key_store.c",
        "src/context/log.c",
        "src/context/material.c",
        "src/context/negotiation.c",
        "src/context/option_names.c",
        "src/context/option_table.c",
        "src/context/options.c",
        "src/context/pem.c",
        "src/context/pem_diagnosis.c",
        "src/context/pins.c",
        "src/context/pkcs12.c",
        "src/context/public_options.c",
        "src/context/renewal.c",
        "src/context/session.c",
        "src/context/session_binding.c",
        "src/context/session_cache.c",
        "src/context/verify_options.c",
        "src/context/warnings.c",
        "src/core.c",
        "src/x509/asn1_value.c",
        "src/x509/bundle.c",
        "src/x509/certificate.c",
        "src/x509/certificate_extensions.c",
        "src/x509/certificate_key.c",
        "src/x509/certificate_names.c",
        "src/x509/certificate_signature.c",
        "src/x509/certificate_times.c",
        "src/x509/certificate_type.c",
        "src/x509/chain_rules.c",
        "src/x509/crl.c",
        "src/x509/crl_list.c",
        "src/x509/distinguished_name.c",
        "src/x509/extension.c",
        "src/x509/extension_cache.c",
        "src/x509/general_name.c",
        "src/x509/hostname.c",
        "src/x509/issuer_choice.c",
        "src/x509/judgement.c",
        "src/x509/key_usage.c",
        "src/x509/scratch.c",
        "src/x509/truststore.c",
        "src/x509/verdict.c",
        "src/x509/verdict_details.c",
        "src/x509/verdict_names.c",
        "src/x509/verify_parameters.c",
      },
      incdirs = {"src", "$(OPENSSL_INCDIR)"},
      libdirs = {"$(OPENSSL_LIBDIR)"},
      libraries = {"ssl", "crypto"},
    },
    ["luassl.certificates"] = "lua/luassl/certificates.lua",
    ["luassl.constants"] = "lua/luassl/constants.lua",
    ["luassl.context_cache"] = "lua/luassl/context_cache.lua",
    ["luassl.dual_stack"] = "lua/luassl/dual_stack.lua",
    ["luassl.errors"] = "lua/luassl/errors.lua",
    ["luassl.features"] = "lua/luassl/features.lua",
    ["luassl.hooks"] = "lua/luassl/hooks.lua",
    ["luassl"] = "lua/luassl/init.lua",
    ["luassl.lines"] = "lua/luassl/lines.lua",
    ["luassl.luasocket"] = "lua/luassl/luasocket.lua",
    ["luassl.misuse"] = "lua/luassl/misuse.lua",
    ["luassl.poll"] = "lua/luassl/poll.lua",
    ["luassl.send_file"] = "lua/luassl/send_file.lua",
    ["luassl.socket"] = "lua/luassl/socket.lua",
  },
}

test = {
  type = "command",
  command = "make test",
}
