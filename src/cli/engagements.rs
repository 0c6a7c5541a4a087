//! `bailey engagement`: the window of a firm's contract, in which its people may be granted roles.

use std::io::Write;

use clap::{Args as ClapArgs, Subcommand};
use jiff::SignedDuration;
use serde_json::json;

use super::output::{Column, Output, moment};
use super::session::{Session, encoded, remark};
use super::{Exit, args};
use crate::admin::grants::{Act, Activity, EngagementChange, EngagementView, Invited, NewEngagement, SignsIn};
use crate::base::Timestamp;
use crate::base::clock::{Clock as _, SystemClock, later};
use crate::model::{Hours, Zone};

/// Shown below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  bailey engagement create soc2-2026 --firm 'Kessel & Lund' --framework 'SOC 2' --sponsor dee --person ext.eve \
    --network 203.0.113.0/24 --hours 'Mon-Fri 09:00-17:00' --time-zone Europe/Berlin --starts 2026-12-01 --ends 6w
  bailey engagement invite soc2-2026 ext.eve
  bailey engagement update soc2-2026 --ends 2027-01-31T18:00:00Z --add ext.sam
  bailey engagement close soc2-2026 --reason 'report delivered'";

/// `bailey engagement`.
#[derive(Debug, Subcommand)]
pub enum EngagementVerb {
    /// Make one
    Create(Box<Create>),
    /// List all of them; with --url those that you answer for, or are one of the people of
    List,
    /// Show one: its people, from where and when they work, and what they were granted
    Show {
        /// Its name or id
        engagement: String,
    },
    /// Show what its people did since it began, the newest first, by the audit log
    Activity {
        /// Its name or id
        engagement: String,
    },
    /// Change one: who is in it, who answers for it, from where, and until when
    ///
    /// Its begin, hours, time zone and ceiling stay as they were made: for others close it and make another one.
    Update(Box<Update>),
    /// Invite one of its people to set up how they sign in: by a link, and a code that whoever answers for it reads out
    Invite {
        /// Its name or id
        engagement: String,
        /// Who: name, ARN or id
        person: String,
    },
    /// Take an invitation back that nobody accepted
    Uninvite {
        /// Its name or id
        engagement: String,
        /// Who: name, ARN or id
        person: String,
    },
    /// Close one: everything that its people were granted is over at once, and for good
    Close {
        /// Its name or id
        engagement: String,
        /// Why, for the log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// What is said of a new one.
#[derive(Debug, ClapArgs)]
pub struct Create {
    /// What it is called here: a-z, 0-9, `.`, `_` and `-`
    name: String,
    /// The firm
    #[arg(long)]
    firm: String,
    /// By which book it audits, such as "SOC 2"
    #[arg(long, default_value = "")]
    framework: String,
    /// The days that are audited, such as 2026-01-01..2026-12-31
    #[arg(long, value_name = "FROM..TO", value_parser = period)]
    period: Option<(jiff::civil::Date, jiff::civil::Date)>,
    /// The contract, or the letter, that says so elsewhere
    #[arg(long, default_value = "")]
    contract: String,
    /// Who answers for it inside: name, ARN or id
    #[arg(long, value_name = "WHO")]
    sponsor: String,
    /// One of its people, a user made here (`bailey user create`); several times
    #[arg(long, value_name = "WHO")]
    person: Vec<String>,
    /// The outside provider by which they sign in, a [[sign_in_provider]]; with a password of their own, if nothing is said
    #[arg(long, value_name = "PROVIDER")]
    sign_in_with: Option<String>,
    /// From where they work; from anywhere without any; several times
    #[arg(long, value_name = "NETWORK")]
    network: Vec<String>,
    /// When they do, such as "Mon-Fri 09:00-17:00"
    #[arg(long)]
    hours: Option<Hours>,
    /// Whose hours: a name of the IANA database
    #[arg(long, default_value = "UTC")]
    time_zone: Zone,
    /// The managed policy beyond which nothing of it reaches
    #[arg(long, value_name = "POLICY", default_value = "AuditorBoundary")]
    ceiling: String,
    /// It counts from then on: a time such as 2026-12-01 (its begin in UTC) or 2026-12-01T09:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = args::moment)]
    starts: Option<Timestamp>,
    /// It counts until just before then: a time such as 2027-01-31 (its begin in UTC) or 2027-01-31T18:00:00Z, or how long from now
    /// on, such as 42d or 6w; 400d at most
    #[arg(long, value_name = "TIME", value_parser = end)]
    ends: End,
}

/// What is to be otherwise.
#[derive(Debug, ClapArgs)]
pub struct Update {
    /// Its name or id
    engagement: String,
    /// Somebody who comes to it; several times
    #[arg(long, value_name = "WHO")]
    add: Vec<String>,
    /// Somebody who leaves it; several times
    #[arg(long, value_name = "WHO")]
    remove: Vec<String>,
    /// Another who answers for it
    #[arg(long, value_name = "WHO")]
    sponsor: Option<String>,
    /// From where its people work, in place of the networks before; several times
    #[arg(long, value_name = "NETWORK", conflicts_with = "anywhere")]
    network: Vec<String>,
    /// Its people work from anywhere: no network holds any more
    #[arg(long)]
    anywhere: bool,
    /// New end: a time such as 2027-01-31T18:00:00Z (2027-01-31 is its begin in UTC), or a duration from now such as 42d or 6w (not
    /// added to the old end); 400d at most
    #[arg(long, value_name = "TIME", value_parser = end)]
    ends: Option<End>,
}

/// An end: a moment, or a time from now on.
#[derive(Debug, Clone, Copy)]
enum End {
    At(Timestamp),
    In(SignedDuration),
}

impl EngagementVerb {
    /// Whether it is for operators alone.
    #[must_use]
    pub fn takes_an_operator(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Update(_) | Self::Invite { .. } | Self::Uninvite { .. })
    }
}

impl End {
    fn moment(self) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(span) => later(SystemClock.now(), span),
        }
    }
}

fn end(text: &str) -> Result<End, String> {
    if let Ok(at) = args::moment(text) {
        return Ok(End::At(at));
    }
    let span = crate::config::duration(text).and_then(|span| SignedDuration::try_from(span).ok());
    span.map(End::In).ok_or_else(|| {
        "expected a time such as 2027-01-31 or 2027-01-31T18:00:00Z, or how long from now on, such as 42d or 6w"
            .to_owned()
    })
}

fn period(text: &str) -> Result<(jiff::civil::Date, jiff::civil::Date), String> {
    let days = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    days.ok_or_else(|| "expected days such as 2026-01-01..2026-12-31".to_owned())
}

pub(super) const ENGAGEMENTS: &[Column<EngagementView>] = &[
    Column { title: "name", cell: |view| view.name.clone() },
    Column { title: "firm", cell: |view| view.firm.clone() },
    Column { title: "state", cell: |view| view.state.clone() },
    Column { title: "ends", cell: |view| moment(view.ends) },
    Column { title: "sponsor", cell: |view| view.sponsor.clone() },
    Column { title: "people", cell: |view| view.people.join(" ") },
    Column { title: "not set up", cell: |view| not_set_up(view) },
    Column { title: "networks", cell: |view| view.networks.join(" ") },
    Column { title: "ceiling", cell: |view| view.ceiling.clone() },
    Column { title: "grants", cell: |view| granted(view) },
];

/// One of them, whole.
pub(super) const ENGAGEMENT: &[Column<EngagementView>] = &[
    Column { title: "name", cell: |view| view.name.clone() },
    Column { title: "firm", cell: |view| view.firm.clone() },
    Column { title: "framework", cell: |view| view.framework.clone() },
    Column { title: "period", cell: |view| view.period.map(|(from, to)| format!("{from}..{to}")).unwrap_or_default() },
    Column { title: "contract", cell: |view| view.contract.clone() },
    Column { title: "state", cell: |view| view.state.clone() },
    Column { title: "starts", cell: |view| moment(view.starts) },
    Column { title: "ends", cell: |view| moment(view.ends) },
    Column { title: "sponsor", cell: |view| view.sponsor.clone() },
    Column { title: "people", cell: |view| view.people.join(" ") },
    Column { title: "not set up", cell: |view| not_set_up(view) },
    Column { title: "sign in with", cell: |view| view.sign_in_with.clone().unwrap_or_default() },
    Column { title: "networks", cell: |view| view.networks.join(" ") },
    Column {
        title: "hours",
        cell: |view| view.hours.as_ref().map(|hours| format!("{hours} {}", view.zone)).unwrap_or_default(),
    },
    Column { title: "ceiling", cell: |view| view.ceiling.clone() },
    Column { title: "grants", cell: |view| granted(view) },
];

pub(super) const ACTIVITY: &[Column<Act>] = &[
    Column { title: "time", cell: |act| moment(act.at) },
    Column { title: "person", cell: |act| act.person.clone() },
    Column { title: "operation", cell: |act| act.operation.clone() },
    Column { title: "about", cell: |act| act.resource.clone().unwrap_or_default() },
    Column { title: "as", cell: |act| act.session.clone().unwrap_or_default() },
    Column { title: "from", cell: |act| act.source_ip.clone() },
    Column { title: "outcome", cell: |act| act.outcome.clone() },
];

/// What is told of an engagement, and that there is more where there is.
pub(super) fn tell<W: Write>(output: &mut Output<W>, activity: &Activity) -> anyhow::Result<Exit> {
    output.listing(&activity.acts, ACTIVITY)?;
    if activity.more {
        remark("there is more, further back: bailey audit query --person NAME")?;
    }
    Ok(Exit::Done)
}

/// What its people were granted that is not over.
fn granted(view: &EngagementView) -> String {
    view.grants.iter().map(|one| format!("{} {}", one.role, one.stage.word())).collect::<Vec<_>>().join(", ")
}

/// Who has no way to sign in yet.
fn not_set_up(view: &EngagementView) -> String {
    let without = view.sign_in.iter().filter(|one| !one.ready);
    let said = |one: &SignsIn| match one.invited_until {
        Some(until) => format!("{} (invited until {})", one.name, moment(until)),
        None => one.name.clone(),
    };
    without.map(said).collect::<Vec<_>>().join(", ")
}

const INVITATION: &[Column<Invited>] = &[
    Column { title: "person", cell: |made| made.person.clone() },
    Column { title: "link", cell: |made| made.link.clone() },
    Column { title: "until", cell: |made| moment(made.until) },
    Column { title: "code", cell: |made| format!("{} reads it out, from /me/grants", made.sponsor) },
];

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub(super) async fn run(session: &mut Session, verb: EngagementVerb) -> anyhow::Result<Exit> {
    let one = |name: &str| format!("/v1/engagements/{}", encoded(name));
    let view: EngagementView = match verb {
        EngagementVerb::List => {
            let all: Vec<EngagementView> = session.client.get("/v1/engagements").await?;
            session.output.listing(&all, ENGAGEMENTS)?;
            return Ok(Exit::Done);
        }
        EngagementVerb::Invite { engagement, person } => {
            let path = format!("{}/invitations", one(&engagement));
            let made: Invited = session.client.post(&path, &json!({ "person": person })).await?;
            session.output.record(&made, INVITATION)?;
            return Ok(Exit::Done);
        }
        EngagementVerb::Uninvite { engagement, person } => {
            let () = session.client.delete(&format!("{}/invitations/{}", one(&engagement), encoded(&person))).await?;
            return Ok(Exit::Done);
        }
        EngagementVerb::Activity { engagement } => {
            let told: Activity = session.client.get(&format!("{}/activity", one(&engagement))).await?;
            return tell(&mut session.output, &told);
        }
        EngagementVerb::Show { engagement } => session.client.get(&one(&engagement)).await?,
        EngagementVerb::Create(create) => {
            let Create { name, firm, framework, period, contract, sponsor, person, network, hours, .. } = *create;
            let new = NewEngagement {
                name,
                firm,
                framework,
                period,
                contract,
                sponsor,
                people: person,
                sign_in_with: create.sign_in_with,
                networks: network,
                hours,
                zone: create.time_zone,
                ceiling: Some(create.ceiling),
                starts: create.starts,
                ends: create.ends.moment(),
            };
            session.client.post("/v1/engagements", &new).await?
        }
        EngagementVerb::Update(update) => {
            let Update { engagement, add, remove, sponsor, network, anywhere, ends } = *update;
            let networks = (anywhere || !network.is_empty()).then_some(network);
            let change = EngagementChange { add, remove, sponsor, networks, ends: ends.map(End::moment) };
            let path = one(&engagement);
            let before: Option<EngagementView> = match change.ends {
                Some(_) => Some(session.client.get(&path).await?),
                None => None,
            };
            let changed: EngagementView = session.client.post(&path, &change).await?;
            if let Some(before) = before {
                remark(&format!("it ends {} now, and was to end {}", moment(changed.ends), moment(before.ends)))?;
            }
            changed
        }
        EngagementVerb::Close { engagement, reason } => {
            session.client.post(&format!("{}/close", one(&engagement)), &json!({ "reason": reason })).await?
        }
    };
    session.output.record(&view, ENGAGEMENT)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_date_a_time_or_a_duration_from_now() {
        let at = |text: &str| match end(text) {
            Ok(End::At(at)) => at.to_string(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(at("2026-12-01"), "2026-12-01T00:00:00Z");
        assert_eq!(at("2027-01-31T18:00:00+01:00"), "2027-01-31T17:00:00Z");
        for (text, days) in [("42d", 42), ("6w", 42), ("36h", 0)] {
            let hours = if days == 0 { 36 } else { days * 24 };
            assert!(matches!(end(text), Ok(End::In(span)) if span == SignedDuration::from_hours(hours)), "{text}");
        }
        assert!(end("soon").is_err() && end("14").is_err() && end("-3d").is_err());
    }
}
