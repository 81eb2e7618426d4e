# Two commands set up everything on a fresh machine: make demo, make test.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PKG ?= ./...
TIME ?= 30s
SEEDS ?= 100
FIRST ?= 1
export CGO_ENABLED ?= 0

.PHONY: help demo demo-promotion deploy-check build test test-clients race lint bench bench-scale chaos chaos-replicas sweep fuzz sim sim-nightly sim-mutants golden docs image release-check deps clean

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: bin/mlsync ## Build bin/mlsync.

bin/mlsync: FORCE
	@mkdir -p bin
	@./scripts/build.sh $@ '$(VERSION)'

demo: build ## Emulator, repository, daemon, push, plan, apply, drift, export. KEEP=1 stays up.
	./bin/mlsync demo $(if $(KEEP),--keep)

demo-promotion: build ## Three workspaces: train, release, promote, a gate, a fix, traffic in steps, rollback. KEEP=1 stays up.
	./bin/mlsync demo promotion $(if $(KEEP),--keep)

deps: ## Install the servers that tests need (Debian packages).
	@./scripts/test-deps.sh

test: deps ## Run all tests; ends with the plain lines of go test.
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 30m $(PKG)
	$(if $(filter ./...,$(PKG)),go test -trimpath ./internal/sim -run 'Simulation$$|Replay$$' -count=1 -timeout 30m # 300 seeds and all schedules: the race detector takes too long for them)

test-clients: build ## Drive the emulator with Microsoft's Python client, then export and plan. ARGS='-k compute --keep'.
	@./scripts/test-clients.sh $(ARGS)

golden: ## Rewrite golden files of tests.
	MLSYNC_GOLDEN=1 go test -count=1 $(PKG)

lint: bin/golangci-lint ## gofmt, vet, staticcheck and the house rules; generated docs are up to date.
	./bin/golangci-lint run
	@$(MAKE) --no-print-directory docs-check

bin/golangci-lint: tools/go.mod tools/go.sum
	@mkdir -p bin
	cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

docs: build ## Generate the reference docs from the tables and commands.
	./bin/mlsync kinds --markdown docs/reference/kinds
	./bin/mlsync completion --markdown docs/reference/cli

docs-check: build
	@tmp=$$(mktemp -d) && ./bin/mlsync kinds --markdown $$tmp/kinds && ./bin/mlsync completion --markdown $$tmp/cli && \
	  diff -ru docs/reference/kinds $$tmp/kinds && diff -ru docs/reference/cli $$tmp/cli; s=$$?; rm -rf $$tmp; \
	  if [ $$s -ne 0 ]; then echo 'docs/reference is not up to date: run make docs'; fi; exit $$s

bench: build ## Measure: times, ratios, requests, allocations, memory. BENCH=short|full.
	go run ./internal/bench $(if $(BENCH),-mode $(BENCH))

bench-scale: build ## One daemon for 1000 targets x 100 assets: times, counts, memory. TARGETS=, ASSETS= for fewer.
	go run ./internal/bench -mode scale $(if $(TARGETS),-targets $(TARGETS)) $(if $(ASSETS),-assets $(ASSETS))

chaos-replicas: deps ## Kill and stop 5 replicas on PostgreSQL whose clocks differ for TIME (make chaos-replicas TIME=30m).
	MLSYNC_REPLICAS_TIME=$(TIME) go test ./internal/acceptance -run '^TestReplicas$$' -count=1 -v -timeout 0

chaos: ## Spoil the service, kill the daemon and commit for TIME (make chaos TIME=1h).
	MLSYNC_CHAOS_TIME=$(TIME) go test ./internal/acceptance -run '^TestChaos$$' -count=1 -v -timeout 0

sweep: deps ## Kill at every request, the journal 1000 times, 500 storms, 200 rounds of two teams.
	MLSYNC_SWEEP=1 go test ./state ./reconcile ./internal/acceptance -run 'TestKill|TestTwoTeams|TestStorms' -count=1 -timeout 0

fuzz: ## Fuzz every fuzz target for TIME each (default 30s).
	@./scripts/fuzz.sh $(TIME)

sim: ## Simulate SEEDS seeds (default 100) from FIRST on: faults, crashes, commits. See docs/explanation/simulation.md.
	go test ./internal/sim -run 'Simulation$$' -count=1 -timeout 0 -args -seeds $(SEEDS) -first $(FIRST)

sim-nightly: ## Simulate 20 000 seeds, and die everywhere.
	$(MAKE) --no-print-directory sim SEEDS=20000
	go test ./internal/sim -run 'CrashEverywhere$$' -count=1 -timeout 0 -args -stride 1

sim-mutants: ## Show that the simulation catches every deliberate bug of internal/sim/mutants.
	go test ./internal/sim -run 'Mutants$$' -count=1 -timeout 0 -v -args -mutants

image: ## Build the container image.
	docker build --build-arg VERSION=$(VERSION) -t mlsync:$(VERSION) .

deploy-check: ## Check deploy/ with the tools of each format, installed into .cache/deploy. LENIENT=1 goes on without those that cannot be had.
	@./scripts/deploy-check.sh

release-check: build ## The binary is static, small, stripped and says its version.
	@./scripts/release-check.sh ./bin/mlsync

clean:
	rm -rf bin dist

FORCE:
