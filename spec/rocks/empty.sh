#!/bin/sh
# empty.sh DIST VERSION LUA -- on a Debian on which nothing is installed, as
# root: installs each thing that `make dist` has made, with this system's
# LuaRocks, apt and LuaSocket, fetches a page with it, and removes it. A rock
# that needs luassl is installed beside it and used by a program of its own:
# luassl-cli by smoke-luassl-cli.lua. `make dist` calls this in such a system.
set -eu
cd "$(dirname "$0")/../.."
dist=$1
version=$2
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

apt() {  # command, packages...
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# No server is asked: there is none that has LuaSSL, and LuaSocket is Debian's.
rocks() {
  (cd "$dist" && timeout 300 luarocks --lua-version "$lua" "$@" \
    --deps-mode none)
}

# What the compiler makes faster, other tests run.
cflags="-O0 -fPIC"

program=smoke.lua
use() {  # prefix, [variables...]
  prefix=$1
  shift
  (cd "$scratch/empty" && timeout 60 env "$@" "$interpreter" \
    "$scratch/$program" "$prefix" "$port" "$scratch/pki/root.crt" "$page")
}

without() {  # program
  ! command -v "$1"
}

gone() {
  left=$(find /usr/local /opt /usr/lib /usr/share -path '*luassl*')
  [ -z "$left" ] || { echo "$left"; false; }
}

# The rocks that were made, a name a line.
made() {
  for file in "$dist"/*-"$version"-1.src.rock; do
    file=${file##*/}
    echo "${file%-"$version"-1.src.rock}"
  done
}

others=$(made | grep -vx luassl || :)

# Each rock, luassl first, as a file of $dist: PREFIX ROCK-VERSION-1SUFFIX.
installed() {  # what, prefix, suffix
  for rock in luassl $others; do
    # shellcheck disable=SC2086
    check "luarocks install $rock, $1" \
      rocks install "$dist/$2$rock-$version-1"$3 CFLAGS="$cflags"
    [ "$rock" = luassl ] || program=smoke-$rock.lua
    check "use" use /usr/local
    program=smoke.lua
    [ "$rock" = luassl ] || check "luarocks remove" rocks remove "$rock"
  done
  check "luarocks remove" rocks remove luassl
  check "nothing is left" gone
}

# The package has files for each Lua of its system.
of_package() {
  check "apt-get install" apt install "$dist"/deb/lua-luassl_*.deb
  for path in /usr/share/lua/5.*/luassl; do
    (
      path=${path%/luassl}
      interpreter=lua${path##*/}
      check "packages: $interpreter" apt install "$interpreter"
      check "use in $interpreter" use /usr
    )
  done
  [ "$target" != jit ] || check "use in LuaJIT" use /usr
  check "the package's own test" sh rockspecs/debian/tests/handshake
  check "the example of the documentation" fetch_by_example
  check "apt-get purge" apt purge lua-luassl
  check "nothing is left" gone
}
fetch_by_example() {
  "$interpreter" /usr/share/doc/lua-luassl/examples/client.lua 127.0.0.1 \
    "$port" "$scratch/pki/root.crt" localhost /page.txt | grep "$page"
}

make_quietly() {  # directory, arguments...
  (cd "$scratch/$release" \
    && make -s --no-print-directory LUA="$target" CFLAGS="$cflags" "$@")
}

. spec/rocks/checks.sh
apt-get -qq update
{
  check "packages: LuaRocks, Lua, LuaSocket" \
    apt install luarocks "$interpreter" lua-socket openssl
  case $others in *luassl-cli*) check "packages: argparse, dkjson" \
    apt install lua-argparse lua-dkjson ;;
  esac
  start_server

  check "there is no compiler" without cc
  installed "binary rock" "lua$lua/" ".*.rock"
  of_package

  tar -xzf "$dist/$release.tar.gz" -C "$scratch"
  check "make says what is missing" refuses "a C compiler" make_quietly all
  check "packages: compiler, headers" sh .ci/deps demo "$target"
  installed "source rock" "" .src.rock
  installed "rockspec" "" .rockspec
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
