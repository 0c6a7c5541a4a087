//! Why each default is what it is. The values themselves stand in `config/example.toml`.
//!
//! **Syncrepl before polling.** A push arrives in 40 to 130 ms and costs the server nothing while nothing
//! happens. Polling is for servers without it.
//!
//! **A full comparison every 24 hours.** Some changes are never pushed: OpenLDAP's refint overlay removes a
//! deleted person from a group without touching the group's `entryCSN`. Bailey draws that conclusion itself
//! at once; the daily comparison catches what nobody thought of.
//!
//! **Every 15 minutes while deletions are invisible.** Then it is the one way to notice a leaver, and a
//! quarter of an hour is what a domain controller bears and a security lead accepts for a day or two.
//!
//! **Asked every 30 seconds, and when notified.** Notification needs no right and rings within seconds; the
//! interval is for servers that refuse it. An idle question is one look at the root DSE.
//!
//! **Deletions: 5 or 5 %.** People leave one by one; a slip in a script loses a whole unit. 5 % lets an
//! ordinary day through without anyone's consent; the count of 5 keeps small companies usable.
//!
//! **Members lost by one group: 10 %, where it has more than 20.** Teams are reshuffled; halves of
//! departments are not.
//!
//! **No limit of roles lost.** Holding a loss means that somebody keeps a right that the directory took away: how
//! many that may be, the security lead of a company says, not we. What it would have caught is shown in any case.
//! And a run without the limit reads nobody's rights.
//!
//! **Suspended before deleted.** People come back: a mistake upstream, a new contract, a rebuilt account.
//! Until then nothing they had is gone, and their name is free for someone else.
//!
//! **Pages of 1,000.** The crate we read with has no back-pressure; a page bounds what is in memory. 1,000
//! is what Active Directory allows unless told otherwise (MaxPageSize).
//!
//! **A passkey is no password's substitute until somebody says so.** It would be a way in that a directory has no word about but
//! "still there": its own rules for passwords, hours and locks do not bind it.
//!
//! **Time-outs on everything.** Connecting has one, each answer has one. A server that accepts and says
//! nothing is as away as one that refuses.
//!
//! **TLS 1.2 or newer, by rustls.** RFC 9325.
//!
//! **No plain `ldap://` beyond loopback.** The service account's password would be anybody's on the way.
//!
//! **The socket is open to all, its operations are not** (unless `socket_group` narrows it). Who calls is the kernel's word (SO_PEERCRED),
//! which no file mode improves; a refusal can then say why.
//!
//! **The master key beside the store.** It works without a word, and guards what leaves the machine: exports and backups.
//! Whoever wants more gives it by systemd, bound to the TPM.
//!
//! **Any region in a signature.** Clients sign for the region they happen to be configured for, and a key is good here
//! alone, whatever it says.
//!
//! **An encoded authorization message is good for 24 hours.** Who is refused in the evening is helped in the morning. Behind
//! that it would help those alone who read old logs of clients, where it stands in the open; and the audit log has the record.
//!
//! **Nothing public without `https.listen`, no plain HTTP beyond loopback.** What travels there are credentials.
//!
//! **No trusted proxy, no host by default.** Both are facts about a network that only its people know; a guess would be
//! somebody's way in.
//!
//! **Names go out beside the token only on demand.** A plain header is believed by an application that anybody else reaches,
//! too; a token is not.
//!
//! **5 seconds back, an hour ahead.** Beyond that the clock is not believed until it is right again or a person says that it
//! is: a daemon of time steps by less, and what is an hour ahead is another time zone or another year.
//!
//! **Signing keys: 90 days, published a day before and a day after.** Whoever verifies may keep keys for a day, which is more
//! than libraries do, and tokens last a minute. An operator who asks for the next key gets the same day before and after; who
//! fears that others have the keys gets neither: what they signed is void at once (`src/keys/signing/turn.rs`).
//!
//! **An issuer's keys: an hour, and a day while it is away.** A key that is withdrawn counts no longer than the hour. A day is
//! what an outage elsewhere may last before it stops every workload here; issuers publish keys longer than that.
//!
//! **Tokens of others: a minute ahead, not a second past.** FAPI 2.0 asks for ten seconds at least and sixty at most; a token's end
//! is its issuer's word.
//!
//! **Tokens of sessions: 10 minutes, an hour at most, for one audience.** By a token somebody acts who has no key, so
//! whoever steals it acts, too. An hour is how long the list of ended sessions has to remember one.
//!
//! **10 requests for tokens a second of one client, 50 at once.** A client that keeps a token until shortly before it ends needs one
//! in ten minutes for each of its people; at nine in the morning many come at once. A failure to show which client it is costs the
//! source one of 30, and one comes back each second: a wrong secret in a loop does not hold up those of others for long.
//!
//! **Tokens of clients: 10 minutes, an ID token 5, refreshing within 8 hours and for a day.** An access token is looked at by whoever
//! takes it, and not by us: ten minutes are what somebody who was let go still has there. Who does not come back within a working
//! day signs in again.
//!
//! **Messages of SAML: five minutes, and one for clocks.** A browser carries them at once; what is older lay somewhere. An assertion of
//! ours is good for five minutes for the same reason.
//!
//! **SAML's key turns when an administrator says so.** Applications of which the certificate was typed in, or that were given a copy of
//! the metadata (AWS), break when it turns by itself. Health reminds after a year; the others turn each 90 days by themselves.
//!
//! **A relay state of 512 bytes.** Applications can rely on 80 (SAML bindings, section 3.4.3), and mod_auth_mellon sends addresses.
//!
//! **400 requests of SAML at once from one source, 40 a second.** An office comes in at nine from behind one address, with two or three
//! steps for each application. Each costs a signature, verified or made; more than that is nobody's office. Programs that show a token or
//! an assertion for a role have 1,000 and 200: a cluster's pods come from one address, too.
//!
//! **A pushed request: 5 minutes.** Somebody may have to type a password and a code in between. FAPI 2.0 allows less than 600.
//!
//! **An exchanged secret counts a day besides, a week at most.** Whoever runs the client has to come to it; who fears that others
//! have the old one says `--overlap 0s`.
//!
//! **64 connections of one address, 512 in all.** A company behind one translated address fits into 64; 512 bodies of 1 MiB
//! stay well below the unit's `MemoryMax`. Trusted proxies are exempt from the former: they speak for many.
//!
//! **10 seconds for handshake, head and idleness, 30 for the body and for an answer to be taken.** A slow line needs one or
//! two; what takes longer keeps a place from somebody.
//!
//! **No TLS session is resumed.** A resumed one skips the client's certificate; it saves a signature, which is cheap.
//!
//! **14 days before a certificate expires health is yellow.** Who renews by machine does so a month ahead, so by then it
//! failed; who renews by hand needs the two weeks.
//!
//! **A role's session is refreshed with a quarter of an hour, or of its life, left.** SDKs begin to ask for another then;
//! earlier would make sessions that nobody needs. When that fails it is told as a failure although a little is left: who
//! cannot reach the daemon should learn it before the end, and who may not any more at once (`src/cli/broker/role.rs`).
//!
//! **A store of the demo opens with `--demo` alone.** So no demonstration becomes production by being left
//! running.
//!
//! **`LimitCORE=0`, `UMask=0077`, no capability.** Nothing Bailey does needs more. Without a unit the daemon switches core
//! dumps off itself, and closes its memory to processes of its own account (`src/daemon/memory.rs`); root can look into
//! it all the same.
//!
//! **Memory that is given back is wiped.** A password passes through buffers of TLS, HTTP, forms and LDAP that are not ours
//! to wipe; so the allocator does it (`src/main.rs`). Some seconds after a sign-in whose connection ended, the password is
//! nowhere in the daemon's memory. While the connection is open it may stand in its buffers; the kernel's, and those of
//! the directory and of clients, are theirs. What the daemon needs as long as it runs stays: the master key's schedule,
//! sealing, signing and session keys, and the passwords of accounts that read directories (`tests/it/secrets_kept.rs`).
