#!/usr/bin/env bash
# Generates gen/ from proto/ and third_party/.
#
#   scripts/gen.sh [ts|go|python|all]...            writes gen/; all is the default
#   scripts/gen.sh [ts|go|python|all]... --check    changes nothing; fails if gen/ is not what would be written
#
# TypeScript needs `npm ci` only. Go and Python need their toolchain, and the network the first time: their generators are installed
# into .cache/, which git ignores. Where a toolchain is missing, its part is skipped with a message; with CI=true that is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

PROTOC_GEN_GO=v1.36.6
PROTOC_GEN_GO_GRPC=v1.5.1

buf=node_modules/.bin/buf
check=false
languages=()
for argument in "$@"; do
  case "$argument" in
    --check) check=true ;;
    ts | go | python) languages+=("$argument") ;;
    all) languages+=(ts go python) ;;
    *)
      echo "usage: scripts/gen.sh [ts|go|python|all]... [--check]" >&2
      exit 2
      ;;
  esac
done
[ ${#languages[@]} -gt 0 ] || languages=(ts go python)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# skip LANGUAGE REASON
skip() {
  if [ "${CI:-}" = true ]; then
    echo "gen: $1: failed: $2 (CI=true)" >&2
    failed=1
  else
    echo "gen: $1: skipped: $2"
  fi
}

# Lists the generated files under the folder $1 of language $2. What else is there (go.mod, pyproject.toml) is written by hand.
generated() {
  [ -d "$1" ] || return 0
  case "$2" in
    ts) (cd "$1" && find . -name '*.ts') ;;
    go) (cd "$1" && find . -name '*.pb.go') ;;
    python) (cd "$1" && find . -name '*_pb2.py' -o -name '*_pb2.pyi' -o -name '*_pb2_grpc.py') ;;
  esac | grep -v -e /.venv/ -e /build/ | LC_ALL=C sort
}

# install LANGUAGE: makes the generators available, or says on standard output why not.
install() {
  case "$1" in
    ts)
      [ -x "$buf" ] || echo "run npm ci first"
      ;;
    go)
      command -v go >/dev/null || { echo "go is not installed"; return; }
      local bin=$PWD/.cache/bin
      if [ "$("$bin/protoc-gen-go" --version 2>/dev/null)" != "protoc-gen-go $PROTOC_GEN_GO" ]; then
        GOBIN=$bin go install "google.golang.org/protobuf/cmd/protoc-gen-go@$PROTOC_GEN_GO" >&2 ||
          { echo "cannot install protoc-gen-go"; return; }
      fi
      if [ "v$("$bin/protoc-gen-go-grpc" --version 2>/dev/null | sed 's/.* //')" != "$PROTOC_GEN_GO_GRPC" ]; then
        GOBIN=$bin go install "google.golang.org/grpc/cmd/protoc-gen-go-grpc@$PROTOC_GEN_GO_GRPC" >&2 ||
          { echo "cannot install protoc-gen-go-grpc"; return; }
      fi
      ;;
    python)
      local requirements=scripts/gen/python-requirements.txt
      cmp -s "$requirements" .cache/python/requirements.txt && return
      # The pinned generator has wheels for these versions.
      local python= candidate
      for candidate in python3.12 python3.11 python3.10 python3.9 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info < (3, 13))' 2>/dev/null; then
          python=$candidate
          break
        fi
      done
      [ -n "$python" ] || { echo "no Python from 3.9 to 3.12 with venv is installed"; return; }
      rm -rf .cache/python
      "$python" -m venv .cache/python >&2 || { echo "cannot create a venv"; return; }
      .cache/python/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$requirements" >&2 ||
        { echo "cannot install grpcio-tools"; return; }
      cp "$requirements" .cache/python/requirements.txt
      ;;
  esac
}

# generate LANGUAGE: into $scratch/gen/LANGUAGE.
generate() {
  mkdir -p "$scratch/gen/$1"
  "$buf" generate --template "buf.gen.$1.yaml" -o "$scratch"
  if [ "$1" = ts ]; then
    "$buf" generate --template buf.gen.ts-replication.yaml -o "$scratch"
    "$buf" build --as-file-descriptor-set -o "$scratch/descriptors.binpb"
    node scripts/gen/descriptor.mjs "$scratch/descriptors.binpb" "$scratch/gen/ts/descriptor.ts"
    node scripts/gen/fields.mjs "$scratch/descriptors.binpb" "$scratch/gen/ts"
  fi
}

# compare LANGUAGE: whether gen/LANGUAGE is what was generated.
compare() {
  generated "gen/$1" "$1" >"$scratch/have"
  generated "$scratch/gen/$1" "$1" >"$scratch/want"
  local same=true file
  while read -r file; do
    if ! cmp -s "gen/$1/$file" "$scratch/gen/$1/$file"; then
      echo "gen: gen/$1/${file#./} is not up to date" >&2
      same=false
    fi
  done < <(LC_ALL=C sort -u "$scratch/have" "$scratch/want")
  $same
}

# write LANGUAGE: makes gen/LANGUAGE what was generated.
write() {
  local file
  generated "gen/$1" "$1" | while read -r file; do
    [ -f "$scratch/gen/$1/$file" ] || rm "gen/$1/$file"
  done
  generated "$scratch/gen/$1" "$1" | while read -r file; do
    if ! cmp -s "gen/$1/$file" "$scratch/gen/$1/$file"; then
      mkdir -p "$(dirname "gen/$1/$file")"
      cp "$scratch/gen/$1/$file" "gen/$1/$file"
    fi
  done
}

for language in "${languages[@]}"; do
  missing=$(install "$language")
  if [ -n "$missing" ]; then
    skip "$language" "$missing"
    continue
  fi
  generate "$language"
  if ! $check; then
    write "$language"
    echo "gen: $language: written"
  elif compare "$language"; then
    echo "gen: $language: up to date"
  else
    echo "gen: $language: run scripts/gen.sh $language" >&2
    failed=1
  fi
done
exit $failed
