-- smoke-luassl-cli.lua PREFIX PORT CA -- looks at a server by the command that
-- the rock luassl-cli has put there.
local prefix, port, ca = arg[1], arg[2], arg[3]

-- Its output; its status is on the last line.
local function run(arguments)
  local pipe = assert(io.popen(("'%s/bin/luassl' %s 2>&1; echo $?"):format(prefix, arguments)))
  local text = pipe:read "*a"
  pipe:close()
  return text, tonumber(text:match "(%d+)\n$")
end

local text, status = run(("inspect --ca '%s' --name localhost 127.0.0.1:%s"):format(ca, port))
assert(status == 0 or status == 3, text)  -- 3: ends within some weeks
assert(text:find("localhost", 1, true) and text:find("TLSv1.3", 1, true), text)
text, status = run(("inspect --ca '%s' --name other.example 127.0.0.1:%s"):format(ca, port))
assert(status == 1, text)
