# Everything a developer runs. `make` alone lists it.

SHELL := /bin/bash
GO ?= go
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.DEFAULT_GOAL := help
.PHONY: help run test deps lint vuln bench chaos e2e check fuzz screenshots

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the demo: the ticker on http://127.0.0.1:8080, headlines arriving
	$(GO) run ./cmd/crier demo

test: deps ## Run all tests with the race detector, real browsers included
	$(GO) vet ./...
	$(GO) test -race -timeout 30m ./...

deps: ## Install what the tests need from Debian, or say what is missing
	@.ci/deps

lint: ## Check form and common faults
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) run $(GOLANGCI_LINT) run ./...

vuln: ## Look for known vulnerabilities in what we depend on
	$(GO) run $(GOVULNCHECK) ./...

bench: deps ## Print the figures of hot paths and engines, with ratios
	$(GO) test -run '^$$' -bench . -benchtime 2s ./hub/... ./push/... ./engine/... ./cmd/...
	$(GO) run ./cmd/field
	$(GO) run ./cmd/crier bench alerts --subscriptions 100000

chaos: deps ## Kill nodes, Redis and connections for some minutes, and print who missed what
	$(GO) test -count 1 -timeout 30m -v -run Chaos ./cmd/crier/chaos -full

e2e: deps ## Run only the end-to-end tests in real browsers
	$(GO) test -race -count 1 -timeout 20m ./web/e2e/

screenshots: deps ## Take the README's pictures anew
	CRIER_SCREENSHOTS=$(CURDIR)/docs $(GO) test -count 1 -run Screenshots ./web/e2e/

fuzz: ## Fuzz every parser for ten seconds each
	@set -e; for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 10s $$pkg; \
		done; \
	done

check: lint test vuln ## All that has to pass before a change lands
