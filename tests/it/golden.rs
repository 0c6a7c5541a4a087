//! Text that a person reads, held against a file a person has read.

use std::path::Path;

/// Compares `seen` with `tests/golden/NAME`. With `BAILEY_GOLDEN=write` the file is written instead:
/// read the difference before it is committed.
pub(crate) fn assert_golden(name: &str, seen: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BAILEY_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&file, seen).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    assert_eq!(seen, expected, "{name} differs");
}
