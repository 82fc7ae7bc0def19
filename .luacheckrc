-- What every Lua from 5.1 to 5.5 has, and what code that serves them all may
-- ask for.
std = "min"
max_line_length = 120
read_globals = {
  "jit", "loadstring", "setfenv", "unpack",
  coroutine = {fields = {"close", "isyieldable"}},
  math = {fields = {"tointeger", "type"}},
  table = {fields = {"pack", "unpack"}},
}
files["examples/https_hosts/nginx.lua"] = {read_globals = {"ngx"}}
files["spec/*/*_spec.lua"] = {std = "min+busted"}
include_files = {"**/*.lua", ".luacheckrc"}
