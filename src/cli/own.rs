//! What people do at a daemon about roles for a while, from their own machine: as who is signed in by `bailey login`.
//!
//! Nobody agrees blind: what is asked, for whom, for how long and what the role allows is shown first, and what is agreed to is the
//! digest of what was shown. Where nobody is at a terminal, the digest has to be said, by whoever looked before.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Exit;
use super::args::Global;
use super::client::ClientError;
use super::engagements::{ENGAGEMENT, ENGAGEMENTS, EngagementVerb, tell};
use super::grants::{Asking, GRANTS, GrantVerb, OVER};
use super::login::cache::Cache;
use super::login::keys::{Held, Login};
use super::login::service::{Answered, Service};
use super::login::{cache, tokens};
use super::output::{Column, Format, Output, moment};
use super::session::{encoded, remark};
use crate::admin::grants::{Activity, Amended, EngagementView, GrantView, Listed, NewGrant, OwnView};
use crate::http::me::{Agreeing, Because, Finding, Wish};
use crate::sso::grantable::{Grantable, Preview};

/// A way to one's own grants at a daemon.
pub(super) struct Own {
    cache: Cache,
    url: String,
    service: Service,
    output: Output<io::StdoutLock<'static>>,
}

impl Own {
    /// As who is signed in there; where nothing is said, at the only daemon where somebody is.
    ///
    /// # Errors
    /// When nobody is signed in, or not with a browser.
    pub(super) fn open(global: &Global) -> anyhow::Result<Self> {
        let cache = cache()?;
        let url = global.url.as_deref().map(|url| Service::at(url, None)).transpose()?;
        let login = Login::kept(&cache, url.as_ref().map(Service::url))?;
        anyhow::ensure!(
            matches!(login.held, Held::Tokens(_)),
            "roles for a while are for people whom the daemon knows by their browser: run `bailey login --url {}` without a password",
            login.url
        );
        let service = Service::at(&login.url, login.ca_file)?;
        Ok(Self { cache, url: login.url, service, output: Output::standard(global.output) })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let token = tokens::access(&self.cache, &self.url).await?;
        self.read(self.service.get_as(path, &token).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let token = tokens::access(&self.cache, &self.url).await?;
        self.read(self.service.post_as(path, &token, &serde_json::to_string(body)?).await?)
    }

    fn read<T: DeserializeOwned>(&self, answer: Answered) -> anyhow::Result<T> {
        match answer.read::<T>() {
            Err(ClientError::Refused(error)) if error.code == "InvalidToken" => {
                let url = &self.url;
                anyhow::bail!("your sign-in at {url} is over: run `bailey login --url {url}`")
            }
            read => Ok(read?),
        }
    }
}

/// Something of one grant.
fn of(grant: &str) -> String {
    format!("/v1/me/grants/{}", encoded(grant))
}

/// Does the verb of `bailey grant` that a person asks for.
///
/// # Errors
/// When nobody is signed in, or the operation fails.
pub(super) async fn grant(own: &mut Own, verb: GrantVerb) -> anyhow::Result<Exit> {
    let step = |grant: &str, step: &str| format!("{}/{step}", of(grant));
    let view: GrantView = match verb {
        GrantVerb::List { waiting, over, .. } => {
            let query = match (waiting, over) {
                (true, _) => "?waiting=true",
                (_, true) => "?over=true",
                _ => "",
            };
            let listed: Listed<GrantView> = own.get(&format!("/v1/me/grants{query}")).await?;
            own.output.listing(&listed.items, if over { OVER } else { GRANTS })?;
            if listed.more {
                let words = match over {
                    true => "there were more before",
                    false => "there are more, which follow as these are over or decided about",
                };
                remark(words)?;
            }
            return Ok(Exit::Done);
        }
        GrantVerb::Roles { find } => {
            let find: String = url::form_urlencoded::byte_serialize(find.as_bytes()).collect();
            let listed: Listed<Grantable> = own.get(&format!("/v1/me/grantable?find={find}")).await?;
            own.output.listing(&listed.items, ROLES)?;
            if listed.more {
                remark("there are more: say with --find what the name has in it")?;
            }
            return Ok(Exit::Done);
        }
        GrantVerb::Request(asking) if asking.dry_run => {
            let preview: Preview = own.get(&format!("/v1/me/grantable/{}", encoded(&asking.role))).await?;
            own.output.record(&preview, PREVIEW)?;
            allows(&mut own.output, &preview.role.name, &preview.allows)?;
            return Ok(Exit::Done);
        }
        GrantVerb::Show { grant } => {
            let view: OwnView = own.get(&of(&grant)).await?;
            show(&mut own.output, &view)?;
            return Ok(Exit::Done);
        }
        GrantVerb::Request(asking) => {
            let Asking { role, lasts, reason, ticket, person, start, claim_by, gives, condition, dry_run: _ } = *asking;
            let (lasts, reason) = (lasts.unwrap_or_default(), reason.unwrap_or_default());
            let start = start.map(|start| start.word());
            let (gives, condition) = (gives.map(|gives| gives.0), condition.map(|condition| condition.0));
            let terms =
                NewGrant { person, seconds: lasts, start, claim_by, policy: None, gives, condition, reason, ticket };
            own.post("/v1/me/grants", &Wish { role, terms }).await?
        }
        GrantVerb::Approve { grant, digest, comment } => {
            let view: OwnView = own.get(&of(&grant)).await?;
            let Some(agree_to) = agreed(view, digest.as_deref())? else {
                remark("nothing was agreed to")?;
                return Ok(Exit::Failed);
            };
            own.post(&step(&grant, "approve"), &Agreeing { agree_to, comment }).await?
        }
        GrantVerb::Refuse { grant, reason } => own.post(&step(&grant, "refuse"), &Because { reason }).await?,
        GrantVerb::Narrow { grant, lasts, condition } => {
            let condition = condition.map(|condition| condition.0);
            let amended = Amended { seconds: lasts, condition, ..Amended::default() };
            own.post(&step(&grant, "narrow"), &amended).await?
        }
        GrantVerb::Claim { grant } => own.post(&step(&grant, "claim"), &json!({})).await?,
        GrantVerb::Complete { grant } => own.post(&step(&grant, "complete"), &json!({})).await?,
        GrantVerb::Revoke { grant, reason } => own.post(&step(&grant, "revoke"), &Because { reason }).await?,
        GrantVerb::Review { grant, finding } => own.post(&step(&grant, "review"), &Finding { finding }).await?,
    };
    own.output.record(&view, GRANTS)?;
    Ok(Exit::Done)
}

/// Does the verb of `bailey engagement` that a person asks for.
///
/// # Errors
/// When nobody is signed in, it is for operators, or the operation fails.
pub(super) async fn engagement(own: &mut Own, verb: EngagementVerb) -> anyhow::Result<Exit> {
    let one = |name: &str| format!("/v1/me/engagements/{}", encoded(name));
    let view: EngagementView = match verb {
        EngagementVerb::List => {
            let all: Vec<EngagementView> = own.get("/v1/me/engagements").await?;
            own.output.listing(&all, ENGAGEMENTS)?;
            return Ok(Exit::Done);
        }
        EngagementVerb::Activity { engagement } => {
            let told: Activity = own.get(&format!("{}/activity", one(&engagement))).await?;
            return tell(&mut own.output, &told);
        }
        EngagementVerb::Show { engagement } => own.get(&one(&engagement)).await?,
        EngagementVerb::Close { engagement, reason } => {
            own.post(&format!("{}/close", one(&engagement)), &Because { reason }).await?
        }
        EngagementVerb::Create(_)
        | EngagementVerb::Update(_)
        | EngagementVerb::Invite { .. }
        | EngagementVerb::Uninvite { .. } => {
            anyhow::bail!("operators make and change engagements, on the daemon's machine: leave --url out there")
        }
    };
    own.output.record(&view, ENGAGEMENT)?;
    Ok(Exit::Done)
}

/// What somebody agrees to: what they said that they saw, or say yes to now. `None` where they do not.
fn agreed(view: OwnView, digest: Option<&str>) -> anyhow::Result<Option<String>> {
    let id = view.grant.id.clone();
    let Some(agree_to) = view.agree_to.clone() else {
        let why = match (view.agreed, view.may_decide) {
            (true, _) => "you have agreed to it already",
            (_, true) => "it is no request any more",
            _ => "that is for others to decide about",
        };
        anyhow::bail!("there is nothing for you to agree to: {why}; see `bailey grant show {id}`");
    };
    if let Some(digest) = digest {
        anyhow::ensure!(
            digest == agree_to,
            "what is asked, or what the role allows, is not what that digest is of: look at it again with `bailey grant show {id}`"
        );
        return Ok(Some(agree_to));
    }
    anyhow::ensure!(
        io::stdin().is_terminal(),
        "nobody agrees blind, and this is no terminal: look at it with `bailey grant show {id}`, then say --digest with the one \
         that it shows"
    );
    let width = terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| columns);
    show(&mut Output::new(io::stderr(), Format::Table, width), &view)?;
    write!(io::stderr(), "Do you agree to that? Type yes or no: ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes").then_some(agree_to))
}

/// A grant, to somebody who may have to decide.
fn show<W: io::Write>(output: &mut Output<W>, view: &OwnView) -> io::Result<()> {
    output.record(view, OWN)?;
    allows(output, &view.grant.role, &view.allows)
}

/// What a role allows, for people: programs have it in the record.
fn allows<W: io::Write>(output: &mut Output<W>, role: &str, lines: &[String]) -> io::Result<()> {
    if output.format() == Format::Json {
        return Ok(());
    }
    match lines.is_empty() {
        true => output.line(&format!("{role} allows nothing by itself: an application decides what it is good for"))?,
        false => output.line(&format!("{role} allows:"))?,
    }
    lines.iter().try_for_each(|line| output.paragraph(&format!("  - {}", crate::base::text::printable(line)), 4))
}

const ROLES: &[Column<Grantable>] = &[
    Column { title: "role", cell: |role| role.name.clone() },
    Column { title: "account", cell: |role| role.account.clone() },
    Column { title: "at most", cell: |role| span(role.longest) },
    Column { title: "who decides", cell: |role| role.decides.clone() },
    Column { title: "description", cell: |role| role.description.clone() },
];

const PREVIEW: &[Column<Preview>] = &[
    Column { title: "role", cell: |preview| preview.role.arn.clone() },
    Column { title: "description", cell: |preview| preview.role.description.clone() },
    Column { title: "at most", cell: |preview| span(preview.role.longest) },
    Column { title: "begin within", cell: |preview| span(preview.role.claim_within) },
    Column { title: "who decides", cell: |preview| preview.role.decides.clone() },
    Column {
        title: "ticket",
        cell: |preview| if preview.role.ticket { "has to be named".to_owned() } else { String::new() },
    },
];

fn span(seconds: u32) -> String {
    format!("{:#}", jiff::SignedDuration::from_secs(seconds.into()))
}

const OWN: &[Column<OwnView>] = &[
    Column { title: "id", cell: |view| view.grant.id.clone() },
    Column { title: "role", cell: |view| view.grant.role_arn.clone() },
    Column {
        title: "for",
        cell: |view| match &view.grant.display_name {
            Some(called) => format!("{called} ({})", view.grant.person),
            None => view.grant.person.clone(),
        },
    },
    Column { title: "asked by", cell: |view| format!("{}, {}", view.grant.requested_by, moment(view.grant.requested)) },
    Column { title: "what for", cell: |view| view.grant.reason.clone() },
    Column { title: "ticket", cell: |view| view.grant.ticket.clone() },
    Column { title: "how long", cell: lasts },
    Column { title: "only if", cell: |view| view.grant.conditions.join(" and ") },
    Column { title: "good for", cell: |view| view.grant.gives.clone().unwrap_or_default() },
    Column { title: "no more than", cell: |view| view.grant.policy.clone().unwrap_or_default() },
    Column {
        title: "stage",
        cell: |view| view.grant.how.clone().unwrap_or_else(|| view.grant.stage.word().to_owned()),
    },
    Column { title: "void because", cell: |view| view.grant.void.clone().unwrap_or_default() },
    Column { title: "begin before", cell: |view| begin(view).map(moment).unwrap_or_default() },
    Column { title: "until", cell: |view| view.grant.until.map(moment).unwrap_or_default() },
    Column {
        title: "agreed",
        cell: |view| {
            let said = view.grant.approvals.iter().map(|yes| match yes.comment.is_empty() {
                true => format!("{} ({})", yes.by, yes.right),
                false => format!("{} ({}): {}", yes.by, yes.right, yes.comment),
            });
            let said = said.collect::<Vec<_>>().join("; ");
            format!("{} of {}: {said}", view.grant.approvals.len(), view.needed).trim_end_matches([':', ' ']).to_owned()
        },
    },
    Column { title: "ended", cell: |view| view.grant.ended.map(moment).unwrap_or_default() },
    Column { title: "by", cell: |view| view.grant.ended_by.clone().unwrap_or_default() },
    Column { title: "why", cell: |view| view.grant.end_reason.clone().unwrap_or_default() },
    Column { title: "look back until", cell: |view| view.grant.review_due.map(moment).unwrap_or_default() },
    Column { title: "found", cell: |view| view.grant.finding.clone().unwrap_or_default() },
    Column { title: "digest to agree to", cell: |view| view.agree_to.clone().unwrap_or_default() },
];

fn lasts(view: &OwnView) -> String {
    let span = span(view.grant.seconds);
    let from = match view.grant.start.as_str() {
        "approval" => "from the moment it is agreed to".to_owned(),
        "first_use" => "from when it is begun".to_owned(),
        at => format!("from {at}"),
    };
    format!("{span}, {from}")
}

fn begin(view: &OwnView) -> Option<crate::base::Timestamp> {
    (view.grant.until.is_none() && view.grant.ended.is_none()).then_some(view.grant.claim_by)
}
