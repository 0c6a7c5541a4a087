//! Values that must not be seen: wiped when dropped, never printed, never compared by `==`.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value that never reaches a log, an error or a `Debug` line.
///
/// There is no `Display`, `PartialEq`, `Serialize` or `Clone`: whoever needs the value says
/// [`Secret::expose`], which is easy to find in a review.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in; the caller's copy is gone.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Use it in place; do not keep a copy.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(..)");
    }
}
