#!/usr/bin/env bash
# Makes the reference of the TypeScript interface (onar/client, onar, onar/testing, the drivers) in docs/api-ts, from the comments in the
# code. What is exported and not documented, and a link that leads nowhere, is an error.
#
#   scripts/docs.sh           makes it
#   scripts/docs.sh --check   only says what is wrong
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  "") emit=docs ;;
  --check) emit=none ;;
  *)
    echo "usage: scripts/docs.sh [--check]" >&2
    exit 2
    ;;
esac

# With a compiler of its own: see scripts/typedoc/package.json.
tool=scripts/typedoc
if [ ! "$tool/node_modules/.package-lock.json" -nt "$tool/package-lock.json" ]; then
  npm ci --prefix "$tool" --silent --no-audit --no-fund
  touch "$tool/node_modules/.package-lock.json"
fi
node "$tool/node_modules/typedoc/bin/typedoc" --options typedoc.json --emit "$emit"
[ "$emit" = none ] || echo "docs: docs/api-ts/index.html"
