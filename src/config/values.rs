//! From what is written to what is meant, a kind of value at a time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::fault::Place;
use super::raw::{Entry, Value, Written};
use super::units;
use crate::base::Secret;
use crate::base::text::printable;
use crate::directory::Dn;
use crate::directory::filter::{self, Filter, FilterError};
use crate::model::{AccountId, DirectoryLabel};

/// A value that is not what its key takes.
pub(super) struct Misfit {
    /// Where it stands.
    pub(super) place: Place,
    /// What stands there, in words.
    pub(super) found: String,
    /// Why it does not fit, where there is more to say than what was expected.
    pub(super) why: Option<String>,
}

/// Something a value of the file can mean.
pub(super) trait Meant: Sized {
    /// What `written` means. Otherwise `None`, and why in `misfits`.
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self>;
}

/// One of a key's fixed words.
pub(super) trait Word: Sized {
    /// What the word stands for.
    fn word(text: &str) -> Option<Self>;
}

/// An IP address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(pub(super) SocketAddr);

/// Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

/// A share, 0.0 to 1.0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Share(pub(super) f64);

/// The name of an attribute or object class, without options: entries come without them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attribute(pub(super) String);

impl Meant for String {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| (!text.is_empty()).then(|| text.to_owned()).ok_or(None))
    }
}

impl Meant for PathBuf {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        String::meant(written, misfits).map(Self::from)
    }
}

impl Meant for Secret<String> {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        String::meant(written, misfits).map(Self::new)
    }
}

impl Meant for bool {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        match written.value {
            Value::Flag(flag) => Some(flag),
            _ => misfit(written, misfits, None),
        }
    }
}

impl Meant for u64 {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        whole(written, misfits)
    }
}

impl Meant for u32 {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        whole(written, misfits)
    }
}

impl Meant for usize {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        whole(written, misfits)
    }
}

impl Meant for Duration {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| units::duration(text).ok_or(None))
    }
}

impl Meant for Bytes {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| units::size(text).map(Self).ok_or(None))
    }
}

impl Meant for Share {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| units::share(text).map(Self).ok_or(None))
    }
}

impl Meant for Address {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map(Self).map_err(|_| None))
    }
}

impl Default for Address {
    fn default() -> Self {
        Self(SocketAddr::from(([0, 0, 0, 0], 0)))
    }
}

impl<T: Word> Meant for T {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| T::word(text).ok_or(None))
    }
}

impl Meant for AccountId {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|_| None))
    }
}

impl Meant for DirectoryLabel {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| match text.parse::<Self>() {
            Ok(label) if label.is_local() => {
                Err(Some("`local` is taken: it names what this machine keeps itself".to_owned()))
            }
            parsed => parsed.map_err(|_| None),
        })
    }
}

impl Meant for Attribute {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let plain = |text: &str| !text.contains(';') && text.parse::<filter::Attribute>().is_ok();
        from_text(written, misfits, |text| plain(text).then(|| Self(text.to_owned())).ok_or(None))
    }
}

impl Meant for Dn {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(because))
    }
}

impl Meant for Filter {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let fault = |text: &str, why| Some(format!("`{}` is not a filter: {why}", printable(text)));
        from_text(written, misfits, |text| text.parse().map_err(|why: FilterError| fault(text, why)))
    }
}

impl<T: Meant> Meant for Vec<T> {
    /// Each element that does not fit is a misfit of its own, at its own place.
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        match &written.value {
            Value::List(items) => Some(items.iter().filter_map(|item| T::meant(item, misfits)).collect()),
            _ => misfit(written, misfits, None),
        }
    }
}

impl Meant for BTreeMap<String, String> {
    /// Tag keys of at most 128 characters that do not begin with `aws:` (the limits of IAM), each set to an attribute.
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let Value::Table(entries) = &written.value else {
            return misfit(written, misfits, None);
        };
        let mut tags = Self::new();
        for entry in entries {
            if !is_tag_key(&entry.key) {
                misfits.push(no_tag_key(entry));
            }
            if let Some(Attribute(attribute)) = Attribute::meant(&entry.written, misfits) {
                tags.insert(entry.key.to_string(), attribute);
            }
        }
        Some(tags)
    }
}

/// Reads text by `read`, which says why it does not fit where "expected .." would not tell.
pub(super) fn from_text<T>(
    written: &Written<'_>,
    misfits: &mut Vec<Misfit>,
    read: impl FnOnce(&str) -> Result<T, Option<String>>,
) -> Option<T> {
    let Value::Text(text) = &written.value else {
        return misfit(written, misfits, None);
    };
    match read(text) {
        Ok(value) => Some(value),
        Err(why) => misfit(written, misfits, why),
    }
}

/// An address that is asked, with nobody's name or password in it: over `https`, or over `http` on this machine alone. `clear` says what comes
/// of asking anybody else in the clear.
pub(super) fn asked_address(text: &str, clear: impl FnOnce(&str) -> String) -> Result<Url, Option<String>> {
    let url = Url::parse(text).map_err(|_| None)?;
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" if bare => Ok(url),
        "http" if bare && is_here => Ok(url),
        "http" if bare => Err(Some(clear(&printable(text)))),
        _ => Err(None),
    }
}

fn whole<T: TryFrom<i64>>(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<T> {
    match written.value {
        Value::Whole(number) => T::try_from(number).ok().or_else(|| misfit(written, misfits, None)),
        _ => misfit(written, misfits, None),
    }
}

fn misfit<T>(written: &Written<'_>, misfits: &mut Vec<Misfit>, why: Option<String>) -> Option<T> {
    misfits.push(Misfit::of(written, why));
    None
}

impl Misfit {
    /// What is written does not fit.
    pub(super) fn of(written: &Written<'_>, why: Option<String>) -> Self {
        Self { place: written.place, found: found(&written.value), why }
    }
}

/// What is set cannot be the key of a tag.
pub(super) fn no_tag_key(entry: &Entry<'_>) -> Misfit {
    let why = format!(
        "`{}` cannot be a tag key: use 1 to 128 letters, digits, spaces and _.:/=+-@, not beginning with aws:",
        printable(&entry.key)
    );
    Misfit { place: entry.place, found: String::new(), why: Some(why) }
}

fn because(error: impl std::fmt::Display) -> Option<String> {
    Some(error.to_string())
}

fn found(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("\"{}\"", printable(text)),
        Value::Whole(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
        Value::Foreign(name) => (*name).to_owned(),
    }
}

/// Whether it can be the key of a tag.
pub(super) fn is_tag_key(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    (1..=128).contains(&text.chars().count())
        && text.chars().all(allowed)
        && !text.to_ascii_lowercase().starts_with("aws:")
}
