//! The near side of the merge: stored rows of one directory, in id order.

use crate::model::{DirectoryLabel, Member, MemberKind};
use crate::store::rows::EntityRow;
use crate::store::{Entry, KeyRange, Snapshot, Store, StoreError, rows, schema};

/// Rows read under one snapshot while walking.
const PAGE: usize = 2_000;

/// A walk over a directory's rows of one kind.
pub struct Walk<'a> {
    store: &'a Store,
    rest: Option<KeyRange>,
    page: std::vec::IntoIter<Entry>,
}

impl<'a> Walk<'a> {
    /// From the first row on.
    #[must_use]
    pub fn new(store: &'a Store, kind: MemberKind, directory: &DirectoryLabel) -> Self {
        let rest = Some(KeyRange::prefix(&schema::all_of_directory(kind, directory)));
        Self { store, rest, page: Vec::new().into_iter() }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<EntityRow, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(parsed(entry));
        }
        let range = self.rest.take()?;
        let page = match self.store.read(|snapshot| snapshot.scan(&range, PAGE)) {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        if page.len() == PAGE {
            self.rest = page.last().map(|(key, _)| range.after(key));
        }
        self.page = page.into_iter();
        self.page.next().map(parsed)
    }
}

fn parsed((key, row): Entry) -> Result<EntityRow, StoreError> {
    EntityRow::parse(&key, row.value)
}

/// Every row under `prefix`, read a page at a time under one snapshot.
///
/// # Errors
/// When the store cannot be read.
pub fn scan_all(snapshot: &dyn Snapshot, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
    snapshot.scan(&KeyRange::prefix(prefix), usize::MAX)
}

/// True when `member` is stored and the directory has it.
///
/// # Errors
/// When the store cannot be read or the row is damaged.
pub fn is_present(snapshot: &dyn Snapshot, member: &Member) -> Result<bool, StoreError> {
    Ok(rows::entity(snapshot, member)?.is_some_and(|(_, entity)| entity.standing().is_present()))
}
