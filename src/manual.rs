//! The manual: documentation only, no code.
//!
//! [`failures`] lists what went wrong in systems like this one, what stops it here, and where that is tested.
//! [`for_a_while`] does so of roles that are granted for a while, [`saml`] of SAML.
//! [`defaults`] says why each default is what it is. A change to a guard or a default belongs here too;
//! `tests/architecture.rs` checks that every file named still exists.

pub mod failures {
    //! Known attacks and failures, and what stops each of them here.
    //!
    //! Each entry says what happened to others, what is so here and where, and how it is tested. *Tests inside*
    //! means the unit tests at the end of the file named.
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
    //!
    //! # Deciding
    //!
    //! **A variable's value acts as a wildcard.** In iam-rs 0.8 a user who is called `*` has everybody's home directory.
    //! *Here:* a pattern is compiled before any value is known, and what a variable stands for is compared as text
    //! (`src/policy/pattern.rs`). *Tests:* inside it, and `tests/fixtures/policies/order.jsonl`.
    //!
    //! **The first statement that matches wins**, so that an Allow before a Deny allows (scratchstack-aspen 0.3). *Here:* any
    //! Deny of any document ends it, and only then is counted who allows (`src/policy/decide.rs`). *Tests:* the property
    //! that another Deny never widens, and a second evaluator over random cases (`tests/it/policy.rs`).
    //!
    //! **A policy that is not understood is half obeyed:** a misspelt `Condition` is passed over, and a member that stands twice
    //! counts once, for different readers in different places. *Here:* what is unknown, double or malformed is refused with
    //! its place (`src/policy/parse.rs`, `src/policy/json.rs`); a document that was parsed has nothing left to err about.
    //! *Tests:* inside both.
    //!
    //! **A pattern takes for ever.** Translated into a regular expression, or matched by recursion, `a*a*a*..b` takes a time that
    //! grows with each star. *Here:* matching goes back to the last star alone (`src/policy/pattern.rs`). *Tests:* inside it.
    //!
    //! **What is absent lets in.** `ForAllValues`, negated operators and IfExists hold of a key that is not there; with Allow
    //! that grants to whoever does not send it. *Here:* as AWS documents it, because policies are carried over, and told by
    //! `bailey policy lint` (`src/policy/lint.rs`). *Tests:* inside it, and `tests/fixtures/policies/operators.txt`.
    //!
    //! # Saying who may do what
    //!
    //! **A name that returns brings the trust with it.** A policy that trusts `user/ann` would trust whoever is called so next
    //! year. *Here:* a trust policy is bound to ids when it is written and names nobody who is not there; what hangs on
    //! somebody hangs on their id (`src/admin/iam/trust.rs`). *Tests:* `tests/it/iam.rs`, a rename and a namesake.
    //!
    //! **A rule means more groups than it was meant for.** An expression that matches anywhere in a name takes
    //! `old-aws-admin` for `aws-admin`, and one that backtracks stops a daemon. *Here:* rules fit whole names, in time linear in
    //! the name, and `bailey role coverage` shows what they come to (`src/model/group_rule.rs`).
    //!
    //! **A guardrail locks its makers out.** An account of AWS whose last allow is detached can be repaired from the
    //! management account, which none binds; in an organization of one there is nothing above. *Here:* guardrails bind whoever
    //! signs, root included, and operators of the machine never, whose calls no policy decides (`src/rights/guardrails.rs`).
    //! One that would leave nobody who signs able to repair is told when it is attached, changed or detached
    //! (`src/admin/iam/lockout.rs`), and one that cannot be read lets nobody do anything. *Tests:* `tests/it/guardrails.rs`.
    //!
    //! **A guardrail is about the wrong account.** Between two accounts the one that asks and the one that owns differ, and so
    //! do their guardrails. *Here:* those of services are taken by the principal's account, those of resources by the
    //! resource's (`src/rights/guardrails.rs`). *Tests:* a table of both in `tests/it/guardrails.rs`.
    //!
    //! **Root of one account is root of all.** A right that is about `*` knows no account, and a session that may ask about
    //! "itself" may find that its self is somebody else's. *Here:* root of another account, as `sts:AssumeRoot` gives it, is
    //! narrowed to the document of a task that names that root alone and denies all else, and asks in a table of operations of its
    //! own, none of which looks at the home account (`src/model/root_task.rs`, `src/gate/judge.rs`, `src/iam/root_task.rs`).
    //! *Tests:* every action of IAM, and every spelling of somebody else, in `tests/it/sts_root.rs`.
    //!
    //! **A refusal tells an attacker the policy.** What statement denies, what tags are looked at, is a map of what to try next; and
    //! without it nobody can help whoever is refused. *Here:* it comes sealed (`src/sts/authorization_message.rs`), to be
    //! read by who may `sts:DecodeAuthorizationMessage`, which is recorded. *Tests:* `tests/it/sts_decode.rs`.
    //!
    //! **An update of the program changes rights.** *Here:* a newer ready-made policy is a further version, and the one that
    //! counts stays where anybody holds it (`src/admin/iam/templates.rs`).
    //!
    //! **What is deleted while somebody attaches it stays attached.** *Here:* whatever comes to hang on a row claims it in the
    //! same commit, and a deletion demands that nothing has (`src/store/iam.rs`).
    //!
    //! # Keeping it
    //!
    //! **The database says done and means soon.** sled 0.34's `flush` is `sync_file_range`, which promises
    //! nothing after a power cut, and without any flush the first kill lost 673 of 845 acknowledged writes; the
    //! 1.0 alphas lost flushed ones. *Here:* a commit is a transaction, a flush and an `fdatasync` of the file,
    //! and only then acknowledged; the version is pinned (`src/store/sled.rs`, `Cargo.toml`). Writers share one
    //! disk flush without a timer. *Tests:* the store's conformance suite, and the kill loop above.
    //!
    //! **The disk is full and nothing starts.** sled does not open on a full disk. *Here:* a reserve file is
    //! given up first, so Bailey restarts and can still take rights away (`src/store/sled.rs`). *Tests:* on a
    //! file system of 12 MB.
    //!
    //! **Secrets at rest.** *Here:* passwords live in files or credentials, are held in `base::Secret`, which
    //! wipes itself and cannot be printed or compared by accident (`src/base/secret.rs`), and never reach the
    //! store unsealed. Files others can read are a finding of `bailey check`. Core dumps are off in the unit. *Tests:*
    //! inside `src/base/secret.rs`.
    //!
    //! **A newer schema, an older program.** *Here:* the store says its version; a newer one is refused, an
    //! older one migrated by a numbered step (`src/store/schema.rs`). *Tests:* inside it.
    //!
    //! # Pages
    //!
    //! **Another site signs somebody in, or acts for them** (Keycloak CVE-2026-7507, CVE-2024-7341; login CSRF). *Here:* a form counts if the
    //! browser says that it is on a page of ours, its cookie counts, and the form has the code of that very session; before
    //! there is one, that of the page to sign in at (`src/http/portal/visit.rs`, `src/sso/flow.rs`). *Tests:* `tests/it/portal.rs`.
    //!
    //! **A session from before the sign-in is a session behind it.** *Here:* each sign-in begins a new session, and ends the one that the
    //! browser had; a cookie is no token of a program, and the other way round (`src/keys/session.rs`). *Tests:* `tests/it/portal.rs`.
    //!
    //! **A name from the directory is markup.** *Here:* templates escape everything, and the content policy lets no script be
    //! written (`src/http/portal/pages.rs`). *Tests:* `tests/it/portal.rs`.
    //!
    //! **A page works for those alone who made it.** *Here:* without scripts, on a telephone, by light and by dark, and a checker of
    //! accessibility finds nothing serious. *Tests:* Chromium, in `tests/it/portal_browser.rs`.
    //!
    //! # Writing it down
    //!
    //! **A name writes a log line.** RUSTSEC-2025-0055 let escape codes through to the terminal. *Here:*
    //! foreign text is shown only through `base::text::printable`: control, bidirectional and invisible
    //! characters are written out (`src/base/text.rs`). *Tests:* inside it.
    //!
    //! **The log fails, the act succeeds** (elizaOS#9332, a full disk). *Here:* an act needs an
    //! `audit::Opened`, which exists once the "begun" record is on disk (`src/audit/mod.rs`); or it is one commit, as
    //! the beginning of a session, and its record is in that commit (`audit::Intended`). Only what narrows
    //! rights may go ahead with `audit::Owed`, and is recorded first when the disk is back. *Tests:* inside
    //! `src/audit`.
    //!
    //! **Only successes are recorded** (vault#2472). *Here:* a refused act completes its record as refused.
    //! *Tests:* inside `src/audit`.
    //!
    //! **The log as a weapon.** Vault's audit file became code that ran (GHSA-mr4h-qf9j-f665). *Here:* it lives
    //! in the store; no path can be set, and no secret is part of a record's type. *Tests:* inside `src/audit`.
    //!
    //! **Records vanish.** *Here:* numbered without gaps and chained by hash; `bailey audit verify` names the
    //! first that does not fit (`src/audit/mod.rs`). *Tests:* alter, remove, reorder, insert, cut off.
    //!
    //! # Being reached over the network
    //!
    //! **The caller says where it comes from.** seaweedfs#8304 came to trust `X-Forwarded-For` and #11231 had to take that
    //! back; minio#4736 and scality/cloudserver#2201 are of the kind. *Here:* the address is the connection's, unless that is
    //! a proxy the configuration names; then the right-most hop that is none. What stands further left is not looked at, and a
    //! hop that counts and cannot be read refuses the request (`src/http/origin.rs`). A proxy's client certificate is nobody
    //! else's. *Tests:* inside it, the property that no client can be another; `tests/it/https.rs`.
    //!
    //! **A page elsewhere asks us under its own name** (DNS rebinding), or has a link made of the host it was asked for.
    //! *Here:* a request names one host, of the list, in target and header alike, or is refused (`src/http/hosts.rs`). *Tests:*
    //! inside it, and `tests/it/https.rs`.
    //!
    //! **Loopback is taken for a border.** Whatever serves credentials on 127.0.0.1 is reached by every person of the machine, by
    //! every page that a browser shows, and through every proxy that can be made to ask (server-side request forgery; metadata of
    //! version 1 gave them to anybody who could have a URL fetched). *Here:* `bailey credentials serve` answers the kernel's word of
    //! whose connection it is (`src/cli/broker/peer.rs`), one `Host`, nothing that a browser or a proxy sends
    //! (`src/cli/broker/arrival.rs`), and who shows a token (`src/cli/broker/container.rs`, `src/cli/broker/imds.rs`), without a way back to version 1. *Tests:*
    //! inside them, and `tests/it/broker_serve.rs`, another person of the machine among them.
    //!
    //! **Credentials lie in a home directory.** *Here:* a session of hours instead of a key for ever, in a file that nobody else
    //! may open, not through a symbolic link either; one that others could have read is refused, not repaired
    //! (`src/cli/login/cache.rs`). *Tests:* inside it, and `tests/it/broker_login.rs`. What remains: whoever is that person, or root, on that machine.
    //!
    //! **Connections that never end.** Half a handshake, half a head, half a body, an answer nobody takes; thousands of them from
    //! one address (RUSTSEC-2024-0336, and RUSTSEC-2024-0332 for HTTP/2). *Here:* each has its time (`src/http/limits.rs`,
    //! `src/http/patient.rs`), a handshake runs in its connection's own task (`src/http/serve.rs`), an address, or a network of 64
    //! bits, has so many places (`src/http/places.rs`), and HTTP/2 is not spoken (`src/http/tls.rs`). *Tests:* inside them,
    //! and `tests/it/https.rs`. What remains: many addresses together can take all the places for as long as those times.
    //!
    //! **A certificate expires, or its renewal breaks the service.** *Here:* files are looked at every minute, taken up only if
    //! key and certificate belong together, and otherwise left with an error while the old ones go on; health tells the end two
    //! weeks ahead (`src/daemon/https.rs`). *Tests:* `tests/it/https.rs`.
    //!
    //! **A signature that is not looked at on one path** (MinIO CVE-2025-31489, CVE-2026-40344, CVE-2026-41145). *Here:* one
    //! place makes the proof that routes need (`src/authn/sigv4/claim.rs`), header and address together are refused, the body is
    //! hashed always, `UNSIGNED-PAYLOAD` is refused by name. *Tests:* `tests/it/sigv4.rs`: ten thousand requests signed by
    //! botocore, a hundred thousand changed by a byte.
    //!
    //! **A captured request is sent again** (keystone CVE-2020-12692). *Here:* five minutes, and what changes something takes
    //! each signature once; one that was made before a restart is not taken after it (`src/authn/sigv4/replay.rs`). *Tests:*
    //! inside it, under a race.
    //!
    //! **A clock that is set back lets what ended live again** (Yuzu#2811: an approval of 30 days, by 31; whatsapp-rust#1376,
    //! valkey#2651). *Here:* time goes on from where it had come, over restarts too, by a clock that nobody can set; and while the
    //! wall clock is behind that, or leapt ahead of it, nothing may be issued that ends (`src/base/clock/steady.rs`). *Tests:*
    //! inside it, and `tests/it/clock.rs`: the daemon under libfaketime.
    //!
    //! **Sessions outlive their reason** (keystone CVE-2012-5571, glpi#1549, ferriskey#1232: a role taken away or somebody deleted,
    //! and the token works on). *Here:* nothing has to be revoked: whether a session counts is asked at each use, of the person, of what it
    //! was begun with, and of the role for what was asked for then (`sessions/check`). *Tests:* `sts_chain`.
    //!
    //! **A chain makes itself longer** (keystone CVE-2026-44394, CVE-2012-3426). *Here:* a session ends with the one that began it at
    //! the latest, an hour where that is one of a role, and a limit is told instead of applied. *Test:*
    //! `sts::a_limit_that_is_passed_is_told_and_nothing_is_cut_short`.
    //!
    //! **Credentials that were handed out hand out others** (keystone CVE-2026-43001, CVE-2020-12690). *Here:* the gate's own table
    //! says what sessions do not do, whatever policies say. *Test:* `sts::what_sessions_must_not_do_is_no_matter_of_policies`.
    //!
    //! **What a request says stands where trusted facts should** (keystone CVE-2026-42999). *Here:* tags of a request are
    //! `aws:RequestTag` and need `sts:TagSession`; two that differ by case are refused; those that go on cannot be set again. *Test:*
    //! `sts::tags_of_a_session_count_and_those_that_go_on_stay_as_they_are`.
    //!
    //! **A session policy that counts on some paths alone** (MinIO GHSA-jjjj-jwhf-8rgr, CVE-2022-24842). *Here:* it is a layer of the one
    //! decision, for our own actions, for applications and for the next role alike; one whose text is gone allows nothing. *Test:*
    //! `sts::a_session_policy_narrows_and_widens_nothing`.
    //!
    //! **A token chooses how it is verified** (CVE-2016-10555, CVE-2018-0114, PyJWT CVE-2026-48526, fast-jwt). *Here:* a key knows
    //! its one algorithm, the header's is compared with it, and a header that says more than `alg`, `kid` and `typ` is none of ours;
    //! no algorithm is symmetric (`src/keys/signing/token.rs`). *Tests:* `src/keys/signing/tests.rs`: `none`, HMAC keyed with the
    //! public key in every spelling, keys in the header, other algorithms, weak signatures.
    //!
    //! **Signatures checked for others** (keystone CVE-2025-65073). *Here:* there is no way to have a foreign request's
    //! signature checked: what is verified is the request itself.
    //!
    //! **A proxy asks about one path, the application takes it for another.** `/public/..%2fadmin`, `/admin;x`, `//admin`: each
    //! is read by somebody as something else (Spring CVE-2021-22112 and its kin). *Here:* a path is decoded once, what could be
    //! read in two ways is refused whoever asks, and what no rule names is denied (`src/access/forward/target.rs`,
    //! `src/access/forward/mapping.rs`); headers that make another request of it, too (`src/http/forward/visit.rs`). *Tests:*
    //! inside them, and `tests/it/forward_auth_nginx.rs`, through a real nginx.
    //!
    //! **Whoever reaches the application says who they are.** A header that a proxy sets can be sent by anybody who gets past
    //! it, and a proxy's question by anybody who reaches us. *Here:* a proxy is known by its address and a secret or certificate
    //! (`src/authn/proxy.rs`), each header it sets may be there once, and the application gets a token that is signed, for it
    //! alone, about this request, and good for a minute (`src/access/forward/identity.rs`). The person is known by a signature over
    //! the request as it was sent, so a proxy passes identities on and cannot make them up. *Tests:* `tests/it/forward_auth.rs`.
    //!
    //! **A host of one application, the rules of another.** A proxy's default server takes requests for hosts that are none of
    //! its own. *Here:* a proxy may insist on an application, and then host and application have to go together
    //! (`src/access/forward/mapping.rs`). *Tests:* inside it, and `tests/it/forward_auth_nginx.rs`.
    //!
    //! **A name that is spelt another way slips past a Deny.** *Here:* the gate decides about the ARN of what is found by the
    //! words of the request, and operations find it by the same code (`src/gate/target.rs`, `src/rights/find.rs`).
    //!
    //! **A password file, cracked at leisure; a second factor, guessed.** *Here:* Argon2id, two at a time, behind a short queue
    //! (`src/authn/password/mod.rs`); a deny list that asks how many guesses it takes (`src/authn/password/judge.rs`); five wrong
    //! tries in a quarter of an hour (`src/authn/limiter.rs`); each code is taken once (`src/authn/totp.rs`).
    //!
    //! **Secrets in a stolen backup.** *Here:* what has to be readable again is sealed, bound to its owner, by keys whose own key
    //! is elsewhere (`src/keys/mod.rs`); a row in the place of another does not open. *Tests:* `tests/it/credentials.rs` looks
    //! for told secrets in every byte of the store.
    //!
    //! # Believing others
    //!
    //! **We are made to ask our own network** (twenty#25638, open-mercato#4037, better-auth#10830, artifact-keeper#1832): an
    //! issuer's address, or what its document points to, is `169.254.169.254`, or becomes it between the check and the
    //! connection. *Here:* one client fetches for others; it asks DNS once, refuses every address that is not public and not
    //! named in `networks`, however it is written, dials the very address it checked, follows no redirection and asks the
    //! environment for no proxy (`src/fetch/mod.rs`, `src/fetch/address.rs`). *Tests:* inside it, and `tests/it/fetch.rs`: a
    //! resolver that changes its mind, redirections, endless and dripping answers.
    //!
    //! **A public key becomes a shared secret, or no signature is one** (CVE-2016-10555, PyJWT CVE-2026-48526, fast-jwt
    //! CVE-2023-48223, python-jose CVE-2024-33663). *Here:* no symmetric algorithm has a name, `none` neither; the algorithm
    //! must be the key's (`src/authn/federated/jws.rs`, `src/authn/federated/jwk.rs`). *Tests:* `tests/it/web_identity.rs`,
    //! tokens that PyJWT's keys forged in 85 ways, and the property that no changed token counts.
    //!
    //! **A token brings its key along** (node-jose CVE-2018-0114), or is of another sort: an access token taken for somebody's
    //! identity. *Here:* keys are looked up by name in what the issuer publishes, and nowhere else; `typ` must be `JWT`, `crit`
    //! is refused, a member that stands twice too (`src/authn/federated/json.rs`). *Tests:* `tests/it/web_identity.rs`.
    //!
    //! **Garbage makes us ask the issuer without end.** *Here:* nobody is asked about a token that could not count; an issuer is
    //! asked once a minute at most, by one for all who wait, and hanging up neither stops nor repeats it
    //! (`src/authn/federated/keeping.rs`). *Tests:* `tests/it/web_identity.rs`, 64 at once.
    //!
    //! **Everybody on GitHub may assume the role.** Trust in an issuer that signs for the whole world, with a condition on `aud`
    //! alone, which every stranger can meet. *Here:* such a policy is refused when it is written, and one that is there counts
    //! for nothing (`src/policy/strangers.rs`, `src/admin/iam/trust.rs`). *Tests:* inside it, and `tests/it/web_identity.rs`.
    //!
    //! **A name in a certificate is whatever a computer calls itself.** Whoever may write a computer's `dNSHostName` got a certificate
    //! of a domain controller (CVE-2022-26923); Microsoft's answer is the SID in the certificate (KB5014754). *Here:* a computer
    //! of a directory is known by that SID alone, never by a name, and by the SID of nobody but a computer; a certificate with
    //! a SID counts for no declared machine (`src/authn/machine/leaf.rs`, `src/authn/machine/identify.rs`). *Tests:*
    //! `tests/it/machine_certificates.rs`, `tests/it/machine_samba.rs`.
    //!
    //! **Any authority of the listener vouches for any machine.** Trust stores grow: that of proxies, of people, of machines.
    //! *Here:* each authority is believed about the machines of its section alone, by a verification of its own
    //! (`src/authn/machine/issuers.rs`), which wants clientAuth to be named. *Tests:* `tests/it/machine_certificates.rs`.
    //!
    //! **A certificate in a header.** Proxies pass on what they saw as `X-SSL-Client-Cert` and the like, and whoever reaches the
    //! server past the proxy writes the same header. *Here:* none is read; what counts is the TLS handshake with us, and that of a
    //! trusted proxy is nobody's (`src/http/origin.rs`). *Tests:* `tests/it/machine_certificates.rs`, `tests/it/machine_samba.rs`.
    //!
    //! **The list of revoked certificates is not there, or old, and all pass.** *Here:* where there is to be one, an authority on the
    //! way without one, or with one that is out of date, lets nobody in; without a list certificates live for a day
    //! (`src/authn/machine/issuers.rs`, `src/config/machine_issuer.rs`). *Tests:* `tests/it/machine_certificates.rs`.
    //!
    //! **A name in a ticket is whoever has it at the time.** A computer is deleted or renamed, another one joins under its name, and
    //! the first one's ticket is good for hours more; or `WEB1` is taken for `WEB1$` (CVE-2021-42287). *Here:* a name of one part that
    //! ends with `$`, of the realm of one directory, which means one machine of the store, which its domain, asked each time, says
    //! has that name under the same objectGUID and is not disabled; a name that was another's within 24 hours, deleted machines
    //! included, is nobody's until these are over, and while no domain controller answers every name is nobody's
    //! (`src/authn/kerberos/principal.rs`, `src/authn/machine/ticket.rs`). *Tests:* inside both, and
    //! `tests/it/machine_kerberos.rs`. What remains: another that no sync ever saw is not known of, `directory.only_under` hides
    //! some; tickets that live for more than 24 hours; and domain controllers that give out a ticket in this name to
    //! whoever writes it into their own `userPrincipalName`. Samba 4.17 refuses to write that.
    //!
    //! **A ticket is passed on.** Whoever gets a computer to connect to them shows its ticket here. *Here:* tickets are taken by keys of
    //! `HTTP/` alone, over HTTPS alone, NTLM never, each once: by MIT Kerberos' replay cache in the state directory, which is on the
    //! disk before the answer, and by a memory of our own (`src/authn/kerberos/accept.rs`, `src/authn/kerberos/once.rs`). They are not
    //! bound to the TLS connection (RFC 5929), for curl 7.88 cannot say which one it is on; so it is the name of our host in the
    //! ticket that stops this, and Kerberos proves that by its key alone: an account that has other services' names, too, gives each
    //! of these hosts tickets that are good here. Give `HTTP/` and our host an account of its own. *Tests:*
    //! `tests/it/machine_kerberos.rs`, one token shown 64 times at once, and again behind a restart.
    //!
    //! **Clocks differ, and nobody gets in.** Kerberos takes a token for 5 minutes before and after the time in it. *Here:* it is said
    //! that this is why, and what to do; a skew set higher in `krb5.conf` makes captured tokens good for longer. *Tests:* inside
    //! `src/authn/kerberos/mod.rs`.
    //!
    //! # Signing people in to applications
    //!
    //! **Somebody is sent back to another place** (Keycloak CVE-2026-7504 and #48430, zitadel#12559, OpenAM CVE-2017-14394). *Here:*
    //! addresses are compared byte by byte, and there are no wildcards (`src/model/client/redirect.rs`). *Tests:*
    //! `src/model/client/tests.rs`, every address that differs by a byte.
    //!
    //! **A code or a refresh token counts twice** (Dex CVE-2022-39222; Keycloak CVE-2026-1035, #50999, CVE-2026-9802). *Here:* that it
    //! was used is on disk before the answer, by compare-and-swap and by number; one that comes again ends all that came of it
    //! (`src/sso/code.rs`, `src/sso/refresh.rs`). *Tests:* 64 at the same moment, and restarts, in `tests/it/sso_codes.rs`; a full
    //! disk, a clock that is set back and kill -9 between the request and its answer in `tests/it/sso_faults.rs`.
    //!
    //! **A client that is gone leaves its tokens behind.** *Here:* they end with it, whether it is deleted, takes itself back or is
    //! declared no longer, and it is told (`src/admin/clients/gone.rs`); tokens by which clients register end with a restore.
    //! *Tests:* `tests/it/sso_logout.rs`, `tests/it/sso_faults.rs`.
    //!
    //! **A client is taken for another.** *Here:* it shows who it is in one way, never in an address; an assertion is for us alone and
    //! spent before it counts (`src/sso/authenticate.rs`, `src/sso/assertion.rs`). *Tests:* `tests/it/sso_tokens.rs`.
    //!
    //! **Somebody types a stranger's code.** Since 2020 whoever wants into other people's mail has had them type a code of their own
    //! at the real page of a device sign-in (RFC 8628 5.4), and a link with the code in it spares them the typing. *Here:* no
    //! address carries a code; what asks, from where and for what is shown before anybody agrees, with what a thief would say;
    //! wrong codes are counted by person and by network; whether the person may is decided again where the device is
    //! (`src/sso/device.rs`, `src/sso/device_answer.rs`). *Tests:* `tests/it/sso_devices.rs`.
    //!
    //! **A token of one client is exchanged by another.** What somebody let one application have becomes what another does in
    //! their name. *Here:* a client exchanges its own tokens alone; one that keeps no secret needs a token that is for our STS;
    //! the role is decided as of every way to one, and its session dies with the tokens (`src/sso/exchange.rs`,
    //! `src/sts/exchange.rs`, `src/sessions/check.rs`). *Tests:* `tests/it/sso_exchange.rs`.
    //!
    //! **A link signs people out, or on to elsewhere.** *Here:* whoever is signed in is asked; onward goes an address that is
    //! registered, letter by letter (`src/sso/logout.rs`). Where clients are told of a sign-out is an address that somebody
    //! registered, and is reached by the rules of every address of outsiders (`src/sso/backchannel.rs`, `src/fetch/mod.rs`).
    //! *Tests:* `tests/it/sso_logout.rs`.
    //!
    //! **A program on somebody's machine takes their sign-in over.** Every program reaches loopback. *Here:* what is brought
    //! there has to have the state of this sign-in and our name, and is worth nothing without the verifier
    //! (`src/cli/login/browser.rs`). *Tests:* `tests/it/broker_sso.rs`.
    //! **A right that was taken away lives on in an application.** *Here:* whether somebody may sign in to it is asked again with each
    //! token (`src/sso/person.rs`, `src/gate/again.rs`), by what is true now and, of the person's address and browser, by what was
    //! true when they asked: the request is the client's. *Tests:* `tests/it/sso_again.rs`.
    //!
    //! **A request is read from where somebody else wants** (`request_uri`), **or changed by the browser that carries it.** *Here:* the
    //! only names that are taken are those that we made, for the client that pushed the request, and each for one code
    //! (`src/sso/par.rs`). *Tests:* 64 browsers at the same moment, and a restart, in `tests/it/sso_par.rs`.
    //!
    //! **A token is copied.** *Here:* a client can bind its tokens to a key, and every proof of that is for one request, carries a nonce
    //! of ours and is spent before it counts (`src/sso/dpop.rs`). A client that does not is held by lifetimes alone. *Tests:* each
    //! field of a proof, 64 at the same moment, and a restart, in `tests/it/sso_dpop.rs`.
    //!
    //! **Whoever can register a client signs in whom they like.** *Here:* that is off; where it is on it takes a token of an
    //! administrator's, good so often and so long, and such a client signs in the people of the configured groups and does nothing
    //! else (`src/sso/register.rs`). It cannot change itself afterwards: it would take back what an administrator narrowed. *Tests:*
    //! `tests/it/sso_register.rs`.
    //!
    //! # Running it
    //!
    //! **A daemon that could do anything.** *Here:* `systemd/bailey.service` takes away what is not needed;
    //! `PrivateUsers=` is left out with a reason, because it hides who calls the local socket. *Tests:*
    //! `tests/it/systemd.rs` holds systemd's own rating at 1.5 or better.
    //!
    //! **A dependency turns.** *Here:* versions are locked, sources and licences limited, exceptions have a
    //! reason and a date (`.deny.toml`); outside crates stay in the module that owns their subject, so each can
    //! be replaced. *Tests:* `tests/architecture.rs`.
}

pub mod verifying {
    //! How an application verifies the tokens of sessions without asking about each.
    //!
    //! A token (`at+jwt`, RFC 9068) is made by `POST /v1/session/token`. Whoever takes one holds all of these together:
    //!
    //! 1. Its header says `at+jwt`, and `kid` names a key of `/oauth2/jwks`, fetched once a day at least and when a name is not
    //!    there (once a minute at most). The algorithm is that key's (`alg` there); what the header says chooses nothing.
    //! 2. `iss` is `urn:bailey:ACCOUNT`, and `aud` is the application's own name, which no other application has.
    //! 3. `exp` is ahead, and `iat` is not, by more than ten seconds.
    //!
    //! That it was made says nothing about now: somebody may have left since. Who can ask does, by `GET /v1/session` with the token
    //! as bearer: `active` says whether the session counts at this moment, by all that makes sessions end. Who cannot keeps the list
    //! of `GET /oauth2/revocations`, asked for every half minute (with `If-None-Match`; any cache may stand between):
    //!
    //! 4. The list is a token, verified as above, but of type `revocations+jwt` and without an audience. It is taken only if its `seq`
    //!    is not below the highest seen, and used until its `exp`, five minutes after it was signed. Without a list that is
    //!    good, no token is: whoever can hold the list back could otherwise bring the ended back to life.
    //! 5. The token's `epoch` is the list's. It is another one after a restore from a backup, which voids everything
    //!    issued before.
    //! 6. The token's `sid` is not among the list's `sids`, and its `iat` is not before `not_before`, where the list says that.
    //!
    //! What the list cannot say: that a directory has not been heard of for too long, or that the hours have come at which somebody may
    //! not work, since those sessions may count again. An end is in the list a few seconds after it is written down, which for one
    //! that follows from another (a role lost, a session before it) takes a few seconds, too. With half a minute between two looks
    //! a token counts for less than a minute beyond its session; ask for a shorter one where that is too long.
    //!
    //! Code: `src/issue/token.rs`, `src/sessions/feed.rs`, `src/http/session.rs`. Tests: `tests/it/role_tokens.rs`,
    //! `tests/it/revocations.rs`.
}

pub mod defaults;
pub mod for_a_while;
pub mod saml;
