--- Where a spec is: the path of `name`, which stands in one folder of spec/.
-- A name that no file has, or two have, raises.
local paths

-- Of all specs, by name.
local function look()
  local found = {}
  local pipe = assert(io.popen "find spec -name '*_spec.lua'")
  for path in pipe:lines() do
    local name = path:match "([^/]+)_spec%.lua$"
    found[name] = found[name] or {}
    table.insert(found[name], path)
  end
  pipe:close()
  return found
end

return function(name)
  paths = paths or look()
  local found = paths[name] or {}
  if #found ~= 1 then
    error(("%d specs are called %s: %s"):format(#found, name, table.concat(found, ", ")), 2)
  end
  return found[1]
end
