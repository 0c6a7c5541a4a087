# Everything one does here. `make` alone lists it.

SHELL := /bin/bash
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test soak fuzz bench lint tools

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: tools  ## A company's directory and Bailey following it; DETACH=1 returns when ready
	@config/demo/up.sh

demo-stop:  ## End a detached demo
	@config/demo/down.sh

# Everything Bailey can do. `make lint` sees the smaller build besides.
FEATURES := --features gssapi

# cargo-nextest runs each test in a process of its own; it knows no documentation tests.
test: tools  ## Every promise once, against real servers
	@if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --locked $(FEATURES) --no-fail-fast && cargo test --locked $(FEATURES) --doc; \
	else cargo test --locked $(FEATURES) --no-fail-fast; fi

soak: tools  ## The same promises for hours; BAILEY_SOAK_CYCLES sets how long
	@benches/soak.sh

fuzz:  ## Hostile text for every reader of it, FUZZ_SECONDS (60) each; takes a nightly compiler
	@fuzz/run.sh

bench: tools  ## Speed and memory beside ldapsearch, SAML beside others, into benches/results
	@benches/run.sh
	@benches/saml.sh

lint: tools  ## Format, clippy and, where cargo-deny is installed, dependencies
	cargo fmt --check
	cargo clippy --locked --all-targets $(FEATURES) -- -D warnings
	cargo clippy --locked -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; \
	then cargo deny --locked check --config .deny.toml bans licenses sources; \
	else echo "cargo-deny is not installed: .deny.toml was not checked"; fi

tools:  ## Install the Debian packages used here; check the Rust toolchain
	@.ci/tools
