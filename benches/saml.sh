#!/bin/bash
# What a SAML response costs to write and sign, and to judge, beside what the cryptographic library takes for the signatures in it alone,
# beside xmlsec1 and beside python3-saml. All in one run and one thread each, because a machine's speed changes by the hour.
#
#   benches/saml.sh               a minute; needs xmlsec1 and python3-onelogin-saml2, which `make tools` installs
#   ROUNDS=2000 benches/saml.sh
#
# Writes benches/results/DATE-COMMIT-saml.txt; fails when a limit is broken.
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/.." && pwd)
WORK=${WORK:-$ROOT/.bench-saml}
ROUNDS=${ROUNDS:-1000}
REPEAT=200

main() {
  mkdir -p "$WORK" "$HERE/results"
  TARGET=$(cd "$ROOT" && cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  (cd "$HERE/saml" && CARGO_TARGET_DIR=$TARGET cargo build --locked --release --quiet)
  REPORT=$HERE/results/$(date -u +%F)-$(git -C "$ROOT" rev-parse --short HEAD)-saml.txt
  exec > >(tee "$REPORT") 2>&1
  uname -srm
  grep -m1 'model name' /proc/cpuinfo
  "$TARGET/release/bailey-saml-bench" "$WORK" "$ROUNDS" | tee "$WORK/ours"
  /usr/bin/python3 "$HERE/saml.py" "$WORK" | tee "$WORK/theirs"
  xmlsec verification --verify --pubkey-cert-pem "$WORK/certificate.pem" --enabled-key-data raw-x509-cert,x509,rsa -- response.xml |
    tee -a "$WORK/theirs"
  xmlsec signature --sign --privkey-pem "$WORK/key.pem" --output "$WORK/signed.xml" -- unsigned.xml | tee -a "$WORK/theirs"
  local sign verify
  sign=$(us ours "rsa-3072 signature")
  verify=$(us ours "rsa-3072 verification")
  ratio "writing, over the two signatures in it" "$(us ours "response written, both signed")" "$(product 2 "$sign")"
  ratio "judging, over the two verifications in it" "$(us ours "response judged, both signed")" "$(product 2 "$verify")"
  faster "judging, python3-saml over us" "$(us theirs "python3-saml, response validated")" "$(us ours "response judged, both signed")"
  faster "judging, one signature of xmlsec1 over us" "$(us theirs "xmlsec1, one verification")" "$(us ours "response judged, both signed")"
  faster "signing twice, xmlsec1 over our writing it, too" "$(product 2 "$(us theirs "xmlsec1, one signature")")" "$(us ours "response written, both signed")"
  faster "signing twice, python3-saml over us" "$(product 2 "$(us theirs "python3-saml, one signature added")")" "$(us ours "response written, both signed")"
  awk '/^largest t/ { exit !($NF < 4.5) }' "$WORK/ours" || BROKEN="${BROKEN:-} [time tells why an assertion does not open]"
  [[ -z ${BROKEN:-} ]] || { echo "broken limits:$BROKEN"; exit 1; }
}

# xmlsec WHAT OPTION.. -- FILE: as often as REPEAT says in one process, less one process that does it once: what one more takes.
xmlsec() {
  local what=$1 how=(xmlsec1) once many
  shift
  while [[ $1 != -- ]]; do
    how+=("$1")
    shift
  done
  how+=(--id-attr:ID urn:oasis:names:tc:SAML:2.0:protocol:Response --id-attr:ID urn:oasis:names:tc:SAML:2.0:assertion:Assertion)
  once=$(seconds "${how[@]}" --repeat 1 "$WORK/$2")
  many=$(seconds "${how[@]}" --repeat $((REPEAT + 1)) "$WORK/$2")
  awk -v what="$what" -v once="$once" -v many="$many" -v n=$REPEAT \
    'BEGIN { printf "xmlsec1, one %s: %.1f us\n", what, (many - once) / n * 1e6 }'
}

seconds() {
  local begun=$EPOCHREALTIME
  "$@" >/dev/null 2>"$WORK/xmlsec.log" || { cat "$WORK/xmlsec.log" >&2; exit 1; }
  awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}

us() {
  sed -n "s/^$2: \([0-9.]*\) us$/\1/p" "$WORK/$1"
}

product() {
  awk -v a="$1" -v b="$2" 'BEGIN { print a * b }'
}

ratio() {
  awk -v what="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%s: %.2fx\n", what, a / b }'
}

# faster WHAT THEIRS OURS: we are not slower than they are.
faster() {
  ratio "$1" "$2" "$3"
  awk -v a="$2" -v b="$3" 'BEGIN { exit !(a >= b) }' || BROKEN="${BROKEN:-} [$1]"
}

main
