#!/bin/sh
# demo.sh LUA -- a real HTTPS server that is not ours, our client; then our
# server and a client that is not ours. `make demo` calls it. Everything is on
# loopback, made for this run, and gone when it ends.
set -eu
lua=$1
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
pki=$dir/pki
server=

finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || :
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

say() { printf '\n--- %s\n' "$*"; }
fail() { printf '\ndemo: %s\n' "$*" >&2; exit 1; }

# ready FILE PATTERN: waits for a server's line, sets $port to what follows.
ready() {
  tries=0
  until port=$(sed -n "s/^$2\([0-9][0-9]*\).*/\1/p" "$1") && [ -n "$port" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || { cat "$1"; fail 'the server does not start'; }
    kill -0 "$server" 2>/dev/null || { cat "$1"; fail 'the server ended'; }
    sleep 0.05
  done
}

client() { timeout 20 "$lua" "$here/client.lua" "$@"; }

# refused WHY ARGUMENTS...: the client must fail, and its error match WHY.
refused() {
  why=$1
  shift
  if client "$@" >"$dir/out" 2>&1; then
    cat "$dir/out"
    fail 'this connection must not succeed'
  fi
  cat "$dir/out"
  grep -qi "$why" "$dir/out" || fail "the error does not speak of '$why'"
}

say 'A throw-away authority and a certificate for localhost'
sh "$here/../spec/support/pki.sh" "$pki"
openssl x509 -in "$pki/rsa.crt" -noout -subject -issuer -enddate

say 'An HTTPS server that is not ours: openssl s_server'
mkdir "$dir/www"
echo '<h1>It works.</h1>' >"$dir/www/index.html"
(cd "$dir/www" && exec timeout 60 openssl s_server -WWW \
  -accept 127.0.0.1:0 -cert "$pki/rsa.crt" -key "$pki/rsa.key") \
  </dev/null >"$dir/server" 2>&1 &
server=$!
ready "$dir/server" 'ACCEPT 127\.0\.0\.1:'
echo "ready on port $port"

say 'examples/client.lua fetches a page: address, cipher, certificate, page'
client 127.0.0.1 "$port" "$pki/root.crt" localhost /index.html >"$dir/out" 2>&1 \
  || { cat "$dir/out"; fail 'the client failed'; }
cat "$dir/out"
for part in '127\.0\.0\.1' 'TLS' 'commonName' 'subjectAltName' 'It works'; do
  grep -q "$part" "$dir/out" || fail "no '$part' in this"
done

say 'The same server asked for under a wrong name: refused'
refused 'other\.example' 127.0.0.1 "$port" "$pki/root.crt" other.example
echo '(Its certificate is genuine, but not for other.example: whoever has a'
echo 'certificate for one name could otherwise pose as any other.)'

say 'The same server without its authority, with another one: refused'
refused 'issuer\|authority\|CA' 127.0.0.1 "$port" "$pki/other-root.crt" localhost
echo '(The name is right, but nobody this client trusts vouches for it: anyone'
echo 'can write a certificate for localhost.)'

kill "$server"
wait "$server" 2>/dev/null || :

say 'examples/server.lua serves curl, and outlives a client without TLS'
timeout 60 "$lua" "$here/server.lua" 127.0.0.1 0 "$pki/rsa.crt" "$pki/rsa.key" 1 \
  </dev/null >"$dir/server" 2>&1 &
server=$!
ready "$dir/server" 'listening on 127\.0\.0\.1:'
curl -s -m 10 -o /dev/null "http://127.0.0.1:$port/" || :
curl -sS -m 20 --noproxy '*' --cacert "$pki/root.crt" \
  --resolve "localhost:$port:127.0.0.1" "https://localhost:$port/from/curl" \
  >"$dir/out" || { cat "$dir/server"; fail 'curl failed'; }
wait "$server" || { cat "$dir/server"; fail 'the server failed'; }
server=
echo 'the server printed:'
cat "$dir/server"
echo 'curl printed:'
cat "$dir/out"
grep -q 'Hello from LuaSSL: GET /from/curl' "$dir/out" \
  || fail 'that is not our page'
grep -q 'no TLS with' "$dir/server" || fail 'the bad client went unnoticed'

say 'Done: a page fetched, two refusals explained, a page served.'
