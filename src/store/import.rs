//! An export made a store again: into an empty place, checked to the last line before it counts.
//!
//! Rows go into a directory of their own, which becomes the store by one rename when the last
//! line agrees with everything before it. Revisions, history, journal and log stay as they were; the epoch is a new one, so that
//! nothing counts that was issued before.

use std::fs;
use std::io::{self, BufRead};
use std::path::PathBuf;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::execute::Writes;
use super::export::{FORMAT, Header, Trailer, VALUE, VERSION};
use super::identity::{self, Epoch, Identity, Restorer};
use super::place::{Place, sync_directory};
use super::sled::tree::Tree;
use super::{LONGEST_VALUE, Row, Settings, StoreError, readable, schema};
use crate::base::{Fault, Faulty, rng};

/// Why an export could not be read in. The store is as it was before: none.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("cannot read the export: {0}")]
    Read(#[from] io::Error),
    /// There is a store already.
    #[error("there is a store in {0} already; move it aside first, an import never mixes two stores")]
    Occupied(PathBuf),
    /// A line that no export writes.
    #[error("line {number} of the export: {why}")]
    Line {
        /// Which one, from 1.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The export as a whole.
    #[error("the export is not whole: {0}; nothing was imported")]
    NotWhole(String),
}

impl Faulty for ImportError {
    fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Operator,
        }
    }
}

/// Makes a store in `settings.dir` from an export, for `restorer`, of whom its log is to tell ([`identity::Restored`]).
///
/// # Errors
/// When there is a store already, when the export is damaged or cut short, when it cannot be written.
pub fn import(
    settings: &Settings,
    from: &mut dyn BufRead,
    restorer: &Restorer,
) -> Result<(Header, Trailer), ImportError> {
    let (place, _) = Place::hold(&settings.dir, settings.patience)?;
    if Tree::exists(&place.store()) {
        return Err(ImportError::Occupied(place.store()));
    }
    let unfinished = place.dir().join("import.unfinished");
    if unfinished.exists() {
        // Of an import that was cut short.
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir(&unfinished)?;
    let loaded = load(&unfinished, settings.cache_bytes, from, restorer);
    let Ok((header, trailer, identity)) = loaded else {
        fs::remove_dir_all(&unfinished)?;
        return loaded.map(|(header, trailer, _)| (header, trailer));
    };
    fs::remove_dir_all(place.store())?;
    fs::rename(&unfinished, place.store())?;
    sync_directory(place.dir())?;
    place.mark(&identity)?;
    place.acknowledge(header.revision);
    Ok((header, trailer))
}

fn load(
    dir: &std::path::Path,
    cache_bytes: u64,
    from: &mut dyn BufRead,
    restorer: &Restorer,
) -> Result<(Header, Trailer, Identity), ImportError> {
    let mut lines = Lines { from, hash: Sha256::new(), number: 0 };
    let first = lines.next()?.ok_or_else(|| ImportError::NotWhole("it is empty".to_owned()))?;
    let header = check_header(&first)?;
    let tree = Tree::open(dir, cache_bytes)?;
    let mut writes = Writes::new();
    let mut count = 0;
    let trailer = loop {
        let hash = lines.hash.clone();
        let line = lines.next()?.ok_or_else(|| ImportError::NotWhole("its last line is missing".to_owned()))?;
        if let Ok(trailer) = serde_json::from_str::<Trailer>(&line) {
            check_trailer(&trailer, count, &hex::encode(hash.finalize()))?;
            break trailer;
        }
        let (key, row) = row(&line).map_err(|why| ImportError::Line { number: lines.number, why })?;
        count += 1;
        writes.insert(key, Some(row));
        if writes.len() == BATCH {
            tree.apply(&std::mem::take(&mut writes))?;
        }
    };
    tree.apply(&writes)?;
    let before = identity::epoch_in(|key| tree.get(key))?;
    tree.apply(&identity::new_life(before, Epoch::fresh(&mut rng::from_os()?), restorer)?)?;
    tree.sync()?;
    let key = schema::meta(identity::IDENTITY);
    let identity =
        tree.get(&key)?.ok_or_else(|| ImportError::NotWhole("it does not say which store it was".to_owned()))?;
    let identity = super::execute::from_json(&key, &identity.value)?;
    Ok((header, trailer, identity))
}

fn check_header(line: &str) -> Result<Header, ImportError> {
    let fault = |why: String| ImportError::Line { number: 1, why };
    let header: Header =
        serde_json::from_str(line).map_err(|error| fault(format!("this is no export of a store: {error}")))?;
    if header.format != FORMAT || header.version != VERSION {
        return Err(fault(format!(
            "expected format `{FORMAT}` version {VERSION}, written by another version of bailey"
        )));
    }
    if header.schema > schema::SCHEMA_VERSION {
        return Err(fault(format!(
            "its layout is {} and this version knows {}",
            header.schema,
            schema::SCHEMA_VERSION
        )));
    }
    Ok(header)
}

fn check_trailer(trailer: &Trailer, rows: u64, sha256: &str) -> Result<(), ImportError> {
    if trailer.rows != rows {
        return Err(ImportError::NotWhole(format!("{rows} rows, where its last line counts {}", trailer.rows)));
    }
    if trailer.sha256 != sha256 {
        return Err(ImportError::NotWhole("its lines are not the ones its last line hashes".to_owned()));
    }
    Ok(())
}

struct Lines<'a> {
    from: &'a mut dyn BufRead,
    hash: Sha256,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<String>, ImportError> {
        use io::{BufRead as _, Read as _};
        let mut line = Vec::new();
        self.number += 1;
        (&mut *self.from).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.hash.update(&line);
        let fault = |why: &str| ImportError::Line { number: self.number, why: why.to_owned() };
        // The last line may have lost its end on the way, as text files do.
        let whole = line.pop_if(|last| *last == b'\n').is_some() || line.ends_with(b"}");
        if !whole {
            return Err(fault("it is cut short, or too long"));
        }
        String::from_utf8(line).map(Some).map_err(|_| fault("it is not UTF-8"))
    }
}

/// A row as a line has it.
#[derive(Deserialize)]
struct Line {
    k: String,
    r: u64,
    p: Option<u64>,
    d: Option<String>,
    #[serde(rename = "v")]
    _v: Option<serde::de::IgnoredAny>,
    x: Option<String>,
}

/// The row of a line that [`super::export::line`] wrote.
pub(super) fn row(text: &str) -> Result<(Vec<u8>, Row), String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let unhex = |text: &str| hex::decode(text).map_err(|error| format!("`{text}`: {error}"));
    let key = readable::parse(&line.k).ok_or_else(|| format!("`{}` is no key", line.k))?;
    let mut value = Vec::new();
    value.extend(line.p.map(u64::to_be_bytes).into_iter().flatten());
    value.extend(line.d.as_deref().map(unhex).transpose()?.unwrap_or_default());
    match (&line.x, text.split_once(VALUE)) {
        (Some(hex), _) => value.extend(unhex(hex)?),
        (None, Some((_, rest))) => value.extend(rest.strip_suffix('}').unwrap_or_default().bytes()),
        (None, None) => return Err("it has no value".to_owned()),
    }
    if value.len() > LONGEST_VALUE + 8 {
        return Err(format!("its value is longer than {LONGEST_VALUE} bytes"));
    }
    Ok((key, Row { revision: line.r, value }))
}

/// Twice the longest value, for hexadecimal, and room for the rest.
const LONGEST_LINE: u64 = 256 * 1024;

/// Rows written at a time.
const BATCH: usize = 2_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::export;

    proptest! {
        #[test]
        fn any_row_survives_its_line(
            space in prop::sample::select(b"MUGRNEFDBIKLYVWroiZTXQCgabupmnxzqksSPAOHJ!".as_slice()),
            rest in prop::collection::vec(any::<u8>(), 0..60),
            revision in any::<u64>(),
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                ".{0,40}".prop_map(String::into_bytes),
                ".{0,20}".prop_map(|text| format!("{{\"a\": {} , \",\\\"v\\\":\": 1.50}} ", serde_json::Value::from(text)).into_bytes()),
            ],
        ) {
            let key = [vec![space], rest].concat();
            let row = Row { revision, value };
            let line = export::line(&key, &row);
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(super::row(&line), Ok((key, row)));
        }

        #[test]
        fn hostile_lines_are_refused_or_read(text in ".{0,80}") {
            let _ = super::row(&text);
        }
    }
}
