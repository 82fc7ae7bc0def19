# shellcheck shell=sh disable=SC2154
# checks.sh -- what run.sh and empty.sh share, sourced in the tree with
# $scratch, a directory, and $lua, which names files and results: single checks,
# and a server that is not ours, with a page to fetch. Sets $port, $page, and
# $server, to be killed.

check() {  # name, command...
  name=$1
  shift
  if "$@" >"$scratch/output-$lua" 2>&1; then
    echo "ok      $lua: $name"
  else
    echo "failed  $lua: $name"
    cat "$scratch/output-$lua"
  fi
}

# Fails, and says `text`.
refuses() {  # text, command...
  text=$1
  shift
  ! "$@" >"$scratch/refusal-$lua" 2>&1 || { echo "it did"; return 1; }
  grep -F "$text" "$scratch/refusal-$lua" \
    || { cat "$scratch/refusal-$lua"; false; }
}

start_server() {
  sh spec/support/pki.sh "$scratch/pki"
  cp spec/rocks/smoke*.lua "$scratch"
  page="a page from far away"
  mkdir "$scratch/www"
  echo "$page" >"$scratch/www/page.txt"
  : >"$scratch/server.log"
  (cd "$scratch/www" && exec timeout 900 openssl s_server -WWW \
    -accept 127.0.0.1:0 -cert ../pki/rsa.crt -key ../pki/rsa.key) \
    </dev/null >"$scratch/server.log" 2>&1 &
  server=$!
  port=
  until [ -n "$port" ]; do
    kill -0 "$server" || { cat "$scratch/server.log"; exit 1; }
    port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$scratch/server.log")
    sleep 0.02
  done
}

# Prints the results, and their sum; fails when something did.
sum() {  # files...
  cat "$@"
  passed=$(cat "$@" | grep -c '^ok  ' || :)
  failed=$(cat "$@" | grep -c '^failed  ' || :)
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
