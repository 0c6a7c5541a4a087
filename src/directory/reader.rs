//! Full reads: every base, page by page, and how sure the end of it is.
//!
//! The next page is asked for when the last one is whole, and delivered before the one after that: at most
//! one page is under way while one waits for the receiver, so memory does not grow with the directory.

use std::collections::HashSet;

use tokio::sync::mpsc;

use super::intake::Taken;
use super::ldap::{Answer, Answers, Connection, Outcome, Question, RawEntry, Scope, controls};
use super::ranges::{is_sliced, take_sliced};
use super::root_dse::RootDse;
use super::source::LdapSource;
use super::{Arrival, Completeness, DirectoryError, Dn, Reading, Unusable};
use crate::base::Guid;

/// Doubts named one by one; the rest are counted.
const MAX_DOUBTS: usize = 20;

/// Pages in a row that may bring nothing in scope. Active Directory answers sparse filters with empty pages; a
/// server that has lost its way does it for ever.
const MAX_IDLE_PAGES: usize = 10_000;

/// Reads everything in scope from `connection` into `into`.
pub(super) async fn read(
    source: &LdapSource,
    connection: &mut Connection,
    into: mpsc::Sender<Vec<Arrival>>,
) -> Result<Reading, DirectoryError> {
    let root = RootDse::read(connection).await?;
    // Before the first page: what changes while we read is then followed, not missed.
    let position = source.position(connection, &root).await?;
    let domain = source.domain(connection, &root).await?;
    let mut reader = Reader {
        source,
        into,
        paged: root.supports(controls::PAGED_RESULTS),
        seen: HashSet::new(),
        doubts: Doubts::default(),
        count: 0,
    };
    for (base, _) in &source.bases {
        reader.base(connection, base).await?;
    }
    if root.is_catching_up {
        reader.doubts.add("the domain controller has not yet received everything from the others".to_owned());
    }
    if reader.count == 0 {
        reader.doubts.add(
            "the server answered, but with no object at all; the bind account may have lost its rights".to_owned(),
        );
    }
    Ok(Reading {
        server: connection.server().to_owned(),
        position,
        completeness: reader.doubts.completeness(),
        count: reader.count,
        domain,
    })
}

struct Reader<'a> {
    source: &'a LdapSource,
    into: mpsc::Sender<Vec<Arrival>>,
    paged: bool,
    seen: HashSet<Guid>,
    doubts: Doubts,
    count: u64,
}

impl Reader<'_> {
    async fn base(&mut self, connection: &mut Connection, base: &Dn) -> Result<(), DirectoryError> {
        let before = self.count;
        let question = Question {
            base: base.to_string(),
            scope: Scope::Subtree,
            filter: self.source.intake.everything.clone(),
            attributes: self.source.intake.attributes.clone(),
            controls: Vec::new(),
        };
        let mut answers = self.ask(connection, &question, &[]).await?;
        let mut idle = 0;
        loop {
            let known = self.seen.len();
            let (mut page, sliced, outcome) = self.page(base, answers).await?;
            for raw in sliced {
                if let Taken::In(arrival) = take_sliced(&self.source.intake, connection, raw).await? {
                    page.push(self.checked(arrival));
                }
            }
            let next = self.after(connection.server(), base, outcome)?;
            let brought = self.seen.len() > known;
            idle = if brought { 0 } else { idle + 1 };
            match next {
                Some(_) if idle > MAX_IDLE_PAGES || !brought && page.iter().any(has_id) => {
                    return Err(DirectoryError::Protocol {
                        server: connection.server().to_owned(),
                        why: format!("page after page of `{base}` brings nothing new; its paging leads nowhere"),
                    });
                }
                Some(cookie) => {
                    answers = self.ask(connection, &question, &cookie).await?;
                    self.deliver(connection.server(), page).await?;
                }
                None => {
                    self.deliver(connection.server(), page).await?;
                    break;
                }
            }
        }
        if self.count == before && !is_visible(connection, base).await? {
            self.doubts.add(format!("nothing came from `{base}`, and the bind account cannot see it"));
        }
        Ok(())
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        question: &Question,
        cookie: &[u8],
    ) -> Result<Answers, DirectoryError> {
        if self.paged {
            connection.search_page(question, self.source.settings.page_size, cookie).await
        } else {
            connection.search(question).await
        }
    }

    /// Everything up to the end of this page, and entries of which a part is still to be fetched.
    async fn page(
        &mut self,
        base: &Dn,
        mut answers: Answers,
    ) -> Result<(Vec<Arrival>, Vec<RawEntry>, Outcome), DirectoryError> {
        let mut page = Vec::with_capacity(self.source.settings.page_size.min(10_000) as usize);
        let mut sliced = Vec::new();
        loop {
            match answers.next().await? {
                Answer::Entry(raw, _) if is_sliced(&raw) => sliced.push(raw),
                Answer::Entry(raw, _) => {
                    if let Taken::In(arrival) = self.source.intake.take(raw) {
                        page.push(self.checked(arrival));
                    }
                }
                Answer::Reference => {
                    self.doubts.add(format!("a part of `{base}` is on another server (referral); it was not read"))
                }
                Answer::Sync(_) => {}
                Answer::Done(outcome) => return Ok((page, sliced, outcome)),
            }
        }
    }

    /// Counts what came; a second object with an id already seen makes both unusable. The first may be delivered
    /// already: an [`Unusable`] with its id takes it back.
    fn checked(&mut self, arrival: Arrival) -> Arrival {
        self.count += 1;
        match arrival {
            Arrival::Entry(entry) if !self.seen.insert(entry.guid) => {
                self.doubts.add(format!("two objects have the id {}", entry.guid));
                let dn = crate::base::text::printable(entry.dn.as_str()).into_owned();
                let why = format!("another object has its id {}", entry.guid);
                Arrival::Unusable(Unusable { dn, guid: Some(entry.guid), why })
            }
            Arrival::Unusable(unusable) => {
                match unusable.guid {
                    None => self.doubts.add(format!("`{}`: {}", unusable.dn, unusable.why)),
                    Some(guid) if !self.seen.insert(guid) => self.doubts.add(format!("two objects have the id {guid}")),
                    Some(_) => {}
                }
                Arrival::Unusable(unusable)
            }
            arrival => arrival,
        }
    }

    /// Where the next page begins; `None` when `outcome` ends the base.
    fn after(&mut self, server: &str, base: &Dn, outcome: Outcome) -> Result<Option<Vec<u8>>, DirectoryError> {
        const REFERRAL: u32 = 10;
        if outcome.code == REFERRAL {
            self.doubts.add(format!("`{base}` is on another server (result 10, referral); it was not read"));
            return Ok(None);
        }
        let outcome = outcome.success(server, &format!("the read of `{base}`"))?;
        match outcome.page {
            Some(cookie) if !cookie.is_empty() => Ok(Some(cookie)),
            None if self.paged => {
                self.doubts.add(format!("the server did not say whether more pages of `{base}` follow"));
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    async fn deliver(&self, server: &str, page: Vec<Arrival>) -> Result<(), DirectoryError> {
        if page.is_empty() {
            return Ok(());
        }
        self.into.send(page).await.map_err(|_| DirectoryError::Connection {
            server: server.to_owned(),
            why: "the read was given up: its receiver is gone".to_owned(),
        })
    }
}

fn has_id(arrival: &Arrival) -> bool {
    match arrival {
        Arrival::Entry(_) => true,
        Arrival::Unusable(unusable) => unusable.guid.is_some(),
    }
}

/// True when the object `dn` itself can be seen.
pub(super) async fn is_visible(connection: &mut Connection, dn: &Dn) -> Result<bool, DirectoryError> {
    let (entries, _) = connection.search(&Question::entry(dn.as_str(), &["1.1"])).await?.all().await?;
    Ok(!entries.is_empty())
}

/// What makes absence doubtful.
#[derive(Default)]
struct Doubts {
    named: Vec<String>,
    more: u64,
}

impl Doubts {
    fn add(&mut self, doubt: String) {
        if self.named.contains(&doubt) {
            return;
        }
        if self.named.len() < MAX_DOUBTS {
            self.named.push(doubt);
        } else {
            self.more += 1;
        }
    }

    fn completeness(mut self) -> Completeness {
        if self.named.is_empty() {
            return Completeness::Complete;
        }
        if self.more > 0 {
            self.named.push(format!("and {} more", self.more));
        }
        Completeness::Doubtful(self.named)
    }
}
