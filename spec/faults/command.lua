--- Faults in the command `luassl`: what it calls verified, what reaches a
-- terminal, what a server may say before TLS, and which files are served.
return {
  {
    name = "a server is verified if it was only connected to",
    file = "bin/lua/luassl/cli/inspect.lua",
    from = "local good = facts.authenticated_by ~= nil and not facts.refusal",
    to = "local good = not facts.refusal",
    specs = "inspect",
  },
  {
    name = "what a second, indulgent look saw is good",
    file = "bin/lua/luassl/cli/probe.lua",
    from = "again.refusal, again.ocsp, again.second_look = failure.text, failure.ocsp, true",
    to = "again.authenticated_by = 'certificate'",
    specs = "inspect",
  },
  {
    name = "control characters of a server's reach the terminal",
    file = "bin/lua/luassl/cli/terminal.lua",
    from = [==[return (tostring(text):gsub("[^ -~]", function(c) return ("\\x%02X"):format(c:byte()) end))]==],
    to = "return tostring(text)",
    specs = "before_tls",
  },
  {
    name = "a server that goes on talking is listened to for ever",
    file = "bin/lua/luassl/cli/loop.lua",
    from = [[
      if now >= task.deadline then lives = resume(task, nil, "timeout")
      elseif ready then lives = resume(task, true)]],
    to = [[
      if ready then lives = resume(task, true)
      elseif now >= task.deadline then lives = resume(task, nil, "timeout")]],
    specs = "before_tls",
  },
  {
    name = "lines before TLS have no end",
    file = "bin/lua/luassl/cli/dialogue.lua",
    from = "local TOTAL_MAX = 65536",
    to = "local TOTAL_MAX = 1e9",
    specs = "before_tls",
  },
  {
    name = "a path leads out of the directory",
    file = "bin/lua/luassl/cli/http_files.lua",
    from = 'if segment:sub(1, 1) == "." then return nil end',
    to = 'if segment == ".git" then return nil end',
    specs = "commands",
  },
  {
    name = "an authority signs for anybody",
    file = "bin/lua/luassl/cli/openssl.lua",
    from = "AUTHORITY .. constraints(entries), days",
    to = "AUTHORITY, days",
    specs = "commands",
  },
}
