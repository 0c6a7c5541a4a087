//! Being reached over the network.
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
