#!/bin/sh
# run.sh VERSION -- LuaSSL as LuaRocks and `make install` install it, on each
# Lua: built from the scm rockspec, packed, served, installed from the server,
# used in an empty directory. Nothing is fetched, and nothing is written but
# below build/ and a scratch directory. `make rocks` calls it.
set -eu
cd "$(dirname "$0")/../.."
home=$(pwd -P)
luas="5.1 5.2 5.3 5.4"
! command -v lua5.5 >/dev/null || luas="$luas 5.5"
version=$1
scratch=$(cd "$(mktemp -d)" && pwd -P)
server=
trap 'test -z "$server" || kill "$server"; rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM

# LuaRocks with no configuration of the user's, no server of the world's, and
# no path to this checkout.
unset LUA_PATH LUA_CPATH LUASSL_BUILD
for lua in $luas 5.5; do
  suffix=$(echo "$lua" | tr . _)
  unset "LUA_PATH_$suffix" "LUA_CPATH_$suffix" "LUAROCKS_CONFIG_$suffix"
done
export HOME="$scratch/home" LC_ALL=C
mkdir "$HOME" "$scratch/empty"
unset SSL_CERT_FILE
export SSL_CERT_DIR="$scratch/empty"
# Each Lua's module is compiled several times, the same way each time.
compiler=
if command -v ccache >/dev/null; then
  export CCACHE_DIR="$scratch/ccache"
  compiler='variables = {CC = "ccache gcc"}; '
fi
echo "${compiler}rocks_servers = {}" >"$scratch/config.lua"
echo "${compiler}rocks_servers = {}; rocks_provided = {luasocket = '3.1.0-1'}" \
  >"$scratch/provided.lua"
export LUAROCKS_CONFIG="$scratch/config.lua"

rocks() {
  timeout 300 luarocks --lua-version "$lua" "$@"
}

# The compiler warns of nothing, without the Makefile's -std and -D either.
quietly() {
  "$@" >"$scratch/compiler-$lua" 2>&1 \
    || { cat "$scratch/compiler-$lua"; return 1; }
  ! grep -i 'warning:' "$scratch/compiler-$lua"
}

# What is in a prefix: the files, and one exported symbol.
holds() {  # prefix
  find "$home/lua/luassl" -type f -printf 'luassl/%P\n' | sort \
    >"$scratch/expected-$lua"
  find "$1/share/lua/$lua/luassl" -type f -printf 'luassl/%P\n' | sort \
    | diff "$scratch/expected-$lua" - || return 1
  [ "$(cd "$1/lib/lua/$lua" && find luassl -type f)" = luassl/core.so ] \
    || return 1
  symbols=$(nm -D --defined-only "$1/lib/lua/$lua/luassl/core.so" \
    | awk '{ print $NF }')
  [ "$symbols" = luaopen_luassl_core ] || { echo "$symbols"; false; }
}

# Fetches a page. With `alone` LuaSocket has to be in the prefix as well.
smoke() {  # interpreter, prefix, [alone]
  path="$2/share/lua/$lua/?.lua;$2/share/lua/$lua/?/init.lua"
  cpath="$2/lib/lua/$lua/?.so"
  [ "${3:-}" = alone ] || { path="$path;;" cpath="$cpath;;"; }
  # All but those of hosts, which need theirs.
  modules=$(cd "$home/lua" && find luassl -name '*.lua' \
    ! -name luv.lua ! -name cqueues.lua ! -name copas.lua ! -name ngx.lua \
    | sed 's/\.lua$//; s,/init$,,; s,/,.,g')
  (cd "$scratch/empty" && LUA_PATH=$path LUA_CPATH=$cpath timeout 60 "$1" \
    "$scratch/smoke.lua" "$2" "$port" "$scratch/pki/root.crt" "$page" \
    $modules)
}

gone() {  # prefix
  [ -z "$(find "$1" -path '*luassl*' -type f)" ]
}

# A rock of the LuaSocket that is installed: LuaRocks does not see Debian's.
pack_luasocket() {  # directory
  mkdir -p "$1/rock/mime" "$1/rock/socket"
  "lua$lua" "$home/spec/rocks/luasocket.lua" "$1/rock" \
    >"$1/rock/luasocket-3.1.0-1.rockspec" || return 1
  (cd "$1/rock" && rocks make --deps-mode none --pack-binary-rock \
    luasocket-3.1.0-1.rockspec && mv luasocket-3.1.0-1.*.rock "$1")
}

make_scm() {  # prefix, directory of the sources
  (cd "$2" && LUAROCKS_CONFIG="$scratch/provided.lua" \
    quietly rocks make --tree "$1" CFLAGS="-O2 -fPIC -Wall -Wextra" \
    rockspecs/luassl-scm-1.rockspec)
}

pack_scm() {  # prefix, directory
  (cd "$2" && rocks pack --tree "$1" luassl scm-1)
}

serve() {  # directory
  (cd "$1" && timeout 60 luarocks-admin --lua-version "$lua" make-manifest .)
}

make_without_openssl() {  # directory of the sources
  (cd "$1" && LUAROCKS_CONFIG="$scratch/provided.lua" \
    rocks make --tree "$scratch/none-$lua" OPENSSL_DIR="$scratch/empty" \
    rockspecs/luassl-scm-1.rockspec)
}

run_test() {  # directory of the sources
  (cd "$1" && LUAROCKS_CONFIG="$scratch/provided.lua" \
    rocks test rockspecs/luassl-scm-1.rockspec \
    -- DEPS=: SPECS=spec/project/rockspecs_spec.lua)
}

remove() {  # prefix
  rocks remove --tree "$1" luassl && gone "$1"
}

install_from() {  # server, prefix, version...
  from=$1 prefix=$2
  shift 2
  (cd "$scratch/empty" && quietly \
    rocks install --tree "$prefix" --only-server="$from" luassl "$@")
}

# The tree as it is, by its scm rockspec; LuaSocket is "provided".
of_checkout() {
  prefix=$scratch/scm-$lua
  mkdir -p "$scratch/sources-$lua" "$scratch/binary-$lua"
  tar -xzf "$scratch/luassl-$version.tar.gz" -C "$scratch/sources-$lua"
  check "luarocks make, scm" \
    make_scm "$prefix" "$scratch/sources-$lua/luassl-$version"
  check "what it installs" holds "$prefix"
  check "use, with LuaSocket provided" smoke "lua$lua" "$prefix"
  [ "$lua" != 5.1 ] || check "use in LuaJIT" smoke luajit "$prefix"
  check "luarocks pack, binary" pack_scm "$prefix" "$scratch/binary-$lua"
  check "no OpenSSL" refuses openssl/ssl.h \
    make_without_openssl "$scratch/sources-$lua/luassl-$version"
}

make_drop_in() {  # prefix, directory of the sources
  (cd "$2" && LUAROCKS_CONFIG="$scratch/provided.lua" \
    rocks make --deps-mode none --tree "$1" \
    rockspecs/luassl-luasec-scm-1.rockspec)
}

drop_in() {  # interpreter, prefix
  (cd "$scratch/empty" \
    && LUA_PATH="$2/share/lua/$lua/?.lua;$2/share/lua/$lua/?/init.lua;;" \
      LUA_CPATH="$2/lib/lua/$lua/?.so;;" timeout 60 "$1" \
      "$scratch/smoke-luassl-luasec.lua" "$2" "$port" "$scratch/pki/root.crt" "$page")
}

# Six files; what the rock luassl has is no part of it.
holds_drop_in() {  # prefix
  find "$1" -path '*/luassl-luasec/*' -name '*.lua' && [ "$(find \
    "$1/share/lua/$lua/ssl" "$1/share/lua/$lua/ssl.lua" -type f | wc -l)" = 6 ] \
    && [ -z "$(find "$1" -name '*~')" ]
}

remove_drop_in() {  # prefix
  rocks remove --tree "$1" luassl-luasec && [ ! -e "$1/share/lua/$lua/ssl.lua" ]
}

# The rock under LuaSec's names, beside the other.
of_drop_in() {
  check "luarocks make, luassl-luasec" \
    make_drop_in "$prefix" "$scratch/sources-$lua/luassl-$version"
  check "what it installs" holds_drop_in "$prefix"
  check "use in LuaSec's place" drop_in "lua$lua" "$prefix"
  [ "$lua" != 5.1 ] || check "use in LuaJIT" drop_in luajit "$prefix"
  check "luarocks remove luassl-luasec" remove_drop_in "$prefix"
}

# A server of sources with LuaSocket's rock on it, and one of binaries.
of_servers() {
  sources=$scratch/server-$lua binary=$scratch/binary-$lua
  mkdir -p "$sources"
  cp "$scratch/luassl-$version-1.src.rock" "$sources"
  check "luarocks-admin make-manifest" serve "$sources"
  check "no LuaSocket" refuses "luasocket >= 3.0" \
    install_from "$sources" "$scratch/none-$lua"
  check "LuaSocket's rock" pack_luasocket "$sources"
  cp "$sources"/luasocket-*.rock "$binary"
  check "luarocks-admin make-manifest" serve "$sources"
  check "luarocks install" install_from "$sources" "$scratch/tree-$lua"
  check "what it installs" holds "$scratch/tree-$lua"
  check "use, with LuaSocket's rock" smoke "lua$lua" "$scratch/tree-$lua" alone
  check "luarocks remove" remove "$scratch/tree-$lua"
  check "luarocks-admin make-manifest, binary" serve "$binary"
  check "luarocks install, binary" \
    install_from "$binary" "$scratch/binary-tree-$lua" scm-1
  check "use of the binary" \
    smoke "lua$lua" "$scratch/binary-tree-$lua" alone
}

of_make() {  # LUA, interpreter
  check "make install LUA=$1" make -s --no-print-directory install \
    LUA="$1" DESTDIR="$scratch/dest-$1" PREFIX=/opt/luassl
  check "what it installs" holds "$scratch/dest-$1/opt/luassl"
  check "use" smoke "$2" "$scratch/dest-$1/opt/luassl"
  check "make uninstall LUA=$1" make -s --no-print-directory uninstall \
    LUA="$1" DESTDIR="$scratch/dest-$1" PREFIX=/opt/luassl
  check "nothing is left" gone "$scratch/dest-$1"
}

lua=5.4
. spec/rocks/checks.sh
start_server

# The released archive of the tree as it is, and its source rock.
sh .ci/dist archive "$version" "$scratch"

{
  for rockspec in rockspecs/*.rockspec "$scratch"/*.rockspec; do
    check "luarocks lint ${rockspec##*/}" rocks lint "$rockspec"
  done
  cd "$scratch"
  check "luarocks pack, source" rocks pack "luassl-$version-1.rockspec"
  cd "$home"
} >"$scratch/results"

for lua in $luas; do
  {
    of_checkout
    of_drop_in
    [ "$lua" != 5.4 ] || check "luarocks test" \
      run_test "$scratch/sources-$lua/luassl-$version"
    of_servers
    of_make "$lua" "lua$lua"
    [ "$lua" != 5.1 ] || of_make jit luajit
  } >"$scratch/results-$lua" 2>&1 &
  jobs="${jobs:-} $!"
done
wait $jobs
sum "$scratch"/results*
