//! Documents that were parsed once.
//!
//! A text says the same for ever, so what it says is kept: by a search among many people, and by all decisions of a daemon
//! together, of which most are about the same few hundred documents. What is stored now is read for each decision all the
//! same; nothing here says which documents count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::known::Known;
use crate::policy::{Document, Kind};
use crate::store::StoreError;

/// Bytes of texts that are kept. A document takes some times its text; there are some hundred, and only inline policies of very
/// many people are more, each of which is asked for now and then.
const MOST_BYTES: usize = 16 << 20;

/// Documents by what they are attached as and by their text, and what is made of them; of one store. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    documents: Arc<Mutex<Kept>>,
    /// What rights of principals rest on, where that is the same as before.
    pub(super) known: Known,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    documents: HashMap<Kind, HashMap<Arc<str>, Arc<Document>>>,
}

/// A document, and the same as it is written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) document: Arc<Document>,
    pub(super) text: Arc<str>,
}

impl Shelf {
    /// What `text` says, the document called `name`. It was parsed before it was stored, so one that cannot be is damage, and
    /// nobody is allowed anything by what is left of it.
    pub(super) fn parsed(&self, text: &str, kind: Kind, name: &str) -> Result<Written, StoreError> {
        if let Some((text, document)) = self.lock(|kept| {
            let found = kept.documents.get(&kind)?.get_key_value(text)?;
            Some((Arc::clone(found.0), Arc::clone(found.1)))
        }) {
            return Ok(Written { document, text });
        }
        // Not under the lock: others go on meanwhile, and two who parse the same do no harm.
        let broken = |error| StoreError::Broken { why: format!("{name}: {error}") };
        let document = Arc::new(Document::parse(text, kind).map_err(broken)?);
        let text: Arc<str> = text.into();
        self.lock(|kept| kept.add(kind, Arc::clone(&text), Arc::clone(&document)));
        Ok(Written { document, text })
    }

    fn lock<R>(&self, work: impl FnOnce(&mut Kept) -> R) -> R {
        work(&mut self.documents.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    /// Keeps one more. What is full is emptied: what is asked for comes back at once, and what no longer is does not.
    fn add(&mut self, kind: Kind, text: Arc<str>, document: Arc<Document>) {
        if self.bytes.saturating_add(text.len()) > MOST_BYTES {
            *self = Self::default();
        }
        let bytes = text.len();
        if self.documents.entry(kind).or_default().insert(text, document).is_none() {
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: usize, length: usize) -> String {
        let filler = "x".repeat(length);
        format!(
            r#"{{"Statement":{{"Sid":"n{n}","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::{filler}"}}}}"#
        )
    }

    #[test]
    fn a_text_is_parsed_once_for_each_use_of_it_and_a_full_shelf_is_emptied() {
        let shelf = Shelf::default();
        let parsed = |text: &str, kind| shelf.clone().parsed(text, kind, "a").unwrap().document;
        let first = parsed(&text(1, 1), Kind::Identity);
        assert!(Arc::ptr_eq(&first, &parsed(&text(1, 1), Kind::Identity)));
        assert!(!Arc::ptr_eq(&first, &parsed(&text(1, 1), Kind::ServiceControl)), "other rules hold for it there");
        assert!(!Arc::ptr_eq(&first, &parsed(&text(2, 1), Kind::Identity)));
        for n in 0..300 {
            parsed(&text(n, 60_000), Kind::Identity);
        }
        assert!(shelf.lock(|kept| kept.bytes) <= MOST_BYTES);
        assert!(!Arc::ptr_eq(&first, &parsed(&text(1, 1), Kind::Identity)));
        let error = shelf.parsed("{", Kind::Identity, "inline policy a of user/b").unwrap_err().to_string();
        assert!(error.contains("inline policy a of user/b"), "{error}");
    }
}
