STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Examples that bring another framework, and tests that bring a validator, are modules of their own.
MODULES = . example/echov5 example/nethttp integration_test/openapi
ADDR ?= localhost:8080
DB ?= invoices.db

.DEFAULT_GOAL := check
.PHONY: help check format vet lint race tidy test run bench fuzz conformance browser stdio

help: ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

check: format vet lint race ## everything a change must pass (the default)

format: ## fail when a file is not gofmt'ed
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; }

vet: ## go vet
	@for module in $(MODULES); do (cd $$module && go vet ./...) || exit 1; done

lint: ## staticcheck
	@for module in $(MODULES); do (cd $$module && go run $(STATICCHECK) ./...) || exit 1; done

race: ## all tests with the race detector
	@for module in $(MODULES); do (cd $$module && go test -race ./...) || exit 1; done

tidy: ## fail when a go.mod is not tidy
	@for module in $(MODULES); do (cd $$module && go mod tidy -diff) || exit 1; done

test: ## all tests
	@for module in $(MODULES); do (cd $$module && go test ./...) || exit 1; done

run: ## start the invoicing example (ADDR=localhost:8080 DB=invoices.db)
	go run ./example/invoicing -addr $(ADDR) -db $(DB)

bench: ## benchmarks, with allocations
	go test -run '^$$' -bench . -benchmem ./mcpecho ./binding ./internal/jsonrpc ./internal/location ./internal/nearest ./internal/toon ./store ./middleware

FUZZTIME ?= 30s
DIFFERENTIAL_TIME ?= 5m
fuzz: ## every fuzz target for FUZZTIME each (default 30s), and lists against a reference for DIFFERENTIAL_TIME a database (default 5m)
	@go list ./... | while read -r pkg; do \
	  go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' | while read -r target; do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	  done || exit 1; \
	done
	DIFFERENTIAL_TIME=$(DIFFERENTIAL_TIME) go test -count 1 -timeout 0 -v ./integration_test/differential

conformance: ## the official MCP conformance suite against a server of ours (needs Node and npm)
	./integration_test/conformance/run.sh

browser: ## pages in headless Chromium with the official client (needs Node and npm; installs Chromium)
	./integration_test/browser/run.sh

stdio: ## servers started by the official TypeScript clients and the inspector (needs Node and npm)
	./integration_test/stdio/run.sh
