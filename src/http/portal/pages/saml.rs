//! Pages that lead to service providers of SAML.

use askama::Template;

use super::Frame;
use crate::sso::saml::{AwsRole, Delivery};

/// Posts a message of SAML.
#[derive(Template)]
#[template(path = "saml_post.html")]
pub(in crate::http::portal) struct SamlPost<'a> {
    pub(in crate::http::portal) delivery: &'a Delivery,
    /// What is read before somebody goes on by themselves.
    pub(in crate::http::portal) read_first: Option<String>,
    /// What the one script of the page is known by.
    pub(in crate::http::portal) nonce: &'a str,
}

/// Has somebody choose a role in AWS.
#[derive(Template)]
#[template(path = "role_choice.html")]
pub(in crate::http::portal) struct RoleChoice<'a> {
    pub(in crate::http::portal) title: &'a str,
    pub(in crate::http::portal) action: &'a str,
    /// What goes along.
    pub(in crate::http::portal) kept: Vec<(&'static str, &'a str)>,
    /// Those of one account together.
    pub(in crate::http::portal) roles: Vec<AwsRole>,
}

impl RoleChoice<'_> {
    /// The roles of each account, in the order in which they come: one of them, and all.
    fn accounts(&self) -> impl Iterator<Item = (&AwsRole, &[AwsRole])> {
        let accounts = self.roles.chunk_by(|one, next| one.account == next.account);
        accounts.filter_map(|roles| Some((roles.first()?, roles)))
    }
}

/// Whether somebody wants to go to an application.
#[derive(Template)]
#[template(path = "app.html")]
pub(in crate::http::portal) struct AppPage<'a> {
    pub(in crate::http::portal) frame: Frame,
    pub(in crate::http::portal) title: &'a str,
    pub(in crate::http::portal) action: &'a str,
}
