# What people run. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ARGS ?=

.PHONY: help setup build gen docs pictures check test unit sim sim-long mutants small traces fuzz fuzz-http2 chaos powercut restarts e2e bench cluster clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

node_modules/.package-lock.json: package.json package-lock.json
	npm ci
	@touch $@

setup: node_modules/.package-lock.json build ## Installs what is needed and builds

build: node_modules/.package-lock.json ## Compiles src to dist
	npm run --silent build
	@chmod +x dist/bin/onar.cjs dist/src/check/main.js
	@# npx finds the programs of the checkout itself only here.
	@ln -sf ../../dist/bin/onar.cjs node_modules/.bin/onar
	@ln -sf ../../dist/src/check/main.js node_modules/.bin/onar-check

gen: node_modules/.package-lock.json ## Generates gen/ from proto/
	scripts/gen.sh all

docs: setup ## Makes the reference of the TypeScript interface in docs/api-ts
	@scripts/docs.sh

pictures: setup ## Records the pictures of README and manual anew, in docs/images
	@npx tsx scripts/pictures/main.ts

cluster: setup ## Runs a local cluster of three nodes, clients at 4600, 4601 and 4602, data in .onar-data
	@node dist/bin/onar.cjs cluster --nodes 3 --base-port 4600 $(ARGS)

test: setup ## Runs all tests: units, golden traces, simulation, end to end
	@node scripts/test.mjs $(ARGS)

unit: setup ## Runs the unit tests and golden traces only
	@node scripts/test.mjs test/unit test/scripts

sim: setup ## Simulates 200 seeds; make sim SEED=7 replays one, see test/sim/README.md
	@scripts/sim.sh main

sim-long: setup ## Simulates 20,000 seeds on all cores; make sim-long N=100000 FROM=1 for more
	@N=$${N:-20000} COVERAGE=1 scripts/sim.sh main

mutants: setup ## Plants every bug and shows how many seeds it takes to be caught
	@scripts/sim.sh mutants

small: setup ## Explores a small world completely, every order of its messages; ALL=1 a table of worlds, SECONDS=… for more time
	@if [ -n "$(ALL)" ]; then scripts/small.sh all; else OFFICES=$${OFFICES:-1,2} OPERATIONS=$${OPERATIONS:-put,cas,get} scripts/small.sh main; fi

traces: setup ## Writes the golden traces anew; read the difference
	npx vitest run test/scripts -u

fuzz: setup ## Fuzzes the frames between nodes; make fuzz MINUTES=60 SEED=1 for more
	@MINUTES=$${MINUTES:-1} SEED=$${SEED:-1} npx tsx test/fuzz/peer/main.ts

fuzz-http2: setup ## Fuzzes the machines of HTTP/2; make fuzz-http2 MINUTES=60 SEED=1 for more
	@MINUTES=$${MINUTES:-1} SEED=$${SEED:-1} npx tsx test/fuzz/http2/main.ts

chaos: setup ## A real cluster under faults; make chaos MINUTES=60 SEED=1 for more, see test/chaos/README.md
	@MINUTES=$${MINUTES:-2} npx tsx test/chaos/main.ts

powercut: setup ## Cuts the power of real disks; make powercut CUTS=50 SEED=1, needs root, see test/powercut/README.md
	@npx tsx test/powercut/main.ts

restarts: setup ## Kills all nodes under load, again and again; make restarts ROUNDS=50 SEED=1
	@npx tsx test/restarts/main.ts

e2e: setup ## Runs the end-to-end tests only
	@node scripts/test.mjs test/e2e

check: setup ## What CI runs: format, lint, types, contract, generated code, then all tests
	@node scripts/check.mjs

bench: setup ## Measures; see bench/README.md
	@npx tsx bench/main.ts $(ARGS)

clean: ## Removes what was built or installed here
	rm -rf dist node_modules scripts/typedoc/node_modules .cache bench/out docs/api-ts
