//! Lengths and bytes in work files. These are gone when the run ends: nothing here is a format that lasts.

use std::io::{self, Read, Write};

/// Writes `bytes` behind their length.
pub(super) fn put(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    put_length(to, bytes.len())?;
    to.write_all(bytes)
}

/// Writes how many of something follow.
pub(super) fn put_length(to: &mut impl Write, length: usize) -> io::Result<()> {
    to.write_all(&u32::try_from(length).map_err(io::Error::other)?.to_be_bytes())
}

/// Reads what [`put`] wrote.
pub(super) fn take(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; take_length(from)?];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads what [`put_length`] wrote.
pub(super) fn take_length(from: &mut impl Read) -> io::Result<usize> {
    take_exactly(from).map(|length| u32::from_be_bytes(length) as usize)
}

/// Reads `N` bytes.
pub(super) fn take_exactly<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The next `N` bytes; `None` at the end.
pub(super) fn next<const N: usize>(from: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    match take_exactly(from) {
        Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other.map(Some),
    }
}
