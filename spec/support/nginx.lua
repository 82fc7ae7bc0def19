--- nginx in the foreground, unprivileged, with a configuration of its own.
local helpers = require "spec.support.helpers"

local TEMPORARY = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}

--- Starts it; it listens on `port`.
-- @tparam string http what stands in `http {}`; "PORT" and "PKI" in it are
-- replaced
-- @treturn table the process, with `port` and `directory`
local function start(http)
  local directory, port = helpers.temp_name(), helpers.free_port()
  assert(helpers.spawn({"mkdir", "-p", directory .. "/logs"}):wait() == 0)
  local paths = {}
  for i, name in ipairs(TEMPORARY) do paths[i] = ("%s_temp_path %s/%s;"):format(name, directory, name) end
  local file = helpers.temp_file(([[
    daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr;
    events {} http { access_log off; %s %s }
  ]]):format(directory, table.concat(paths, " "), (http:gsub("PORT", port):gsub("PKI/", helpers.file ""))))
  local peer = helpers.spawn({"nginx", "-p", directory, "-c", file}, {timeout = 120})
  peer.port, peer.directory = port, directory
  helpers.wait_for_port(port)
  return peer
end

return start
