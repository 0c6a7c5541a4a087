//! Refuses what would wait for itself: a read or a commit inside a read of the same store.
//!
//! A read holds up commits until it ends, and a commit in line holds up later reads. So a thread
//! that reads, and before letting go reads again or commits, may wait for itself. Rarely enough
//! to pass every test, hence it is an error each time.

use std::cell::RefCell;

use super::StoreError;

thread_local! {
    /// The stores this thread is reading, by the address of their engine.
    static READING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A read this thread is in.
pub(super) struct Reading {
    store: usize,
}

impl Reading {
    /// Enters a read of the store at this address.
    pub(super) fn enter(store: usize) -> Result<Self, StoreError> {
        refuse_inside(store)?;
        READING.with_borrow_mut(|reading| reading.push(store));
        Ok(Self { store })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READING.with_borrow_mut(|reading| reading.retain(|store| *store != self.store));
    }
}

/// An error if this thread is in a read of the store at this address.
pub(super) fn refuse_inside(store: usize) -> Result<(), StoreError> {
    if READING.with_borrow(|reading| reading.contains(&store)) {
        return Err(StoreError::Broken {
            why: "used inside a read of the same store; let go of the snapshot first".to_owned(),
        });
    }
    Ok(())
}
