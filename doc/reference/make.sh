#!/bin/sh
# make.sh INTERPRETER [DIRECTORY] -- the site, made in DIRECTORY, build/doc,
# of the docstrings and the Markdown pages. Called from the root of the tree.
set -eu
lua=$1
out=${2:-build/doc}
work=$out.source
rm -rf "$out" "$work"
mkdir -p "$work"
"$lua" doc/reference/pages.lua "$work"
version=$("$lua" -e 'io.write(require "luassl"._VERSION)')
topics=
for topic in "$work"/*.md; do topics="$topics ${topic##*/}"; done
{
  cat doc/reference/config.ld
  echo "title = \"$version\""
  echo "file = {"
  for page in ssl SSLContext SSLSocket SSLObject SSLStream Certificate \
      SSLSession SSLError https HTTPSClient Hooks; do
    echo "  \"$page.lua\","
  done
  echo "}"
  # shellcheck disable=SC2086
  "$lua" doc/reference/guides.lua topics $topics
  echo "examples = {"
  for example in examples/*.lua; do echo "  \"$PWD/$example\","; done
  echo "}"
} >"$work/config.ld"
{
  # shellcheck disable=SC2086
  "$lua" doc/reference/guides.lua sections $topics
  cat doc/reference/ldoc.ltp
} >"$work/ldoc.ltp"
cp doc/reference/ldoc.css "$work"
here=$PWD
cd "$work"
ldoc -q --fatalwarnings -s . -l . -d "$here/$out" . >ldoc.log \
  || { cat ldoc.log >&2; exit 1; }
# What it takes instead prints underscores as italics.
if grep '^format: ' ldoc.log >&2; then
  echo "LDoc has no Discount: Debian's package is lua-discount" >&2
  exit 1
fi
cd "$here"
cp doc/reference/search.js "$out"
"$lua" doc/reference/search.lua "$out"
