--- What the command line may say.
-- @module luassl.cli.arguments
-- @local
local argparse = require "argparse"
local starttls = require "luassl.cli.starttls"

local arguments = {}

arguments.SHELLS = { "bash", "zsh", "fish" }

-- A number within bounds.
local function number(least, most, whole)
  return function(text)
    local value = text:match "^%d+%.?%d*$" and tonumber(text)
    if value and value >= least and value <= most and (not whole or value == math.floor(value)) then return value end
    return nil, ("'%s' is no %snumber from %s to %s"):format(text, whole and "whole " or "", least, most)
  end
end

local function timeout(command, default)
  command:option("--timeout", "Seconds for one connection.", default, number(0.1, 3600)):argname "SECONDS"
end

local function connection(command)
  command:option("--starttls", "What is spoken before TLS begins."):choices(starttls.names):argname "PROTOCOL"
end

local function trust(command)
  command:option("--ca", "File of the certificates to trust instead of the system's."):argname "FILE"
  command:option("--warn", "Warn of certificates that end within so many days.", "14", number(0, 100000, true))
    :argname "DAYS"
end

local function certificate(command)
  command:option("--client-cert", "File of the client's certificate, and its key."):argname "FILE"
  command:option("--client-key", "File of the client's key."):argname "FILE"
end

local function inspect(parser)
  local command = parser:command("inspect", "Shows what a server or a file has, and says what is wrong with it.")
  command:argument("target", "HOST[:PORT], FILE, or - for standard input. The port is 443, or that of --starttls.")
  connection(command)
  trust(command)
  command:option("--name", "The name to ask for and to expect; default: HOST."):argname "NAME"
  certificate(command)
  command:option("--password-file", "File with the passphrase of FILE."):argname "FILE"
  timeout(command, "15")
  command:flag("--json", "Prints one JSON object.")
end

local function check(parser)
  local command = parser:command("check", "Says in one line each how servers are, for monitoring.")
  command:argument("targets", "HOST[:PORT], or - for a list, a line each, from standard input."):args "+"
  connection(command)
  trust(command)
  certificate(command)
  command:option("--jobs", "How many servers at a time.", "32", number(1, 500, true)):argname "COUNT"
  timeout(command, "15")
  command:flag("--json", "Prints one JSON object a line.")
end

local function versions(parser)
  local command = parser:command("versions", "Lists the versions, cipher suites and groups that a server takes.")
  command:argument("target", "HOST[:PORT]")
  connection(command)
  command:option("--name", "The name to ask for; default: HOST."):argname "NAME"
  timeout(command, "10")
  command:flag("--json", "Prints one JSON object.")
end

local function serve(parser)
  local command = parser:command("serve", "Serves a directory by HTTPS, with a throw-away certificate.")
  command:argument("directory", "What to serve; default: the working directory."):args "?"
  command:option("--bind", "Address to listen on.", "127.0.0.1"):argname "ADDRESS"
  command:option("--port", "Port to listen on; 0: a free one.", "8443", number(0, 65535, true)):argname "PORT"
  command:option("--name", "A name for the certificate, besides localhost."):argname "NAME":count "*"
  command:option("--cert", "File with certificate, chain and perhaps key, instead of a throw-away one."):argname "FILE"
  command:option("--key", "File with the key."):argname "FILE"
  command:option("--write-cert", "File to write the certificate into, for clients to trust."):argname "FILE"
end

local function ca(parser)
  local command = parser:command("ca", "Makes a throw-away authority and a server's certificate by it.")
  command:argument("names", "Names and addresses of the server; default: localhost, 127.0.0.1, ::1."):args "*"
  command:option("--out", "Directory for the files; it is made.", "luassl-ca"):argname "DIRECTORY"
  command:option("--days", "How long both are valid.", "30", number(1, 825, true)):argname "DAYS"
end

--- The parser.
function arguments.parser()
  local parser = argparse("luassl", "Looks at TLS servers and certificates.")
    :require_command(true):command_target "command"
    :epilog "Exit status: 0 good, 1 refused, 2 not reached, 3 expires soon, 64 wrong use, 74 output failed."
  parser:option("--color", "When to use colours.", "auto"):choices { "auto", "always", "never" }
  parser:flag("--version", "Prints the version; stands alone.")
  parser:option("--completion", "Prints completions for a shell; stands alone."):choices(arguments.SHELLS)
  inspect(parser)
  check(parser)
  versions(parser)
  serve(parser)
  ca(parser)
  return parser
end

return arguments
