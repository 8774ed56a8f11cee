#!/bin/sh
# Builds the explorer of small worlds with switches for planted bugs in place of the constant of ordinary builds, and runs one of its commands:
#   scripts/small.sh main      OFFICES=… OPERATIONS=… BUG=… STATES=… (see test/small/main.ts)
#   scripts/small.sh mutants   every planted bug that fits: states until found, and the length of the shortest trace
set -eu
cd "$(dirname "$0")/.."
out=.cache/small
node_modules/.bin/tsc -p test/small/tsconfig.json
echo 'export { planted } from "../../../test/planted/planted.js";' > "$out/src/core/model/planted.js"
command="${1:-main}"
exec node --max-old-space-size=6000 "$out/test/small/$command.js"
