//! A notice in words, for people: a subject, and a few lines of plain text.
//!
//! Who, what, for how long, why, and until when; and one link, which opens a page and does nothing else. Whatever people wrote, or a
//! directory says of them, is on one line of its own.

use super::outbox::shown;
use crate::base::Timestamp;
use crate::base::text::printable_within;
use crate::model::Notice;
use crate::model::notice::{Facts, Kind};

/// Longest piece of what people wrote, in characters.
const LONGEST: usize = 1_000;

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Several.
    pub text: String,
}

/// Where the page is that `facts` are about, if there is one.
#[must_use]
pub fn link(facts: &Facts, portal: &str) -> Option<String> {
    match (&facts.metadata, &facts.grant) {
        (Some(_), _) => None,
        (None, Some(grant)) => Some(format!("{portal}/me/grants/{grant}")),
        (None, None) => Some(format!("{portal}/me/grants")),
    }
}

impl Letter {
    /// What is said of `notice`; links lead to `portal`.
    #[must_use]
    pub fn of(notice: &Notice, portal: &str) -> Self {
        let facts = &notice.facts;
        let said = Said::of(facts);
        let (subject, sentence) = sentences(notice.kind, &said);
        let mut text = format!("{sentence}\n");
        let lines = [
            ("What for", facts.reason.clone()),
            ("Ticket", facts.ticket.clone()),
            ("Asked for by", facts.requested_by.clone().filter(|by| facts.person.as_ref() != Some(by))),
            ("Engagement", facts.engagement_name.as_ref().map(|_| said.engagement.clone())),
            ("By", facts.by.clone()),
            ("They say", facts.comment.clone()),
            (until(notice.kind), facts.until.map(moment)),
        ];
        let metadata = facts.metadata.iter().flat_map(|metadata| {
            let changes = metadata.changes.iter().map(|change| ("Changed", Some(change.clone())));
            changes.chain([("To look at it", Some(metadata.look.clone()))])
        });
        let lines: Vec<_> = lines
            .into_iter()
            .chain(metadata)
            .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
            .collect();
        if !lines.is_empty() {
            text.push('\n');
        }
        for (name, value) in lines {
            text.push_str(&format!("{name}: {}\n", printable_within(&value, LONGEST)));
        }
        if let Some(link) = link(facts, portal).filter(|_| notice.kind != Kind::Test) {
            text.push_str(&format!("\n{link}\n\n{DOES_NOTHING}\n"));
        }
        Self { subject: format!("[bailey] {subject}"), text }
    }
}

const DOES_NOTHING: &str = "The link opens a page and does nothing else: you sign in there, and whoever decides shows a second\n\
                            factor. Nobody asks for either in an answer to this mail, which nobody reads.";

/// Names as they stand in sentences.
struct Said {
    person: String,
    role: String,
    lasts: String,
    engagement: String,
    until: String,
    metadata: String,
}

impl Said {
    fn of(facts: &Facts) -> Self {
        let name = |name: &Option<String>| name.as_deref().map_or_else(|| "somebody".to_owned(), shown);
        let person = name(&facts.person);
        let person = match facts.display_name.as_deref().map(shown) {
            Some(display) if display != person => format!("{display} ({person})"),
            _ => person,
        };
        let engagement = name(&facts.engagement_name);
        let engagement = match facts.firm.as_deref().map(shown) {
            Some(firm) => format!("{engagement} ({firm})"),
            None => engagement,
        };
        let lasts = facts.seconds.map(|seconds| format!(", for {}", span(seconds))).unwrap_or_default();
        let until = facts.until.map(moment).unwrap_or_default();
        let metadata = facts.metadata.as_ref().map_or_else(|| "something".to_owned(), |metadata| shown(&metadata.of));
        Self { person, role: name(&facts.role), lasts, engagement, until, metadata }
    }
}

/// The subject, and the first sentence.
fn sentences(kind: Kind, said: &Said) -> (String, String) {
    let Said { person, role, lasts, engagement, until, metadata } = said;
    match kind {
        Kind::GrantRequested => (
            format!("{person} asks for {role}"),
            format!("{person} asks for the role {role}{lasts}. It waits for others to agree."),
        ),
        Kind::GrantChanged => (
            format!("The request of {person} for {role} was changed"),
            format!(
                "What {person} is to have of the role {role} was changed{lasts}. Whoever agreed before has to again."
            ),
        ),
        Kind::GrantApproved => (
            format!("{role} is granted to {person}"),
            format!("{person} is granted the role {role}{lasts}. It begins when they claim it."),
        ),
        Kind::GrantEnding => (
            format!("{role} of {person} ends at {until}"),
            format!(
                "The role {role}, granted to {person}, ends soon, and so do its sessions. Whoever needs it longer asks anew."
            ),
        ),
        Kind::GrantEnded => (
            format!("{role} of {person} is over"),
            format!("The role {role}, granted to {person}, is over, and so are its sessions."),
        ),
        Kind::GrantExpired => (
            format!("{role} of {person}: its time is over"),
            format!(
                "The role {role} for {person}: it was not decided, or not claimed, in time. Nobody has it by that."
            ),
        ),
        Kind::GrantRefused => {
            (format!("{role} is refused to {person}"), format!("The role {role} is not granted to {person}."))
        }
        Kind::GrantRevoked => (
            format!("{role} is taken back from {person}"),
            format!("The role {role} is taken back from {person}. Its sessions are over."),
        ),
        Kind::BreakGlass => (
            format!("BREAK-GLASS: {person} granted {role} to themselves"),
            format!(
                "BREAK-GLASS. {person} granted the role {role} to themselves{lasts}, and nobody agreed to it.\n\
                 Somebody else has to look back at it. If it is no emergency that you know of, take it back now."
            ),
        ),
        Kind::ReviewOverdue => (
            format!("OVERDUE: nobody looked back at {role} of {person}"),
            format!("{person} granted the role {role} to themselves, and nobody has looked back at it in time."),
        ),
        Kind::EngagementOpened => {
            (format!("Engagement {engagement}: you answer for it"), format!("You answer for engagement {engagement}."))
        }
        Kind::EngagementChanged => (
            format!("Engagement {engagement} was changed"),
            format!("Engagement {engagement}, which you answer for, was changed."),
        ),
        Kind::EngagementClosing => (
            format!("Engagement {engagement} ends at {until}"),
            format!(
                "Engagement {engagement}, which you answer for, ends soon, and everything that its people were granted."
            ),
        ),
        Kind::EngagementClosed => (
            format!("Engagement {engagement} was closed"),
            format!("Engagement {engagement} was closed, and everything that its people were granted is over."),
        ),
        Kind::EngagementEnded => (
            format!("Engagement {engagement} is over"),
            format!("The time of engagement {engagement} is over, and so is everything that its people were granted."),
        ),
        Kind::InvitationUsed => (
            format!("{person} came in by the invitation to {engagement}"),
            format!(
                "{person} came in by the invitation to engagement {engagement}, which you answer for, and has a second\n\
                 factor of their own now. If you told nobody the code, somebody else has it: close the engagement now."
            ),
        ),
        Kind::MetadataWaits => (
            format!("Changed metadata of {metadata} waits to be confirmed"),
            format!(
                "What {metadata} publishes about itself has changed. Whoever took over its web server could have done that, so\n\
                 it counts for nothing until somebody has asked them by another way, and confirms it here."
            ),
        ),
        Kind::Test => {
            ("A test".to_owned(), "Somebody who runs Bailey tries whether its notices arrive. This one did.".to_owned())
        }
    }
}

/// What the last moment is.
const fn until(kind: Kind) -> &'static str {
    match kind {
        Kind::GrantRequested | Kind::GrantChanged => "To be decided before",
        Kind::GrantApproved => "To be claimed before",
        Kind::BreakGlass | Kind::ReviewOverdue => "To be looked back at before",
        Kind::EngagementClosed | Kind::EngagementEnded => "It was to end at",
        _ => "Until",
    }
}

fn moment(at: Timestamp) -> String {
    let text = format!("{at:.0}");
    format!("{} UTC", text.trim_end_matches('Z').replace('T', " "))
}

/// `30 minutes`, `8 hours`, `2 hours 30 minutes`, `3 days`.
fn span(seconds: u32) -> String {
    let minutes = seconds.div_ceil(60);
    let parts = [(minutes / 1_440, "day"), (minutes / 60 % 24, "hour"), (minutes % 60, "minute")];
    let said = |(count, unit): (u32, &str)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    parts.into_iter().filter(|(count, _)| *count > 0).map(said).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GrantId, NoticeId};
    use crate::model::notice::{WaitingMetadata, Way};

    const PORTAL: &str = "https://bailey.example.com";

    fn notice(kind: Kind, facts: Facts) -> Notice {
        Notice {
            id: NoticeId::from_bytes([1; 16]),
            kind,
            way: Way::Mail,
            to: String::new(),
            at: Timestamp::UNIX_EPOCH,
            epoch: String::new(),
            moot: None,
            facts,
            tries: 0,
            next: Timestamp::UNIX_EPOCH,
            why: None,
        }
    }

    fn facts() -> Facts {
        Facts {
            grant: Some(GrantId::from_bytes([0xab; 16])),
            person: Some("ann".to_owned()),
            display_name: Some("Ann Weber".to_owned()),
            requested_by: Some("bob".to_owned()),
            role: Some("prod-admin".to_owned()),
            seconds: Some(9_000),
            reason: Some("the queue is stuck".to_owned()),
            ticket: Some("OPS-1".to_owned()),
            until: Some("2026-03-12T13:00:00Z".parse().unwrap()),
            ..Facts::default()
        }
    }

    #[test]
    fn it_says_who_asks_for_what_and_until_when_and_where_to_look() {
        let letter = Letter::of(&notice(Kind::GrantRequested, facts()), PORTAL);
        assert_eq!(letter.subject, "[bailey] Ann Weber (ann) asks for prod-admin");
        let expected = format!(
            "Ann Weber (ann) asks for the role prod-admin, for 2 hours 30 minutes. It waits for others to agree.\n\n\
             What for: the queue is stuck\nTicket: OPS-1\nAsked for by: bob\nTo be decided before: 2026-03-12 13:00:00 UTC\n\n\
             {PORTAL}/me/grants/{}\n\n{DOES_NOTHING}\n",
            "ab".repeat(16)
        );
        assert_eq!(letter.text, expected);
    }

    #[test]
    fn of_metadata_that_waits_it_says_what_changed_and_how_to_look_at_it() {
        let metadata = WaitingMetadata {
            of: "SAML provider kessel".to_owned(),
            changes: vec!["certificate ab is new".to_owned(), "it signs people in at https://x.example/".to_owned()],
            look: "bailey idp check kessel".to_owned(),
        };
        let facts = Facts { metadata: Some(metadata), ..Facts::default() };
        let letter = Letter::of(&notice(Kind::MetadataWaits, facts), PORTAL);
        assert_eq!(letter.subject, "[bailey] Changed metadata of SAML provider kessel waits to be confirmed");
        let lines: Vec<&str> = letter.text.lines().skip(2).collect();
        let expected = [
            "",
            "Changed: certificate ab is new",
            "Changed: it signs people in at https://x.example/",
            "To look at it: bailey idp check kessel",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn nothing_that_somebody_wrote_makes_a_line_of_ours() {
        let hostile = "x\r\nBcc: eve@evil.example\n\nhttps://evil.example/\u{202e}".to_owned();
        let evil = Facts {
            person: Some(hostile.clone()),
            display_name: Some(hostile.clone()),
            role: Some(hostile.clone()),
            reason: Some(hostile.clone()),
            firm: Some(hostile.clone()),
            engagement_name: Some(hostile.clone()),
            ..facts()
        };
        let waiting = WaitingMetadata { of: hostile.clone(), changes: vec![hostile.clone()], look: hostile };
        for kind in Kind::ALL {
            let metadata = (kind == Kind::MetadataWaits).then(|| waiting.clone());
            let letter = Letter::of(&notice(kind, Facts { metadata, ..evil.clone() }), PORTAL);
            assert!(!letter.subject.chars().any(crate::base::text::hidden), "{kind:?}: {}", letter.subject);
            for line in letter.text.lines() {
                assert!(!line.starts_with("Bcc") && !line.starts_with("https://evil"), "{kind:?}: {line}");
            }
            let links = letter.text.lines().filter(|line| line.starts_with("https://")).count();
            let leads = !matches!(kind, Kind::Test | Kind::MetadataWaits);
            assert_eq!(links, usize::from(leads), "{kind:?}: {}", letter.text);
        }
    }

    #[test]
    fn times_are_said_in_words() {
        for (seconds, words) in [
            (300, "5 minutes"),
            (3_600, "1 hour"),
            (86_460, "1 day 1 minute"),
            (7_776_000, "90 days"),
            (61, "2 minutes"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }
}
