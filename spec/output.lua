--- busted's plain output, and at the end one line for people and programs:
-- "N passed, N failed". A run of no test at all fails.
local plain = require "busted.outputHandlers.plainTerminal"

return function(options)
  local busted = require "busted"
  local handler = plain(options)
  local progress = os.getenv "LUASSL_PROGRESS"

  -- The test that runs, for when it hangs: spec/run.sh tells it.
  busted.subscribe({"test", "start"}, function(element)
    local file = progress and io.open(progress, "w")
    if file then
      file:write(handler.getFullName(element), "\n")
      file:close()
    end
    return nil, true
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
