//! Writes LDIF (RFC 2849): one entry after the other, values that need it in base64.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// An LDIF file being written. All names are given relative to its base.
pub(crate) struct Ldif<'a, W> {
    out: W,
    base: &'a str,
    is_new: bool,
}

impl<'a, W: Write> Ldif<'a, W> {
    pub(crate) fn new(mut out: W, base: &'a str) -> io::Result<Self> {
        // No `version: 1` line: slapadd takes it for an entry, and slapcat writes none either.
        writeln!(out, "# Made by `cargo run --example company`; do not edit. Nobody in it exists.")?;
        Ok(Self { out, base, is_new: true })
    }

    /// Begins the entry `name`, or that of the base itself where `name` is empty.
    pub(crate) fn entry(&mut self, name: &str) -> io::Result<()> {
        if !std::mem::take(&mut self.is_new) {
            writeln!(self.out)?;
        }
        self.name("dn", name)
    }

    /// A value that is the full DN of `name`. Our names stay within the characters that need no escape (RFC 4514 2.4).
    pub(crate) fn name(&mut self, attribute: &str, name: &str) -> io::Result<()> {
        let comma = if name.is_empty() { "" } else { "," };
        writeln!(self.out, "{attribute}: {name}{comma}{}", self.base)
    }

    /// A value.
    pub(crate) fn value(&mut self, attribute: &str, value: &str) -> io::Result<()> {
        if is_safe(value) {
            writeln!(self.out, "{attribute}: {value}")
        } else {
            writeln!(self.out, "{attribute}:: {}", STANDARD.encode(value))
        }
    }

    /// Several values.
    pub(crate) fn values<'v>(&mut self, attribute: &str, values: impl IntoIterator<Item = &'v str>) -> io::Result<()> {
        values.into_iter().try_for_each(|value| self.value(attribute, value))
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// SAFE-STRING of RFC 2849, and no trailing space (note 8).
fn is_safe(value: &str) -> bool {
    let plain = value.bytes().all(|byte| byte.is_ascii() && !matches!(byte, b'\0' | b'\n' | b'\r'));
    plain && !value.starts_with([' ', ':', '<']) && !value.ends_with(' ')
}
