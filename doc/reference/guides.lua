--- The guides in the order in which the site shows them: sections, and of each
-- page what one finds there. A page of the tree that is not named here comes last.
-- As a program, `guides.lua topics|sections FILE...`, it writes what LDoc reads of it.
local guides = {
  {title = "First steps",
    {"README.md", "what it is, how to install it, a client and a server"},
    {"getting-started.md", "a service step by step, with the errors that come up on the way"},
    {"configuration.md", "the options that most programs need"},
    {"options.md", "all options with types and defaults"},
    {"errors.md", "the three kinds of no, the ends of a stream"},
    {"https.md", "requests to HTTPS servers, through proxies, in event loops"},
    {"examples.md", "whole programs"}},
  {title = "Certificates and trust",
    {"certificates.md", "what a certificate must hold, files and their order, DANE, raw public keys"},
    {"trust.md", "which peers to trust: public and private authorities, pins, clients' certificates"},
    {"renewal.md", "new certificates while the server runs"},
    {"tls-alpn-01.md", "certificates by ACME over the port of TLS itself"},
    {"ocsp.md", "stapled responses: is the certificate still good?"},
    {"hooks.md", "functions that choose certificates and judge peers"},
    {"psk.md", "keys that both sides have, instead of certificates"}},
  {title = "Waiting, hosts and processes",
    {"timeouts.md", "deadlines, and loops that never block"},
    {"event-loops.md", "coroutines in nginx, luv, cqueues and loops of one's own"},
    {"copas.md", "coroutines in copas"},
    {"luasocket.md", "LuaSocket's functions and modules, STARTTLS"},
    {"proxy-protocol.md", "the client's address behind a load balancer"},
    {"fork.md", "several processes"},
    {"threads.md", "several threads"}},
  {title = "In operation",
    {"sessions.md", "resumption, on one server and on a fleet"},
    {"early-data.md", "data in the first flight, and its danger"},
    {"command.md", "servers and certificates looked at from a shell"},
    {"debugging.md", "what a connection is, traces, key logs"},
    {"verification-errors.md", "each error of verification, and what to do"},
    {"limits.md", "what a hostile peer can cost, and what the program has to bound"},
    {"SECURITY.md", "what is promised, and what is not"}},
  {title = "From another library",
    {"luasec.md", "from LuaSec"},
    {"from-luaossl.md", "from luaossl and cqueues"},
    {"from-python.md", "from Python's ssl"},
    {"python-2.6.md", "the module of Python 2.6, name by name"},
    {"from-node.md", "from Node's tls"},
    {"features.md", "what other bindings have, and LuaSSL"}},
  {title = "The project",
    {"CHANGELOG.md", "what is new"},
    {"stability.md", "what versions promise, and what 1.0 will need"},
    {"badcerts.md", "how good and bad certificates are judged, here and elsewhere"},
    {"peers.md", "other implementations that were tried"},
    {"systems.md", "systems on which it was tried"},
    {"architecture.md", "how the code is divided"},
    {"CONTRIBUTING.md", "building, testing, style"}},
}

--- The sections with the pages that there are: `{title=, {name, text}, ...}`.
-- @tparam table names of files, a list
-- @treturn table the sections; the last holds the pages that no section names
function guides.arrange(names)
  local there, sections = {}, {}
  for _, name in ipairs(names) do there[name] = true end
  for _, section in ipairs(guides) do
    local kept = {title = section.title}
    for _, page in ipairs(section) do
      if there[page[1]] then kept[#kept + 1], there[page[1]] = page, nil end
    end
    sections[#sections + 1] = #kept > 0 and kept or nil
  end
  local rest = {title = "More"}
  for _, name in ipairs(names) do
    if there[name] then rest[#rest + 1] = {name, ""} end
  end
  sections[#sections + 1] = #rest > 0 and rest or nil
  return sections
end

-- What LDoc's configuration needs, `topics`, or the template: `sections`.
local function topics(names)
  local lines = {}
  for _, section in ipairs(guides.arrange(names)) do
    for _, page in ipairs(section) do lines[#lines + 1] = ("  %q,"):format(page[1]) end
  end
  return "topics = {\n" .. table.concat(lines, "\n") .. "\n}\n"
end

local function sections(names)
  local lines = {}
  for _, section in ipairs(guides.arrange(names)) do
    lines[#lines + 1] = ("# {title = %q,"):format(section.title)
    for _, page in ipairs(section) do lines[#lines + 1] = ("#   {%q, %q},"):format(page[1], page[2]) end
    lines[#lines + 1] = "# },"
  end
  return "# local sections = {\n" .. table.concat(lines, "\n") .. "\n# }\n"
end

if arg and arg[0] and arg[0]:find "guides%.lua$" then
  local what = table.remove(arg, 1)
  io.write((what == "topics" and topics or sections)(arg))
end

return guides
