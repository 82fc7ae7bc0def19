--- Faults in what a context offers and prefers, and how records are written.
local list = {}

local function fault(name, from, to, file)
  list[#list + 1] = {
    name = name, file = file or "src/context/negotiation.c", from = from, to = to, specs = "negotiation",
  }
end

fault("the server's order does not count", [[
    n->set |= SSL_OP_CIPHER_SERVER_PREFERENCE;]], [[
    n->set |= 0;]])
fault("the profile old leaves the order to clients", [[
  {"old", TLS1_VERSION, 1,]], [[
  {"old", TLS1_VERSION, 0,]])
fault("the profile modern takes TLS 1.2", [[
  {"modern", TLS1_3_VERSION,]], [[
  {"modern", TLS1_2_VERSION,]])
fault("a profile's ciphers are not used", [[
  if (s->ciphers == NULL) s->ciphers = profile->ciphers;
]], "", "src/context/context_options.c")
fault("a profile replaces what is said besides", [[
  if (s->ciphersuites == NULL) s->ciphersuites]], [[
  s->ciphersuites]], "src/context/context_options.c")
fault("a profile's groups are not used", [[
  return SSL_CTX_set1_groups_list(ctx, profile->groups) == 1;]], [[
  return 1;]], "src/context/context_build.c")
fault("no length of records is asked for", [[
    if (sizes[i] == size) n->fragment = TLSEXT_max_fragment_length_512 + i;]], [[
    if (sizes[i] == size) n->fragment = -1;]])
list[#list].also = {{
  file = "src/context/negotiation.c", from = [[  if ((n->fragment == 0]], to = [[  if ((n->fragment <= 0]],
}}
fault("records are not padded", [[
      && (n->padding == 0 || SSL_CTX_set_block_padding(ctx, n->padding)))]], [[
      && n->padding < 99999)]])
fault("named options have no effect", [[
  if (n->set != 0) SSL_CTX_set_options(ctx, n->set);
]], "")
fault("an option of the other side is taken", [[
    else if (name->side != EITHER_SIDE && name->side != ours)]], [[
    else if (name->side == ours && count < 0)]])
fault("the error of a server without RFC 5746 does not help", [[
    f->kind = "legacy_server";]], [[
    return;]], "src/connection/diagnosis.c")
fault("a number as record_size is ignored", [[
    most = (size_t)c->options.record_size;]], [[
    most = agreed_length(c->ssl);]], "src/connection/record_size.c")
fault("dynamic records never grow", [[
  return c->burst < BURST && SEGMENT < c->record ?]], [[
  return SEGMENT < c->record ?]], "src/connection/record_size.c")
fault("dynamic records stay large after a pause", [[
  if (now - c->sent_at > PAUSE) c->burst = 0;
]], "", "src/connection/record_size.c")

return list
