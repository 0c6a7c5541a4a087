//! What no policy has a say about: which sort of caller may do which operation whatever is written anywhere, which may not, and
//! of which policies decide.

use super::operation::Operation;
use crate::authn::CallerKind;
use crate::authn::local::Role;

impl Operation {
    /// The decision about callers, as a table; `None` is for policies to decide.
    #[must_use]
    pub fn allowed_for(self, caller: CallerKind) -> Option<bool> {
        match (caller, self.least()) {
            // A proxy asks about the requests of others, and does nothing else.
            (CallerKind::Proxy, _) => Some(matches!(self, Self::AuthorizeAny)),
            // A client that shows somebody's tokens has them signed in to it again, or exchanges them for a session.
            (CallerKind::Bearer, _) if matches!(self, Self::AuthorizeClient | Self::ExchangeToken) => None,
            (CallerKind::Bearer, _) => Some(false),
            // What takes a person about roles for a while, and why they were refused; whatever else they may they do by a session.
            (CallerKind::Terminal, _)
                if self.is_a_persons_about_grants()
                    || matches!(self, Self::ExplainRefusal | Self::ExplainAnyRefusal) =>
            {
                None
            }
            (CallerKind::Terminal, _) => Some(false),
            // Whoever signed in, or is vouched for, exchanges that for a session, and does nothing else.
            (CallerKind::Bound, _)
                if matches!(
                    self,
                    Self::AcceptInvitation | Self::AssumeRoleWithLDAPIdentity | Self::EnrolSecondFactor | Self::Login
                ) =>
            {
                None
            }
            (CallerKind::Bound, _) => Some(matches!(self, Self::GetSessionToken)),
            (CallerKind::Machine, _) if self.is_for_machines() => None,
            (CallerKind::Machine, _) => Some(false),
            (CallerKind::Visitor, _) if matches!(self, Self::AssumeRoleWithSAML | Self::AssumeRoleWithWebIdentity) => {
                None
            }
            (CallerKind::Visitor, _) => Some(false),
            (CallerKind::Session { .. }, _) if self.is_of_a_browser() => None,
            (_, _) if self.is_of_a_browser() || matches!(self, Self::ExchangeToken) => Some(false),
            (_, _)
                if matches!(
                    self,
                    Self::AcceptInvitation | Self::AssumeRoleWithLDAPIdentity | Self::AssumeRoleWithSAML | Self::Login
                ) || self.is_for_machines() =>
            {
                Some(false)
            }
            // Who one is can be kept from nobody (AWS STS API reference, GetCallerIdentity).
            _ if matches!(self, Self::GetCallerIdentity | Self::IntrospectSession) => Some(true),
            // A task is done, and nothing else: what is asked of root of another account is no business of ours.
            (CallerKind::AssumedRoot, _) if self.is_of_root_tasks() => None,
            (CallerKind::AssumedRoot, _) => Some(false),
            // What begins a session takes somebody whose session it would be.
            (CallerKind::Local(_), _) if self.begins_a_session() || self.makes_a_token() => Some(false),
            // A token names a session, and ends with it: a long-lived key has none.
            (CallerKind::Root | CallerKind::User | CallerKind::Federated, _) if self.makes_a_token() => Some(false),
            (CallerKind::Local(Role::Operator), _) | (CallerKind::Local(Role::Viewer), Role::Viewer) => Some(true),
            (CallerKind::Local(Role::Viewer), Role::Operator) => Some(false),
            // Credentials that were handed out hand out none (delegated credentials that make credentials outlive what they were lent for), nor do they
            // change who may what; AWS has the same rules (IAM User Guide, "Compare AWS STS credentials").
            (CallerKind::Federated, _) if self.is_of("iam") || self.is_of("sts") => Some(false),
            (CallerKind::Session { mfa: false }, _) if self.is_of("iam") => Some(false),
            (CallerKind::Session { .. } | CallerKind::Role, _) if self.hands_out() => Some(false),
            (CallerKind::Root, _) if matches!(self, Self::AssumeRole | Self::AssumeRoot | Self::GetFederationToken) => {
                Some(false)
            }
            // One's own session has no more rights than one has (AWS STS API reference, GetSessionToken).
            (CallerKind::Root | CallerKind::User, _) if matches!(self, Self::GetSessionToken) => Some(true),
            (
                CallerKind::Root
                | CallerKind::User
                | CallerKind::Role
                | CallerKind::Session { .. }
                | CallerKind::Federated,
                _,
            ) => None,
        }
    }

    /// What it would take, in words for a `caller` of whom the table says no.
    pub(super) fn needs(self, caller: CallerKind) -> &'static str {
        match (caller, self.least()) {
            (CallerKind::Visitor, _) => {
                "somebody of elsewhere assumes roles that trust their issuer, and does nothing else"
            }
            (CallerKind::Bearer, _) => "tokens of single sign-on are exchanged for a session first",
            (CallerKind::Terminal, _) => {
                "at a terminal people ask for roles, decide about them and end them, ask why they were refused, and nothing else"
            }
            (CallerKind::Bound, _) => "whoever signed in with a password exchanges that for a session first",
            (CallerKind::Machine, _) => "a machine assumes roles that are given to it, and does nothing else",
            (CallerKind::Proxy, _) => "a proxy asks about requests, and does nothing else",
            (CallerKind::User | CallerKind::Local(_), _) if self.makes_a_token() => {
                "a token is of a session: begin one first, with sts:AssumeRole or sts:GetSessionToken"
            }
            (CallerKind::AssumedRoot, _) => "root of another account does its task, and nothing else",
            (CallerKind::Root, _) => "root itself assumes no role and hands out no name; use a user",
            (CallerKind::Role, _) => "it takes a user: the session of a role goes on with sts:AssumeRole",
            (CallerKind::Session { .. }, _) => {
                "a session of one's own assumes roles, and calls IAM where a second factor was shown for it"
            }
            (CallerKind::Federated, _) => "who was handed a name out reaches neither IAM nor STS",
            (_, Role::Operator) => "it takes an operator of this machine",
            (_, Role::Viewer) => "it takes a viewer of this machine",
        }
    }

    /// What policies have to allow for it, `tagged` if tags come with it: to tag a session is a permission of its own (AWS STS API
    /// reference, GetFederationToken, "Permissions"). Of sessions of roles, whose trust has a say, see [`crate::rights::assume`].
    pub(super) fn actions(self, tagged: bool) -> impl Iterator<Item = String> {
        let tags = tagged && matches!(self, Self::GetFederationToken);
        [self.action()].into_iter().chain(tags.then(|| "sts:TagSession".to_owned()))
    }

    /// True when everybody may do it of whom nothing says otherwise, as people in AWS sign in without a policy for it: a Deny
    /// counts, and so does a guardrail; a boundary, which is about what somebody does behind that, has no say.
    pub(super) const fn is_open_to_people(self) -> bool {
        let of_a_sponsor = matches!(
            self,
            Self::CloseEngagement | Self::InviteToEngagement | Self::ListEngagementActivity | Self::RevokeInvitation
        );
        self.is_of_a_browser()
            || of_a_sponsor
            || matches!(self, Self::AcceptInvitation | Self::ExplainRefusal | Self::Login | Self::RevokeGrant)
    }

    /// Whether nobody needs a policy for what policies call `action`, because it is open to people.
    #[must_use]
    pub fn needs_no_policy(action: &str) -> bool {
        let open = |operation: &&Self| operation.is_open_to_people() || matches!(operation, Self::ExchangeToken);
        Self::ALL.iter().filter(open).any(|operation| operation.action() == action)
    }

    /// True when a session that was begun by a grant may ask for it, if policies allow it: it reads, goes on to another role and
    /// hands a token of itself to an application. It changes nothing here, so that nothing lasting comes of what is for a while.
    pub(super) fn is_for_grants(self) -> bool {
        let reads = self.read_only() && !self.is_of("iam");
        reads || matches!(self, Self::AssumeRole | Self::CreateRoleToken)
    }

    /// True when somebody asks for it who is signed in, or half signed in, with a browser.
    const fn is_of_a_browser(self) -> bool {
        matches!(
            self,
            Self::AmendGrant
                | Self::ApproveGrant
                | Self::AuthorizeClient
                | Self::ClaimGrant
                | Self::CompleteGrant
                | Self::CreateRecoveryCodes
                | Self::EnrolSecondFactor
                | Self::IssueSamlResponse
                | Self::RefuseGrant
                | Self::RemoveSecondFactor
                | Self::RenameSecondFactor
                | Self::RequestGrant
                | Self::ReviewGrant
                | Self::ShowInvitationCode
                | Self::StepUp
        )
    }

    /// True when people do it about roles for a while, with a browser or at their terminal.
    const fn is_a_persons_about_grants(self) -> bool {
        matches!(
            self,
            Self::AmendGrant
                | Self::ApproveGrant
                | Self::ClaimGrant
                | Self::CloseEngagement
                | Self::CompleteGrant
                | Self::ListEngagementActivity
                | Self::RefuseGrant
                | Self::RequestGrant
                | Self::ReviewGrant
                | Self::RevokeGrant
        )
    }

    /// True when it gives a session of a role.
    #[must_use]
    pub const fn is_assuming(self) -> bool {
        matches!(
            self,
            Self::AssumeRole | Self::AssumeRoleWithLDAPIdentity | Self::AssumeRoleWithSAML | Self::ExchangeToken
        ) || self.is_for_machines()
    }

    /// True when a machine that showed who it is may ask for it: by a certificate, or by a token.
    const fn is_for_machines(self) -> bool {
        matches!(self, Self::AssumeRoleWithCertificate | Self::AssumeRoleWithKerberos | Self::AssumeRoleWithWebIdentity)
    }

    /// True when those of another account than the home account may be allowed it: to go on to a role that trusts them, to
    /// ask who they are, to ask about themselves, and for a token of their own session.
    #[must_use]
    pub const fn is_for_every_account(self) -> bool {
        matches!(self, Self::AssumeRole | Self::Authorize | Self::ExplainRefusal | Self::GetCallerIdentity)
            || self.makes_a_token()
    }

    /// True when a session begins with it, of whatever kind.
    #[must_use]
    pub const fn begins_a_session(self) -> bool {
        self.is_assuming() || self.hands_out() || matches!(self, Self::AssumeRoot | Self::Login)
    }

    /// True when a task of root allows it. The documents say of whom ([`crate::model::RootTask`]).
    const fn is_of_root_tasks(self) -> bool {
        matches!(self, Self::GetLoginProfile | Self::GetUser | Self::ListAccessKeys | Self::ListMFADevices)
    }

    /// True when it gives a token of the session that asks.
    #[must_use]
    pub const fn makes_a_token(self) -> bool {
        matches!(self, Self::CreateRoleToken | Self::GetWebIdentityToken)
    }

    /// True when it gives a session of one's own, or under a name of one's choice.
    const fn hands_out(self) -> bool {
        matches!(self, Self::GetSessionToken | Self::GetFederationToken)
    }

    /// True when its name in policies begins so.
    fn is_of(self, service: &str) -> bool {
        self.service() == service
    }
}
