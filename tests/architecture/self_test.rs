//! The checker checked: every rule finds what it is there to find, and nothing else.

use crate::rules::{self, Confined, Module, Proof};
use crate::scan::File;

const MODULES: &[Module] = &[
    Module("base", 0, &[]),
    Module("model", 1, &[]),
    Module("store", 2, &["model"]),
    Module("sync", 4, &["model", "store"]),
    Module("http", 10, &["model"]),
    Module("daemon", 12, &["*"]),
    Module("main", 14, &["daemon"]),
];

const CONFINED: &[Confined] = &[
    Confined("sled", &["store/sled"], "use the store"),
    Confined("Timestamp::now", &["base/"], "take `now`"),
    Confined("std::env", &["daemon"], "take the value"),
];

fn imports(name: &str, text: &str) -> Vec<String> {
    rules::imports(MODULES, &[File::read(name, text)])
}

fn confinement(name: &str, text: &str) -> Vec<String> {
    rules::confinement(CONFINED, &[File::read(name, text)])
}

#[track_caller]
fn one(findings: &[String], beginning: &str) {
    assert!(
        findings.len() == 1 && findings[0].starts_with(beginning),
        "expected one `{beginning}..`, found {findings:#?}"
    );
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    let place = "src/sync/plan.rs:2: `sync` (rank 4) must not import `http` (rank 10)";
    for text in [
        "\nuse crate::http::Answer;",
        "\nuse crate::{base::Clock, model::{Name, User}, http};",
        "\nfn f() { let x = crate::http::answer(); }",
        "\nuse super::super::http::Answer;",
        "\nmod inner { use super::super::super::http::Answer; }",
        "\nfn f() { g!(crate::http::answer()) }",
        "\npub use crate::http as web;",
    ] {
        one(&imports("sync/plan.rs", text), place);
    }
    one(&imports("sync/mod.rs", "\nuse super::http::Answer;"), "src/sync/mod.rs:2: ");
    one(&imports("sync.rs", "\nuse super::http::Answer;"), "src/sync.rs:2: ");
    one(&imports("main.rs", "\nfn main() { bailey::http::run(); }"), "src/main.rs:2: `main`");
    one(&imports("attic/mod.rs", ""), "src/attic/mod.rs: module `attic` has no rank");
}

#[test]
fn the_same_rank_and_what_is_not_listed_are_above_too() {
    one(&imports("http/mod.rs", "use crate::sync::Plan;"), "src/http/mod.rs:1: `http`");
    assert_eq!(rules::table(&[Module("a", 1, &["b"]), Module("b", 1, &["c"])]).len(), 2);
}

#[test]
fn what_may_be_imported_is_left_alone() {
    for (name, text) in [
        (
            "sync/plan.rs",
            "use crate::store::Store; use crate::base::Clock; use super::guard; use super::super::model::User;",
        ),
        ("sync/plan.rs", "/// See [`crate::http`].\n// use crate::http;\nconst TEXT: &str = \"use crate::http;\";"),
        (
            "sync/plan.rs",
            "#[cfg(test)]\nmod tests { use crate::http::Answer; fn f() -> [u8; 4] { [0; 4] } }\nuse crate::base::Clock;",
        ),
        ("sync/plan.rs", "mod inner { use super::super::http; }"),
        ("daemon.rs", "use crate::{http::serve, sync::Plan};"),
        ("main.rs", "fn main() { bailey::daemon::run(); }"),
    ] {
        assert_eq!(imports(name, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn tests_end_where_they_end() {
    let text = "#[cfg(test)]\nuse crate::store::x;\n#[cfg(test)]\nmod tests { mod a {} }\nuse crate::http::Answer;";
    one(&imports("sync/plan.rs", text), "src/sync/plan.rs:5: ");
}

#[test]
fn what_is_confined_is_found_elsewhere() {
    one(
        &confinement("sync/apply.rs", "use sled::Db;"),
        "src/sync/apply.rs:1: `sled` belongs in src/store/sled alone: use the store",
    );
    one(&confinement("sync/apply.rs", "fn f(db: ::sled::Db) {}"), "src/sync/apply.rs:1: `sled`");
    one(
        &confinement("sync/apply.rs", "fn f() {\n let now = jiff::Timestamp::now(); }"),
        "src/sync/apply.rs:2: `Timestamp::now`",
    );
    one(&confinement("store/mod.rs", "use std::{env, fs};"), "src/store/mod.rs:1: `std::env`");
    for (name, text) in [
        ("store/sled.rs", "use sled::Db;"),
        ("store/mod.rs", "pub mod sled; pub use sled::Engine;"),
        ("base/clock.rs", "fn now() { Timestamp::now() }"),
        (
            "sync/apply.rs",
            "const VERSION: &str = env!(\"CARGO_PKG_VERSION\"); use crate::store::sled; fn f(sled: u8) {}",
        ),
        ("sync/apply.rs", "#[cfg(test)] mod tests { fn f() { Timestamp::now(); } }"),
    ] {
        assert_eq!(confinement(name, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_map_knows_all_modules_and_no_other() {
    let files = |lib: &str| vec![File::read("base/mod.rs", ""), File::read("lib.rs", lib), File::read("sync.rs", "")];
    assert_eq!(rules::map(&files("//! `base`, then `sync`.\npub mod base;\npub mod sync;")), Vec::<String>::new());
    one(
        &rules::map(&files("//! `base`.\npub mod base;\npub mod sync;")),
        "src/lib.rs: the map in its doc says nothing of `sync`",
    );
    one(&rules::map(&files("//! `base` `sync`\npub mod base;")), "src/lib.rs: declare `pub mod sync;`");
    one(
        &rules::map(&files("//! `base` `sync`\npub mod base; pub mod sync; pub mod gone;")),
        "src/lib.rs: declares `gone`, which has no file",
    );
}

#[test]
fn a_file_says_what_it_is() {
    assert!(rules::module_docs(&[File::read("a.rs", "//! What it owns.\n")]).is_empty());
    one(&rules::module_docs(&[File::read("a.rs", "use std::fmt;\n//")]), "src/a.rs:1: open with");
}

#[test]
fn a_file_that_went_away_is_missed_where_it_is_named() {
    let text = "See `src/here.rs`,\nor `src/gone.rs` and `src of truth`, `cargo run`, [`config/gone.toml`](x).";
    let findings = rules::named_files("README.md", text, |path| path == "src/here.rs");
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(findings[0].starts_with("README.md:2: names `src/gone.rs`"), "{findings:#?}");
}

#[test]
fn long_files_and_a_long_half_are_found() {
    let lines = |name: &str, count: usize| File::read(name, &"const A: u8 = 0;\n".repeat(count));
    assert!(rules::lengths(&[lines("a.rs", 2), lines("b.rs", 3), lines("c.rs", 9)], 3, 9).is_empty());
    one(
        &rules::lengths(&[lines("a.rs", 2), lines("b.rs", 3), lines("c.rs", 10)], 3, 9),
        "src/c.rs: 10 production lines",
    );
    one(&rules::lengths(&[lines("a.rs", 2), lines("b.rs", 4), lines("c.rs", 9)], 3, 9), "src: half of all files");
    let tested = File::read("a.rs", &format!("//! A.\n#[cfg(test)]\nmod tests {{{}}}", "\n".repeat(50)));
    assert_eq!(tested.production_lines(), 1);
}

#[test]
fn a_forged_proof_is_found() {
    let proofs = |text: &str| rules::proofs(&[Proof("gate", "Authorized")], &[File::read("gate/mod.rs", text)]);
    let sound = "#[derive(Debug, PartialEq)]\n#[must_use]\npub struct Authorized { action: Action }\n#[derive(Clone)]\npub struct Other { pub a: u8 }";
    assert_eq!(proofs(sound), Vec::<String>::new());
    for (text, beginning) in [
        (
            "#[derive(Debug, Clone)]\npub struct Authorized { a: u8 }",
            "src/gate/mod.rs:1: the proof `Authorized` must not derive `Clone`",
        ),
        ("#[derive(serde::Deserialize)] #[must_use] pub struct Authorized(u8);", "src/gate/mod.rs:1: the proof"),
        ("pub struct Authorized {\n a: u8,\n pub(crate) b: u8 }", "src/gate/mod.rs:3: a field of the proof"),
        ("pub struct Authorized(pub u8);", "src/gate/mod.rs:1: a field of the proof"),
        (
            "pub struct Authorized(u8);\nimpl Default for Authorized { fn default() -> Self { Self(0) } }",
            "src/gate/mod.rs:2: the proof",
        ),
        (
            "pub struct Authorized(u8); impl<'de> serde::Deserialize<'de> for Authorized {}",
            "src/gate/mod.rs:1: the proof",
        ),
        ("pub struct Allowed(u8);", "src/gate: `struct Authorized` is defined 0 times"),
    ] {
        one(&proofs(text), beginning);
    }
    let elsewhere =
        rules::proofs(&[Proof("gate", "Authorized")], &[File::read("sync/mod.rs", "pub struct Other(u8);")]);
    assert!(elsewhere.is_empty(), "a module that does not exist yet owes no proof");
}
