--- busted's plain output, and at the end one line for people and programs:
-- "N passed, N failed". A run of no test at all fails.
--
-- LUASSL_LIVE (spec/support/run.sh sets it) tells how the run goes, in the
-- place of busted's row of signs: "line", one line of a terminal, written anew;
-- "lines", one for each file, with its time. What failed is named at once in
-- both.
local plain = require "busted.outputHandlers.plainTerminal"
local process = require "luassl_process"
local clock = require "socket".gettime

local PATIENCE = 900  -- seconds for one test, with a sanitizer on a slow machine

-- Counts files and says what `handler` counted.
local function follow(busted, handler, live)
  local total, number, name, began, at_start = 0, 0, nil, nil, nil

  local function bad()
    return handler.failuresCount + handler.errorsCount
  end

  local function show(format, ...)
    io.write(live == "line" and "\r\27[K" or "", format:format(...))
    io.flush()
  end

  local function state()
    if live ~= "line" or not name then return end
    show("[%d/%d] %s: %d passed, %d failed so far", number, total, name, handler.successesCount, bad())
  end

  busted.subscribe({"suite", "start"}, function(suite)
    total = #busted.children(suite)
    return nil, true
  end)

  busted.subscribe({"file", "start"}, function(file)
    number, name, began, at_start = number + 1, file.name, clock(), {handler.successesCount, bad()}
    state()
    return nil, true
  end)

  busted.subscribe({"test", "end"}, function(element, _, status)
    if status == "failure" or status == "error" then
      show("%s: %s: %s\n", status, name, handler.getFullName(element))
    end
    state()
    return nil, true
  end)

  busted.subscribe({"file", "end"}, function()
    if live == "lines" then
      show("[%d/%d] %s: %d passed, %d failed, %.1f s\n", number, total, name, handler.successesCount - at_start[1],
        bad() - at_start[2], clock() - began)
    end
    return nil, true
  end)

  -- Before what plain has to say at the end.
  busted.subscribe({"suite", "end"}, function()
    if live == "line" then show "" end
    return nil, true
  end, {priority = 1})
end

return function(options)
  local busted = require "busted"
  local progress = os.getenv "LUASSL_PROGRESS"
  local live = os.getenv "LUASSL_LIVE"
  if live == "" then live = nil end
  if live then options.deferPrint = true end
  local handler = plain(options)
  if live then follow(busted, handler, live) end

  -- What runs, for when it hangs: SIGALRM ends it, and spec/support/run.sh
  -- tells what it was.
  local function begins(name)
    process.alarm(PATIENCE)
    local file = progress and io.open(progress, "w")
    if file then
      file:write(name, "\n")
      file:close()
    end
    return nil, true
  end

  busted.subscribe({"file", "start"}, function(file) return begins(file.name .. ", before its first test") end)
  busted.subscribe({"test", "start"}, function(element) return begins(handler.getFullName(element)) end)
  busted.subscribe({"test", "end"}, function(element)
    return begins("what follows " .. handler.getFullName(element))
  end)

  busted.subscribe({"suite", "end"}, function()
    local line = ("%d passed, %d failed"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount)
    if handler.pendingsCount > 0 then
      line = ("%s, %d skipped"):format(line, handler.pendingsCount)
    end
    io.write("\n", line, "\n")
    io.flush()
    return nil, true
  end)

  busted.subscribe({"exit"}, function()
    if handler.successesCount == 0 then os.exit(1, true) end
    return nil, true
  end)

  return handler
end
