-- run.lua -- plants each fault of list.lua in a copy of the tree: the specs
-- that it names must fail there, and they must pass without it. Ends with
-- "N passed, N failed": a fault that nobody notices is a failure.
-- Arguments: names of files beside this, patterns of faults' names; none: all.

local faults = dofile "spec/faults/list.lua"
local find_spec = dofile "spec/faults/specs.lua"
local WORKERS = 2
local PATIENCE = 120  -- seconds for the specs; the build's come on top

local function shell(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read "*a"
  pipe:close()
  return (output:gsub("%s+$", ""))
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read "*a"
  file:close()
  return content
end

local function write(path, content)
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
end

-- Replaces plain text that has to stand there once; `into` nil: only looks.
local function edit(fault, one, into)
  local content = read((into or ".") .. "/" .. one.file)
  local first, last = content:find(one.from, 1, true)
  assert(first, ("%s: %s no longer has what the fault changes"):format(fault.name, one.file))
  assert(not content:find(one.from, last + 1, true), fault.name .. ": stands more than once")
  if not into then return end
  write(into .. "/" .. one.file, content:sub(1, first - 1) .. one.to .. content:sub(last + 1))
end

local function plant(fault, into)
  edit(fault, fault, into)
  for _, one in ipairs(fault.also or {}) do edit(fault, one, into) end
end

local function specs_of(fault)
  return (fault.specs:gsub("%S+", find_spec))
end

local root = shell "mktemp -d"
local made = {}

-- All of them use the same certificates.
local PKI = root .. "/pki"

-- A copy of the tree with what was built, so that one file compiles anew.
local function copy_tree(name)
  local directory = root .. "/" .. name
  -- Of build/ this Lua's part: other systems may be there, whole.
  assert(shell(("mkdir -p %s/build && cp -a Makefile .busted .ci src lua bin rockspecs spec examples doc README.md %s"
    .. " && cp -a '%s' %s/build && echo done")
    :format(directory, directory, os.getenv "LUASSL_BUILD", directory)) == "done")
  return directory
end

-- Starts make in the background; its log ends with its status.
local function start(directory, specs, patience)
  local log = directory .. ".log"
  write(log, "")
  os.execute(("(cd %s && LUASSL_PKI=%s LUASSL_TIMEOUT=%d make -s DEPS=: test ARGS=--no-keep-going SPECS='%s';"
    .. " echo status $?) >%s 2>&1 &"):format(directory, PKI, patience, specs, log))
  return log
end

local function finished(log)
  return read(log):match "status (%d+)%s*$"
end

local function wait(log, patience)
  for _ = 1, (patience + 60) * 10 do
    if finished(log) then return read(log) end
    os.execute "sleep 0.1"
  end
  return read(log)
end

-- The specs ran, and failed, crashed or hung; a build that failed proves
-- nothing.
local function noticed(output)
  local failed = output:match "%d+ passed, (%d+) failed"
  return failed and tonumber(failed) > 0 or output:find "ended with status %d+ in: %S" ~= nil
end

-- For the reader to judge: was it for the fault's sake?
local function first_failure(output)
  local place, name = output:match "(spec/%S+ @ %d+)\n([^\n]+)"
  return name and name .. ", " .. place or output:match "ended with status[^\n]*" or ""
end

local parts = {}
for _, fault in ipairs(faults) do parts[fault.part] = true end

local function chosen(fault)
  if #arg == 0 then return true end
  for _, wanted in ipairs(arg) do
    if fault.part == wanted or not parts[wanted] and fault.name:find(wanted) then return true end
  end
end

local count = { passed = 0, failed = 0 }

local function tell(fault, output)
  local good = noticed(output)
  count[good and "passed" or "failed"] = count[good and "passed" or "failed"] + 1
  print(("%-8s %s (%s)"):format(good and "noticed" or "MISSED", fault.name, fault.specs))
  print(good and "         " .. first_failure(output) or output)
end

local function run()
  local specs, seen, running = {}, {}, {}
  for i, fault in ipairs(faults) do
    if chosen(fault) then
      for spec in fault.specs:gmatch "%S+" do
        if not seen[spec] then specs[#specs + 1], seen[spec] = find_spec(spec), true end
      end
      plant(fault)  -- tells at once what the sources no longer have
      made[#made + 1] = { fault = fault, name = tostring(i) }
    end
  end
  assert(#made > 0, "no fault and no file of faults has such a name")
  assert(shell(("sh spec/support/pki.sh %s >/dev/null 2>&1 && echo done"):format(PKI)) == "done", "no certificates")
  local clean = wait(start(copy_tree "clean", table.concat(specs, " "), PATIENCE * 10), PATIENCE * 10)
  assert(clean:find("status 0%s*$"), "the specs do not pass without a fault:\n" .. clean)
  for _, job in ipairs(made) do
    local directory = copy_tree(job.name)
    plant(job.fault, directory)
    job.log = start(directory, specs_of(job.fault), PATIENCE)
    running[#running + 1] = job
    if #running == WORKERS then
      local first = table.remove(running, 1)
      tell(first.fault, wait(first.log, PATIENCE))
      os.execute("rm -rf " .. root .. "/" .. first.name)
    end
  end
  for _, job in ipairs(running) do tell(job.fault, wait(job.log, PATIENCE)) end
end

local done, err = pcall(run)
os.execute("rm -rf " .. root)
if not done then
  print(err)
  count.failed = count.failed + 1
end
print(("%d passed, %d failed"):format(count.passed, count.failed))
os.exit(count.failed == 0 and 0 or 1)
