#!/usr/bin/env bash
# Checks the contract in proto/.
#
#   scripts/contract.sh             format, lint, field numbers, breaking changes: all of them, or only those named:
#   scripts/contract.sh [format|lint|numbers|breaking]...
#   scripts/contract.sh baseline    takes the contract as it is now as the baseline (proto/README.md says when)
set -euo pipefail
cd "$(dirname "$0")/.."

buf=node_modules/.bin/buf
baseline=proto/baseline.binpb
failed=0

run() {
  case "$1" in
    format) "$buf" format --diff --exit-code proto ;;
    lint) "$buf" lint ;;
    numbers) "$buf" build --as-file-descriptor-set -o - | node scripts/gen/field-numbers.mjs ;;
    breaking) "$buf" breaking proto --against "$baseline" --exclude-imports ;;
    baseline) "$buf" build proto --exclude-source-info -o "$baseline" ;;
    *)
      echo "usage: scripts/contract.sh [format|lint|numbers|breaking]... | baseline" >&2
      exit 2
      ;;
  esac
}

[ $# -gt 0 ] || set -- format lint numbers breaking
for check in "$@"; do
  if run "$check"; then
    echo "contract: $check: ok"
  else
    echo "contract: $check: failed" >&2
    failed=1
  fi
done
exit $failed
