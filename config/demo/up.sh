#!/bin/bash
# The demo: an OpenLDAP server with a made-up company, and Bailey following it.
#
#   config/demo/up.sh             in the foreground; Ctrl-C ends everything
#   DETACH=1 config/demo/up.sh    returns when all is ready; config/demo/down.sh ends it
#
# Everything lives under .demo/ (or $DEMO), listens on loopback alone, and is new at each start:
# ports, keys, passwords, the directory and Bailey's store. `.demo/env` says where things are.
# BAILEY=/path/to/bailey tries another binary.
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
DEMO=${DEMO:-$ROOT/.demo}
PROFILE=${PROFILE:-release}
ACCOUNT=123456789012
STAGING=210987654321
DEMO_USER=ukoenig # leads team platform: four roads lead her to a role
DEMO_ROLE=poweruser # one that her groups give her
CLIENT=demo-app # an application that signs people in
CLIENT_BACK=http://127.0.0.1:9999/cb # where its people are sent back to
DEMO_APPROVER=gsjogren # of the security team, which agrees to roles for a while
DEMO_AUDITOR=ext.eve # of an audit firm, whose engagement the approver answers for
DEMO_ASKER=ext.finn # of the same firm; he came in before, and what he asked for waits
ADMINISTRATORS=unix-admins # who may do everything here; she is one of them

# shellcheck source=config/demo/slapd.sh
. "$HERE/slapd.sh"
# shellcheck source=config/demo/auditor.sh
. "$HERE/auditor.sh"

main() {
  build_bailey
  "$HERE/down.sh"
  trap stop EXIT
  trap 'exit 0' INT TERM
  start_directory
  write_configuration
  start_bailey
  make_root
  make_roles
  make_key
  make_client
  make_registration_token
  make_engagement
  write_env
  say_what_is_where
  if [[ -n ${DETACH:-} ]]; then
    trap - EXIT
  else
    follow
  fi
}

build_bailey() {
  [[ -n ${BAILEY:-} ]] && return
  (cd "$ROOT" && cargo build --locked --profile "${PROFILE/debug/dev}" --bin bailey)
  BAILEY=$(target_directory)/${PROFILE/dev/debug}/bailey
}

target_directory() {
  (cd "$ROOT" && cargo metadata --locked --no-deps --format-version 1) | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

start_directory() {
  rm -rf "$DEMO"
  mkdir -p "$DEMO/slapd" "$DEMO/state"
  echo $$ >"$DEMO/owner"
  slapd_prepare "$DEMO/slapd" "$HERE/company.ldif"
  slapd_start "$DEMO/slapd"
  LDAP_URL=$(cat "$DEMO/slapd/url")
  set_demo_password
}

# The company comes without passwords; two people get one, the same, to sign in with.
set_demo_password() {
  new_password "$DEMO/demo.password"
  local hash who
  hash=$("$DEMO/slapd/slapd" -T passwd -n -T "$DEMO/demo.password")
  for who in "$DEMO_USER" "$DEMO_APPROVER"; do
    printf 'dn: uid=%s,ou=people,%s\nchangetype: modify\nreplace: userPassword\nuserPassword: %s\n\n' "$who" "$LDAP_BASE" "$hash"
  done | LDAPTLS_CACERT=$DEMO/slapd/ca.pem ldapmodify -x -H "$LDAP_URL" -D "$LDAP_ADMIN_DN" -y "$DEMO/slapd/admin.password" >"$DEMO/ldapmodify.log"
}

write_configuration() {
  SOCKET=$DEMO/bailey.sock
  # A Unix socket's path holds 107 bytes (unix(7)); a deep checkout needs another place.
  ((${#SOCKET} < 100)) || SOCKET=$(mktemp -d)/bailey.sock
  HEALTH_PORT=$(free_port)
  HTTPS_PORT=$(free_port)
  web_certificate "$DEMO/slapd/tls" "$DEMO/web"
  sed -e "s|@ACCOUNT@|$ACCOUNT|" -e "s|@STAGING@|$STAGING|" -e "s|@STATE@|$DEMO/state|" -e "s|@SOCKET@|$SOCKET|" -e "s|@UID@|$(id -u)|" \
    -e "s|@HEALTH_PORT@|$HEALTH_PORT|" -e "s|@LDAP_URL@|$LDAP_URL|" -e "s|@CA_FILE@|$DEMO/slapd/ca.pem|" \
    -e "s|@HTTPS_PORT@|$HTTPS_PORT|" -e "s|@WEB@|$DEMO/web|" \
    -e "s|@SYNC_DN@|$LDAP_SYNC_DN|" -e "s|@SYNC_PASSWORD_FILE@|$DEMO/slapd/sync.password|" -e "s|@BASE@|$LDAP_BASE|" \
    "$HERE/bailey.toml.in" >"$DEMO/bailey.toml"
}

start_bailey() {
  # A session of its own, like slapd's: Ctrl-C reaches this script alone.
  setsid "$BAILEY" run --demo --config "$DEMO/bailey.toml" >"$DEMO/bailey.log" 2>&1 </dev/null &
  echo $! >"$DEMO/bailey.pid"
  echo "$BAILEY" >"$DEMO/bailey.program"
  wait_for 60 bailey_is_there_or_gone || { cat "$DEMO/bailey.log" >&2; die "bailey has read nothing after a minute; its log is above"; }
  is_running "$DEMO/bailey.pid" "$BAILEY" || { cat "$DEMO/bailey.log" >&2; die "bailey did not start; its log is above"; }
}

# The account's root, and who administers it. Nobody needs root here, so it is locked away at once.
make_root() {
  bailey init --administrators "$ADMINISTRATORS" --secret-file "$DEMO/root.env"
  bailey root lock
  wait_for 60 is_ready || { cat "$DEMO/bailey.log" >&2; die "bailey is not ready after a minute; its log is above"; }
}

# An access key of an administrator, for AWS command lines and SDKs.
make_key() {
  bailey access-key create "$DEMO_USER" --secret-file "$DEMO/administrator.env"
}

# The roles that the company's groups are named after, each with a ready-made policy.
make_roles() {
  local account role policy description
  while IFS='|' read -r account role policy description; do
    bailey role create "$role" --account "$account" --description "$description"
    bailey role attach "$account/$role" "$policy"
  done <<ROLES
$ACCOUNT|admin|AdministratorAccess|Runs the production account
$ACCOUNT|poweruser|PowerUserAccess|Builds in the production account
$ACCOUNT|readonly|ReadOnlyAccess|Looks around in the production account
$ACCOUNT|billing|BillingViewer|Reads the bills
$ACCOUNT|auditor|SecurityAudit|Reviews how things are configured
$STAGING|poweruser|PowerUserAccess|Builds in the staging account
$STAGING|readonly|ReadOnlyAccess|Looks around in the staging account
ROLES
  bailey role boundary auditor AuditorBoundary
}

# An application that signs people in, and its secret, which is shown this once.
make_client() {
  (umask 077 && "$BAILEY" --config "$DEMO/bailey.toml" client add "$CLIENT" --name "An application of the demo" \
    --redirect-uri "$CLIENT_BACK" 2>>"$DEMO/roles.log" | tail -n 1 >"$DEMO/client.secret") || { cat "$DEMO/roles.log" >&2; die "the demo's client could not be made"; }
}

# By which software registers itself as a client.
make_registration_token() {
  (umask 077 && "$BAILEY" --config "$DEMO/bailey.toml" client registration-token create --name demo --expires 30d --uses 1000 \
    2>>"$DEMO/roles.log" | tail -n 1 >"$DEMO/registration.token") || { cat "$DEMO/roles.log" >&2; die "the demo's registration token could not be made"; }
}

# An audit firm, let in for six weeks: one auditor is invited, and the code that goes with her link is read out at the portal. Another came
# in before.
make_engagement() {
  bailey user create "$DEMO_AUDITOR" --path /external/ --display-name "Eve Kessel (Kessel & Lund)"
  bailey user create "$DEMO_ASKER" --path /external/ --display-name "Finn Lund (Kessel & Lund)"
  bailey engagement create soc2 --firm "Kessel & Lund" --framework "SOC 2" --contract EL-77 --sponsor "$DEMO_APPROVER" \
    --person "$DEMO_AUDITOR" --network 127.0.0.0/8 --network ::1 --ends 42d
  "$BAILEY" --config "$DEMO/bailey.toml" --output json engagement invite soc2 "$DEMO_AUDITOR" >"$DEMO/invitation.json" 2>>"$DEMO/roles.log" ||
    { cat "$DEMO/roles.log" >&2; die "the demo's auditor could not be invited"; }
  sets_up_a_device
  bailey engagement update soc2 --add "$DEMO_ASKER"
  asks_for "arn:aws:iam::$ACCOUNT:role/auditor" "Sample 12 of the access review"
  INVITATION=$(sed -n 's/.*"link": *"\([^"]*\)".*/\1/p' "$DEMO/invitation.json")
}

bailey() {
  "$BAILEY" --config "$DEMO/bailey.toml" "$@" >>"$DEMO/roles.log" || { cat "$DEMO/roles.log" >&2; die "the demo's roles could not be made"; }
}

# The group of administrators has come from the directory: the first read is done. A process that runs no program any more is
# gone; for a moment it is still this shell, and not bailey yet.
bailey_is_there_or_gone() {
  [[ -S $SOCKET ]] && "$BAILEY" --config "$DEMO/bailey.toml" group show "$ADMINISTRATORS" >/dev/null 2>&1 ||
    ! readlink "/proc/$(<"$DEMO/bailey.pid")/exe" >/dev/null 2>&1
}

# GET /readyz answers 200. By bash alone: a bare machine has no curl.
is_ready() (
  exec 3<>"/dev/tcp/127.0.0.1/$HEALTH_PORT" || exit 1
  printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  read -r -t 5 status <&3
  [[ $status == "HTTP/1.1 200"* ]]
) 2>/dev/null

# Written when everything answers: whoever waits for the file may use what it names.
write_env() {
  cat >"$DEMO/env.new" <<ENV
BAILEY=$BAILEY
BAILEY_URL=https://localhost:$HTTPS_PORT
BAILEY_HEALTH_URL=http://127.0.0.1:$HEALTH_PORT
BAILEY_CONFIG=$DEMO/bailey.toml
BAILEY_SOCKET=$SOCKET
BAILEY_ACCOUNT=$ACCOUNT
LDAP_URL=$LDAP_URL
LDAP_BASE=$LDAP_BASE
LDAP_PEOPLE_BASE=ou=people,$LDAP_BASE
LDAP_GROUPS_BASE=ou=groups,$LDAP_BASE
LDAP_ADMIN_DN=$LDAP_ADMIN_DN
LDAP_ADMIN_PASSWORD=$(cat "$DEMO/slapd/admin.password")
LDAPTLS_CACERT=$DEMO/slapd/ca.pem
DEMO_USER=$DEMO_USER
DEMO_APPROVER=$DEMO_APPROVER
DEMO_AUDITOR=$DEMO_AUDITOR
DEMO_ASKER=$DEMO_ASKER
DEMO_INVITATION=$INVITATION
DEMO_PASSWORD=$(cat "$DEMO/demo.password")
DEMO_ROLE_ARN=arn:aws:iam::$ACCOUNT:role/$DEMO_ROLE
$(cat "$DEMO/administrator.env")
AWS_DEFAULT_REGION=us-east-1
AWS_ENDPOINT_URL_IAM=https://localhost:$HTTPS_PORT
AWS_ENDPOINT_URL_STS=https://localhost:$HTTPS_PORT
AWS_EC2_METADATA_DISABLED=true
AWS_CA_BUNDLE=$DEMO/slapd/ca.pem
SSL_CERT_FILE=$DEMO/slapd/ca.pem
CURL_CA_BUNDLE=$DEMO/slapd/ca.pem
REQUESTS_CA_BUNDLE=$DEMO/slapd/ca.pem
NODE_EXTRA_CA_CERTS=$DEMO/slapd/ca.pem
OIDC_ISSUER=https://localhost:$HTTPS_PORT
OIDC_CLIENT_ID=$CLIENT
OIDC_CLIENT_SECRET=$(<"$DEMO/client.secret")
OIDC_REDIRECT_URI=$CLIENT_BACK
OIDC_REGISTRATION_TOKEN=$(<"$DEMO/registration.token")
ENV
  mv "$DEMO/env.new" "$DEMO/env"
}

say_what_is_where() {
  cat <<TEXT

The bridge stands.

  directory   $LDAP_URL   $(grep -c '^uid: ' "$HERE/company.ldif") people, $(grep -c '^dn: cn=.*,ou=groups' "$HERE/company.ldif") groups
  bailey      $SOCKET   log in $DEMO/bailey.log
  portal      https://localhost:$HTTPS_PORT   in a browser; sign in as $DEMO_USER, password in $DEMO/demo.password
              IAM and STS there too, as AWS command lines and SDKs speak them
  health      http://127.0.0.1:$HEALTH_PORT/readyz   (/healthz, /metrics)
  all names   $DEMO/env

In another terminal, first

  set -a; . $DEMO/env; set +a

and then, for instance, list people; show one, with the groups that lead to each of her rights;
and change something in the directory and see it arrive:

  \$BAILEY user list --config \$BAILEY_CONFIG
  \$BAILEY user show $DEMO_USER --config \$BAILEY_CONFIG
  aws iam list-roles --endpoint-url \$BAILEY_URL
  printf 'dn: uid=%s,%s\nchangetype: modify\nreplace: title\ntitle: Bridge Builder\n' \$DEMO_USER \$LDAP_PEOPLE_BASE |
    ldapmodify -x -H \$LDAP_URL -D \$LDAP_ADMIN_DN -w \$LDAP_ADMIN_PASSWORD && \$BAILEY user show $DEMO_USER --config \$BAILEY_CONFIG

TEXT
  if [[ -n ${DETACH:-} ]]; then
    echo "It runs in the background; \`make demo-stop\` ends it."
  else
    echo "Ctrl-C ends it. What the daemon says follows."
  fi
}

follow() {
  # In the background and waited for, so that a signal is acted upon at once.
  tail --pid="$(cat "$DEMO/bailey.pid")" -n +1 -F "$DEMO/bailey.log" 2>/dev/null &
  wait $!
  die "bailey ended by itself; its log is in $DEMO/bailey.log"
}

# However the script ends, a failure half-way included, nothing it started is left behind. A demo
# started elsewhere in the meantime has ended ours already, and is not ours to end.
stop() {
  local status=$?
  [[ -z $(jobs -p %tail 2>/dev/null) ]] || kill %tail
  [[ $(cat "$DEMO/owner" 2>/dev/null) != "$$" ]] || "$HERE/down.sh"
  exit "$status"
}

# Sourced, the file only defines its steps: the tests take them one by one.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  main
fi
