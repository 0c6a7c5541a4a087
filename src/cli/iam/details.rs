//! `bailey account details`.

use clap::ValueEnum;
use serde_json::value::RawValue;

use crate::admin::iam::details::Sort;
use crate::admin::iam::views::Page;
use crate::cli::session::{Session, query};

/// Items asked for at a time; a page of large documents ends before.
const A_PAGE: usize = 1_000;

/// Of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Users
    User,
    /// Groups
    Group,
    /// Roles
    Role,
    /// The account's own policies
    Policy,
    /// The ready-made policies
    Template,
}

impl From<Kind> for Sort {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::User,
            Kind::Group => Self::Group,
            Kind::Role => Self::Role,
            Kind::Policy => Self::LocalManagedPolicy,
            Kind::Template => Self::AwsManagedPolicy,
        }
    }
}

/// Prints all of these kinds, or all there are, a line each. Holds one page at a time, however many there are.
///
/// # Errors
/// When the operation fails, or the reader is gone.
pub(super) async fn print(session: &mut Session, kinds: &[Kind]) -> anyhow::Result<()> {
    let words: Vec<&str> = kinds.iter().map(|kind| Sort::from(*kind).kind()).collect();
    let kinds = (!words.is_empty()).then(|| words.join(","));
    let mut after = None;
    loop {
        let query = query(&[("kinds", kinds.clone()), ("limit", Some(A_PAGE.to_string())), ("after", after)]);
        let page: Page<Box<RawValue>> = session.client.get(&format!("/v1/account/details{query}")).await?;
        for item in &page.items {
            session.output.line(&on_a_line(item))?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Documents are told as they were written, in several lines maybe. Within a JSON string no line can end, so what ends one
/// stands between values, where a blank says the same.
fn on_a_line(item: &RawValue) -> String {
    item.get().replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_several_lines_becomes_one_and_stays_the_same() {
        let text = "{\"a\":\r\n  [1,\n2], \"b\": \"\\n\"}";
        let line = on_a_line(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(line.lines().count(), 1);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&line), read(text));
    }
}
