#!/bin/bash
# The tests of `make test`, for long: more cycles of kill and restart, more random cases. Writes
# benches/results/soak-DATE-COMMIT.txt with what is needed to run it again.
#
#   BAILEY_SOAK_CYCLES=1000 BAILEY_SOAK_MINUTES=60 SEED=42 benches/soak.sh
#
# Tests read BAILEY_SOAK_CYCLES for their counts (1000 are 100,000 requests signed by botocore, and a million changes to
# them); proptest reads the next two variables. BAILEY_SOAK_MINUTES is how long two domain controllers are edited while
# they, and Bailey, are killed.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$HERE/.."

SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
export BAILEY_SOAK_CYCLES=${BAILEY_SOAK_CYCLES:-1000}
export PROPTEST_CASES=${PROPTEST_CASES:-$((BAILEY_SOAK_CYCLES * 100))}
export PROPTEST_RNG_SEED=$SEED
export BAILEY_SOAK_MINUTES=${BAILEY_SOAK_MINUTES:-60}

mkdir -p "$HERE/results"
commit=$(git describe --always --dirty=-changed --exclude='*')
report=$HERE/results/soak-$(date -u +%F)-$commit.txt

{
  echo "# $(date -u +%FT%TZ), commit $commit, seed $SEED, $BAILEY_SOAK_CYCLES cycles, $PROPTEST_CASES cases, $(nproc) cores, $(uname -sr)"
  echo "# again: git checkout ${commit%-changed} && SEED=$SEED BAILEY_SOAK_CYCLES=$BAILEY_SOAK_CYCLES PROPTEST_CASES=$PROPTEST_CASES BAILEY_SOAK_MINUTES=$BAILEY_SOAK_MINUTES make soak"
} | tee "$report"

if cargo nextest --version >/dev/null 2>&1; then
  runner=(cargo nextest run --locked --features gssapi --no-fail-fast --color never --status-level all)
else
  runner=(cargo test --locked --features gssapi --no-fail-fast)
fi
status=0
"${runner[@]}" 2>&1 | tee -a "$report" || status=$?
cargo test --locked --features gssapi --test it -- --ignored --exact --nocapture \
  samba_random::an_hour_of_edits_on_two_controllers_ends_where_a_full_read_begins 2>&1 | tee -a "$report" || status=$?
echo "# $(date -u +%FT%TZ), ended with status $status" | tee -a "$report"
exit "$status"
