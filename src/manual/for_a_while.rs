//! Access for a while: what went wrong in systems like this one, what stops it here, and where that is tested.
//!
//! **Somebody agrees to their own request**: Devolutions Server CVE-2025-11957 (by its API), Teleport GHSA-76cc-p55w-63g3 (owners of a
//! list add themselves), or with their second account. *Here:* who agrees is compared by the immutable id with who asked and who is to
//! have it, and by the number of the employee; they have to be in a group of the rule at that moment, signed in, with a second
//! factor of the last five minutes; and they agree to a digest of who gets what on which terms, so that a word changed later voids
//! it (`src/admin/grants/decide.rs`, `src/model/grant/mod.rs`). Nobody on this machine and no program agrees to anything
//! (`src/gate/rules.rs`). *Tests:* `tests/it/grants.rs`, `tests/golden/authz-matrix.txt`.
//!
//! **A ticket is a word that somebody typed.** *Here:* a rule can have something of the company's own asked about it before the last approval
//! counts (`src/ticket/mod.rs`): only a clear yes within five seconds is one, to exactly what is asked for. What is asked reaches a
//! command as JSON on its standard input and is no argument, so that a ticket called `--help` is a ticket, and a webhook by the rules
//! against request forgery. The command has no environment and ends with everything it started. It is asked with nothing locked, so
//! whoever agreed, their session and the request are looked at anew with the answer in hand (`src/admin/grants/ticket.rs`). *Tests:*
//! `tests/it/ticket.rs`, `tests/it/grants_ticket.rs`.
//!
//! **Whoever bears the name of a manager is not the manager.** A directory names managers, and names are given to others. *Here:* a rule can
//! let the manager of who is to have a role agree (`manager = true`): whom the directory's name meant when the entry was read, kept by the
//! immutable id (`src/sync/delta.rs`, `src/sync/full.rs`), looked at when they decide. Nobody is their own, by another account
//! neither, and who left or is switched off is nobody's (`src/admin/grants/mod.rs`). A manager who is of another directory is
//! not known, and several are none. *Tests:* `tests/it/sync_managers.rs`, `tests/it/grants_manager.rs`, `tests/it/samba.rs`.
//!
//! **An expired right comes back when the clock is set back** (Yuzu#2811, whatsapp-rust#1376, valkey#2651). *Here:* the clock is
//! the daemon's, which never goes back behind what was written down (`src/base/clock.rs`); an end that was noticed is a row that
//! never says anything else again (`src/model/grant/state.rs`); and nothing begins while the time is not known. *Tests:*
//! `tests/it/grants.rs`, `tests/it/clock.rs`.
//!
//! **Nobody was there when it ended.** A job that did not run ends nothing. *Here:* the end is a comparison at each use
//! (`src/rights/granted.rs`); what is written down about it is for people, at each start before anybody is answered, and every few seconds.
//!
//! **The session outlives what it was begun for** (teleport#68119, #15580, jit-groups#145). *Here:* a session carries the grant it was begun
//! by, and so does every session that follows from it. At each call the grant is read: its window, the digest, the rule, the groups of
//! its holder; its conditions have to allow that very call, whatever role is named by whatever policy (`src/policy/decide.rs`, the layer of
//! grants). Its credentials end no later than its window. *Tests:* `tests/it/grants.rs`.
//!
//! **Something lasting is made with it** (keystone CVE-2026-43001, CVE-2026-43000). *Here:* a session of a grant reads, goes on to another role,
//! whose session is one of the grant too, and shows a token of itself to an application. It calls no `iam:` and changes nothing
//! (`src/gate/rules.rs`, `is_for_grants`). *Tests:* `tests/it/grants.rs`.
//!
//! **Two rights cancel each other**: taken back with one, the other goes too, since both were one membership written into a directory. *Here:*
//! nothing is written for a right; each grant gives what it gives by itself.
//!
//! **Emergencies become habit.** *Here:* a rule has to allow it; it is said aloud (`WARN`, the audit log), and stays on the page of
//! those who could have agreed until somebody who was not in it writes down what they found.
//!
//! **The way in is handed over** (grafana#17635, HackTricks#2335: whoever reads the mail is the person). *Here:* the link of an invitation is
//! worth nothing without its code, which is read out by whoever answers for the person and stands in no mail; five wrong ones end it, a
//! day does, and the second factor uses it up in the commit that writes it (`src/authn/login/invited.rs`,
//! `src/admin/grants/invitation.rs`). Somebody who has a second factor is invited to nothing past it, and a password that somebody else
//! set opens nothing (`src/gate/judge.rs`). *Tests:* `tests/it/invitations.rs`, `tests/it/invitation_browser.rs`.
//!
//! **Somebody else's provider says who a person is** (nOAuth of 2023, where an e-mail address that anybody could claim found
//! the person; mix-up, RFC 9700 section 4.4; login CSRF). *Here:* issuer and subject find a person, and nothing else that is said; nobody comes to be by signing in, a
//! link is made once by whoever was invited, and never taken from somebody else. What was begun lies sealed in the browser that began it,
//! with the provider's name, a nonce and a code verifier (`src/authn/outside/oidc.rs`, `src/authn/login/vouched.rs`). *Tests:*
//! `tests/it/sign_in_with.rs`.
//!
//! **Nobody can say why it was a no**, so somebody is given more than they need until it works. *Here:* every answer names its request, and a
//! no keeps in its record what it rested on; who was refused reads that, what of it holds now, and which role would do
//! (`src/gate/matter.rs`, `src/admin/iam/refusals/`). The id is ours and random, never the client's (`src/base/request.rs`); others learn not
//! even that there was a refusal, people of an engagement not how policies are written, and nobody an external id. *Tests:*
//! `tests/it/explain.rs`.
