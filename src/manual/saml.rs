//! Known attacks on SAML, and what stops each of them here.
//!
//! Each entry says what happened to others, what is so here and where, and how it is tested.
//!
//! **What was verified is not what is read** (signature wrapping: CVE-2024-45409, CVE-2025-47949, CVE-2022-41912 and many more). *Here:*
//! there is one parser, one tree and one assertion; elements are handed out for the node that was digested and for no other
//! (`src/saml_xml/message.rs`, `src/saml_xml/verify.rs`). *Tests:* `tests/it/saml_attacks.rs`, more than a thousand arrangements of two
//! assertions; `tests/it/saml_mutants.rs`, ten thousand mutants beside xmlsec1, a hundred thousand in `make soak`.
//!
//! **Two programs read one text in two ways** (comments in names, CVE-2017-11428; entities, ruby-saml#247; parsers, CVE-2025-25291).
//! *Here:* what they disagree about is refused in the bytes, before anything is parsed (`src/saml_xml/limits.rs`). *Tests:*
//! `tests/it/saml_attacks.rs`.
//!
//! **No signature, or one by a key that came along** (CVE-2026-28323, CVE-2026-18089). *Here:* keys come from metadata for which an
//! administrator vouches (`src/saml_xml/keys.rs`), and without a signature by one of them there is nothing to read. *Tests:*
//! `tests/it/saml_attacks.rs`.
//!
//! **Errors tell what decryption saw** (Bleichenbacher; lsh123/xmlsec#289). *Here:* AES-GCM with RSA-OAEP and nothing else, one error
//! text, and the same work behind a key that cannot be unwrapped, and with each key where there are two (`src/saml_xml/decrypt.rs`).
//! *Tests:* `tests/it/saml_judge.rs`, `tests/it/sts_saml_encrypted.rs`.
//!
//! **For another service, another request, another time** (ASVS#1738). *Here:* each of these is a rule with a name, and a refusal says
//! which (`src/authn/saml/judge.rs`). *Tests:* `tests/it/saml_judge.rs`, one field at a time.
//!
//! **Shown twice, or posted by somebody else's page** (ASVS#1738). *Here:* an assertion counts once for a role, written with the session
//! in one act (`src/issue/mod.rs`), and once for a sign-in, with the request that it answers (`src/authn/outside/saml.rs`); nobody signs in
//! by a response that this very browser did not ask for within five minutes (`src/http/portal/outside.rs`); by a clock that leapt ahead
//! nothing of that is forgotten (`src/daemon/upkeep.rs`). *Tests:* `tests/it/sts_saml_clients.rs`, `tests/it/sign_in_with_saml.rs` and
//! `tests/it/sign_in_with_lasting.rs`, sixty-four at once and over a restart; `tests/it/saml_faults_firm.rs`, killed, on a full disk, and
//! on a clock that is wrong.
//!
//! **Whoever asks for nothing fills the disk, or ends a sign-in of somebody else** (forms of other sites; a write for each message that
//! nobody signed). *Here:* what somebody began lies in their browser, and is spent, there and in the store, by a response that is believed
//! and by no other (`src/authn/outside/pending.rs`); each source comes so often (`src/http/portal/outside.rs`), and leaves so many
//! records (`src/gate/refused.rs`). *Tests:* `tests/it/sign_in_with_lasting.rs`.
//!
//! **Signed in once, and told as if it were now** (an old session at the provider, where an application asks for a new sign-in). *Here:* when
//! they signed in is what the provider says, up to applications; `ForceAuthn`, `prompt=login` and `max_age` go on to it, and an answer that
//! is older is refused (`src/authn/outside/pending.rs`). *Tests:* `tests/it/sign_in_with_lasting.rs`, `tests/it/sign_in_with.rs`.
//!
//! **People known by what others may be called next**. *Here:* a sign-in takes persistent names of that provider for us, and
//! keeps them apart from subjects of OpenID Connect by the same issuer (`src/authn/saml/party.rs`, `src/model/outside_identity.rs`).
//! *Tests:* `tests/it/sign_in_with_saml.rs`.
//!
//! **Metadata that changes by itself** (whoever has the web server has the keys). *Here:* what is fetched and says something else counts
//! for nothing until an administrator confirms it by its digest, until when it is good included (`src/admin/iam/providers/fetched.rs`);
//! sessions end with the key that vouched for them, of roles (`src/sessions/check.rs`) as of people who signed in by it
//! (`src/sessions/outside.rs`), and no later than the provider says (`src/issue/duration.rs`). *Tests:* `tests/it/saml_idp.rs`,
//! `tests/it/sts_saml.rs`, `tests/it/sign_in_with_lasting.rs`.
//!
//! **Assertions go where a request, or new metadata, says** (an address of one's own in `AssertionConsumerServiceURL`; a taken-over
//! address of metadata). *Here:* addresses stand in pinned metadata, `https` and POST alone (`src/authn/saml/service_provider.rs`);
//! newer metadata with another name, key or address waits until an administrator confirms it by its digest
//! (`src/admin/saml_sps/refresh.rs`), and where a section of the configuration names its address, the first that came from there is
//! pinned (`src/admin/saml_sps/declared.rs`). *Tests:* `tests/it/saml_sps.rs`, `tests/it/saml_sp_urls.rs`.
//!
//! **A response goes where a request says**. *Here:* a request chooses among the addresses of the registered metadata and
//! brings none of its own; `RelayState` goes along and leads nowhere (`src/sso/saml/asked.rs`), and the page that posts may post there
//! alone (`src/http/portal/saml.rs`). *Tests:* `tests/it/saml_sign_on.rs`.
//!
//! **A request that inflates to a gigabyte** (CVE-2025-25293). *Here:* nothing inflates to more than a message may have
//! (`src/saml_xml/deflate.rs`). *Tests:* `tests/it/saml_sign_on.rs`.
//!
//! **Somebody asks in another's name, or once more** (replay). *Here:* who says that it signs has to, by either binding, and what is
//! signed beside a message is verified letter by letter as it came (`src/sso/saml/bindings.rs`); a request is answered once, and in a
//! session that counts, both in one act (`src/sso/saml/answer.rs`). *Tests:* `tests/it/saml_sign_on.rs`; `tests/it/saml_faults.rs`.
//!
//! **Somebody signs others out** (forged `LogoutRequest`). *Here:* one without a signature counts for nothing, and it has to name the
//! person and the session as we named them to that very service provider (`src/sso/saml/logout.rs`). *Tests:* `tests/it/saml_sign_on.rs`.
//!
//! **Signed out, and not everywhere** (a sign-out that stops at an application which does not lead back). *Here:* our session ends first;
//! a page of ours goes on without that application, and whoever asked, or the person, is told where they are signed in still
//! (`src/sso/saml/logout.rs`, `src/http/portal/saml.rs`). *Tests:* `tests/it/saml_faults_logout.rs`.
//!
//! **A stolen key makes assertions** (Golden SAML, SolarWinds 2020). *Here:* the key is sealed and leaves by no door; each assertion is
//! in the log by its ID, in the commit that spends the request, so that what was made elsewhere is told from ours: `bailey saml issued
//! ID`; the next key is published before it signs (`src/keys/signing/saml.rs`). *Tests:* `tests/it/saml_sign_on.rs`.
