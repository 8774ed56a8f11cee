#!/usr/bin/env bash
# Tests the Go and Python clients and the generated code beneath them: by themselves, against a running cluster, against the fake server
# and clusters of their own (test/clients/cases.yaml), and the programs in docs/clients-*.md and docs/stubs.md.
#
#   scripts/test-clients.sh HOST:PORT[,HOST:PORT…] [go|python]...
#   scripts/test-clients.sh --setup go|python     only what its programs need; says on standard output why they cannot run
#
# The endpoints are client ports of the running cluster's nodes. Needs `make setup`. Sets up what else is needed in .cache/; the first time
# needs the network. Where a toolchain is missing, its part is skipped with a message; with CI=true that is an error. Ends with one line
# per language.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 1 ] || [ -z "$1" ]; then
  echo "usage: scripts/test-clients.sh HOST:PORT[,HOST:PORT...] [go|python]..." >&2
  exit 2
fi
export ONAR_ENDPOINTS=$1
shift
[ $# -gt 0 ] || set -- go python

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
summary=
failed=0

# note LANGUAGE TEXT
note() {
  summary+="clients: $1: $2"$'\n'
}

# skip LANGUAGE REASON
skip() {
  if [ "${CI:-}" = true ]; then
    note "$1" "failed: $2 (CI=true)"
    failed=1
  else
    note "$1" "skipped: $2"
  fi
}

# setup LANGUAGE: says on standard output why its tests cannot run.
setup() {
  case "$1" in
    go)
      command -v go >/dev/null || { echo "go is not installed"; return; }
      (cd clients/go && go mod download && cd ../../test/clients/go && go mod download) >&2 || echo "cannot download the Go modules"
      ;;
    python)
      local requirements=test/clients/python/requirements.txt venv=.cache/python-clients
      cmp -s "$requirements" "$venv/requirements.txt" && return
      python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
        { echo "no Python from 3.9 on with venv is installed"; return; }
      rm -rf "$venv"
      python3 -m venv "$venv" >&2 || { echo "cannot create a venv"; return; }
      "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$requirements" >&2 ||
        { echo "cannot install grpcio and what checks types"; return; }
      cp "$requirements" "$venv/requirements.txt"
      ;;
    *)
      echo "usage: scripts/test-clients.sh HOST:PORT[,HOST:PORT...] [go|python]..." >&2
      exit 2
      ;;
  esac
}

# go_in FOLDER ARGUMENT...: with the race detector where there is a C compiler, which it needs. By the environment, so that all that is
# compiled is compiled once, also what the tests compile.
go_in() (
  cd "$1"
  shift
  if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null; then
    GOFLAGS="$(go env GOFLAGS) -race"
    export GOFLAGS
  fi
  go "$@"
)

# Tests that may run beside each other mostly wait: more of them than there are processors.
go_tests() {
  go_in "$1" test -count=1 -parallel 6 -v ./...
}

# python_in FOLDER ARGUMENT...
python_in() (
  export PYTHONPATH=$PWD/gen/python:$PWD/clients/python PYTHONDONTWRITEBYTECODE=1 MYPY_CACHE_DIR=$PWD/.cache/mypy
  python=$PWD/.cache/python-clients/bin/python
  cd "$1"
  shift
  "$python" -W error "$@"
)

# together NAME COMMAND... [-- NAME COMMAND...]...: runs commands at the same time, shows what each said when it is over. Fails if one fails.
together() {
  local name words names=() pids=() i failed=0
  while [ $# -gt 0 ]; do
    name=$1 words=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
      words+=("$1")
      shift
    done
    [ $# -eq 0 ] || shift
    "${words[@]}" >"$logs/$name" 2>&1 &
    names+=("$name")
    pids+=($!)
  done
  for i in "${!pids[@]}"; do
    wait "${pids[i]}" || failed=1
    cat "$logs/${names[i]}"
  done
  return $failed
}

python_tests() {
  python_in test/clients/python -m unittest -v "$@"
}

# run LANGUAGE: what compiles and checks first, by itself: what is tested then has times to keep.
run() {
  case "$1" in
    go)
      for folder in clients/go test/clients/go; do
        go_in "$folder" vet ./... && go_in "$folder" test -run '^$' ./... || return
      done
      together go-alone go_tests clients/go -- go-cases go_tests test/clients/go
      ;;
    python)
      python_in clients/python -W ignore -m mypy || return
      together python-alone python_in clients/python/tests -m unittest discover -v -- \
        python-threads python_tests test_cases_threads -- python-asyncio python_tests test_cases_asyncio -- \
        python-others python_tests test_contract test_docs test_package test_recipes
      ;;
  esac
}

# count LANGUAGE: how many tests passed, by the log.
count() {
  case "$1" in
    go) grep -c '^ *--- PASS' "$logs/$1" || true ;;
    python) grep -c ' \.\.\. ok$' "$logs/$1" || true ;;
  esac
}

if [ "$ONAR_ENDPOINTS" = --setup ]; then
  setup "$1"
  exit
fi

# One language after the other, for the same reason.
for language in "$@"; do
  missing=$(setup "$language")
  if [ -n "$missing" ]; then
    skip "$language" "$missing"
    continue
  fi
  if run "$language" >"$logs/$language" 2>&1; then
    note "$language" "$(count "$language") passed"
  else
    note "$language" "failed, $(count "$language") passed"
    failed=1
  fi
  cat "$logs/$language"
done
printf '%s' "$summary"
exit $failed
