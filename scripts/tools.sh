#!/usr/bin/env bash
# Installs what the end-to-end tests use besides Node into .cache/bin; the first time needs the network.
#
#   scripts/tools.sh
#
# Prints one line: the path of grpcurl, or "skipped: …" when it cannot be had. With CI=true that is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

version=v1.9.3
bin=$PWD/.cache/bin
grpcurl=$bin/grpcurl

skip() {
  echo "skipped: $1"
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

# Built this way it does not know its own version.
if ! { [ -x "$grpcurl" ] && [ "$(cat "$bin/grpcurl.version" 2>/dev/null)" = "$version" ]; }; then
  command -v go >/dev/null || skip "Go is not installed, which builds grpcurl"
  mkdir -p "$bin"
  GOBIN=$bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version" >&2 || skip "grpcurl cannot be installed"
  echo "$version" >"$bin/grpcurl.version"
fi
echo "$grpcurl"
