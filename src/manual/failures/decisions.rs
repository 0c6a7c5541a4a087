//! The model: deciding, saying who may do what, keeping it, showing it, writing it down, and running it all.
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
//! # Running it
//!
//! **A daemon that could do anything.** *Here:* `systemd/bailey.service` takes away what is not needed;
//! `PrivateUsers=` is left out with a reason, because it hides who calls the local socket. *Tests:*
//! `tests/it/systemd.rs` holds systemd's own rating at 1.5 or better.
//!
//! **A dependency turns.** *Here:* versions are locked, sources and licences limited, exceptions have a
//! reason and a date (`.deny.toml`); outside crates stay in the module that owns their subject, so each can
//! be replaced. *Tests:* `tests/architecture.rs`.
