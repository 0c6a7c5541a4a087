# shellcheck shell=bash
# An OpenLDAP server from nothing, on loopback, for the demo and the benches. Sourced, not run.
#
#   slapd_prepare DIR LDIF   keys, passwords, configuration and data under DIR, an absolute path
#   slapd_start DIR          starts it; returns when it answers
#   slapd_stop DIR           ends it; nothing to do is fine
#
# DIR then holds url, ca.pem, admin.password, sync.password, slapd.pid and slapd.log. Everything is
# new each time and readable by its owner alone.

LDAP_BASE=dc=example,dc=test
LDAP_ADMIN_DN=cn=admin,$LDAP_BASE
LDAP_SYNC_DN=cn=sync,$LDAP_BASE

slapd_prepare() {
  local dir=$1 ldif=$2
  umask 077
  mkdir -p "$dir/database" "$dir/tls"
  slapd_program "$dir"
  slapd_authority "$dir/tls" && cp "$dir/tls/ca.pem" "$dir/ca.pem"
  new_password "$dir/admin.password"
  new_password "$dir/sync.password"
  slapd_configuration "$dir" >"$dir/slapd.conf"
  slapd_accounts "$dir" >"$dir/accounts.ldif"
  # -q skips what only a running server would need; -w writes the contextCSN that syncrepl starts from.
  "$dir/slapd" -T add -q -w -f "$dir/slapd.conf" -l "$ldif"
  "$dir/slapd" -T add -q -w -f "$dir/slapd.conf" -l "$dir/accounts.ldif"
}

slapd_start() {
  local dir=$1 port tlsport
  port=$(free_port) && tlsport=$(free_port)
  echo "ldaps://127.0.0.1:$tlsport" >"$dir/url"
  # A session of its own: Ctrl-C reaches the script, which ends things in order. -d 0 keeps slapd from
  # detaching, so that its pid is known at once.
  setsid "$dir/slapd" -d 0 -f "$dir/slapd.conf" -h "ldap://127.0.0.1:$port $(cat "$dir/url")" >"$dir/slapd.log" 2>&1 </dev/null &
  echo $! >"$dir/slapd.pid"
  wait_for 20 slapd_answers "$dir" || { cat "$dir/slapd.log" >&2; die "slapd did not start; its log is above"; }
}

slapd_stop() {
  end_program "$1/slapd.pid" "$1/slapd"
}

slapd_answers() {
  LDAPTLS_CACERT=$1/ca.pem ldapwhoami -x -H "$(cat "$1/url")" -D "$LDAP_ADMIN_DN" -y "$1/admin.password" >/dev/null 2>&1
}

# A copy, because some distributions confine /usr/sbin/slapd to /etc/ldap and /var/lib/ldap.
slapd_program() {
  local found
  found=$(PATH=$PATH:/usr/sbin:/usr/lib/openldap command -v slapd) || die "slapd is not installed: run \`make tools\`"
  cp "$found" "$1/slapd"
}

# A certificate authority and a server certificate that live as long as the demo.
slapd_authority() (
  cd "$1" || exit
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >server.cnf
  key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
  key ca.key && key server.key
  openssl req -x509 -new -key ca.key -days 30 -subj "/CN=Example Instruments demo CA" -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
  openssl req -new -key server.key -subj "/CN=localhost" -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.cnf -out server.pem 2>/dev/null
)

# A certificate for localhost in directory $2, signed by the authority in directory $1.
web_certificate() (
  umask 077
  mkdir -p "$2"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2/web.key" 2>/dev/null
  openssl req -new -key "$2/web.key" -subj "/CN=localhost" -out "$2/web.csr"
  openssl x509 -req -in "$2/web.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 30 -extfile "$1/server.cnf" \
    -out "$2/web.pem" 2>/dev/null
)

slapd_configuration() {
  local dir=$1
  cat <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload syncprov
moduleload ppolicy
TLSCACertificateFile "$dir/tls/ca.pem"
TLSCertificateFile "$dir/tls/server.pem"
TLSCertificateKeyFile "$dir/tls/server.key"
# Passwords travel under TLS only.
security simple_bind=64
# What most servers do to everyone: no more than 500 entries an answer ...
sizelimit 500
threads 4

database mdb
suffix $LDAP_BASE
rootdn $LDAP_ADMIN_DN
rootpw $("$dir/slapd" -T passwd -n -T "$dir/admin.password")
directory "$dir/database"
maxsize ${SLAPD_MAXSIZE:-4294967296}
index objectClass,entryUUID,entryCSN,uid,cn,mail,member,memberOf eq
access to attrs=userPassword by self write by anonymous auth by * none
# The sync account reads, and never writes.
access to * by dn.exact="$LDAP_SYNC_DN" read by users read by * none
# ... and to the sync account alone: everything, in pages.
limits dn.exact="$LDAP_SYNC_DN" size.soft=unlimited size.hard=unlimited size.pr=2000 size.prtotal=unlimited time=unlimited

overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
memberof-memberof-ad memberOf
memberof-refint true
overlay refint
refint_attributes member uniqueMember
refint_nothing $LDAP_ADMIN_DN
overlay ppolicy
ppolicy_default cn=default,ou=policies,$LDAP_BASE
ppolicy_use_lockout
overlay syncprov
syncprov-checkpoint 1000 10
syncprov-sessionlog 10000
CONF
}

slapd_accounts() {
  local dir=$1
  cat <<LDIF
dn: $LDAP_SYNC_DN
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: sync
description: Reads the directory for Bailey
userPassword: $("$dir/slapd" -T passwd -n -T "$dir/sync.password")

dn: ou=policies,$LDAP_BASE
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,$LDAP_BASE
objectClass: organizationalRole
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 5
pwdLockoutDuration: 300
LDIF
}

# ---- what the scripts share ----

die() {
  echo "error: $*" >&2
  exit 1
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; fails when the time is over.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# A port nobody listens on. Another program may still take it before we do; then starting fails aloud.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# A file with a new password and no newline, as `ldapsearch -y` wants it.
new_password() {
  openssl rand -hex 16 | tr -d '\n' >"$1"
}

# is_running PIDFILE PROGRAM: true while the process in PIDFILE runs PROGRAM; a number used again by another is not ours.
is_running() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [[ -n $pid ]] && [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$(readlink -f "$2")"* ]]
}

# end_program PIDFILE PROGRAM: asks it to end, waits, insists after 20 seconds.
end_program() {
  is_running "$@" || { rm -f "$1"; return 0; }
  local pid
  pid=$(cat "$1")
  kill -TERM "$pid" 2>/dev/null || true
  wait_for 20 has_ended "$@" || kill -KILL "$pid" 2>/dev/null || true
  rm -f "$1"
}

has_ended() {
  ! is_running "$@"
}
