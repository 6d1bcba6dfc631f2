# Muster. `make` alone prints what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOLS   := $(shell scripts/tools.sh --path)
CIRCLECI = $(shell scripts/tools.sh --file circleci)

##@ First steps
.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Run an example project's pipeline on embedded parts and show its output
	@scripts/demo.sh

.PHONY: dev
dev: build ## Run all of Muster here, on embedded parts, until Ctrl-C
	@$(BIN)/muster dev

.PHONY: cluster
cluster: tools system-packages ## Bring the real thing up on this machine: Nomad, Consul, Vault, Docker, PostgreSQL, S3
	@PATH="$$PATH:$(TOOLS)" go run ./e2e/cmd/cluster up

.PHONY: cluster-down
cluster-down: ## Stop the cluster and remove its data
	@PATH="$$PATH:$(TOOLS)" go run ./e2e/cmd/cluster down

##@ Building
.PHONY: build
build: ## Build muster and muster-agent into bin/
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

.PHONY: tools
tools: ## Get Nomad, Consul, Vault, the autoscaler and an S3 server: from PATH, or built once
	@scripts/tools.sh

.PHONY: system-packages
system-packages: ## Install what the tests need of Debian: PostgreSQL, Docker, CNI plugins, busybox
	@scripts/system-packages.sh

##@ Checking
.PHONY: test
test: ## Unit and integration tests: embedded parts and a real PostgreSQL; minutes
	@scripts/system-packages.sh postgresql git openssh-client
	go test -count=1 ./...

.PHONY: e2e
e2e: tools system-packages ## End-to-end tests on real Nomad, Consul, Vault, PostgreSQL and Docker
	scripts/tools.sh circleci
	MUSTER_CIRCLECI=$(CIRCLECI) go test -count=1 -tags=e2e -v -run 'TestCommandLineOfCircleCI' ./e2e
	PATH="$$PATH:$(TOOLS)" MUSTER_REQUIRE_TOOLS=1 go test -count=1 ./internal/testx/... ./internal/firewall/... ./internal/bootstrap/... ./internal/secrets/... ./internal/resolve/... ./services/dispatch/placements/cluster/...
	PATH="$$PATH:$(TOOLS)" MUSTER_REQUIRE_TOOLS=1 go test -count=1 -run 'RealS3' ./internal/objects ./services/gather/output
	PATH="$$PATH:$(TOOLS)" MUSTER_REQUIRE_TOOLS=1 MUSTER_CIRCLECI=$(CIRCLECI) go test -count=1 -timeout=45m -tags=e2e -v -run 'TestCluster' ./e2e

.PHONY: check
check: ## What a change must pass before it is committed
	@scripts/check.sh

.PHONY: lint
lint: ## go vet, the house's own rules, and golangci-lint where it is installed
	go vet ./... && go vet -tags=e2e ./e2e/... && go test -count=1 ./internal/house/...
	@if command -v golangci-lint >/dev/null; then golangci-lint run --tests=false ./...; \
	else echo 'left out, not installed: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.6.2'; fi

.PHONY: golden
golden: ## Write golden files anew; review the diff like code
	go test -count=1 ./internal/config -update
	go test -count=1 ./hcl/jobspec -golden
	UPDATE_GOLDEN=1 go test -count=1 ./cmd/muster

.PHONY: bench
bench: tools ## Benchmarks, as ratios taken in one run
	@scripts/system-packages.sh zstd
	@PATH="$$PATH:$(TOOLS)" scripts/bench.sh

.PHONY: tails
tails: ## The ten longest files, functions and interfaces
	@go run ./internal/house/tails

.PHONY: fmt
fmt: ## Format everything
	gofmt -w $$(git ls-files '*.go')
