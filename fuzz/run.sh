#!/bin/bash
# Throws things at everything that reads hostile text, each target for FUZZ_SECONDS (60), or those that are named:
#
#   fuzz/run.sh saml_response policy
#
# It takes a nightly compiler and cargo-fuzz, and says how they are installed. What is found lies in fuzz/artifacts; put it among the seeds with
# its mending, and `make test` tries it from then on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo +nightly --version >/dev/null 2>&1 || { echo "error: fuzzing takes a nightly compiler: rustup toolchain install nightly --profile minimal" >&2; exit 1; }
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz

# All of it is safe Rust: panics and limits are what is looked for, so no sanitizer slows it down.
cargo +nightly fuzz build --sanitizer none

targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cd fuzz/targets && ls -- *.rs | sed 's/\.rs$//')
built=fuzz/target/$(rustc +nightly -vV | sed -n 's/^host: //p')/release
for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
  echo "== $target"
  "$built/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -artifact_prefix="fuzz/artifacts/$target/" \
    -max_total_time="${FUZZ_SECONDS:-60}" -timeout=2 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 -verbosity=0
done
