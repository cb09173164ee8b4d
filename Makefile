SHELL := bash
# Inputs a fuzz target is given, or a time ("10m"). A target that runs out of time
# in the wrong moment is told to have failed (golang.org/issue/75804), so by
# default they are counted.
FUZZTIME ?= 100000x
MODULES := . test/client
NODE := test/client/node/node_modules/.package-lock.json

.PHONY: build test test-faults needs unit clients check fuzz bench bench-go

build: ## builds bin/pixy
	CGO_ENABLED=0 go build -trimpath -ldflags=-s -o bin/pixy ./cmd/pixy

test: needs unit clients ## runs every test

# What the tests need beside Go. As root it is installed; else, or where that
# fails, it is said in one sentence.
needs:
	@missing=; \
	for need in gcc:gcc curl:curl openssl:openssl chromium:chromium node:nodejs npm:npm certutil:libnss3-tools strace:strace; do \
		command -v $${need%%:*} >/dev/null || missing="$$missing $${need##*:}"; \
	done; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" != 0 ]; then \
		echo "the tests need:$$missing (install them, or run make test as root)"; exit 1; \
	elif [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } \
			|| { echo "the tests need:$$missing (apt-get could not install them)"; exit 1; }; \
	fi

unit:
	@echo "== rules, store, wire and process, with the race detector"
	go test -race -timeout 20m ./...
	@echo "== the wire again, on PostgreSQL"
	PIXY_TEST_DATABASE=postgres go test -timeout 20m ./test
	@echo "== the build that signs by the system's OpenSSL"
	CGO_ENABLED=0 go test -tags libcrypto ./internal/libcrypto
	CGO_ENABLED=0 go test -tags libcrypto ./cmd/pixy -run Libcrypto

clients: $(NODE)
	@echo "== foreign clients, browser, Postman"
	cd test/client && go test -count=1 -v ./...

# The JavaScript clients, and a Node.js of their own, as the lock file has them.
# None has anything to run when it is installed.
$(NODE): test/client/node/package-lock.json
	cd test/client/node && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error

test-faults: ## kills, stops, slows down and races real nodes on real databases; see test/faults/README.md
	PIXY_FAULTS=1 go test -count=1 -timeout 2h -v ./test/faults
	PIXY_FAULTS=1 go test -count=1 -timeout 1h -v ./internal/store -run TestSimulation

check: ## gofmt, vet, staticcheck and the arrows
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	@for module in $(MODULES); do \
		echo "== $$module: tidy, vet, staticcheck"; \
		(cd $$module && go mod tidy -diff && go vet ./... && go tool -modfile=$(CURDIR)/tools/go.mod staticcheck ./...) || exit 1; \
	done
	go vet -tags libcrypto ./... && go tool -modfile=$(CURDIR)/tools/go.mod staticcheck -tags libcrypto ./...
	go test ./test -run 'Arrows|Pure|Crossing|Lengths'

fuzz: ## gives each fuzz target FUZZTIME
	@set -e; for package in $$(go list ./...); do \
		listed=$$(go test -list '^Fuzz' $$package); \
		for target in $$(grep '^Fuzz' <<<"$$listed"); do \
			echo "== $$package $$target for $(FUZZTIME)"; \
			go test $$package -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 3s; \
		done; \
	done

bench: ## what Pixy costs beside the work that can't be avoided, in one table; see docs/performance.md
	go run ./test/bench

bench-go: ## Go's benchmarks: hot functions with their allocations (for benchstat), start-up, users at scale, plans
	go test -timeout 2h -run '^$$' -bench . -benchmem ./internal/... ./test ./cmd/pixy
