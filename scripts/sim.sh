#!/bin/sh
# Builds the simulator with switches for planted bugs in place of the constant of ordinary builds, and runs one of its commands:
#   scripts/sim.sh main      SEED=… or N=… FROM=… BUG=… (see test/sim/main.ts)
#   scripts/sim.sh mutants   every planted bug: seeds until caught, and by which check
set -eu
cd "$(dirname "$0")/.."
out=.cache/sim
node_modules/.bin/tsc -p test/sim/tsconfig.json
echo 'export { planted } from "../../../test/planted/planted.js";' > "$out/src/core/model/planted.js"
command="${1:-main}"
exec node "$out/test/sim/$command.js"
