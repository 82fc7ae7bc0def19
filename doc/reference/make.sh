#!/bin/sh
# make.sh INTERPRETER [DIRECTORY] -- the reference, made in DIRECTORY, build/doc,
# of the docstrings and the Markdown pages. Called from the root of the tree.
set -eu
lua=$1
out=${2:-build/doc}
work=$out.source
rm -rf "$out" "$work"
mkdir -p "$work"
"$lua" doc/reference/pages.lua "$work"
version=$("$lua" -e 'io.write(require "luassl"._VERSION)')
# The pages in their order, then the guides: for users first, then about the
# project.
late="CHANGELOG.md SECURITY.md CONTRIBUTING.md architecture.md badcerts.md
  peers.md systems.md"
{
  cat doc/reference/config.ld
  echo "title = \"$version\""
  echo "file = {"
  for page in ssl SSLContext SSLSocket SSLObject SSLStream Certificate \
      SSLSession SSLError https HTTPSClient Hooks; do
    echo "  \"$page.lua\","
  done
  echo "}"
  echo "topics = {\"README.md\","
  for topic in "$work"/*.md; do
    topic=${topic##*/}
    case " $(echo $late) README.md " in
      *" $topic "*) ;;
      *) echo "  \"$topic\"," ;;
    esac
  done
  for topic in $late; do echo "  \"$topic\","; done
  echo "}"
  echo "examples = {"
  for example in examples/*.lua; do echo "  \"$PWD/$example\","; done
  echo "}"
} >"$work/config.ld"
cp doc/reference/ldoc.ltp doc/reference/ldoc.css "$work"
here=$PWD
cd "$work"
ldoc -q --fatalwarnings -s . -l . -d "$here/$out" . >ldoc.log \
  || { cat ldoc.log >&2; exit 1; }
# What it takes instead prints underscores as italics.
if grep '^format: ' ldoc.log >&2; then
  echo "LDoc has no Discount: Debian's package is lua-discount" >&2
  exit 1
fi
