#!/bin/sh
# run.sh [PORT] [UPSTREAM_PORT] -- starts nginx with LuaSSL on loopback, as
# whoever runs it, fetches a page and then 200 at once, and ends it.
#
# Needs nginx with its Lua module, curl and openssl; Debian: nginx-light
# libnginx-mod-http-lua lua-resty-core. LUA_PATH and LUA_CPATH say where LuaSSL
# is, built for LuaJIT, if it is not installed.
set -eu
port=${1:-8480}
upstream=${2:-8443}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
nginx=

finish() {
  [ -z "$nginx" ] || kill -QUIT "$nginx" 2>/dev/null || :
  [ -z "$nginx" ] || wait "$nginx" 2>/dev/null || :
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

# An authority and a certificate for localhost.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -days 2 -subj "/CN=Example CA" -keyout "$dir/ca.key" -out "$dir/ca.pem" \
  2>/dev/null
openssl req -x509 -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -newkey ec \
  -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=localhost" \
  -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE \
  -keyout "$dir/server.key" -out "$dir/server.pem" 2>/dev/null

modules=
[ "$(id -u)" != 0 ] || modules="user root;"
for file in /usr/lib/nginx/modules/ndk_http_module.so \
    /usr/lib/nginx/modules/ngx_http_lua_module.so; do
  [ ! -e "$file" ] || modules="$modules load_module $file;"
done
sed -e "s|@DIR@|$dir|g" -e "s|@MODULES@|$modules|" -e "s|@PORT@|$port|g" \
  -e "s|@UPSTREAM@|$upstream|g" -e "s|@CACHE@|${CACHE:-on}|" \
  -e "s|@LUA_PATH@|${LUA_PATH:-}|" -e "s|@LUA_CPATH@|${LUA_CPATH:-}|" \
  "$here/nginx.conf" >"$dir/nginx.conf"
nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log" &
nginx=$!

get() { curl -s --max-time 20 "http://127.0.0.1:$port$1"; }

tries=0
until get /page >/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] && kill -0 "$nginx" 2>/dev/null \
    || { cat "$dir/error.log"; exit 1; }
  sleep 0.1
done

echo "--- one page"
get /page
echo "--- another name than the certificate's"
get '/page?host=other.example'
echo "--- 200 at once, each of which takes 0.2 s"
get '/many?n=200'
get '/many?n=200'
if grep '\[alert\]\|\[crit\]\|\[emerg\]' "$dir/error.log"; then exit 1; fi
