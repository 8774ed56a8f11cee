#!/usr/bin/env bash
# Runs a command on another version of Node.js, which it gets from the npm registry the first time: .cache/node-VERSION.
#
#   scripts/on-node.sh 22 node node_modules/vitest/vitest.mjs run test/unit/http2 test/e2e/h2spec.test.ts
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: scripts/on-node.sh VERSION COMMAND..." >&2
  exit 2
fi
version=$1
shift
folder=$(cd "$(dirname "$0")/.." && pwd)/.cache/node-$version
if [ ! -x "$folder/node_modules/node/bin/node" ]; then
  mkdir -p "$folder"
  echo '{}' >"$folder/package.json"
  npm install --prefix "$folder" --silent --no-save "node@$version"
fi
export PATH="$folder/node_modules/node/bin:$PATH"
exec "$@"
