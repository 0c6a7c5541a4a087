#!/bin/bash
# How many sessions of a role begin in a second: AssumeRole over HTTPS, signed, each with a durable record, at 1 and 64
# connections; beside `moto_server`, which answers the same request without checking, deciding or keeping anything. How often a
# session is looked over when it is used, how often `/v1/authorize` decides, and what a sign-in takes besides the bind it
# contains. In one run, because a machine's speed changes by the hour.
#
#   benches/sts.sh               some minutes; needs apache2-utils (ab), python3-venv and PyPI for moto_server
#   REQUESTS=20000 benches/sts.sh
#   BAILEY=/usr/bin/bailey benches/sts.sh    of a program that is there
#
# The load is ab's: a signed request counts for five minutes and AssumeRole may come again, so one request is signed once
# and sent by everybody. Writes benches/results/DATE-COMMIT-sts.txt; fails when a limit is broken.
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/.." && pwd)
WORK=${WORK:-$ROOT/.bench-sts}
REQUESTS=${REQUESTS:-10000}

main() {
  mkdir -p "$WORK" "$HERE/results"
  [[ -n ${BAILEY:-} ]] || (cd "$ROOT" && cargo build --locked --release --bin bailey)
  REPORT=$HERE/results/$(date +%F)-$(git -C "$ROOT" rev-parse --short HEAD)-sts.txt
  exec > >(tee "$REPORT") 2>&1
  uname -srm
  grep -m1 'model name' /proc/cpuinfo
  trap stop EXIT
  trap 'exit 1' INT TERM
  peer
  start_demo
  local one sixty_four use peer_rate
  one=$(rate AssumeRole 1 "$((REQUESTS / 5))" bailey)
  sixty_four=$(rate AssumeRole 64 "$REQUESTS" bailey)
  peer_rate=$(rate AssumeRole 64 "$((REQUESTS / 10))" moto)
  use=$(a_core GetCallerIdentity session)
  decide=$(a_core authorize session)
  at_least "64 connections over one" "$sixty_four" "$one" 5
  at_least "64 connections over moto_server" "$sixty_four" "$peer_rate" 20
  at_least "sessions used, a second of one core" "$use" 5000 1
  at_least "decisions of /v1/authorize, a second of one core" "$decide" 5000 1
  python3 "$HERE/login.py" || BROKEN="${BROKEN:-} [sign-in]"
  [[ -z ${BROKEN:-} ]] || { echo "broken limits:$BROKEN"; exit 1; }
}

# moto_server in an environment of its own, answering over plain HTTP, which is to its favour.
peer() {
  python3 -m venv "$WORK/moto"
  "$WORK/moto/bin/pip" -q install 'moto[server]>=5,<6'
  MOTO_PORT=$(free_port)
  "$WORK/moto/bin/moto_server" -p "$MOTO_PORT" >"$WORK/moto.log" 2>&1 &
  MOTO=$!
  local tries=0
  until (: <"/dev/tcp/127.0.0.1/$MOTO_PORT") 2>/dev/null; do
    ((tries++ < 100)) || { cat "$WORK/moto.log"; exit 1; }
    sleep 0.1
  done
}

# The demo with this build, and one access key whose rate is not limited: see `bench` in config/demo.
start_demo() {
  (cd "$ROOT" && DETACH=1 DEMO="$WORK/demo" BAILEY="${BAILEY:-$ROOT/target/release/bailey}" config/demo/up.sh >"$WORK/demo.log" 2>&1) || { cat "$WORK/demo.log"; exit 1; }
  set -a
  # shellcheck disable=SC1091
  . "$WORK/demo/env"
  set +a
  # What is asked about oneself has to be allowed, like all else.
  echo '{"Statement": {"Effect": "Allow", "Action": "bailey:Authorize", "Resource": "*"}}' >"$WORK/asks.json"
  "$BAILEY" role put-policy --config "$BAILEY_CONFIG" "${DEMO_ROLE_ARN##*/}" asks "$WORK/asks.json" >/dev/null
}

# Requests that the daemon answers in a second of its own processor time: what one core of nothing else would do. `ab` takes the
# rest of the machine, and about half of it.
a_core() {
  local action=$1 whom=$2 daemon before after
  daemon=$(<"$WORK/demo/bailey.pid")
  before=$(spent "$daemon")
  rate "$action" 8 "$REQUESTS" "$whom" >/dev/null
  after=$(spent "$daemon")
  awk -v n="$REQUESTS" -v t="$((after - before))" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.0f\n", n * hz / t }' |
    tee >(sed "s/^/$action, $whom, a second of one core: /" >&2)
}

# Ticks of processor time that a process has taken.
spent() {
  awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# Requests a second that `ab` counts of an action at so many connections; the whole of its report goes to standard error.
rate() {
  local action=$1 connections=$2 requests=$3 whom=$4
  python3 "$HERE/sts_request.py" "$action" "$whom" "$WORK/request"
  local url=$BAILEY_URL/
  [[ $whom != moto ]] || url=http://127.0.0.1:$MOTO_PORT/
  local headers=()
  while IFS= read -r header; do headers+=(-H "$header"); done <"$WORK/request.headers"
  # By address, since `localhost` may be ::1 first; then without a server name in TLS (-I), which no address may be there.
  url+=$(<"$WORK/request.path")
  ab -q -k -I -n "$requests" -c "$connections" -p "$WORK/request.body" -T "$(<"$WORK/request.type")" \
    "${headers[@]}" "${url/localhost/127.0.0.1}" >"$WORK/ab.txt" 2>&1 || { cat "$WORK/ab.txt" >&2; exit 1; }
  {
    echo "$action, $whom, $connections connections:"
    grep -E 'Complete requests|Failed requests|Non-2xx|Requests per second|  50%|  99%' "$WORK/ab.txt"
  } >&2
  if grep -qE 'Non-2xx|Total transferred: +0 bytes' "$WORK/ab.txt"; then
    echo "not all of it was answered" >&2
    exit 1
  fi
  sed -n 's/^Requests per second: *\([0-9.]*\).*/\1/p' "$WORK/ab.txt"
}

at_least() {
  local what=$1 measured=$2 base=$3 factor=$4
  local ratio
  ratio=$(awk -v a="$measured" -v b="$base" 'BEGIN { printf "%.2f", a / b }')
  echo "$what: $ratio (at least $factor)"
  awk -v r="$ratio" -v f="$factor" 'BEGIN { exit !(r < f) }' && BROKEN="${BROKEN:-} [$what]" || true
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop() {
  [[ -z ${MOTO:-} ]] || kill "$MOTO" 2>/dev/null || true
  DEMO="$WORK/demo" "$ROOT/config/demo/down.sh" >/dev/null 2>&1 || true
}

main
