//! Attributes that come in slices: Active Directory sends at most some 1,500 values of one at a time
//! (`member;range=0-1499`, MS-ADTS 3.1.1.3.1.3.3), and the rest when asked.
//!
//! Half a group taken for the whole would throw everybody else out, so an entry is completed here before anyone
//! sees it, or becomes one that cannot be used. All slices are read anew, and once more when the entry changed on the
//! way: a member that leaves while slices are read moves the others forward, and one of them would be missed between two slices.

use bytes::Bytes;

use super::intake::{Intake, Taken};
use super::ldap::{Connection, Question, RawEntry};
use super::{DirectoryError, filter};

/// Tries at an entry that changes while it is read.
const TRIES: usize = 4;

/// Tells whether an entry changed meanwhile; absent where nothing comes in slices either.
const CHANGE_NUMBER: &str = "uSNChanged";

/// True when at least one attribute of `raw` came as a slice.
pub(super) fn is_sliced(raw: &RawEntry) -> bool {
    raw.attributes.iter().any(|(name, _)| Slice::of(name).is_some())
}

/// What an entry is that came with slices, all of them fetched.
pub(super) async fn take_sliced(
    intake: &Intake,
    connection: &mut Connection,
    raw: RawEntry,
) -> Result<Taken, DirectoryError> {
    Ok(match complete(connection, raw, intake.max_values()).await? {
        Ok(whole) => intake.take(whole),
        Err((raw, why)) => intake.incomplete(&raw, why),
    })
}

/// The whole of an entry that came with slices; or why it cannot be had, in words.
///
/// The outer error means the connection; the entry is then as unknown as everything else.
async fn complete(
    connection: &mut Connection,
    mut raw: RawEntry,
    most_values: usize,
) -> Result<Result<RawEntry, (RawEntry, String)>, DirectoryError> {
    let names: Vec<String> = raw.attributes.iter().filter_map(|(name, _)| Slice::of(name)).map(|s| s.name).collect();
    let dn = match std::str::from_utf8(&raw.dn) {
        Ok(dn) => dn.to_owned(),
        Err(_) => return Ok(Err((raw, "its DN is not UTF-8".to_owned()))),
    };
    raw.attributes.retain(|(name, _)| !names.iter().any(|sliced| is_named(name, sliced)));
    for name in names {
        match whole(connection, &dn, &name, most_values).await? {
            Ok(values) => raw.attributes.push((Bytes::from(name), values)),
            Err(why) => return Ok(Err((raw, why))),
        }
    }
    Ok(Ok(raw))
}

/// All values of `name`, as they were at one moment.
async fn whole(
    connection: &mut Connection,
    dn: &str,
    name: &str,
    most_values: usize,
) -> Result<Result<Vec<Bytes>, String>, DirectoryError> {
    for _ in 0..TRIES {
        match slices(connection, dn, name, most_values).await? {
            Ok(Some(values)) => return Ok(Ok(values)),
            Ok(None) => {}
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Err(format!("`{name}` changed each of the {TRIES} times it was read slice by slice; it is read again later")))
}

/// All values, slice by slice; `None` when the entry changed in between.
async fn slices(
    connection: &mut Connection,
    dn: &str,
    name: &str,
    most_values: usize,
) -> Result<Result<Option<Vec<Bytes>>, String>, DirectoryError> {
    let (mut values, mut change): (Vec<Bytes>, Option<Vec<Bytes>>) = (Vec::new(), None);
    loop {
        let next = values.len();
        let asked = format!("{name};range={next}-*");
        let question = Question::entry(dn, &[&asked, CHANGE_NUMBER]);
        let (entries, outcome) = connection.search(&question).await?.all().await?;
        if outcome.code != 0 {
            return Ok(Err(outcome.refusal(connection.server(), &format!("`{asked}`")).to_string()));
        }
        let [entry] = entries.as_slice() else {
            return Ok(Err(format!("it was there no longer when `{asked}` was asked for")));
        };
        let number = entry.values(CHANGE_NUMBER).to_vec();
        if *change.get_or_insert_with(|| number.clone()) != number {
            return Ok(Ok(None));
        }
        let slice = entry.attributes.iter().find_map(|(held, values)| {
            Slice::of(held).filter(|slice| slice.name.eq_ignore_ascii_case(name)).map(|slice| (slice, values))
        });
        let Some((slice, brought)) = slice else {
            return Ok(Err(format!("the server did not send `{asked}`, so the rest of its values is not known")));
        };
        values.extend(brought.iter().cloned());
        match slice.last {
            _ if slice.first != next => return Ok(Err(format!("the server sent another slice than `{asked}`"))),
            None => return Ok(Ok(Some(values))),
            Some(last) if last.checked_add(1) != Some(values.len()) || brought.is_empty() => {
                return Ok(Err(format!("the slice `{asked}` has {} values, not what it says", brought.len())));
            }
            Some(_) if values.len() > most_values => {
                return Ok(Err(format!("`{name}` has more than {most_values} values, which `max_values` allows")));
            }
            Some(_) => {}
        }
    }
}

/// What the option `range=first-last` of an attribute says.
#[derive(Debug, PartialEq, Eq)]
struct Slice {
    name: String,
    first: usize,
    /// `None` for `*`: the slice reaches to the end.
    last: Option<usize>,
}

impl Slice {
    /// The slice that `described` (`member;range=0-1499`) is, if it is one.
    fn of(described: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(described).ok()?;
        let (name, option) = text.split_once(';')?;
        let (start, range) = option.split_at_checked("range=".len())?;
        let (first, last) = range.split_once('-').filter(|_| start.eq_ignore_ascii_case("range="))?;
        name.parse::<filter::Attribute>().ok()?;
        let last = if last == "*" { None } else { Some(last.parse().ok()?) };
        Some(Self { name: name.to_owned(), first: first.parse().ok()?, last })
    }
}

/// True when `held` is `name`, whatever its options.
fn is_named(held: &[u8], name: &str) -> bool {
    held.split(|byte| *byte == b';').next().is_some_and(|held| held.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_told_from_other_options() {
        let slice = |name: &str, first, last| Some(Slice { name: name.to_owned(), first, last });
        assert_eq!(Slice::of(b"member;range=0-1499"), slice("member", 0, Some(1_499)));
        assert_eq!(Slice::of(b"member;Range=1500-*"), slice("member", 1_500, None));
        for other in [
            &b"member"[..],
            b"member;binary",
            b"member;range=",
            b"member;range=1",
            b"member;range=a-b",
            b"\xff;range=0-*",
        ] {
            assert_eq!(Slice::of(other), None);
        }
        assert!(
            is_named(b"Member;range=0-1", "member") && is_named(b"member", "member") && !is_named(b"members", "member")
        );
    }
}
