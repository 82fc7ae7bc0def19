--- What a server shows: one connection as a verifying client makes it, a second
-- one that resumes it; and where the first is refused, one that accepts
-- anything, to see what is there. Only the first one's verdict counts.
-- @module luassl.cli.probe
-- @local
local connection = require "luassl.cli.connection"
local socket = require "socket"
local ssl = require "luassl"
local wait = require "luassl.cli.loop".wait

local probe = {}

local TICKET_PATIENCE = 1  -- seconds for what a server sends behind the handshake

-- Options of a client that verifies. `verdict` gets what the verification found;
-- the handshake goes on all the same, for there is more to see.
local function verifying(settings, verdict)
  local function on_verify(_, facts)
    verdict.verified, verdict.errors, verdict.chain = facts.verified, facts.errors or {}, facts.chain
    return ssl.ACCEPT_UNVERIFIED
  end
  local options = { on_verify = on_verify, ca_data = settings.ca_data, ocsp = "request",
    certfile = settings.client_cert, keyfile = settings.client_key, check_hostname = true }
  if not settings.starttls then options.alpn_protocols = { "h2", "http/1.1" } end
  return options
end

-- The same of one that connects to anything, to look.
local function indulgent(options)
  options.ocsp, options.alpn_protocols, options.check_hostname = "off", nil, nil
  options.security_level, options.minimum_version = 0, "TLSv1"
  options.ciphers, options.options = "ALL:COMPLEMENTOFALL", { "legacy_server_connect" }
  return options
end

-- Reads what comes behind the handshake, tickets and refusals, until there is a
-- session: the error that the server ends the connection with.
local function listen(conn, deadline)
  deadline = math.min(deadline, socket.gettime() + TICKET_PATIENCE)
  repeat
    local data, err = conn:read(4096)
    if not data and err ~= "wantread" and err ~= "wantwrite" then
      return err ~= "closed" and err or nil
    end
    if conn:session() then return nil end
  until not wait(conn, "r", deadline)
end

-- Whether the server resumes a session: "yes", "no", "none came" (some servers
-- send tickets with the first data) or "not tried".
local function resumption(context, target, session, settings)
  if not session then return "none came" end
  if not session:is_resumable() then return "not tried" end  -- none is whose certificate was refused
  local deadline = socket.gettime() + settings.timeout
  local again, failure = connection.tls(context, target, deadline, { session = session })
  if not again then
    if failure.conn then failure.conn:close() end
    return "no"
  end
  local reused = again:session_reused()
  again:close()
  return reused and "yes" or "no"
end

local function read_facts(conn)
  local info = conn:info()
  return {
    version = info.version, cipher = info.cipher, cipher_bits = info.cipher_bits, group = info.group,
    signature_algorithm = info.peer_signature_algorithm, alpn = info.selected_alpn_protocol,
    authenticated_by = info.authenticated_by, ocsp = conn:ocsp_response(), sent = conn:peer_chain() or {},
    verified_chain = conn:verified_chain(),
  }
end

-- Connects, and takes down what is there: facts, or nil and a failure.
local function look(target, options, settings, verdict, resume)
  local context, err = ssl.create_default_context(options)
  if not context then error({ usage = connection.words(err) }, 0) end
  local deadline = socket.gettime() + settings.timeout
  local conn, address = connection.tls(context, target, deadline)
  if not conn then
    local failure = address
    if failure.conn then
      failure.ocsp = failure.conn:ocsp_response()
      failure.conn:close()
    end
    return nil, failure
  end
  local refusal = listen(conn, deadline)
  local facts = read_facts(conn)
  facts.address, facts.verdict = address, verdict
  if refusal then facts.refusal = connection.words(refusal) end
  local session = conn:session()
  conn:close()  -- first: some servers serve one client after the other
  if resume and not refusal then facts.resumption = resumption(context, target, session, settings) end
  return facts
end

--- Looks at a server, in a task.
-- @tparam table target `host`, `port`, `name`, `starttls`
-- @tparam table settings `ca_data`, `client_cert`, `client_key`, `timeout`,
-- `starttls`; `resume`: whether to try that
-- @treturn[1] table facts; `refusal`: the text with which the connection of a
-- verifying client failed, whatever a second look showed
-- @treturn[2] nil
-- @treturn[2] table failure
function probe.server(target, settings)
  local verdict = {}
  local facts, failure = look(target, verifying(settings, verdict), settings, verdict, settings.resume)
  if facts or failure.unreachable or not failure.conn then return facts, failure end
  local again = look(target, indulgent(verifying(settings, verdict)), settings, verdict, false)
  if not again then return nil, failure end
  again.authenticated_by, again.verified_chain = nil, nil  -- of a connection that nobody ought to make
  again.refusal, again.ocsp, again.second_look = failure.text, failure.ocsp, true
  return again
end

return probe
