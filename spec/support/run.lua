-- busted in the Lua that runs this, whichever is the system's default.
require "busted.runner" {standalone = false}
