//! Small tables under `tests/golden` that a person reviews when they change.

use std::path::Path;

/// Fails when `seen` is not what `name` says. `BAILEY_GOLDEN=write` writes what is seen instead,
/// for a person to review in the diff.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
pub(crate) fn same(name: &str, seen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("BAILEY_GOLDEN").is_ok_and(|word| word == "write") {
        std::fs::write(&path, seen).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        golden, seen,
        "tests/golden/{name} differs; if the change is meant: BAILEY_GOLDEN=write cargo nextest run"
    );
}
