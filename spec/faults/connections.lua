--- Faults in carrying bytes, sockets, ends, deadlines and contexts.
return {
  {
    name = "the name is not checked",
    file = "src/connection/connection.c",
    from = [[  own->handshake_timeout = options_number(]],
    to = [[  own->check_hostname = 0;
  own->handshake_timeout = options_number(]],
    specs = "connection",
  },
  {
    name = "a truncation is swallowed",
    file = "src/connection/outcome.c",
    from = [[      if (!c->options.suppress_ragged_eofs) return errors_eof(L, operation);]],
    to = [[]],
    specs = "connection",
  },
  {
    name = "a reset is reported as an end",
    file = "src/connection/outcome.c",
    from = [[    case BROKEN: return outcome_push_broken(L, c, operation);]],
    to = [[    case BROKEN: return errors_condition(L, "closed");]],
    specs = "eof",
  },
  {
    name = "a reset that a write met becomes an end for the reader",
    file = "src/connection/bio.c",
    from = [[  if (n == 0 && q->write_error == ECONNRESET)]],
    to = [[  if (n == 0 && q->write_error == 0 && q->ended)]],
    specs = "eof",
  },
  {
    name = "detach says close_notify",
    file = "src/connection/lifetime.c",
    from = [[  if (!c->carried) lifetime_close(L, c);]],
    to = [[  if (c->link != NULL) lifetime_close(L, c);]],
    specs = "detach",
  },
  {
    name = "a descriptor leaks",
    file = "src/carrier/sslsocket.c",
    from = [[  if (fd >= 0) fd_close(fd);]],
    to = [[  if (fd >= 0 && fd % 16 != 0) fd_close(fd);]],
    specs = "luasocket_takeover",
  },
  {
    name = "close_notify is dropped",
    file = "src/connection/closure.c",
    from = [[  c->failed = SSL_shutdown(c->ssl) < 0;]],
    to = [[  SSL_set_quiet_shutdown(c->ssl, 1);
  c->failed = SSL_shutdown(c->ssl) < 0;]],
    specs = "connection",
  },
  {
    name = "each read has a deadline of its own",
    file = "src/connection/transfer.c",
    from = [[    else if (connection_expired(c)) return satisfied(c, p) ? DONE : WAIT;]],
    to = [[    else connection_begin_operation(c);]],
    specs = "deadline",
  },
  {
    name = "the error queue is left dirty",
    file = "src/connection/handshake.c",
    from = [[  c->established = 1;]],
    to = [[  c->established = 1;
  ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);]],
    specs = "connection",
  },
  {
    name = "what the kernel refuses is lost",
    file = "src/connection/bio.c",
    from = [[  if (sent == size || buffer_append(&q->out, bytes + sent, size - sent))]],
    to = [[  if (sent == size || q->carrier != NULL
      || buffer_append(&q->out, bytes + sent, size - sent))]],
    specs = "deadline connection",
  },
  {
    name = "a partial result is lost",
    file = "src/connection/transfer.c",
    from = [[  push_plain(L, c, p, buffer_length(&c->plain), buffer_length(&c->plain));
  return 3;]],
    to = [[  push_plain(L, c, p, 0, buffer_length(&c->plain));
  return 3;]],
    specs = "connection",
  },
  {
    name = "handshake_timeout is ignored",
    file = "src/connection/handshake.c",
    from = [[  return c->handshake_began + c->options.handshake_timeout;]],
    to = [[  return c->handshake_began + c->options.handshake_timeout + 60;]],
    specs = "accept",
  },
  {
    name = "clear text before TLS is accepted on a client",
    file = "lua/luassl/socket.lua",
    from = [[  if not server_side and sock:dirty() then]],
    to = [[  if server_side == nil and sock:dirty() then]],
    specs = "luasocket_takeover",
  },
  {
    name = "contexts suppress truncations by default",
    file = "src/context/option_table.c",
    from = [[{"suppress_ragged_eofs", OPTION_BOOLEAN, BOTH, NOT_BOUND, DEFAULT(0)},]],
    to = [[{"suppress_ragged_eofs", OPTION_BOOLEAN, BOTH, NOT_BOUND, DEFAULT(1)},]],
    specs = "connection",
  },
  {
    name = "no name is sent (SNI)",
    file = "src/x509/hostname.c",
    from = [[         || SSL_set_tlsext_host_name(ssl, hostname->text);]],
    to = [[         || ssl != NULL;]],
    specs = "connection",
  },
  {
    name = "a failure is not kept",
    file = "src/connection/outcome.c",
    from = [[  lua_rawseti(L, -2, UV_FAILURE);]],
    to = [[  lua_pop(L, 1);]],
    specs = "connection",
  },
  {
    name = "TLS 1.1 is allowed by default",
    file = "src/context/context_build.c",
    from = [[  return SSL_CTX_set_min_proto_version(ctx, minimum) == 1;]],
    to = [[  return SSL_CTX_set_min_proto_version(ctx, 0) == 1 + 0 * minimum;]],
    specs = "context protocol_versions",
  },
  {
    name = "getpeercert shows what was not verified",
    file = "src/connection/connection_info.c",
    from = [[  return c->established && verification_by]],
    to = [[  return c->established || verification_by]],
    specs = "reference",
  },
  {
    name = "the original keeps the descriptor",
    file = "src/carrier/luasocket_fd.c",
    from = [[  failed = set_descriptor(L, index, fd);
  resume(L, &hook);
  if (failed) lua_error(L);
}]],
    to = [[  failed = fd < 0 ? 0 : set_descriptor(L, index, fd);
  resume(L, &hook);
  if (failed) lua_error(L);
}]],
    specs = "luasocket_takeover",
  },
  {
    name = "close resets unread data",
    file = "src/carrier/sslsocket.c",
    from = [[
  fd_discard(s->fd);
  link_release(c);
  if (!left)]],
    to = [[
  link_release(c);
  if (!left)]],
    specs = "close",
  },
  {
    name = "unwrap keeps the descriptor that it gave back",
    file = "src/carrier/sslsocket.c",
    from = [[  luasocket_fd_set(L, 2, s->fd);
  s->fd = -1;]],
    to = [[  luasocket_fd_set(L, 2, s->fd);
  fd_close(s->fd);]],
    specs = "unwrap",
  },
  {
    name = "a handshake ends before its last flight has left",
    file = "src/connection/handshake.c",
    from = [[    sent = outcome == DONE && bio_flush(&c->bio) != 0;]],
    to = [[    sent = outcome == DONE;]],
    specs = "handshake",
  },
  {
    name = "renegotiation is allowed",
    file = "src/context/context_build.c",
    from = [[SSL_OP_NO_RENEGOTIATION | ]],
    to = [[]],
    specs = "handshake",
  },
  {
    name = "the refused certificate leaks",
    file = "src/connection/verification.c",
    from = [[  X509_free(v->leaf);]],
    to = [[]],
    specs = "connection",
  },
  {
    name = "what was received is lost when Lua has no memory for it",
    file = "src/connection/transfer.c",
    from = [[
  else lua_pushlstring(L, data, size);
  if (p->prefixed) {]],
    to = [[
  else {
    c->plain.first += taken;
    lua_pushlstring(L, data, size);
    c->plain.first -= taken;
  }
  if (p->prefixed) {]],
    specs = "oom",
  },
  {
    name = "the name check rests on OpenSSL's having memory for it",
    file = "src/connection/verify.c",
    from = [[
         && (v->resumed || key != NULL || is_named(c, leaf));]],
    to = ";",
    specs = "oom",
  },
  {
    name = "a close_notify that could not be made counts as sent",
    file = "src/connection/closure.c",
    from = [[  c->failed = SSL_shutdown(c->ssl) < 0;]],
    to = [[  SSL_shutdown(c->ssl);
  ERR_clear_error();]],
    specs = "oom",
  },
  {
    name = "a failure's reason is lost when Lua has no memory for it",
    file = "src/connection/outcome.c",
    from = [[    f = c->failure = OPENSSL_memdup(&own, sizeof(own));]],
    to = [[    f = &own;]],
    specs = "oom",
  },
  {
    name = "an interrupted read is an error",
    file = "src/base/fd_io.c",
    from = [[    n = readv(fd, parts, room > 0 ? 2 : 1);
  } while (n < 0 && errno == EINTR);]],
    to = [[    n = readv(fd, parts, room > 0 ? 2 : 1);
  } while (0);]],
    specs = "eintr_eagain",
  },
  {
    name = "what a short write leaves is dropped",
    file = "src/connection/bio.c",
    from = [[      buffer_consume(&q->out, (size_t)n);]],
    to = [[      buffer_consume(&q->out, buffer_length(&q->out));]],
    specs = "eintr_eagain",
  },
  {
    name = "a connection without a descriptor waits for one",
    file = "src/connection/handshake.c",
    from = [[
  if (!c->carried) return]],
    to = [[
  if (L == NULL) return]],
    specs = "luasocket_takeover",
  },
  {
    name = "the daemon's socket is inherited",
    file = "src/base/fd_io.c",
    from = [[
SOCK_STREAM | NOT_INHERITED, 0);]],
    to = [[
SOCK_STREAM, 0);]],
    specs = "random",
  },
  {
    name = "threads share the text of an errno",
    file = "src/base/failure.c",
    from = [[
  if (strerror_r(code, room, REASON_MAX) != 0)
    snprintf]],
    to = [[
  if (strlen(strerror(code)) < REASON_MAX) strcpy(room, strerror(code));
  else snprintf]],
    specs = "threads",
  },
  {
    name = "control characters of C1 reach a terminal",
    file = "src/base/quote.c",
    from = [[
  return n == 2 && p[0] == 0xc2 && p[1] < 0xa0 ? 0 : n;]],
    to = [[
  return n;]],
    specs = "errors",
  },
}
