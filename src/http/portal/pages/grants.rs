//! The pages of roles for a while.

use askama::Template;

use super::{Frame, filters};
use crate::admin::grants::{Activity, EngagementView, GrantView, Listed, Shown};
use crate::base::Timestamp;
use crate::model::grant::Stage;
use crate::sso::grantable::Grantable;

#[derive(Template)]
#[template(path = "grants.html")]
pub(in crate::http::portal) struct All {
    pub(in crate::http::portal) frame: Frame,
    /// What waits for this person to decide.
    pub(in crate::http::portal) waiting: Listed<GrantView>,
    pub(in crate::http::portal) own: Listed<GrantView>,
    /// Those that are over.
    pub(in crate::http::portal) over: Listed<GrantView>,
    pub(in crate::http::portal) roles: Listed<Grantable>,
    /// What their names have in them, if that was asked.
    pub(in crate::http::portal) find: String,
    /// Engagements that this person answers for or is one of the people of.
    pub(in crate::http::portal) engagements: Vec<EngagementView>,
    /// What they are called.
    pub(in crate::http::portal) name: String,
}

#[derive(Template)]
#[template(path = "grant_new.html")]
pub(in crate::http::portal) struct Ask<'a> {
    pub(in crate::http::portal) frame: Frame,
    pub(in crate::http::portal) role: &'a Grantable,
    /// What it allows, in words.
    pub(in crate::http::portal) lines: Vec<String>,
    /// For how long, in seconds and in words.
    pub(in crate::http::portal) choices: Vec<(u32, String)>,
    pub(in crate::http::portal) reason: &'a str,
    pub(in crate::http::portal) ticket: &'a str,
    pub(in crate::http::portal) gives: &'a str,
    /// What that allows, in words.
    pub(in crate::http::portal) given: Vec<String>,
    pub(in crate::http::portal) why: Option<String>,
}

#[derive(Template)]
#[template(path = "grant.html")]
pub(in crate::http::portal) struct One {
    pub(in crate::http::portal) frame: Frame,
    pub(in crate::http::portal) shown: Shown,
    /// What the role allows, in words.
    pub(in crate::http::portal) lines: Vec<String>,
    /// What the policy allows that was brought, in words.
    pub(in crate::http::portal) given: Option<Vec<String>>,
    /// How long it lasts, in words.
    pub(in crate::http::portal) lasts: String,
    /// Shorter ones.
    pub(in crate::http::portal) shorter: Vec<(u32, String)>,
}

/// What the people of an engagement did.
#[derive(Template)]
#[template(path = "activity.html")]
pub(in crate::http::portal) struct Did {
    pub(in crate::http::portal) frame: Frame,
    pub(in crate::http::portal) activity: Activity,
}

/// Where somebody who was invited types the code.
#[derive(Template)]
#[template(path = "invitation.html")]
pub(in crate::http::portal) struct Invitation<'a> {
    pub(in crate::http::portal) flow: &'a str,
    pub(in crate::http::portal) link: &'a str,
    pub(in crate::http::portal) why: Option<String>,
}

/// Where they choose a password.
#[derive(Template)]
#[template(path = "first_password.html")]
pub(in crate::http::portal) struct FirstPassword<'a> {
    pub(in crate::http::portal) flow: &'a str,
    pub(in crate::http::portal) link: &'a str,
    pub(in crate::http::portal) half: &'a str,
    pub(in crate::http::portal) why: Option<String>,
}

/// What whoever answers for somebody gives them: the link, or the code.
#[derive(Template)]
#[template(path = "invitation_made.html")]
pub(in crate::http::portal) struct InvitationMade<'a> {
    pub(in crate::http::portal) frame: Frame,
    pub(in crate::http::portal) engagement: &'a str,
    pub(in crate::http::portal) person: &'a str,
    pub(in crate::http::portal) until: Timestamp,
    pub(in crate::http::portal) link: Option<String>,
    pub(in crate::http::portal) code: Option<String>,
}

impl One {
    /// Where it stands, for whoever looks at it.
    fn said(&self) -> String {
        let view = &self.shown.view;
        if view.void.is_some() {
            return view.said().to_owned();
        }
        match (view.stage, view.how.as_deref()) {
            (Stage::Requested, _) if !self.shown.holds && !self.shown.asked => "waits for a decision".to_owned(),
            (Stage::Claimable, _) if !self.shown.holds => {
                format!("agreed to, {} can begin", view.display_name.as_deref().unwrap_or(&view.person))
            }
            (_, Some(how)) => format!("{}: {how}", view.said()),
            (_, None) => view.said().to_owned(),
        }
    }

    fn is(&self, stage: &str) -> bool {
        self.shown.view.stage.word() == stage
    }
}

impl All {
    fn is_empty(&self) -> bool {
        self.waiting.items.is_empty()
            && self.own.items.is_empty()
            && self.over.items.is_empty()
            && self.roles.items.is_empty()
            && self.find.is_empty()
            && self.engagements.is_empty()
    }
}

/// A word for where a grant stands, for its holder.
trait Said {
    fn said(&self) -> &'static str;

    /// Whether its holder can begin to work with it.
    fn can_begin(&self) -> bool;
}

impl Said for GrantView {
    fn said(&self) -> &'static str {
        if self.void.is_some() {
            return "leads nowhere as things are";
        }
        match self.stage {
            Stage::Requested => "waits for others to agree",
            Stage::Approved => "agreed to, and its time has not come",
            Stage::Claimable => "ready for you to begin",
            Stage::Active => "in use",
            Stage::Ended => "over",
        }
    }

    fn can_begin(&self) -> bool {
        self.stage == Stage::Claimable && self.void.is_none()
    }
}
