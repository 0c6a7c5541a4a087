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
