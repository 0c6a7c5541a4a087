//! A store as text, one row a line: for backups, for moving, for reading.
//!
//! ```text
//! {"format":"bailey store","version":1,"schema":2,"store":"3f..","revision":12,"exported_at":".."}
//! {"k":"user/9a..","r":7,"d":"41..","v":{"id":"9a..","name":"jsmith",..}}
//! {"k":"history/7/user/9a..","r":7,"p":3,"d":"0c..","v":{..}}
//! {"k":"edge/77../user/9a..","r":7,"x":"5e.."}
//! {"rows":3,"sha256":".."}
//! ```
//!
//! `k` is the key in words ([`readable`]), `r` the revision that wrote the row. The value is, in
//! this order and as far as there: `p`, the revision before, in history rows; `d`, the digest of
//! an entity; then `v`, the very bytes where they are JSON, or `x`, any bytes in hexadecimal. So
//! what is read back is what was written, to the byte. The last line counts the rows and hashes
//! every line before it.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{KeyRange, Revision, Row, Snapshot, Store, StoreError, identity, readable, rows};
use crate::base::{Fault, Faulty, Timestamp};

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What this is: [`FORMAT`].
    pub format: String,
    /// Version of this format.
    pub version: u32,
    /// Layout of the rows.
    pub schema: u32,
    /// Which store it was made from.
    pub store: String,
    /// The last commit in it.
    pub revision: Revision,
    /// When it was made.
    pub exported_at: Timestamp,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// How many rows there are.
    pub rows: u64,
    /// SHA-256 of every line before this one, line ends included.
    pub sha256: String,
}

/// Names the format.
pub const FORMAT: &str = "bailey store";

/// Version of the format written here.
pub const VERSION: u32 = 1;

/// Why an export could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

impl Faulty for ExportError {
    fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::Write(_) => Fault::Operator,
        }
    }
}

/// Writes every row of `store` as it is at one moment.
///
/// It is one snapshot, so commits wait until it is written: about a second for 500,000 rows, and as long as
/// whoever reads the other end takes. So it is for a store that nobody else writes to: `bailey store
/// export` holds it alone, and the daemon never calls this.
///
/// # Errors
/// When the store cannot be read or `to` not written.
pub fn export(store: &Store, to: &mut dyn Write, now: Timestamp) -> Result<Trailer, ExportError> {
    store.read(|snapshot| {
        let mut lines = Lines { to, hash: Sha256::new() };
        lines.write(&header(snapshot, now)?)?;
        let mut count = 0;
        let mut rest = KeyRange::prefix(&[]);
        loop {
            let page = snapshot.scan(&rest, PAGE)?;
            let Some((last, _)) = page.last() else { break };
            rest = rest.after(last);
            for (key, row) in &page {
                lines.write(&line(key, row))?;
                count += 1;
            }
        }
        let trailer = Trailer { rows: count, sha256: hex::encode(lines.hash.clone().finalize()) };
        lines.write(&serde_json::to_string(&trailer).map_err(io::Error::from)?)?;
        lines.to.flush()?;
        Ok(trailer)
    })
}

fn header(snapshot: &dyn Snapshot, now: Timestamp) -> Result<String, ExportError> {
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        schema: identity::schema_version(snapshot)?.unwrap_or(0),
        store: identity::identity(snapshot)?.map(|identity| identity.store).unwrap_or_default(),
        revision: snapshot.revision(),
        exported_at: now,
    };
    Ok(serde_json::to_string(&header).map_err(io::Error::from)?)
}

struct Lines<'a> {
    to: &'a mut dyn Write,
    hash: Sha256,
}

impl Lines<'_> {
    fn write(&mut self, line: &str) -> io::Result<()> {
        for part in [line, "\n"] {
            self.hash.update(part);
            self.to.write_all(part.as_bytes())?;
        }
        Ok(())
    }
}

/// One row as a line. [`super::import::row`] reads it.
pub(super) fn line(key: &[u8], row: &Row) -> String {
    let mut line = format!("{{\"k\":{},\"r\":{}", Value::from(readable::describe(key)), row.revision);
    let mut value = row.value.as_slice();
    let mut entity = key;
    if let Some((of, _)) = super::schema::parse_history(key)
        && let Some((before, rest)) = value.split_first_chunk::<8>()
    {
        line.push_str(&format!(",\"p\":{}", u64::from_be_bytes(*before)));
        (value, entity) = (rest, of);
    }
    if super::schema::parse_entity(entity).is_some()
        && let Some((digest, rest)) = rows::split(value)
    {
        line.push_str(&format!(",\"d\":\"{}\"", hex::encode(digest)));
        value = rest;
    }
    match json(value) {
        Some(text) => line.push_str(&format!("{VALUE}{text}}}")),
        None => line.push_str(&format!(",\"x\":\"{}\"}}", hex::encode(value))),
    }
    line
}

/// `value` as text that can stand in a line as it is.
fn json(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let whole = !text.contains(['\n', '\r']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    whole.then_some(text)
}

/// What stands before a JSON value. Nothing before it in a line holds this: a quote in the text of
/// `k` is written with a backslash.
pub(super) const VALUE: &str = ",\"v\":";

/// Rows read at a time.
const PAGE: usize = 2_000;
