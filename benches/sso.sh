#!/bin/bash
# How much single sign-on gives in a second, and how long one waits: the code flow with a refresh behind it, tokens of a client for
# itself, introspections; beside npm's `oidc-provider` in the same run, which keeps everything in memory and nothing for a restart.
# Twice: as that comes, on plain HTTP and with access tokens that are names of rows; and doing what we do, on HTTPS and, where
# tokens are made, with access tokens of RFC 9068 that it signs. Then the memory of both with 10,000 people signed in to an application.
#
#   benches/sso.sh               some minutes; needs Node.js and npm's registry for the peer
#   FLOWS=10000 REQUESTS=20000 benches/sso.sh
#   BAILEY=/usr/bin/bailey LOAD=/path/to/oidc_load benches/sso.sh    of programs that are there
#
# Ours writes each code, family and refresh down before it answers. Writes benches/results/DATE-COMMIT-sso.txt; fails when a limit is
# broken: three times the peer that does the same, in each.
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/.." && pwd)
WORK=${WORK:-$ROOT/.bench-sso}
FLOWS=${FLOWS:-5000}
REQUESTS=${REQUESTS:-20000}
CONNECTIONS=${CONNECTIONS:-32}
declare -A PEERS=()
# The one of RFC 7636, appendix B.
VERIFIER=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk
CHALLENGE=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM

main() {
  mkdir -p "$WORK" "$HERE/results"
  [[ -n ${BAILEY:-} ]] || (cd "$ROOT" && cargo build --locked --release --bin bailey)
  [[ -n ${LOAD:-} ]] || (cd "$ROOT" && cargo build --locked --release --example oidc_load)
  LOAD=${LOAD:-$ROOT/target/release/examples/oidc_load}
  REPORT=$HERE/results/$(date +%F)-$(git -C "$ROOT" rev-parse --short HEAD)-sso.txt
  exec > >(tee "$REPORT") 2>&1
  uname -srm
  grep -m1 'model name' /proc/cpuinfo
  trap stop EXIT
  trap 'exit 1' INT TERM
  install_peer
  start_ours
  start_peer plain
  start_peer tls "$WORK/peer.crt" "$WORK/peer.key"
  start_peer jwt "$WORK/peer.crt" "$WORK/peer.key" jwt
  compare flow "$FLOWS" "code flow with a refresh" plain jwt
  compare credentials "$REQUESTS" "tokens of a client for itself" plain jwt
  compare introspect "$REQUESTS" "introspections" plain tls
  memory
  [[ -z ${BROKEN:-} ]] || { echo "broken limits:$BROKEN"; exit 1; }
}

install_peer() {
  (cd "$WORK" && npm init -y >/dev/null && npm install --silent --no-fund --no-audit oidc-provider@8)
  cp "$HERE/peers/oidc_provider.mjs" "$WORK/"
  # Not by Debian's configuration, which would make it an authority.
  openssl req -x509 -config <(printf '[req]\ndistinguished_name=d\n[d]\n') -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -days 2 -subj /CN=127.0.0.1 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1 -keyout "$WORK/peer.key" -out "$WORK/peer.crt" 2>/dev/null
}

# npm's oidc-provider of this name, with somebody signed in; with a certificate and its key it is on HTTPS.
start_peer() {
  local name=$1 port scheme=http ca=null
  shift
  [[ $# -eq 0 ]] || { scheme=https ca="\"$WORK/peer.crt\""; }
  port=$(free_port)
  (cd "$WORK" && NODE_ENV=production exec node oidc_provider.mjs "$port" "$(printf 'a%.0s' {1..32})" "$@" >"peer-$name.log" 2>&1) &
  PEERS[$name]=$!
  until grep -q ready "$WORK/peer-$name.log" 2>/dev/null; do
    kill -0 "${PEERS[$name]}" 2>/dev/null || { cat "$WORK/peer-$name.log"; exit 1; }
    sleep 0.1
  done
  local url=$scheme://127.0.0.1:$port jar=$WORK/peer-$name.jar page
  local asked="/auth?client_id=bench&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&response_type=code&scope=openid%20profile"
  asked+="&code_challenge=$CHALLENGE&code_challenge_method=S256&state=s&nonce=n"
  rm -f "$jar"
  local visit=(curl -s --cacert "$WORK/peer.crt" -b "$jar" -c "$jar" -o /dev/null)
  page=$("${visit[@]}" -w '%{redirect_url}' "$url$asked")
  page=$("${visit[@]}" -w '%{redirect_url}' -d prompt=login -d login=ann -d password=x "$page")
  "${visit[@]}" "$page"
  local cookie
  cookie=$(awk '$6 ~ /^_session/ { printf "%s%s=%s", s, $6, $7; s = "; " }' "$jar")
  target "$name" "127.0.0.1:$port" "127.0.0.1:$port" "$ca" "$asked" "$cookie" /token /token/introspection bench \
    "$(printf 'a%.0s' {1..32})"
}

# The demo with this build, somebody of its directory signed in, and a client.
start_ours() {
  (cd "$ROOT" && DETACH=1 DEMO="$WORK/demo" BAILEY="${BAILEY:-$ROOT/target/release/bailey}" config/demo/up.sh >"$WORK/demo.log" 2>&1) || { cat "$WORK/demo.log"; exit 1; }
  set -a
  # shellcheck disable=SC1091
  . "$WORK/demo/env"
  set +a
  local secret jar=$WORK/ours.jar flow cookie
  secret=$("$BAILEY" client add bench --config "$BAILEY_CONFIG" --redirect-uri http://127.0.0.1/cb --grant authorization_code \
    --grant refresh_token --grant client_credentials 2>/dev/null | tail -n 1)
  rm -f "$jar"
  flow=$(curl -s --cacert "$AWS_CA_BUNDLE" -b "$jar" -c "$jar" "$BAILEY_URL/login" |
    sed -n 's/.*name="flow" value="\([^"]*\)".*/\1/p')
  curl -s --cacert "$AWS_CA_BUNDLE" -b "$jar" -c "$jar" -o /dev/null -H 'Sec-Fetch-Site: same-origin' "$BAILEY_URL/login" \
    --data-urlencode "flow=$flow" --data-urlencode "login=$DEMO_USER" --data-urlencode "password=$DEMO_PASSWORD"
  cookie=$(awk '$6 == "__Host-bailey" { print $6 "=" $7 }' "$jar")
  [[ -n $cookie ]] || { echo "nobody was signed in"; exit 1; }
  local host=${BAILEY_URL#https://} asked
  asked="/oauth2/authorize?client_id=bench&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&response_type=code&scope=openid%20profile"
  asked+="&code_challenge=$CHALLENGE&code_challenge_method=S256&state=s&nonce=n"
  target ours "127.0.0.1:${host##*:}" "$host" "\"$AWS_CA_BUNDLE\"" "$asked" "$cookie" /oauth2/token /oauth2/introspect bench "$secret"
}

# What the load is told: a file of JSON.
target() {
  cat >"$WORK/$1.json" <<JSON
{"address": "$2", "host": "$3", "ca": $4, "authorize": "$5", "cookie": "$6", "token": "$7", "introspect": "$8",
 "client": "$9", "secret": "${10}", "redirect_uri": "http://127.0.0.1/cb", "verifier": "$VERIFIER"}
JSON
}

# So much of something of ours and of two of the peers: the one that it comes as, and the one that does the same.
compare() {
  local mode=$1 count=$2 what=$3 usual=$4 same=$5 peer alike ours
  peer=$(load "$mode" "$((count / 5))" "$usual")
  alike=$(load "$mode" "$((count / 5))" "$same")
  ours=$(load "$mode" "$count" ours)
  echo "$what, oidc-provider as it comes: $peer"
  echo "$what, oidc-provider doing the same ($same): $alike"
  echo "$what, bailey: $ours"
  echo "$what over oidc-provider as it comes: $(ratio "${ours%% *}" "${peer%% *}")"
  at_least "$what over oidc-provider doing the same" "${ours%% *}" "${alike%% *}" 3
}

load() {
  "$LOAD" "$1" "$CONNECTIONS" "$2" "$WORK/$3.json"
}

# Resident memory of both once 10,000 flows have left a family of tokens each.
memory() {
  local daemon
  daemon=$(<"$WORK/demo/bailey.pid")
  load flow "$((10000 - FLOWS / 5 > 0 ? 10000 - FLOWS / 5 : 1))" plain >/dev/null
  load flow "$((10000 - FLOWS > 0 ? 10000 - FLOWS : 1))" ours >/dev/null
  local peer ours
  peer=$(resident "${PEERS[plain]}")
  ours=$(resident "$daemon")
  echo "resident memory with 10,000 sign-ins to an application: oidc-provider $peer MiB, bailey $ours MiB"
}

resident() {
  awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"
}

ratio() {
  awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

at_least() {
  local what=$1 measured=$2 base=$3 factor=$4 ratio
  ratio=$(ratio "$measured" "$base")
  echo "$what: $ratio (at least $factor)"
  awk -v r="$ratio" -v f="$factor" 'BEGIN { exit !(r < f) }' && BROKEN="${BROKEN:-} [$what]" || true
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop() {
  kill "${PEERS[@]}" 2>/dev/null || true
  DEMO="$WORK/demo" "$ROOT/config/demo/down.sh" >/dev/null 2>&1 || true
}

main
