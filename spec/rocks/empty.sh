#!/bin/sh
# empty.sh DIST VERSION LUA -- on a Debian on which nothing is installed, as
# root: installs each thing that `make dist` has made, with this system's
# LuaRocks and LuaSocket, fetches a page with it, and removes it. `make dist`
# calls it in such a system.
set -eu
cd "$(dirname "$0")/../.."
dist=$1
release=luassl-$2
interpreter=lua$3 lua=$3
[ "$3" != jit ] || interpreter=luajit lua=5.1
target=$3
scratch=$(mktemp -d)
server=
told=
finish() {  # told: what came before something else failed
  [ -n "$told" ] || cat "$scratch/results" 2>/dev/null || :
  [ -z "$server" ] || kill "$server"
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM
unset LUA_PATH LUA_CPATH LUASSL_BUILD
export LC_ALL=C
mkdir "$scratch/empty"
export SSL_CERT_FILE="" SSL_CERT_DIR="$scratch/empty"

apt() {  # packages...
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install "$@" </dev/null
}

# No server is asked: there is none that has LuaSSL, and LuaSocket is Debian's.
rocks() {
  (cd "$dist" && timeout 300 luarocks --lua-version "$lua" "$@" \
    --deps-mode none)
}

use() {  # prefix, [variables...]
  prefix=$1
  shift
  (cd "$scratch/empty" && timeout 60 env "$@" "$interpreter" \
    "$scratch/smoke.lua" "$prefix" "$port" "$scratch/pki/root.crt" "$page")
}

without() {  # program
  ! command -v "$1"
}

gone() {
  left=$(find /usr/local /opt -path '*luassl*')
  [ -z "$left" ] || { echo "$left"; false; }
}

installed() {  # what, luarocks' arguments...
  what=$1
  shift
  check "luarocks install, $what" rocks "$@"
  check "use" use /usr/local
  check "luarocks remove" rocks remove luassl
  check "nothing is left" gone
}

make_quietly() {  # directory, arguments...
  (cd "$scratch/$release" && make -s --no-print-directory LUA="$target" "$@")
}

. spec/rocks/checks.sh
apt-get -qq update
{
  check "packages: LuaRocks, Lua, LuaSocket" \
    apt luarocks "$interpreter" lua-socket openssl
  start_server

  check "there is no compiler" without cc
  installed "binary rock" \
    install "$dist/lua$lua/$release"-1.*.rock

  tar -xzf "$dist/$release.tar.gz" -C "$scratch"
  check "make says what is missing" refuses "a C compiler" make_quietly all
  check "packages: compiler, headers" sh .ci/deps demo "$target"
  installed "source rock" install "$release-1.src.rock"
  installed "rockspec" install "$release-1.rockspec"
  check "make" make_quietly all
  check "make install" make_quietly install
  check "use" use /usr/local
  check "make uninstall" make_quietly uninstall
  check "nothing is left" gone
  check "make install, elsewhere" make_quietly install PREFIX="/opt/my lua"
  check "use" use "/opt/my lua" \
    LUA_PATH="/opt/my lua/share/lua/$lua/?.lua;/opt/my lua/share/lua/$lua/?/init.lua;;" \
    LUA_CPATH="/opt/my lua/lib/lua/$lua/?.so;;"
  check "make uninstall, elsewhere" make_quietly uninstall PREFIX="/opt/my lua"
} >"$scratch/results" 2>&1
told=yes
sum "$scratch/results"
