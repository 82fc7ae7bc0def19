--- Runs random programs, each from its seed.
-- Arguments: SEEDS ("1-200", "7", "1-20,40"), then KIND ("object", "socket",
-- "stream", or "" for one of the first two), then what is left out ("reentry,repeat"): see ORACLES and
-- HABITS in world.lua. Ends with the line "N passed, N failed"; of each seed
-- that failed it prints why, and the steps.
--
-- The programs run in processes of their own, some seeds each: a crash or an
-- endless loop is one seed's failure.
local helpers = require "spec.support.helpers"

local BATCH = 20     -- seeds in a process
local PATIENCE = 30  -- seconds without a new seed
local TAIL = 60      -- steps that are shown of a seed that failed

-- ---- in a process of its own: child FIRST LAST KIND OFF LOG ---------------------------------

local function names_in(list)
  local set = {}
  for name in list:gmatch "[%w_]+" do set[name] = true end
  return set
end

local function run_seed(seed, kind, off, path, sink)
  local steps = require "spec.programs.steps"
  local world = require "spec.programs.world".new(seed, kind ~= "" and kind or nil, off, path .. ".socket",
    sink)
  world:log(world:describe():gsub("%%", "%%%%"))
  local fine, err = xpcall(function() steps.run(world) end, debug.traceback)
  world.over = true
  world.reset_collector()
  if not fine then world:fail("raise", "%s", err) end
  return world.violations
end

-- Runs a seed and compares what is alive before and after.
local function run_watched(seed, kind, off, path, sink)
  local before = helpers.snapshot()
  local violations = run_seed(seed, kind, off, path, sink)
  local grown = helpers.growth(before)
  if grown[1] and not off.growth and not off.all then
    violations[#violations + 1] = "[growth] left behind: " .. table.concat(grown, "; ")
  end
  return violations
end

local function child(first, last, kind, off, path)
  off = names_in(off)
  for _, warm in ipairs {"object", "socket", "stream"} do run_seed(0, warm, off, path, function() end) end
  for seed = tonumber(first), tonumber(last) do
    local log = assert(io.open(path, "wb"))
    log:setvbuf "no"
    print("seed", seed)
    io.stdout:flush()
    local violations = run_watched(seed, kind, off, path, function(line) log:write(line, "\n") end)
    log:write(table.concat(violations, "\n"), "\n")
    log:close()
    if violations[1] then os.exit(3) end
    print("passed", seed)
    io.stdout:flush()
  end
  os.exit(0)
end

-- ---- the process that starts the others -----------------------------------------------------------

local function last_lines(text, count)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  local shown = {}
  for i = math.max(1, #lines - count + 1), #lines do shown[#shown + 1] = lines[i] end
  return table.concat(shown, "\n"), lines[1]
end

-- Waits for a child: its status, or nil when it stands still.
local function wait(peer)
  local seen
  repeat
    local status = peer:status(PATIENCE)
    local output = peer:output()
    if status or output == seen then return status end
    seen = output
  until false
end

local function report(seed, status, peer, path)
  local tail, plan = last_lines(helpers.read_file(path), tonumber(os.getenv "LUASSL_STEPS") or TAIL)
  print(("---- seed %d failed (%s): %s"):format(seed, status == 3 and "oracle" or status and "status " .. status
    or "it stands still", tostring(plan)))
  print(tail)
  local said = peer:output():gsub("[a-z]+\t%d+\n", "")
  if said ~= "" then print("it printed:\n" .. said) end
  io.stdout:flush()
end

-- Runs the seeds from `first` to `last`: how many passed and failed.
local function run_range(first, last, kind, off)
  local passed, failed = 0, {}
  while first <= last do
    local upto = math.min(last, first + BATCH - 1)
    local path = helpers.temp_name()
    local peer = helpers.spawn({helpers.interpreter, "spec/programs/run.lua", "child", first, upto, kind, off, path},
      {timeout = PATIENCE * BATCH})
    local status = wait(peer)
    if not status then peer:stop() end
    local _, good = peer:output():gsub("passed\t", "")
    passed = passed + good
    first = first + good
    if status ~= 0 then
      if not peer:output():find "seed\t" then error("no program can be run:\n" .. peer:output(), 0) end
      report(first, status, peer, path)
      failed[#failed + 1] = first
      first = first + 1
    end
    os.remove(path)
  end
  return passed, failed
end

local function main(seeds, kind, off)
  local passed, failed = 0, {}
  for part in (seeds or "1-20"):gmatch "[^,]+" do
    local first, last = part:match "^(%d+)%-?(%d*)$"
    assert(first, "SEEDS is like 1-200 or 7,9")
    local good, bad = run_range(tonumber(first), tonumber(last) or tonumber(first), kind or "", off or "")
    passed = passed + good
    for _, seed in ipairs(bad) do failed[#failed + 1] = seed end
  end
  if failed[1] then print("failed seeds: " .. table.concat(failed, ",")) end
  print(("%d passed, %d failed"):format(passed, #failed))
  os.exit(failed[1] and 1 or 0)
end

local arguments = {...}
if arguments[1] == "child" then child((table.unpack or unpack)(arguments, 2)) else main(...) end
