//! Each operation: what it is called and does, what it is about, and the least role that may do it on this machine.

use super::Effect;
use crate::authn::local::Role;
use crate::gate::target::{About, Kind};

operations! {
    /// Set one's first password, by an invitation.
    AcceptInvitation: Widens, Operator, signin About::User;
    /// Let tokens for one more client of an OpenID Connect provider count.
    AddClientIDToOpenIDConnectProvider: Widens, Operator, iam About::OidcProvider;
    /// Put a machine into a group that was made here.
    AddResourceToGroup: Widens, Operator, bailey About::Group;
    /// Put a role into an instance profile.
    AddRoleToInstanceProfile: Widens, Operator, iam About::InstanceProfile;
    /// Put a user into a group that was made here.
    AddUserToGroup: Widens, Operator, iam About::Group;
    /// Change what was asked for in a request for a role: then whoever agreed has to again.
    AmendGrant: Widens, Operator, bailey About::Grant;
    /// Agree to a request for a role.
    ApproveGrant: Widens, Operator, bailey About::Grant;
    /// Apply changes that the guard held.
    ApproveHeldChanges: Widens, Operator, bailey About::Held;
    /// Let somebody assume a role.
    AssignRole: Widens, Operator, bailey About::Role;
    /// Begin a session of a role.
    AssumeRole: Mints, Operator, sts About::Role;
    /// Begin a session of a role with the TLS client certificate of a machine.
    AssumeRoleWithCertificate: Mints, Operator, sts About::Role;
    /// Begin a session of a role with the Kerberos ticket of a machine.
    AssumeRoleWithKerberos: Mints, Operator, sts About::Role;
    /// Begin a session of a role with a password of the directory.
    AssumeRoleWithLDAPIdentity: Mints, Operator, sts About::Role;
    /// Begin a session of a role by the word of an outside SAML provider.
    AssumeRoleWithSAML: Mints, Operator, sts About::Role;
    /// Begin a session of a role by the word of an outside issuer.
    AssumeRoleWithWebIdentity: Mints, Operator, sts About::Role;
    /// Begin a session as root of another account, for a task.
    AssumeRoot: Mints, Operator, sts About::Root;
    /// Attach a managed policy to a group.
    AttachGroupPolicy: Widens, Operator, iam About::Group;
    /// Attach a guardrail to the organization or to an account; beside others it may allow what they did not.
    AttachGuardrail: Widens, Operator, bailey About::Account;
    /// Attach a managed policy to a role.
    AttachRolePolicy: Widens, Operator, iam About::Role;
    /// Attach a managed policy to a user.
    AttachUserPolicy: Widens, Operator, iam About::User;
    /// Decide for an application whether the caller itself may do something.
    Authorize: Shows, Viewer, bailey About::Account;
    /// Decide for an application whether somebody may do something.
    AuthorizeAny: Shows, Viewer, bailey About::Account;
    /// Sign somebody in to a client: `sso:Authorize`.
    AuthorizeClient: Shows, Viewer, sso About::Client;
    /// Change one's own password.
    ChangePassword: Widens, Operator, iam About::User;
    /// Try everything a sync of a directory will need.
    CheckDirectory: Shows, Operator, bailey About::Directory;
    /// Begin to work with a role that one was granted for a while.
    ClaimGrant: Widens, Operator, bailey About::Grant;
    /// Close an engagement, and end what its people were granted.
    CloseEngagement: Narrows, Operator, bailey About::Account;
    /// Say that one is done with a role that one was granted for a while.
    CompleteGrant: Narrows, Operator, bailey About::Grant;
    /// Say that the machine's clock is right, so that what ends by it is issued again.
    ConfirmClock: Widens, Operator, bailey About::Account;
    /// Let newer metadata of a SAML service provider count.
    ConfirmSAMLServiceProvider: Widens, Operator, sso About::SamlSp;
    /// Make an access key.
    CreateAccessKey: Widens, Operator, iam About::User;
    /// Give the account a name for people.
    CreateAccountAlias: Widens, Operator, iam About::Account;
    /// Register a client of single sign-on.
    CreateClient: Widens, Operator, sso About::Client;
    /// Make a token by which software may register itself as a client of single sign-on.
    CreateClientRegistrationToken: Widens, Operator, sso About::Account;
    /// Make an engagement: the window of a firm's contract.
    CreateEngagement: Widens, Operator, bailey About::Account;
    /// Make a group.
    CreateGroup: Widens, Operator, iam About::New(Kind::Group);
    /// Make a guardrail, which binds nobody yet.
    CreateGuardrail: Widens, Operator, bailey About::Account;
    /// Make an instance profile.
    CreateInstanceProfile: Widens, Operator, iam About::New(Kind::InstanceProfile);
    /// Give a local user a password.
    CreateLoginProfile: Widens, Operator, iam About::User;
    /// Describe an OpenID Connect provider.
    CreateOpenIDConnectProvider: Widens, Operator, iam About::New(Kind::OidcProvider);
    /// Make a managed policy.
    CreatePolicy: Widens, Operator, iam About::New(Kind::Policy);
    /// Add a version to a managed policy.
    CreatePolicyVersion: Widens, Operator, iam About::Policy;
    /// Make recovery codes of one's own anew.
    CreateRecoveryCodes: Widens, Operator, signin About::Account;
    /// Make a machine that no directory knows.
    CreateResource: Widens, Operator, bailey About::New(Kind::Machine);
    /// Make a role.
    CreateRole: Widens, Operator, iam About::New(Kind::Role);
    /// Make an access token of the session that asks, for an application.
    CreateRoleToken: Mints, Operator, bailey About::Account;
    /// Describe a SAML provider.
    CreateSAMLProvider: Widens, Operator, iam About::New(Kind::SamlProvider);
    /// Register a SAML service provider: an application that people sign in to.
    CreateSAMLServiceProvider: Widens, Operator, sso About::SamlSp;
    /// Make a user that no directory knows.
    CreateUser: Widens, Operator, iam About::New(Kind::User);
    /// Make a virtual device of the second factor.
    CreateVirtualMFADevice: Widens, Operator, iam About::New(Kind::MfaDevice);
    /// Take a device of the second factor from somebody.
    DeactivateMFADevice: Widens, Operator, iam About::User;
    /// Read what a refusal rested on, which the log keeps, too.
    DecodeAuthorizationMessage: ShowsTheLog, Operator, sts About::Account;
    /// Delete an access key.
    DeleteAccessKey: Narrows, Operator, iam About::User;
    /// Take the account's name away.
    DeleteAccountAlias: Widens, Operator, iam About::Account;
    /// Go back to the usual rules of passwords.
    DeleteAccountPasswordPolicy: Widens, Operator, iam About::Account;
    /// Delete a client of single sign-on; its tokens count no more.
    DeleteClient: Narrows, Operator, sso About::Client;
    /// Remove a token by which software may register itself.
    DeleteClientRegistrationToken: Narrows, Operator, sso About::Account;
    /// Delete a group that was made here.
    DeleteGroup: Narrows, Operator, iam About::Group;
    /// Delete an inline policy of a group.
    DeleteGroupPolicy: Widens, Operator, iam About::Group;
    /// Delete a guardrail that is attached to nothing.
    DeleteGuardrail: Narrows, Operator, bailey About::Account;
    /// Delete an instance profile.
    DeleteInstanceProfile: Narrows, Operator, iam About::InstanceProfile;
    /// Take a local user's password away.
    DeleteLoginProfile: Narrows, Operator, iam About::User;
    /// Delete an OpenID Connect provider.
    DeleteOpenIDConnectProvider: Narrows, Operator, iam About::OidcProvider;
    /// Delete a managed policy that nobody holds.
    DeletePolicy: Narrows, Operator, iam About::Policy;
    /// Delete a version of a managed policy that does not count.
    DeletePolicyVersion: Narrows, Operator, iam About::Policy;
    /// Delete a machine that was made here.
    DeleteResource: Narrows, Operator, bailey About::Machine;
    /// Delete a role.
    DeleteRole: Narrows, Operator, iam About::Role;
    /// Take a role's permissions boundary away.
    DeleteRolePermissionsBoundary: Widens, Operator, iam About::Role;
    /// Delete an inline policy of a role.
    DeleteRolePolicy: Widens, Operator, iam About::Role;
    /// Delete a SAML provider.
    DeleteSAMLProvider: Narrows, Operator, iam About::SamlProvider;
    /// Delete a SAML service provider; nobody signs in to it any more.
    DeleteSAMLServiceProvider: Narrows, Operator, sso About::SamlSp;
    /// Delete a user that was made here.
    DeleteUser: Narrows, Operator, iam About::User;
    /// Take a user's permissions boundary away.
    DeleteUserPermissionsBoundary: Widens, Operator, iam About::User;
    /// Delete an inline policy of a user.
    DeleteUserPolicy: Widens, Operator, iam About::User;
    /// Delete a device that is nobody's.
    DeleteVirtualMFADevice: Narrows, Operator, iam About::MfaDevice;
    /// Detach a managed policy from a group; it may be one that denies.
    DetachGroupPolicy: Widens, Operator, iam About::Group;
    /// Detach a guardrail; what it denied may be allowed from then on.
    DetachGuardrail: Widens, Operator, bailey About::Account;
    /// Detach a managed policy from a role; it may be one that denies.
    DetachRolePolicy: Widens, Operator, iam About::Role;
    /// Detach a managed policy from a user; it may be one that denies.
    DetachUserPolicy: Widens, Operator, iam About::User;
    /// Put a device of the second factor into somebody's hands.
    EnableMFADevice: Widens, Operator, iam About::User;
    /// End a session, and those that it began.
    EndSession: Narrows, Operator, bailey About::Account;
    /// End the sessions of a person or role, or those that began before a moment.
    EndSessions: Narrows, Operator, bailey About::Account;
    /// Add a second factor of one's own: a device, or a passkey.
    EnrolSecondFactor: Widens, Operator, signin About::Account;
    /// Begin a session of a role with a token of single sign-on, which a client shows for somebody.
    ExchangeToken: Mints, Operator, sts About::Role;
    /// Read what any refusal rested on, and what of it holds now, by the id of the request.
    ExplainAnyRefusal: ShowsTheLog, Operator, bailey About::Account;
    /// The same of a refusal of one's own.
    ExplainRefusal: ShowsTheLog, Operator, bailey About::Account;
    /// Everything that is stored, as a backup.
    ExportStore: ShowsTheLog, Operator, bailey About::Account;
    /// Put together who has which credentials.
    GenerateCredentialReport: Shows, Viewer, iam About::Account;
    /// Work out which services somebody could use, and did.
    GenerateServiceLastAccessedDetails: Shows, Viewer, iam About::Subject;
    /// Which account an access key belongs to.
    GetAccessKeyInfo: Shows, Viewer, sts About::Account;
    /// When an access key was used last.
    GetAccessKeyLastUsed: Shows, Viewer, iam About::Account;
    /// All users, groups, roles and policies, and what hangs on them.
    GetAccountAuthorizationDetails: Shows, Viewer, iam About::Account;
    /// What passwords of local users have to be like.
    GetAccountPasswordPolicy: Shows, Viewer, iam About::Account;
    /// How much there is of what.
    GetAccountSummary: Shows, Viewer, iam About::Account;
    /// Who one is.
    GetCallerIdentity: Shows, Viewer, sts About::Account;
    /// Show a client of single sign-on.
    GetClient: Shows, Viewer, sso About::Client;
    /// Which context keys documents ask for.
    GetContextKeysForCustomPolicy: Shows, Viewer, iam About::Account;
    /// Which context keys a principal's policies ask for.
    GetContextKeysForPrincipalPolicy: Shows, Viewer, iam About::Account;
    /// Who has which credentials, as put together before.
    GetCredentialReport: Shows, Viewer, iam About::Account;
    /// One engagement, with what its people were granted.
    GetEngagement: Shows, Viewer, bailey About::Account;
    /// Begin a session under a name of one's choice, within what one may and what a policy says.
    GetFederationToken: Mints, Operator, sts About::Account;
    /// One grant of a role for a while, or the request for one.
    GetGrant: Shows, Viewer, bailey About::Grant;
    /// One group, with its members.
    GetGroup: Shows, Viewer, iam About::Group;
    /// One inline policy of a group.
    GetGroupPolicy: Shows, Viewer, iam About::Group;
    /// One guardrail, with its document.
    GetGuardrail: Shows, Viewer, bailey About::Account;
    /// How the daemon and its parts are.
    GetHealth: Shows, Viewer, bailey About::Account;
    /// What was true of a row, and when.
    GetHistory: Shows, Viewer, bailey About::Account;
    /// One instance profile.
    GetInstanceProfile: Shows, Viewer, iam About::InstanceProfile;
    /// How the keys are that seal secrets.
    GetKeyStatus: Shows, Viewer, bailey About::Account;
    /// Whether a local user has a password.
    GetLoginProfile: Shows, Viewer, iam About::User;
    /// One virtual device of the second factor.
    GetMFADevice: Shows, Viewer, iam About::MfaDevice;
    /// One OpenID Connect provider.
    GetOpenIDConnectProvider: Shows, Viewer, iam About::OidcProvider;
    /// One managed policy, with the document that counts.
    GetPolicy: Shows, Viewer, iam About::Policy;
    /// One version of a managed policy.
    GetPolicyVersion: Shows, Viewer, iam About::Policy;
    /// One machine, with its groups.
    GetResource: Shows, Viewer, bailey About::Machine;
    /// One role, with all that hangs on it.
    GetRole: Shows, Viewer, iam About::Role;
    /// What the rules of group names make of the groups there are.
    GetRoleCoverage: Shows, Operator, bailey About::Account;
    /// One inline policy of a role.
    GetRolePolicy: Shows, Viewer, iam About::Role;
    /// How the account's root is.
    GetRoot: Shows, Viewer, bailey About::Account;
    /// One SAML provider, with its metadata.
    GetSAMLProvider: Shows, Viewer, iam About::SamlProvider;
    /// Show a SAML service provider.
    GetSAMLServiceProvider: Shows, Viewer, sso About::SamlSp;
    /// Which services somebody could use, and did, as worked out before.
    GetServiceLastAccessedDetails: Shows, Viewer, iam About::Account;
    /// Who used a service, as worked out before.
    GetServiceLastAccessedDetailsWithEntities: Shows, Viewer, iam About::Account;
    /// Show a session, and whether it counts.
    GetSession: Shows, Viewer, bailey About::Account;
    /// Begin a session of one's own.
    GetSessionToken: Mints, Operator, sts About::Account;
    /// How the syncs are doing.
    GetSyncStatus: Shows, Viewer, bailey About::Account;
    /// One person, with the chains of groups.
    GetUser: Shows, Viewer, iam About::User;
    /// One inline policy of a user.
    GetUserPolicy: Shows, Viewer, iam About::User;
    /// Say to somebody outside, by a signed token, who the session is that asks.
    GetWebIdentityToken: Mints, Operator, sts About::Account;
    /// Make the account's root.
    InitializeAccount: Widens, Operator, bailey About::Account;
    /// What one's own session is.
    IntrospectSession: Shows, Viewer, bailey About::Account;
    /// Invite one of the people of an engagement to set up how they sign in.
    InviteToEngagement: Widens, Operator, bailey About::Account;
    /// Sign somebody in to a service provider of SAML: `sso:Authorize`, too.
    IssueSamlResponse: Mints, Operator, sso About::SamlSp;
    /// A user's access keys.
    ListAccessKeys: Shows, Viewer, iam About::User;
    /// The account's name for people.
    ListAccountAliases: Shows, Viewer, iam About::Account;
    /// Everybody's assignments.
    ListAssignments: Shows, Viewer, bailey About::Account;
    /// What hangs on a group.
    ListAttachedGroupPolicies: Shows, Viewer, iam About::Group;
    /// What hangs on a role.
    ListAttachedRolePolicies: Shows, Viewer, iam About::Role;
    /// What hangs on a user.
    ListAttachedUserPolicies: Shows, Viewer, iam About::User;
    /// The tokens by which software may register itself, without their secrets.
    ListClientRegistrationTokens: Shows, Viewer, sso About::Account;
    /// List the clients of single sign-on.
    ListClients: Shows, Viewer, sso About::Account;
    /// The configured directories.
    ListDirectories: Shows, Viewer, bailey About::Account;
    /// What the people of an engagement did.
    ListEngagementActivity: ShowsTheLog, Operator, bailey About::Account;
    /// All engagements.
    ListEngagements: Shows, Viewer, bailey About::Account;
    /// Who holds a managed policy.
    ListEntitiesForPolicy: Shows, Viewer, iam About::Policy;
    /// Grants of roles for a while, and requests for them.
    ListGrants: Shows, Viewer, bailey About::Account;
    /// The inline policies of a group.
    ListGroupPolicies: Shows, Viewer, iam About::Group;
    /// Groups, searched and paged.
    ListGroups: Shows, Viewer, iam About::Account;
    /// The groups that a user is in.
    ListGroupsForUser: Shows, Viewer, iam About::User;
    /// All guardrails, and what they are attached to.
    ListGuardrails: Shows, Viewer, bailey About::Account;
    /// Changes that the guard holds.
    ListHeldChanges: Shows, Viewer, bailey About::Account;
    /// Tags of an instance profile.
    ListInstanceProfileTags: Shows, Viewer, iam About::InstanceProfile;
    /// Instance profiles, paged.
    ListInstanceProfiles: Shows, Viewer, iam About::Account;
    /// The instance profiles that hold a role.
    ListInstanceProfilesForRole: Shows, Viewer, iam About::Role;
    /// Tags of a device of the second factor.
    ListMFADeviceTags: Shows, Viewer, iam About::MfaDevice;
    /// A user's devices of the second factor.
    ListMFADevices: Shows, Viewer, iam About::User;
    /// What waits to be told of grants and engagements, and why it was not yet.
    ListNotices: Shows, Operator, bailey About::Account;
    /// Tags of an OpenID Connect provider.
    ListOpenIDConnectProviderTags: Shows, Viewer, iam About::OidcProvider;
    /// All OpenID Connect providers.
    ListOpenIDConnectProviders: Shows, Viewer, iam About::Account;
    /// Managed policies, paged.
    ListPolicies: Shows, Viewer, iam About::Account;
    /// Which policies let somebody use a service.
    ListPoliciesGrantingServiceAccess: Shows, Viewer, iam About::Subject;
    /// Tags of a managed policy.
    ListPolicyTags: Shows, Viewer, iam About::Policy;
    /// The versions of a managed policy.
    ListPolicyVersions: Shows, Viewer, iam About::Policy;
    /// Machines, searched and paged.
    ListResources: Shows, Viewer, bailey About::Account;
    /// The inline policies of a role.
    ListRolePolicies: Shows, Viewer, iam About::Role;
    /// Tags of a role.
    ListRoleTags: Shows, Viewer, iam About::Role;
    /// Roles, paged.
    ListRoles: Shows, Viewer, iam About::Account;
    /// Tags of a SAML provider.
    ListSAMLProviderTags: Shows, Viewer, iam About::SamlProvider;
    /// All SAML providers.
    ListSAMLProviders: Shows, Viewer, iam About::Account;
    /// List SAML service providers.
    ListSAMLServiceProviders: Shows, Viewer, sso About::Account;
    /// The second factors of a user, and how many recovery codes are left.
    ListSecondFactors: Shows, Viewer, bailey About::User;
    /// List sessions.
    ListSessions: Shows, Viewer, bailey About::Account;
    /// The keys that sign tokens.
    ListSigningKeys: Shows, Viewer, bailey About::Account;
    /// The inline policies of a user.
    ListUserPolicies: Shows, Viewer, iam About::User;
    /// Tags of a user.
    ListUserTags: Shows, Viewer, iam About::User;
    /// People, searched and paged.
    ListUsers: Shows, Viewer, iam About::Account;
    /// All virtual devices of the second factor.
    ListVirtualMFADevices: Shows, Viewer, iam About::Account;
    /// Lock root away: none of its credentials works.
    LockRoot: Narrows, Operator, bailey About::Account;
    /// Sign in with a browser.
    Login: Mints, Operator, signin About::Account;
    /// What a sync would change.
    PreviewSync: Shows, Operator, bailey About::Directory;
    /// Write an inline policy of a group.
    PutGroupPolicy: Widens, Operator, iam About::Group;
    /// Set a role's permissions boundary.
    PutRolePermissionsBoundary: Widens, Operator, iam About::Role;
    /// Write an inline policy of a role.
    PutRolePolicy: Widens, Operator, iam About::Role;
    /// Set a user's permissions boundary.
    PutUserPermissionsBoundary: Widens, Operator, iam About::User;
    /// Write an inline policy of a user.
    PutUserPolicy: Widens, Operator, iam About::User;
    /// Look for records of the audit log.
    QueryAudit: ShowsTheLog, Operator, bailey About::Account;
    /// Fetch the metadata of a SAML provider again; what changed waits.
    RefreshSAMLProvider: Widens, Operator, bailey About::SamlProvider;
    /// Fetch the metadata of a SAML service provider again.
    RefreshSAMLServiceProvider: Widens, Operator, sso About::SamlSp;
    /// Refuse a request for a role.
    RefuseGrant: Narrows, Operator, bailey About::Grant;
    /// Throw changes away that the guard held.
    RefuseHeldChanges: Narrows, Operator, bailey About::Held;
    /// Let tokens for a client of an OpenID Connect provider count no longer.
    RemoveClientIDFromOpenIDConnectProvider: Narrows, Operator, iam About::OidcProvider;
    /// Delete what came from a directory that is no longer configured.
    RemoveDirectory: Narrows, Operator, bailey About::Directory;
    /// Take a machine out of a group that was made here.
    RemoveResourceFromGroup: Widens, Operator, bailey About::Group;
    /// Take a role out of an instance profile.
    RemoveRoleFromInstanceProfile: Narrows, Operator, iam About::InstanceProfile;
    /// Remove a passkey of one's own.
    RemoveSecondFactor: Widens, Operator, signin About::Account;
    /// Take a user out of a group that was made here.
    RemoveUserFromGroup: Widens, Operator, iam About::Group;
    /// Call a passkey of one's own otherwise.
    RenameSecondFactor: Widens, Operator, signin About::Account;
    /// Ask for a role for a while.
    RequestGrant: Widens, Operator, bailey About::Role;
    /// Remove all second factors of a user, who sets up others anew, and end what they are signed in to.
    ResetSecondFactors: Widens, Operator, bailey About::User;
    /// Bring a leaver back, or link a rebuilt account.
    RestoreUser: Widens, Operator, bailey About::User;
    /// Follow a device whose clock went astray.
    ResyncMFADevice: Widens, Operator, iam About::User;
    /// Say what one found on looking back at a grant that nobody else had agreed to.
    ReviewGrant: Narrows, Operator, bailey About::Grant;
    /// Take back a role that somebody was granted for a while, or a request for one.
    RevokeGrant: Narrows, Operator, bailey About::Grant;
    /// Take an invitation back that nobody accepted.
    RevokeInvitation: Narrows, Operator, bailey About::Account;
    /// Give a client of single sign-on another secret.
    RotateClientSecret: Widens, Operator, sso About::Client;
    /// Exchange the key that seals secrets.
    RotateSealingKey: Widens, Operator, bailey About::Account;
    /// Publish the next key that signs tokens, or replace keys at once that others may have.
    RotateSigningKey: Narrows, Operator, bailey About::Account;
    /// Make a version of a managed policy count.
    SetDefaultPolicyVersion: Widens, Operator, iam About::Policy;
    /// Read the code of an invitation, to tell it to whoever is invited.
    ShowInvitationCode: Widens, Operator, bailey About::Account;
    /// Whether documents that are handed in would allow something, and why.
    SimulateCustomPolicy: Shows, Viewer, iam About::Account;
    /// Whether a principal may do something, and why.
    SimulatePrincipalPolicy: Shows, Viewer, iam About::Account;
    /// Read a directory and apply what changed.
    StartSync: Widens, Operator, bailey About::Directory;
    /// Have a second factor that is shown now count for the sign-in of the browser.
    StepUp: Mints, Operator, signin About::Account;
    /// Set tags of an instance profile.
    TagInstanceProfile: Widens, Operator, iam About::InstanceProfile;
    /// Set tags of a device of the second factor.
    TagMFADevice: Widens, Operator, iam About::MfaDevice;
    /// Set tags of an OpenID Connect provider.
    TagOpenIDConnectProvider: Widens, Operator, iam About::OidcProvider;
    /// Set tags of a managed policy.
    TagPolicy: Widens, Operator, iam About::Policy;
    /// Set tags of a machine that was made here.
    TagResource: Widens, Operator, bailey About::Machine;
    /// Set tags of a role.
    TagRole: Widens, Operator, iam About::Role;
    /// Set tags of a SAML provider.
    TagSAMLProvider: Widens, Operator, iam About::SamlProvider;
    /// Set tags of a user.
    TagUser: Widens, Operator, iam About::User;
    /// Read the audit log.
    TailAudit: ShowsTheLog, Operator, bailey About::Account;
    /// Tell a notice now, to try whether such arrive.
    TestNotices: Narrows, Operator, bailey About::Account;
    /// Try a name and a password, as somebody who signs in does.
    TryLogin: Narrows, Operator, bailey About::User;
    /// Take an assignment away.
    UnassignRole: Narrows, Operator, bailey About::Role;
    /// Let root's credentials work again.
    UnlockRoot: Widens, Operator, bailey About::Account;
    /// Take tags of an instance profile away.
    UntagInstanceProfile: Widens, Operator, iam About::InstanceProfile;
    /// Take tags of a device of the second factor away.
    UntagMFADevice: Widens, Operator, iam About::MfaDevice;
    /// Take tags of an OpenID Connect provider away.
    UntagOpenIDConnectProvider: Widens, Operator, iam About::OidcProvider;
    /// Take tags of a managed policy away.
    UntagPolicy: Widens, Operator, iam About::Policy;
    /// Take tags of a machine that was made here away; a condition may have asked for their absence.
    UntagResource: Widens, Operator, bailey About::Machine;
    /// Take tags of a role away; a condition may have asked for their absence.
    UntagRole: Widens, Operator, iam About::Role;
    /// Take tags of a SAML provider away.
    UntagSAMLProvider: Widens, Operator, iam About::SamlProvider;
    /// Take tags of a user away; a condition may have asked for their absence.
    UntagUser: Widens, Operator, iam About::User;
    /// Switch an access key on or off.
    UpdateAccessKey: Widens, Operator, iam About::User;
    /// Say what passwords of local users have to be like.
    UpdateAccountPasswordPolicy: Widens, Operator, iam About::Account;
    /// Say anew who may assume a role.
    UpdateAssumeRolePolicy: Widens, Operator, iam About::Role;
    /// Change the settings of a client of single sign-on.
    UpdateClient: Widens, Operator, sso About::Client;
    /// Change who is in an engagement, who answers for it, from where, and until when.
    UpdateEngagement: Widens, Operator, bailey About::Account;
    /// Change what a group that was made here says of itself.
    UpdateGroup: Widens, Operator, iam About::Group;
    /// Say anew what a guardrail says.
    UpdateGuardrail: Widens, Operator, bailey About::Account;
    /// Set a local user's password.
    UpdateLoginProfile: Widens, Operator, iam About::User;
    /// Say anew by which certificates an OpenID Connect provider is known.
    UpdateOpenIDConnectProviderThumbprint: Widens, Operator, iam About::OidcProvider;
    /// Change what a machine that was made here says of itself.
    UpdateResource: Widens, Operator, bailey About::Machine;
    /// Change what a role says of itself.
    UpdateRole: Widens, Operator, iam About::Role;
    /// Write the metadata of a SAML provider anew.
    UpdateSAMLProvider: Widens, Operator, iam About::SamlProvider;
    /// Change what is said of a SAML service provider.
    UpdateSAMLServiceProvider: Widens, Operator, sso About::SamlSp;
    /// Change what a user that was made here says of itself.
    UpdateUser: Widens, Operator, iam About::User;
    /// Check that the audit log is whole.
    VerifyAudit: ShowsTheLog, Operator, bailey About::Account;
    /// Compare a person's groups with what the directory works out.
    VerifyUser: Shows, Operator, bailey About::User;
    /// Who may do something, and by which way.
    WhoCan: Shows, Operator, bailey About::Account;
}
