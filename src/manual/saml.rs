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
//! text, and the same work behind a key that cannot be unwrapped (`src/saml_xml/decrypt.rs`). *Tests:* `tests/it/saml_judge.rs`.
//!
//! **For another service, another request, another time** (ASVS#1738). *Here:* each of these is a rule with a name, and a refusal says
//! which (`src/authn/saml/judge.rs`). *Tests:* `tests/it/saml_judge.rs`, one field at a time.
