#!/bin/bash
# Speed and memory beside `ldapsearch`, in pairs and in one run, because a machine's speed changes by the
# hour and a ratio does not. Writes benches/results/DATE-COMMIT.txt; fails when a limit is broken.
#
#   benches/run.sh                         1,000, 10,000 and 100,000 people; some minutes
#   SIZES="1000000" benches/run.sh         one size of your own
#   ROUNDS=5 CHANGES=100 benches/run.sh    more of the same
#   SIZES= benches/run.sh                  Active Directory and policies alone
#   ACTIVE_DIRECTORY= POLICY= benches/run.sh    without these
#
# What is measured and why: benches/README.md.
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/.." && pwd)
WORK=${WORK:-$ROOT/.bench}
SIZES=${SIZES-1000 10000 100000}
ROUNDS=${ROUNDS:-3}
CHANGES=${CHANGES:-20}

# shellcheck source=config/demo/slapd.sh
. "$ROOT/config/demo/slapd.sh"

# What Bailey asks for with the demo's mapping; ldapsearch asks for the same.
PEOPLE_FILTER='(objectClass=inetOrgPerson)'
PEOPLE_ATTRIBUTES=(objectClass entryUUID uid displayName mail employeeNumber departmentNumber title employeeType
  pwdAccountLockedTime shadowExpire)
GROUP_FILTER='(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))'
GROUP_ATTRIBUTES=(objectClass entryUUID cn description member uniqueMember memberUid)

# Seconds of the first load, by size.
declare -A LOAD_OF=()

main() {
  build
  open_report
  trap stop_everything EXIT
  trap 'exit 1' INT TERM
  local size
  for size in $SIZES; do
    bench_size "$size"
  done
  report_slope
  [[ -z ${ACTIVE_DIRECTORY-yes} ]] || bench_active_directory
  [[ -z ${POLICY-yes} ]] || bench_policy
  echo
  echo "written to ${REPORT#"$ROOT"/}"
  [[ -z ${BROKEN:-} ]] || die "broken limits:$BROKEN"
}

build() {
  (cd "$ROOT" && cargo build --locked --release --bin bailey --example company)
  TARGET=$(cd "$ROOT" && cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  BAILEY=${BAILEY:-$TARGET/release/bailey}
  COMPANY=$TARGET/release/examples/company
}

open_report() {
  mkdir -p "$HERE/results"
  REPORT=$HERE/results/$(date -u +%F)-$(commit).txt
  : >"$REPORT"
  say "# $(date -u +%FT%TZ), commit $(commit), $(nproc) cores, $(uname -sr), $("$BAILEY" --version)"
}

commit() {
  git -C "$ROOT" describe --always --dirty=-changed --exclude='*'
}

say() {
  echo "$*" | tee -a "$REPORT"
}

# ---- Active Directory ----

# What tests/it/measure.rs prints: Samba beside ldapsearch, and a domain of 100,000 that a script plays.
bench_active_directory() {
  say ""
  say "## Active Directory"
  local line
  while read -r line; do
    # The first of a test stands behind the test's name.
    [[ $line == *"measured: "* ]] || continue
    line=${line##*measured: }
    case $line in
      "first load of 10,000"* | "a question when"*) within "$line" 1.5 ;;
      *) say "$line" ;;
    esac
  done < <(cd "$ROOT" && cargo test --locked --release --test it -- --ignored --nocapture --test-threads=1 measure:: 2>&1)
}

# A line that ends in a ratio ("..: 1.23 x"), and the most it may be.
within() {
  local line=$1 limit=$2 ratio
  ratio=${line##*: }
  ratio=${ratio% x}
  say "$line (limit $limit)"
  awk -v ratio="$ratio" -v limit="$limit" 'BEGIN { exit ratio > limit }' || BROKEN="${BROKEN:-} Active-Directory"
}

# ---- policies ----

# Decisions beside the cedar-policy crate (benches/policy), and how many cases a second the command takes.
bench_policy() {
  say ""
  say "## Policies"
  local bench=$TARGET/release/bailey-policy-bench line cases=100000 took
  (cd "$HERE/policy" && CARGO_TARGET_DIR=$TARGET cargo build --locked --release --quiet)
  while read -r line; do
    line=${line#measured: }
    case $line in
      "a decision, few"* | "a decision beside"*) at_most "$line" us 2 ;;
      "a policy of"*) at_most "$line" us 100 ;;
      *) say "$line" ;;
    esac
  done < <("$bench")
  while read -r line; do
    line=${line#measured: }
    case $line in
      *"every page"*) say "$line" ;;
      "who-can"*) at_most "$line" s 1 ;;
      *) at_most "$line" ms 1000 ;;
    esac
  done < <("$bench" who-can 100000 128)
  DIR=$WORK
  mkdir -p "$DIR"
  "$bench" cases "$cases" >"$DIR/cases.jsonl"
  took=$(seconds decide_cases)
  limit "seconds for $cases cases of $(($(wc -c <"$DIR/cases.jsonl") / cases)) bytes" "$took" "$((cases / 20000))"
}

decide_cases() {
  "$BAILEY" policy eval --jsonl <"$DIR/cases.jsonl" >"$DIR/results.jsonl"
}

# A line with a figure in a unit ("..: 1.23 us"), and the most it may be.
at_most() {
  local line=$1 unit=$2 most=$3 figure
  figure=${line##*: }
  figure=${figure%% "$unit"*}
  say "$line (limit $most $unit)"
  awk -v figure="$figure" -v most="$most" 'BEGIN { exit figure > most }' || BROKEN="${BROKEN:-} policies"
}

# ---- one size ----

bench_size() {
  local people=$1 groups=$(($1 < 3000 ? 60 : $1 / 50)) round
  DIR=$WORK/$people
  LOADS=() SEARCHES=() RECONCILES=() ALONE=() PEAKS=()
  say ""
  say "## $people people, $groups groups"
  fill_directory "$people" "$groups"
  for ((round = 1; round <= ROUNDS; round++)); do
    bench_round
  done
  # Below, starting a process weighs more than reading: shown, not judged.
  local load_limit=4 reconcile_limit=1.2
  ((people >= 100000)) || load_limit=- reconcile_limit=-
  limit "first load / ldapsearch" "$(ratio "$(median "${LOADS[@]}")" "$(median "${SEARCHES[@]}")")" $load_limit
  limit "reconcile without change / ldapsearch" "$(ratio "$(median "${RECONCILES[@]}")" "$(median "${SEARCHES[@]}")")" $reconcile_limit
  limit "the same in a process of its own" "$(ratio "$(median "${ALONE[@]}")" "$(median "${SEARCHES[@]}")")" -
  limit "peak memory, MB" "$(median "${PEAKS[@]}")" 300
  LOAD_OF[$people]=$(median "${LOADS[@]}")
  bench_latency
  slapd_stop "$DIR/slapd"
}

fill_directory() {
  rm -rf "$DIR"
  mkdir -p "$DIR/slapd"
  "$COMPANY" --people "$1" --groups "$2" >"$DIR/company.ldif"
  SLAPD_MAXSIZE=17179869184 slapd_prepare "$DIR/slapd" "$DIR/company.ldif" 2>"$DIR/slapadd.log"
  slapd_start "$DIR/slapd"
}

# ldapsearch and Bailey by turns, so that both meet the same machine. Reconciles are the daemon's work, so a daemon is
# asked for them; what one costs in a process of its own is told beside.
bench_round() {
  local search load alone turn reconcile reconciles=()
  search=$(seconds search_everything)
  SEARCHES+=("$search")
  new_state
  load=$(seconds peak "$DIR/load.peak" "$BAILEY" sync --config "$DIR/bailey.toml")
  alone=$(seconds "$BAILEY" sync --config "$DIR/bailey.toml")
  LOADS+=("$load") ALONE+=("$alone")
  start_daemon
  for turn in 1 2 3; do
    reconcile=$(seconds "$BAILEY" sync --config "$DIR/bailey.toml")
    reconciles+=("$reconcile")
    SEARCHES+=("$(seconds search_everything)")
  done
  RECONCILES+=("${reconciles[@]}")
  most_memory "$(cat "$DIR/bailey.pid")" >"$DIR/daemon.peak"
  end_program "$DIR/bailey.pid" "$BAILEY"
  PEAKS+=("$(sort -n "$DIR/load.peak" "$DIR/daemon.peak" | tail -1)")
  say "ldapsearch ${search}s   first load ${load}s   reconcile ${reconciles[*]}s, alone ${alone}s   peak $(cat "$DIR/load.peak") MB, daemon $(cat "$DIR/daemon.peak") MB"
}

search_everything() {
  local search=(env "LDAPTLS_CACERT=$DIR/slapd/ca.pem" ldapsearch -LLL -x -H "$(cat "$DIR/slapd/url")" -D "$LDAP_SYNC_DN"
    -y "$DIR/slapd/sync.password" -b "$LDAP_BASE" -E pr=1000/noprompt)
  "${search[@]}" "$PEOPLE_FILTER" "${PEOPLE_ATTRIBUTES[@]}" >"$DIR/people.out"
  "${search[@]}" "$GROUP_FILTER" "${GROUP_ATTRIBUTES[@]}" >"$DIR/groups.out"
}

# An empty store, and a configuration with this size's directory in it.
new_state() {
  rm -rf "$DIR/state"
  mkdir -p "$DIR/state"
  HEALTH_PORT=$(free_port)
  cat >"$DIR/bailey.toml" <<TOML
account = "123456789012"
state_directory = "$DIR/state"

[listen]
socket = "$DIR/bailey.sock"
health = "127.0.0.1:$HEALTH_PORT"

[access]
operator_uids = [$(id -u)]

[store]
cache = "${CACHE:-64MiB}"

[[directory]]
label = "corp"
primary = true
urls = ["$(cat "$DIR/slapd/url")"]
ca_file = "$DIR/slapd/ca.pem"
bind_dn = "$LDAP_SYNC_DN"
bind_password_file = "$DIR/slapd/sync.password"
bases = ["$LDAP_BASE"]

[directory.people.tags]
title = "title"
TOML
}

# ---- how soon a change is seen ----

# One person's title is changed in the directory; the clock runs from the server's answer to the first `user show`
# that has the new one. Asking takes a process each time, so the figure is an upper bound; it is given beside.
# Needs the daemon: `bailey run` following the directory, `bailey user show NAME --output json` over its socket.
bench_latency() {
  local change took=() asking
  start_daemon
  wait_for 120 shows ukoenig "Team Lead" || { tail -20 "$DIR/bailey.log" >&2; die "bailey does not show the directory"; }
  asking=$(milliseconds shows ukoenig "Team Lead")
  for ((change = 1; change <= CHANGES; change++)); do
    modify_title ukoenig "Title $change"
    took+=("$(milliseconds wait_for_sight ukoenig "Title $change")")
  done
  modify_title ukoenig "Team Lead"
  say "one question takes $asking ms"
  limit "change visible, median of $CHANGES, ms" "$(median "${took[@]}")" 200
  end_program "$DIR/bailey.pid" "$BAILEY"
}

start_daemon() {
  "$BAILEY" run --config "$DIR/bailey.toml" >"$DIR/bailey.log" 2>&1 &
  echo $! >"$DIR/bailey.pid"
  # A command that finds no daemon opens the store itself, and the daemon could not then.
  wait_for 10 test -S "$DIR/bailey.sock" || die "bailey did not start"
}

shows() {
  "$BAILEY" user show "$1" --output json --config "$DIR/bailey.toml" 2>/dev/null | grep -qF "\"$2\""
}

wait_for_sight() {
  local deadline=$((SECONDS + 10))
  until shows "$@"; do
    ((SECONDS < deadline)) || die "the change \`$2\` was not seen within 10 s"
  done
}

modify_title() {
  LDAPTLS_CACERT=$DIR/slapd/ca.pem ldapmodify -x -H "$(cat "$DIR/slapd/url")" -D "$LDAP_ADMIN_DN" -y "$DIR/slapd/admin.password" >/dev/null <<LDIF
dn: uid=$1,ou=people,$LDAP_BASE
changetype: modify
replace: title
title: $2
LDIF
}

# ---- figures ----

# Ten times the people should take ten times as long, not more.
report_slope() {
  local size small='' large=''
  for size in $SIZES; do
    ((size < 10000)) || { small=${small:-$size} large=$size; }
  done
  [[ $small != "$large" ]] || return 0
  say ""
  limit "slope: time a person at $large / at $small" \
    "$(ratio "$(ratio "${LOAD_OF[$large]}" "$large")" "$(ratio "${LOAD_OF[$small]}" "$small")")" 1.5
}

# limit NAME VALUE MOST: reports, and remembers what is beyond. MOST `-` judges nothing.
limit() {
  local verdict=within
  if [[ $3 == - ]]; then
    verdict=''
  elif awk -v value="$2" -v most="$3" 'BEGIN { exit !(value > most) }'; then
    verdict=BEYOND
    BROKEN="${BROKEN:-} $1;"
  fi
  say "$(awk -v name="$1" -v value="$2" -v verdict="$verdict" -v most="$3" \
    'BEGIN { printf (value == int(value) ? "%-45s %8d   %s %s" : "%-45s %8.2f   %s %s"), name, value, verdict, most }')"
}

# seconds COMMAND...: how long it takes. What it prints goes to $DIR/out.
seconds() {
  local start=$EPOCHREALTIME
  "$@" >>"$DIR/out" 2>&1 || { tail -5 "$DIR/out" >&2; die "failed: $*"; }
  awk -v start="$start" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.2f", end - start }'
}

milliseconds() {
  local start=$EPOCHREALTIME
  "$@"
  awk -v start="$start" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.0f", (end - start) * 1000 }'
}

# peak FILE COMMAND...: runs it and writes the most memory it ever held, in MB. The kernel keeps the maximum
# (VmHWM, proc(5)); reading it now and then misses only what is taken in the last moments.
peak() {
  local file=$1 pid
  shift
  "$@" &
  pid=$!
  echo 0 >"$file"
  while kill -0 "$pid" 2>/dev/null; do
    most_memory "$pid" 2>/dev/null >"$file.now" || true
    [[ ! -s $file.now ]] || mv "$file.now" "$file"
    sleep 0.02
  done
  wait "$pid"
}

# most_memory PID: in MB.
most_memory() {
  awk '/^VmHWM/ { printf "%.0f\n", $2 / 1024 }' "/proc/$1/status"
}

median() {
  printf '%s\n' "$@" | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

ratio() {
  awk -v a="$1" -v b="$2" 'BEGIN { printf "%.6g", b ? a / b : 0 }'
}

stop_everything() {
  local directory
  for directory in "$WORK"/*/; do
    end_program "${directory}bailey.pid" "$BAILEY"
    slapd_stop "${directory}slapd"
  done
}

# Sourced, the file only defines its steps.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  main
fi
