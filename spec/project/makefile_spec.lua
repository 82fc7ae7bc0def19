-- What make says and does where no spec of the module looks: its help, what is
-- missing, installing.
local helpers = require "spec.support.helpers"

helpers.audit()

local LUA = jit and "jit" or _VERSION:match "%d%.%d"
local ABI = _VERSION:match "%d%.%d"
local BUILD = os.getenv "LUASSL_BUILD":match "[^/]+/[^/]+$"

-- make as from a shell, not as a part of the make that runs the specs.
local function make(arguments, env)
  local argv = {"-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "DESTDIR", "-u", "PREFIX"}
  for name, value in pairs(env or {}) do argv[#argv + 1] = name .. "=" .. value end
  argv[#argv + 1] = "make"
  for _, argument in ipairs(arguments) do argv[#argv + 1] = argument end
  local peer = helpers.spawn({"env", (table.unpack or unpack)(argv)}, {timeout = 120})
  return peer:wait(120), peer:output()
end

local function holds(text, ...)
  for _, part in ipairs {...} do
    assert.truthy(text:find(part, 1, true), ("no %q in: %s"):format(part, text))
  end
end

describe("make help", function()
  local help

  setup(function()
    local status
    status, help = make {"help"}
    assert.equal(0, status, help)
  end)

  it("names variables and every Lua", function()
    holds(help, "PREFIX=", "DESTDIR=", "OPENSSL_DIR=", "LUA_INCDIR=", "CC=", "DEPS=:")
    for _, lua in ipairs {"5.5", "5.4", "5.3", "5.2", "5.1", "jit"} do holds(help, lua) end
  end)

  -- Those that neither help nor CONTRIBUTING.md names are steps of others.
  it("names every target, CONTRIBUTING.md those of developers", function()
    local steps = {}
    for step in ([[test-deps test-system witnesses interop-small bench-deps dist-install elsewhere-clean
      sanitize-programs sanitize-suite watched-sanitize-programs watched-sanitize-suite dynamic
      systems]]):gmatch "%S+" do
      steps[step] = true
    end
    local text = " " .. help:gsub("[^%w-]", " ") .. " " .. helpers.read_file "CONTRIBUTING.md":gsub("[^%w-]", " ")
    local makefile = helpers.read_file "Makefile":gsub("\\\n", " ")
    local count = 0
    for names in makefile:gmatch "%.PHONY:([^\n]*)" do
      for name in names:gmatch "%S+" do
        count = count + 1
        assert.truthy(steps[name] or name == "all" or text:find(" " .. name .. " ", 1, true), name)
      end
    end
    assert.is_true(count > 20)
    for name in help:gmatch "make (%l+) " do holds(makefile, "\n" .. name .. ":") end
  end)
end)

describe("LUA=", function()
  for _, value in ipairs {"5.6", "", "lua5.4", "5.4 5.3", "%"} do
    it(("%q is told which there are"):format(value), function()
      local status, text = make {"LUA=" .. value, "-n", "all"}
      assert.equal(2, status)
      holds(text, "LUA is one of 5.5 5.4 5.3 5.2 5.1 jit")
    end)
  end
end)

describe("what is missing", function()
  -- Settings of `.ci/toolchain`; what it prints, and whether it is content.
  local function toolchain(settings, lua, abi)
    local env = {CC = os.getenv "CC" or "cc", PKG_CONFIG = "pkg-config", LUA_PC = "lua5.4", LUA_INCDIR = "",
      OPENSSL_DIR = ""}
    for name, value in pairs(settings) do env[name] = value end
    local argv = {}
    for name, value in pairs(env) do argv[#argv + 1] = name .. "=" .. value end
    for _, word in ipairs {"sh", ".ci/toolchain", lua or "5.4", abi or "5.4"} do argv[#argv + 1] = word end
    local peer = helpers.spawn {"env", (table.unpack or unpack)(argv)}
    return peer:wait() == 0, peer:output()
  end

  -- A directory with a lua.h, or an OpenSSL, that is no more than its name.
  local function directory(header, content)
    local path = helpers.temp_name() .. " with space"
    assert.equal(0, helpers.spawn({"mkdir", "-p", path .. "/include/openssl"}):wait())
    local file = assert(io.open(path .. "/" .. header, "w"))
    file:write(content, "\n")
    file:close()
    return path
  end

  it("is a compiler", function()
    local well, text = toolchain {CC = "no-such-compiler -m32"}
    assert.is_false(well)
    holds(text, "a C compiler (no-such-compiler -m32)", "gcc libc6-dev", "set CC")
  end)

  it("is what the compiler needs", function()
    local well, text = toolchain {CC = "false"}
    assert.is_false(well)
    holds(text, "the headers of the C library", "libc6-dev")
  end)

  it("is pkg-config, with both directories only", function()
    local lua = directory("lua.h", "#define LUA_VERSION_NUM 504")
    local openssl = directory("include/openssl/ssl.h", "")
    for _, settings in ipairs {{}, {LUA_INCDIR = lua}, {OPENSSL_DIR = openssl}} do
      settings.PKG_CONFIG = "no-such-pkg-config"
      local well, text = toolchain(settings)
      assert.is_false(well)
      holds(text, "pkg-config (no-such-pkg-config): on Debian pkg-config", "set both OPENSSL_DIR and LUA_INCDIR")
    end
    assert.same({true, ""}, {toolchain {PKG_CONFIG = "no-such-pkg-config", LUA_INCDIR = lua, OPENSSL_DIR = openssl}})
  end)

  it("are Lua's headers, each Lua's package", function()
    for lua, package in pairs {["5.1"] = "liblua5.1-0-dev", ["5.3"] = "liblua5.3-dev", jit = "libluajit-5.1-dev"} do
      local well, text = toolchain({LUA_INCDIR = helpers.file ""}, lua, "5.1")
      assert.is_false(well)
      holds(text, "the headers of Lua", "on Debian " .. package, "set LUA_INCDIR", "LUA_PC")
    end
    local well, text = toolchain {LUA_PC = "no-such-lua"}
    assert.is_false(well)
    holds(text, "the headers of Lua 5.4: on Debian liblua5.4-dev")
  end)

  it("are OpenSSL's headers, also when the compiler has others", function()
    local well, text = toolchain {OPENSSL_DIR = "/nowhere"}
    assert.is_false(well)
    holds(text, "the headers of OpenSSL: on Debian libssl-dev", "set OPENSSL_DIR")
  end)

  it("is all told at once", function()
    local well, text = toolchain {CC = "none", PKG_CONFIG = "none", LUA_INCDIR = "/nowhere"}
    assert.is_false(well)
    holds(text, "a C compiler", "pkg-config", "the headers of Lua 5.4")
  end)

  it("is the right Lua", function()
    local well, text = toolchain {LUA_INCDIR = directory("lua.h", "#define LUA_VERSION_NUM 503")}
    assert.is_false(well)
    holds(text, "LUA=5.4, but lua.h is another Lua's")
  end)

  it("stops make before anything is compiled", function()
    local build = "build/none-" .. helpers.temp_name():gsub("%W", "")
    local status, text = make {"LUA=" .. LUA, "BUILD=" .. build, "CC=none"}
    os.execute("rm -rf " .. build)
    assert.equal(2, status)
    holds(text, "a C compiler (none)")
    assert.is_nil(text:find("%.o", 1, true))
  end)
end)

describe("pkg-config", function()
  it("is not asked where both directories are given", function()
    local asked = helpers.temp_name()
    local spy = helpers.temp_file("#!/bin/sh\necho asked >>" .. asked .. "\n")
    assert.equal(0, helpers.spawn({"chmod", "755", spy}):wait())
    local arguments = {"LUA=" .. LUA, "BUILD=" .. BUILD, "PKG_CONFIG=" .. spy, "-n", "-B", "all", "witnesses",
      "install"}
    make(arguments, {LUA_INCDIR = "", OPENSSL_DIR = ""})
    assert.is_not_nil(io.open(asked), "the spy is asked otherwise")
    os.remove(asked)
    arguments[#arguments + 1] = "LUA_INCDIR=/usr/include/lua5.4"
    arguments[#arguments + 1] = "OPENSSL_DIR=/usr"
    local status, text = make(arguments)
    assert.equal(0, status, text)
    holds(text, '-I"/usr/include/lua5.4"', '-I"/usr/include"', "-lssl -lcrypto")
    assert.is_nil(io.open(asked))
  end)
end)

describe("make install", function()
  local function files(directory)
    local peer = helpers.spawn {"find", directory, "-type", "f"}
    peer:wait()
    local list = {}
    for path in peer:output():gmatch "[^\n]+" do list[#list + 1] = path:sub(#directory + 1) end
    table.sort(list)
    return list
  end

  it("and uninstall take names with spaces, and leave what is others'", function()
    local dest = helpers.temp_name() .. " dest dir"
    local where = {"LUA=" .. LUA, "BUILD=" .. BUILD, "DESTDIR=" .. dest, "PREFIX=/opt/my lua"}
    local function run(target)
      where[5] = target
      local status, text = make(where)
      assert.equal(0, status, text)
    end
    run "install"
    local installed = files(dest)
    assert.equal(#files "lua/luassl" + 1, #installed)
    holds(table.concat(installed, "\n"), "/opt/my lua/share/lua/" .. ABI .. "/luassl/init.lua",
      "/opt/my lua/lib/lua/" .. ABI .. "/luassl/core.so")

    local path = ("%s/opt/my lua/%%s/lua/%s/?%%s"):format(dest, ABI)
    local peer = helpers.spawn({helpers.interpreter, "-e", 'print(require "luassl"._VERSION)'}, {env = {
      LUA_PATH = path:format("share", ".lua") .. ";" .. path:format("share", "/init.lua"),
      LUA_CPATH = path:format("lib", ".so")}})
    assert.equal(0, peer:wait(), peer:output())

    run "install-command"
    local program = helpers.read_file(dest .. "/opt/my lua/bin/luassl")
    assert.matches("^#!/usr/bin/env lua%S+\n", program)
    holds(table.concat(files(dest), "\n"), "/opt/my lua/share/lua/" .. ABI .. "/luassl/cli/init.lua",
      "/opt/my lua/share/man/man1/luassl.1")

    run "install-luacats"
    holds(table.concat(files(dest), "\n"), "/opt/my lua/share/luassl/luacats/luassl.lua",
      "/opt/my lua/share/luassl/luacats/luassl/https.lua")

    local theirs = "/opt/my lua/share/lua/" .. ABI .. "/luassl/theirs.lua"
    assert(io.open(dest .. theirs, "w")):close()
    run "uninstall"
    assert.same({theirs}, files(dest))
    run "uninstall"
    os.remove(dest .. theirs)
    run "uninstall"
    local peer_of_directories = helpers.spawn {"find", dest, "-name", "luassl"}
    peer_of_directories:wait()
    assert.equal("", peer_of_directories:output())
  end)
end)
