//! Directories: talking to them and following them.
//!
//! # Talking to a directory
//!
//! **An empty password is a success.** A bind with a DN and no password is an anonymous bind, and a server
//! may answer it with success (RFC 4513 5.1.2). go-ldap CVE-2017-14623, Cacti CVE-2022-0730 and Spring LDAP
//! CVE-2026-41720 took that for a login. *Here:* an empty or blank password is refused before anybody is asked
//! (`src/authn/login/mod.rs`) and again before a connection is made (`src/directory/sign_in/bind.rs`), where the
//! server has to say behind the bind whose the connection is (RFC 4532); our own is refused by `config`. *Tests:*
//! `tests/it/login_hostile.rs`, a server that says yes to everything and hears nothing; inside `src/config/mod.rs`.
//!
//! **A NUL byte cuts the name.** ownCloud CVE-2014-9043 and DokuWiki CVE-2014-8764 passed names on to C
//! strings. *Here:* an attribute with control characters makes a name only after mapping into IAM's
//! alphabet (`src/model/name.rs`), and is shown only through `base::text::printable` (`src/base/text.rs`). Whoever
//! types one as a name or a NUL as a password is told so, and no server hears of it (`src/authn/login/name.rs`).
//! *Tests:* inside all three, and `tests/it/login_rules.rs`.
//!
//! **A value becomes part of a filter.** keycloak#26112 (blind search), openspug#738 (login bypass),
//! versitygw#2226 (before the signature was checked), usernaut#275 (the attribute's *name*). *Here:*
//! filters are built from a typed tree whose printer does the escaping of RFC 4515 3; no text is ever
//! formatted into one (`src/directory/filter.rs`). *Tests:* inside it and inside `src/directory/sign_in/find.rs`, the property that what is
//! parsed back are comparisons with exactly the values given.
//!
//! **A DN is built from what somebody typed** (versitygw#2226). *Here:* none is built: a DN comes from the
//! server or from the configuration, and `src/directory/dn.rs` only parses and compares (RFC 4514). A sign-in binds with what the search brought, byte for
//! byte. *Tests:* inside it, and `tests/it/login_hostile.rs`.
//!
//! **A referral carries the password away.** ldaptive#25 replayed the bind, without TLS, to whatever host
//! the referral named. *Here:* no referral is ever followed. A reference within a result makes the read
//! doubtful, and nothing is deleted because of a doubtful read (`src/directory/mod.rs`, `Completeness`).
//! A bind that is answered with one is refused. *Tests:* a scripted server that answers with referrals to a second one,
//! which must see no connection.
//!
//! **StartTLS falls back to plain text**, or the answer to a bind is smuggled in before the handshake:
//! node-ldapauth-fork#94, openvpn-auth-ldap#28, the class "NO STARTTLS". *Here:* `ldaps://` is what the
//! examples show; a refused StartTLS, or a byte before the handshake, ends the connection; nothing is sent
//! before TLS stands; host name and authority are checked. `ldap://` without TLS goes to loopback alone
//! unless the configuration says `insecure`, and then health says it too (`src/directory/settings.rs`).
//! *Tests:* the scripted server injects and refuses, and presents wrong certificates; it must see no bind.
//!
//! **A sign-in is passed on.** Whoever makes us connect to them hands our ticket or challenge to the real domain
//! controller and is us there (CVE-2017-8563). *Here:* a password is sent inside TLS alone, unless `insecure` says
//! otherwise. A Kerberos ticket is for the host of the URL, whatever DNS makes of it (RFC 4120 1.3), is tied to the TLS connection it is shown on (RFC 5929), and without TLS seals everything that
//! follows (`src/directory/ldap/sasl/mod.rs`), so that whoever passes it on can neither read nor add a word. *Tests:*
//! `tests/it/kerberos.rs`, through a wire that is read and that changes a byte.
//!
//! **DNS names the server, and TLS believes it.** A forged SRV answer that points to a host with a good
//! certificate of its own gets the bind password; RFC 6125 4 and RFC 4513 3.1.3 therefore ask for a name from the
//! user or a trusted source. *Here:* a target outside of the `domain` configured is refused before any connection,
//! unless `ca_file` names the authorities that may vouch (`src/directory/discovery/candidate.rs`). What remains: with
//! forged DNS, any machine of the domain that has a certificate can pose as a domain controller; `urls` is the
//! answer where that matters. *Tests:* `tests/it/directory_discovery.rs`, where the forged target must see no
//! connection.
//!
//! **One person, several spellings.** Vault CVE-2025-6004 and CVE-2025-6013 counted one alias and let
//! another through. *Here:* everything kept about a person is keyed by the directory's immutable id
//! (`base::Guid`), never by a name; names are looked up folded, in one place (`src/model/name.rs`). What is typed to sign in has one form and only finds
//! somebody (`src/authn/login/name.rs`). *Tests:* inside both, and `tests/it/login_rules.rs`.
//!
//! **A name means somebody else where it counts.** Active Directory takes ten sorts of names in a bind, some of which
//! people choose for themselves (MS-ADTS 5.1.1.1.1); Grafana CVE-2022-31107 and CVE-2023-3128 matched mail addresses.
//! *Here:* a name is an account name or a principal name, has to mean one person in both, and the id that was found has
//! to be the id that is read again over the bound connection (`src/directory/sign_in/bind.rs`). *Tests:*
//! `tests/it/login_samba.rs`.
//!
//! **We lock people out for others** (Mattermost CVE-2025-31947). *Here:* wrong passwords are counted below what the
//! directory allows, for as long as it counts them, before any is passed on (`src/authn/login/limits.rs`); one that a
//! server may have counted goes to no second one. *Tests:* `tests/it/login_samba.rs`, fifty wrong ones and what the
//! controller counted.
//!
//! **A refusal tells who exists.** *Here:* wrong, unknown and locked are one sentence and take the same least time;
//! records tell them apart, and leave out names that nobody has, which may be passwords (`src/authn/login/refused.rs`).
//! What remains: under load, beyond that time, a search and a bind do not take alike long. *Tests:* inside it, and
//! `tests/it/login_rules.rs`.
//!
//! **A code is used twice** (Vault CVE-2025-6015). *Here:* the step of a code is on disk before anybody is let in with
//! it, by compare-and-swap (`src/authn/login/factor/code.rs`). *Tests:* `tests/it/login_rules.rs`, 64 at once and a restart.
//!
//! **The answer of a passkey is played back, or of another page.** *Here:* what a ceremony began with is sealed for one person
//! and five minutes; its challenge is spent in the commit that writes the counter (`src/authn/login/factor/passkey.rs`); the
//! address that passkeys are bound to is configured and never a header (`src/authn/webauthn/mod.rs`). One that is set up on the way
//! in counts for that sign-in in that browser alone (`src/authn/login/half.rs`, `digest`). *Tests:* `tests/it/passkeys.rs`, 64 at
//! once and a restart; `tests/it/passkeys_enrolled.rs`.
//!
//! **Any program on the machine listens where a command line would, and a signed-in browser hands it a code** (RFC 8252, section
//! 8.6). *Here:* whoever cannot show who it is and is on a loopback address, and whatever registered itself, gets a code once the
//! person agreed on a page of ours (`src/sso/authorize.rs`). *Tests:* `tests/it/sso_authorize.rs`.
//!
//! **A copied passkey goes unnoticed.** *Here:* a counter that does not go on is refused, recorded and told
//! (`src/authn/webauthn/ceremony.rs`). What remains: passkeys that are meant to be copied count nothing. *Tests:* inside it, and
//! `tests/it/passkeys.rs`.
//!
//! **A locked person still finishes a sign-in** (Keycloak CVE-2026-9798, CVE-2026-16103). *Here:* each step reads the person anew,
//! and a passkey alone asks their directory by id (`src/authn/login/passwordless.rs`). *Tests:* `tests/it/passkeys.rs`,
//! `tests/it/login_rules.rs`.
//!
//! **A way to recover is the way around the second factor.** *Here:* recovery codes stand beside a password and never for it, count
//! once, share the limit on guessing, and end with a restore, which would bring used ones back
//! (`src/authn/login/factor/recovery.rs`); whoever has a factor shows it before they get another, lose one or get new codes
//! (`src/admin/iam/own_passkeys.rs`, `own_devices.rs`), and the codes go with the last; a reset is done by somebody else and ends
//! what the person is signed in to (`src/admin/iam/second_factors.rs`). *Tests:* `tests/it/passkeys.rs`, `tests/it/own_devices.rs`.
//!
//! **A machine with a person's name** (CVE-2021-42278 and CVE-2021-42287). *Here:* people, groups and
//! machines are told apart by object class and live apart in the model; nothing is stripped from or added
//! to a name to find someone else (`src/directory/settings.rs`, `Scope`). What Active Directory says is the
//! account of a machine or a trust is never a person, whatever its name, and claims no person's login
//! (`src/sync/mapping/active_directory.rs`). *Tests:* inside it, and a computer renamed without its `$`.
//!
//! **Somebody takes the name first.** Whoever may make machines or people here could make one of a name that the
//! directory brings later, and wait for a role to be assigned to it. *Here:* what is assigned keys on the id, so
//! nothing that was said of the one comes to mean the other; the newcomer gets a name of its own, which the plan
//! shows (`src/sync/names.rs`), and policies limit by ARN what may be made (`bailey:CreateResource`). What remains:
//! who assigns by name means whoever bears it, and listings say `local` of what was made here. *Tests:*
//! `tests/it/machines.rs`.
//!
//! **A directory of lesser trust speaks for another.** A group may list members of another domain, by SID or
//! DN; an entry elsewhere that claims to be one of them would be let in. *Here:* only directories that are
//! Active Directory domains count, each only for SIDs it gave out and DNs in its own naming context, and
//! none where two stand for one domain (`src/model/domain.rs`). Whoever runs a domain's controllers can be
//! anybody of that domain. A DN counts as last read: after an organisational unit is renamed, until its
//! objects are read again. *Tests:* inside it, and thieves of SIDs and DNs in two simulated domains.
//!
//! **A mail address is taken for an identity.** Grafana CVE-2022-31107 and CVE-2023-3128. *Here:* `mail` is
//! shown, and never used to find anyone. Two people who claim one name both keep their id; who was there
//! keeps the name, and the plan says who yielded (`src/sync/names.rs`). *Tests:* inside it.
//!
//! # Following it
//!
//! **Nobody answers, so everybody left.** opnsense#10128 deleted 43 accounts, glpi#984 disabled 512; in
//! wg-portal#744 the search *succeeded* with no entries, because the account had lost its right to read.
//! *Here:* only a read whose type says complete may delete: all pages with an empty last cookie and result
//! 0, no referral, every id readable, every sentinel present. Then the guard's limits
//! (`src/sync/guard.rs`): what exceeds one is held under a digest for a person. `sync::Cleared`, which
//! `src/sync/apply.rs` demands, is made by the guard alone. *Tests:* inside the guard; a scripted server
//! that dies after page k of n for every k, answers result codes 3, 4, 11, 51, 52, 53 and 80, or finds
//! nothing: no deletion in any case.
//!
//! **One small change takes everything from everybody.** A group taken out of another, or renamed, is one line of a
//! change log, and no count of changes shows that three hundred people lose a role by it. *Here:* a dry run and
//! held changes say who gains and loses what, by the code that decides, asked about the rows that would be
//! written (`src/sync/foresight.rs`, `src/store/overlay.rs`); `rights_lost` holds what takes more roles than
//! somebody set (`src/sync/revoking.rs`). *Tests:* random edits after which rights differ as foretold, and with
//! no loss allowed nobody who may act loses a role (`tests/it/sync_rights.rs`).
//!
//! **Half an attribute is taken for all of it** (`member;range=0-1499`): pg-ldap-sync#32 emptied groups.
//! *Here:* an attribute that comes in slices is fetched to its end, all slices from one moment
//! (`src/directory/ranges.rs`); where one is missing, or for any other option nobody asked for, the entry is
//! unusable, and an unusable entry keeps what is stored of it. *Tests:* inside `src/sync/mapping/mod.rs`; a
//! controller that slices groups of 0 to 15,001, drops a slice, and changes the group in between
//! (`tests/it/directory_windows.rs`).
//!
//! **Groups in a ring hang the closure**: nextcloud#25757, opensearch-security#887. *Here:* the closure
//! walks edges with a set of what it has seen, without recursion, to a depth of 64 (`src/rights/mod.rs`). The
//! demo's company has such a ring. *Tests:* inside it: cycles, chains, a complete graph of 300.
//!
//! **A restored server repeats its counters** and hides changes (Microsoft KB 875495). *Here:* a cursor
//! names the server, the method and the incarnation it came from, is stored in the commit of the last batch
//! it covers, and one the server does not know leads to a full read. Of a domain controller the invocation id
//! and the highest update are compared, and the last updates looked at for having been given out twice
//! (`src/directory/active_directory/controller.rs`). A full comparison runs daily regardless. *Tests:* Samba
//! put back as an image, as an image that went on, and by the book; after 1,000 random edits the followed
//! state equals a fresh full one.
//!
//! **Another server answers**, and has not heard yet what the first one told. Objects looked up there are
//! older than what is stored, and what makes them new again would not be told a second time, whatever the
//! cookie can do. *Here:* a position is good for one controller; another one means a full read
//! (`src/directory/active_directory/mod.rs`). *Tests:* two Samba controllers, one killed.
//!
//! **The server does not tell everything.** Samba's DirSync keeps silent about what was committed while it
//! answered, and an account without inheritable rights on the tombstones cannot read those that came by
//! replication. *Here:* deletions, and what was committed meanwhile, are asked for by update number besides
//! (`src/directory/active_directory/follower.rs`); an account that does not see deletions is known as such
//! (`src/directory/active_directory/rights.rs`), everything is then read every 15 minutes, and health says so.
//! And an update is counted a moment before it is shown, so that the cookie of that moment is past it for good: what was just
//! counted is asked for by number again three seconds later, and after a full read too
//! (`src/directory/active_directory/follower.rs`).
//! *Tests:* two Samba controllers; an hour of edits in `make soak`.
//!
//! **A cookie is lost and deletions are never seen.** OpenLDAP answers a garbage cookie with a silent full
//! refresh, and forgets deletions at a restart. *Here:* both phases of RFC 4533 are told apart, and what is
//! absent from a refresh is looked up before it counts as gone. *Tests:* against a real server, restarted
//! in between.
//!
//! **A unit is renamed and its children go stale** (keycloak#21359 for filters): Active Directory reports the
//! unit alone. *Here:* everything below a container that moved is read again, or everything where some of it may
//! have left the scope (`src/directory/active_directory/containers.rs`). A DN is an attribute like others; a
//! changed base or filter leads to a full read under the guard. *Tests:* renames and moves of units in
//! `tests/it/samba.rs` and `tests/it/samba_random.rs`.
//!
//! **A new object at an old DN inherits.** harper#1564 for names. *Here:* rows are keyed by the immutable
//! id; same DN with another id is one who left and one who came (`src/sync/plan.rs`). *Tests:* inside it.
//!
//! **Locked, expired, gone: ignored.** *Here:* `pwdAccountLockedTime`, `shadowExpire` and their kin make
//! someone suspended at the moment they say, not at the next change (`src/sync/mapping/standing.rs`). *Tests:*
//! inside it, and the demo's contractors and leavers. Active Directory's end of an account and its logon
//! hours are compared at use, since no event comes when they pass; an account whose `userAccountControl`
//! is hidden from the reader is nobody (`src/sync/mapping/active_directory.rs`). *Tests:* inside it.
//!
//! **An entry of a gigabyte.** *Here:* limits for values, their number and names, each in the
//! configuration; what exceeds one is reported and skipped, and the run goes on. Entries are spilled to
//! unnamed files and merged in the order of their ids, so memory hardly grows with the directory
//! (`src/sync/stage.rs`).
//! *Tests:* inside it; `make bench` watches the memory.
//!
//! **A crash leaves half a run.** *Here:* what narrows is committed before what widens; a batch is
//! idempotent and reaches the disk in order; the cursor comes with the last (`src/sync/apply.rs`). *Tests:*
//! kill -9 in the middle, 50 times in `make test`, 1,000 in `make soak`.
