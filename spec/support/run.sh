#!/bin/sh
# run.sh LUA SCRIPT [ARGUMENTS...] -- runs it with what spec/support/helpers.lua
# needs: certificates, a scratch directory, a trust store of our own and an
# end in sight. `make test` calls it with LUA_PATH and LUA_CPATH set.
# LUASSL_WRAPPER: words to put before LUA, like "valgrind -q". LUASSL_LIVE:
# how spec/support/busted_output.lua tells how far it is; V=1 has it as lines.
set -eu
LUASSL_LUA=$1
shift
LUASSL_TMP=$(mktemp -d)
trap 'rm -rf "$LUASSL_TMP"' EXIT
trap 'exit 130' HUP INT TERM

if [ -z "${LUASSL_PKI:-}" ]; then
  LUASSL_PKI=$LUASSL_TMP/pki
  sh spec/support/pki.sh "$LUASSL_PKI"
fi
SSL_CERT_FILE=$LUASSL_PKI/root.crt
SSL_CERT_DIR=$LUASSL_PKI/empty
LUASSL_PROGRESS=$LUASSL_TMP/progress
if [ -n "${V:-}" ]; then LUASSL_LIVE=lines
elif [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then LUASSL_LIVE=line
fi
LUASSL_LIVE=${LUASSL_LIVE:-}
export LUASSL_LIVE
export LUASSL_LUA LUASSL_TMP LUASSL_PKI LUASSL_PROGRESS
export SSL_CERT_FILE SSL_CERT_DIR

status=0
timeout --foreground -k 5 "${LUASSL_TIMEOUT:-1200}" ${LUASSL_WRAPPER:-} \
  "$LUASSL_LUA" "$@" </dev/null || status=$?
if [ "$status" -gt 1 ] && [ -f "$LUASSL_PROGRESS" ]; then
  printf '\nended with status %s in: %s\n' "$status" "$(cat "$LUASSL_PROGRESS")"
fi
exit "$status"
