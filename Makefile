# Dotyk: what there is to do. `make` alone prints the list, made from the comments behind the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

TOOLS := bin/tools
LINT  := $(TOOLS)/golangci-lint

# Every test binary that links the Temporal server takes a gigabyte or two, so few are linked at a time.
JOBS := $(shell n=$$(getconf _NPROCESSORS_ONLN); [ $$n -lt 4 ] && echo $$n || echo 4)
TESTFLAGS := -p $(JOBS) -timeout 20m

##@ Run

.PHONY: up
up: postgres build ## Everything from nothing on this machine, then run it
	@exec bin/standalone $(ARGS)

.PHONY: bench
bench: postgres ## Measure, beside the physical limit of this machine
	@sh .make/build . bin ./starter/bench
	@exec bin/bench $(ARGS)

##@ Develop

.PHONY: build
build: go ## Build bin/standalone, bin/starter and bin/worker
	@sh .make/build . bin ./starter/standalone ./starter ./worker

.PHONY: test
test: postgres $(if $(ARGS),go,build) ## Run all tests, or some: make test ARGS='-race ./rules/...'
	@if $(MAKE) -s $(TOOLS)/gotestsum; \
	then exec $(TOOLS)/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- $(TESTFLAGS) $(or $(ARGS),./...); \
	else exec go test $(TESTFLAGS) $(or $(ARGS),./...); \
	fi

.PHONY: check
check: build check-format check-lint check-vet check-workflows check-modules ## All that must hold besides the tests

.PHONY: fmt
fmt: go $(LINT) ## Format the Go code
	@$(LINT) fmt

.PHONY: clean
clean: ## Remove what was built; data stays
	@rm -rf bin

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## "; print "Dotyk: marketing automation and campaign workflows" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z]+:.*## / { sub(/:.*/, "", $$1); printf "  make %-7s  %s\n", $$1, $$2 } \
		END { print "\nOptions of a program go into ARGS: make up ARGS='\''--listen 127.0.0.1:9000'\''" }' Makefile

# The parts of the above.

.PHONY: go postgres
go postgres:
	@sh .make/$@

.PHONY: check-format check-lint check-vet check-workflows check-modules
check-format: go $(LINT)
	@echo 'check: format'
	@$(LINT) fmt --diff

check-lint: go $(LINT)
	@echo 'check: lint'
	@$(LINT) run

check-vet: go
	@echo 'check: vet'
	@go vet ./...

check-workflows: go $(TOOLS)/workflowcheck
	@echo 'check: workflows are deterministic'
	@$(TOOLS)/workflowcheck ./workflows/...

check-modules: go
	@echo 'check: go.mod and go.sum'
	@go mod tidy -diff
	@go mod verify

# The tools are pinned in a module of their own, so that their dependencies never meet the engine's.
$(TOOLS)/golangci-lint: TOOL := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/gotestsum:     TOOL := gotest.tools/gotestsum
$(TOOLS)/workflowcheck: TOOL := go.temporal.io/sdk/contrib/tools/workflowcheck
$(TOOLS)/%: .ci/tools/go.mod .ci/tools/go.sum
	@echo 'building $@' >&2
	@sh .make/build .ci/tools $(TOOLS) $(TOOL)
