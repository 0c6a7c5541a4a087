//! Every key there is: its name, what it takes, its default and what it is for.
//!
//! The one such list. Unknown keys are found by it, readers take their defaults and the words of
//! their faults from it, and a test holds `config/example.toml` against it.

mod form;

pub use form::Form;

use super::fault::Faults;
use super::raw::{Entry, Value, Written};

/// One key of the file.
pub struct Key {
    /// Full name, sections first: `directory.people.login`.
    pub path: &'static str,
    /// What may be written.
    pub form: Form,
    /// What holds when it is not written.
    pub presence: Presence,
    /// What it is for, in a few words.
    pub meaning: &'static str,
}

/// Whether a key must be written, and what holds when it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must be written.
    Required,
    /// Either it or this other key of its section must be written.
    Or(&'static str),
    /// Without it the matter does not arise.
    Optional,
    /// This holds, in TOML.
    Default(&'static str),
}

/// The value of the switch that allows passwords in the clear: nobody types it by accident.
pub const INSECURE: &str = "yes_plain_text_passwords_on_the_network";

/// Sections that may stand several times, as `[[..]]`.
const REPEATED: &[&str] = &[
    "client",
    "directory",
    "forward_auth.proxy",
    "grant_rule",
    "group_role",
    "issuer",
    "machine_issuer",
    "notify.webhook",
    "other_account",
    "saml_sp",
    "sign_in_provider",
    "ticket_check",
];

/// Every key, in the order of `config/example.toml`.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    required("account", Form::Account, "the account all users and groups belong to; part of every ARN"),
    defaulted("state_directory", Form::File, r#""/var/lib/bailey""#, "where the store lives"),

    defaulted("listen.socket", Form::File, r#""/run/bailey/bailey.sock""#, "the socket the command line talks to"),
    optional("listen.socket_group", Form::Name, "only this group and root may open the socket"),
    defaulted("listen.health", Form::Address, r#""127.0.0.1:9323""#, "address of /healthz, /readyz and /metrics"),

    optional("https.listen", Form::Address, "address of the public listener"),
    optional("https.certificate", Form::File, "our certificate, then those that lead to its authority"),
    optional("https.key", Form::File, "its private key"),
    optional("https.client_ca", Form::File, "authorities of the certificates clients are asked for"),
    defaulted("https.trusted_proxies", Form::Networks, "[]", "proxies whose word counts about where a request comes from"),
    defaulted("https.hosts", Form::Hosts, "[]", "names clients use; requests for others are refused"),

    optional("forward_auth.listen", Form::Address, "address for proxies that ask whether a request may pass"),
    optional("forward_auth.certificate", Form::File, "our certificate towards them, then those that lead to its authority"),
    optional("forward_auth.key", Form::File, "its private key"),
    optional("forward_auth.client_ca", Form::File, "authorities of the proxies' certificates"),
    optional("forward_auth.mapping_file", Form::File, "which action on which resource a request is"),
    defaulted("forward_auth.plain_headers", Form::Flag, "false", "whether names go out beside the signed token"),
    defaulted("forward_auth.trusted_proxies", Form::Networks, "[]", "proxies in front of those that ask"),
    optional("forward_auth.proxy.name", Form::Name, "its name in records"),
    optional("forward_auth.proxy.addresses", Form::Networks, "where its connections come from"),
    optional("forward_auth.proxy.secret_file", Form::File, "the file with the secret that it sends, one a line"),
    optional("forward_auth.proxy.secret_credential", Form::Name, "the systemd credential that holds it"),
    optional("forward_auth.proxy.certificate_name", Form::Domain, "the DNS name that its certificate is for"),

    defaulted("api.calls_at_once", Form::Whole(1, 1_000_000), "100", "calls of IAM and STS by one person, machine or service at once"),
    defaulted("api.calls_per_second", Form::Whole(1, 1_000_000), "20", "calls that come back each second"),
    defaulted(
        "sts.assume_role_with_ldap_identity",
        Form::Flag,
        "false",
        "whether STS takes a password of the directory: programs that ask people for one",
    ),
    defaulted(
        "sts.assume_role_with_kerberos",
        Form::Flag,
        "false",
        "whether STS takes the Kerberos ticket of a domain's computer",
    ),
    defaulted("sts.saml_urls", Form::Names, "[]", "addresses that SAML assertions may be delivered to (AssumeRoleWithSAML); ours/saml"),
    defaulted("sts.saml_audiences", Form::Names, "[]", "names that SAML assertions may be made for; the first address"),
    defaulted(
        "sessions.max_directory_age",
        Form::Duration,
        r#""24h""#,
        "sessions of people of a directory that has not answered for longer begin and count no more until it does",
    ),
    defaulted(
        "sessions.max_directory_age_privileged",
        Form::Duration,
        r#""15m""#,
        "the same, of roles that are marked as privileged",
    ),
    optional("sessions.role_session_name", Form::SessionTemplate, "what sessions of roles are called, whoever asks for what"),
    optional("sessions.source_identity", Form::SessionTemplate, "who is said to be behind them"),
    defaulted("sessions.tags", Form::SessionTags, "{}", "tags that they have, and what these are made from"),
    defaulted("access.operator_uids", Form::Uids, "[0]", "users of this machine that may change things"),
    defaulted("access.operator_groups", Form::Names, r#"["bailey-admin"]"#, "groups whose members may change things"),
    defaulted("access.viewer_uids", Form::Uids, "[]", "users of this machine that may look"),
    defaulted("access.viewer_groups", Form::Names, r#"["bailey-viewer"]"#, "groups whose members may look"),

    defaulted("portal.enabled", Form::Flag, "true", "whether people sign in with a browser, at pages of the public listener"),
    defaulted("portal.idle", Form::Duration, r#""1h""#, "for how long somebody who does nothing stays signed in"),
    defaulted("portal.longest", Form::Duration, r#""12h""#, "for how long at all"),
    defaulted("portal.passwordless", Form::Flag, "false", "whether a passkey signs in without a password"),

    defaulted("login.enabled", Form::Flag, "true", "whether anybody signs in with a password"),
    defaulted("login.failures", Form::Whole(1, 100), "3", "wrong passwords of one person after which nobody looks for a while"),
    defaulted("login.window", Form::Duration, r#""15m""#, "how long that while is"),
    defaulted("login.per_address", Form::Whole(1, 10_000), "20", "wrong sign-ins of one address a minute"),
    defaulted("login.explain", Form::Flag, "false", "whether somebody with the right password is told why the directory refuses nevertheless"),
    defaulted("login.timeout", Form::Duration, r#""10s""#, "longest time a sign-in takes"),

    defaulted("store.reserve", Form::Size, r#""64MiB""#, "disk space set aside, given up when the disk is full"),
    defaulted("store.cache", Form::Size, r#""64MiB""#, "memory for rows read lately"),
    defaulted("store.history_retention", Form::Duration, r#""400d""#, "how long past states stay readable"),

    defaulted("log.format", Form::Choice(&["auto", "json", "text"]), r#""auto""#, "how log lines look"),
    defaulted("log.level", Form::Choice(&["error", "warn", "info", "debug", "trace"]), r#""info""#, "the least important lines written"),

    optional("kerberos.keytab_file", Form::File, "the keytab with the keys of the accounts we sign in as"),
    optional("kerberos.keytab_credential", Form::Name, "the systemd credential that holds the keytab"),
    optional("kerberos.service_keytab_file", Form::File, "the keytab with the keys of HTTP/ and our host, which tickets are for"),
    optional("kerberos.service_keytab_credential", Form::Name, "the systemd credential that holds that keytab"),

    optional("keys.master_key_file", Form::File, "the key that seals secrets; `master.key` in the state directory, if nothing is said"),
    optional("keys.master_key_credential", Form::Name, "the systemd credential that holds it"),
    optional("keys.previous_master_key_file", Form::File, "the one before it, while it is exchanged"),

    required("other_account.id", Form::Account, "its number"),
    optional("other_account.name", Form::Name, "its name, for people to read"),
    defaulted("other_account.kind", Form::Choice(&["local", "aws"]), r#""local""#, "who decides there: Bailey, or AWS, which trusts it"),

    either("issuer.url", "preset", Form::Issuer, "its address, as its tokens say in `iss`"),
    optional("issuer.preset", Form::Choice(ISSUERS), "what sort of issuer it is"),
    optional("issuer.ca_file", Form::File, "authorities that sign its server's certificate"),
    defaulted("issuer.networks", Form::Networks, "[]", "networks that are not public and in which it may be"),
    optional("issuer.jwks_url", Form::KeysUrl, "where its keys are, instead of where its discovery document says"),
    optional("issuer.jwks_file", Form::File, "the file with its keys, instead of asking it"),
    defaulted("issuer.max_age", Form::Duration, r#""1h""#, "how long its keys are believed without asking again"),

    optional("machine_issuer.name", Form::Name, "its name in records"),
    defaulted("machine_issuer.kind", Form::Choice(&["ad-cs", "declared"]), r#""declared""#, "which machines it is believed about"),
    optional("machine_issuer.directory", Form::Label, "whose computers they are, of ad-cs"),
    optional("machine_issuer.ca_file", Form::File, "the authorities that sign their certificates"),
    optional("machine_issuer.crl_file", Form::File, "their lists of revoked certificates"),
    optional("machine_issuer.max_lifetime", Form::Duration, "how long a certificate may live; 24h where none can be revoked"),

    optional("sso.issuer", Form::OurUrl, "who we are to clients of single sign-on"),
    optional("sso.client_ca_file", Form::File, "authorities that sign the certificates of clients that are told of sign-outs"),
    defaulted("sso.client_networks", Form::Networks, "[]", "networks that are not public and in which they may be"),
    defaulted("sso.cli", Form::Flag, "true", "whether `bailey login` is a client without registration"),
    defaulted("sso.registration", Form::Choice(&["off", "initial_access_token"]), r#""off""#, "whether software may register itself as a client"),
    defaulted("sso.registration_groups", Form::Names, "[]", "groups whose people such clients may sign in; empty is everybody"),
    defaulted("sso.token_requests_at_once", Form::Whole(1, 1_000_000), "50", "requests for tokens by one client at once"),
    defaulted("sso.token_requests_per_second", Form::Whole(1, 1_000_000), "10", "requests for tokens by one client each second"),
    defaulted("sso.failed_clients_at_once", Form::Whole(1, 1_000_000), "30", "requests from one source that fail to show their client, at once"),
    defaulted("sso.failed_clients_per_second", Form::Whole(1, 1_000_000), "1", "requests from one source that fail so each second"),

    optional("client.id", Form::Name, "what it calls itself by"),
    optional("client.name", Form::Name, "what people are shown"),
    defaulted("client.auth", Form::Choice(CLIENT_AUTH), r#""client_secret_basic""#, "how it shows who it is"),
    optional("client.secret_file", Form::File, "the file with its secret"),
    optional("client.secret_credential", Form::Name, "the systemd credential with its secret"),
    optional("client.jwks_file", Form::File, "the file with its public keys"),
    defaulted("client.redirect_uris", Form::RedirectUris, "[]", "where people may be sent back to"),
    defaulted("client.grants", Form::Names, r#"["authorization_code", "refresh_token"]"#, "by which grants it may ask for tokens"),
    defaulted("client.scopes", Form::Names, r#"["openid", "profile", "email", "groups", "offline_access"]"#, "what it may ask for"),
    defaulted("client.audiences", Form::Names, "[]", "whom its access tokens may be for"),
    defaulted("client.allowed_groups", Form::Names, "[]", "groups whose people it may sign in; empty is everybody"),
    defaulted("client.claims", Form::Claims, "{}", "claims besides the standard ones"),
    defaulted("client.access_token", Form::Duration, r#""10m""#, "how long an access token is good"),
    defaulted("client.id_token", Form::Duration, r#""5m""#, "how long an ID token is good"),
    defaulted("client.id_token_alg", Form::Choice(&["ES256", "RS256"]), r#""ES256""#, "by which algorithm its ID tokens are signed"),
    defaulted("client.refresh_token_idle", Form::Duration, r#""8h""#, "how long a refresh token is good that is not used"),
    defaulted("client.refresh_token", Form::Duration, r#""24h""#, "how long refreshing goes on after a sign-in"),
    optional("client.required_acr", Form::Name, "how surely people have to be signed in"),
    defaulted("client.may_exchange", Form::Names, "[]", "ARNs of roles it may exchange tokens for"),
    defaulted("client.subjects", Form::Choice(&["public", "pairwise"]), r#""public""#, "whether people have the same `sub` as elsewhere"),
    defaulted("client.post_logout_redirect_uris", Form::RedirectUris, "[]", "where people may be sent to when they signed out"),
    defaulted("client.require_par", Form::Flag, "false", "whether its requests have to be pushed"),
    defaulted("client.dpop_bound_access_tokens", Form::Flag, "false", "whether its access tokens are all bound to a key"),
    optional("client.backchannel_logout_uri", Form::RedirectUri, "where it is told that somebody signed out"),

    optional("saml_sp.name", Form::SpName, "what it is called here"),
    optional("saml_sp.title", Form::Name, "what people are shown"),
    optional("saml_sp.preset", Form::Choice(SAML_PRESETS), "which kind of application it is"),
    defaulted("saml_sp.values", Form::Texts, "{}", "what the preset has to be told"),
    optional("saml_sp.metadata_file", Form::File, "the file with its metadata"),
    optional("saml_sp.metadata_url", Form::MetadataUrl, "where its metadata is fetched from, and pinned"),
    optional("saml_sp.metadata_sha256", Form::Sha256, "what the first that is fetched has to be"),
    optional("saml_sp.entity_id", Form::Name, "what it calls itself by"),
    optional("saml_sp.acs", Form::RedirectUri, "where responses are delivered, of one without metadata"),
    optional("saml_sp.name_id", Form::NameId, "what it knows people by"),
    optional("saml_sp.attributes", Form::SpAttributes, "what else it is told of them"),
    defaulted("saml_sp.attribute_format", Form::Choice(&["auto", "basic", "uri", "unspecified"]), r#""auto""#, "what kind of names these are"),
    defaulted("saml_sp.friendly_names", Form::Texts, "{}", "their names for people"),
    defaulted("saml_sp.aws_providers", Form::Names, "[]", "ARNs of what we are called in accounts of AWS"),
    optional("saml_sp.aws_session_duration", Form::Duration, "how long the console of AWS lasts"),
    defaulted("saml_sp.allowed_groups", Form::Names, "[]", "groups whose people may sign in to it; empty is everybody"),
    defaulted("saml_sp.require_mfa", Form::Flag, "false", "whether people need a second factor for it"),
    defaulted("saml_sp.require_signed_requests", Form::Flag, "false", "whether its requests have to be signed"),
    optional("saml_sp.idp_initiated", Form::Flag, "whether people may begin here"),
    optional("saml_sp.relay_state", Form::Name, "what goes along then"),
    defaulted("saml_sp.signed", Form::Choice(&["both", "assertion", "response"]), r#""both""#, "what of a response is signed"),
    defaulted("saml_sp.encrypt", Form::Choice(&["auto", "required", "never"]), r#""auto""#, "whether assertions are encrypted"),
    defaulted("saml_sp.session", Form::Duration, r#""8h""#, "how long a session there may last"),

    required("group_role.pattern", Form::Pattern, "names of groups it is about, as a whole"),
    optional("group_role.directory", Form::Label, "whose groups are meant, instead of the primary directory's or the only one's"),
    optional("group_role.account", Form::Template, "account of the role, instead of ${account} or the home account"),
    optional("group_role.role", Form::Template, "name of the role, instead of ${role}"),

    defaulted("grants.time_zone", Form::Name, r#""UTC""#, "where the hours of rules and of `bailey:TimeOfDay` are those of"),

    required("ticket_check.name", Form::Name, "what rules call it"),
    either("ticket_check.command", "url", Form::Command, "a program, by its whole path, and its arguments: it is asked on its standard input"),
    either("ticket_check.url", "command", Form::KeysUrl, "a webhook that is asked instead"),
    defaulted("ticket_check.networks", Form::Networks, "[]", "networks of it that are not public"),
    optional("ticket_check.ca_file", Form::File, "authorities of its certificate, instead of the system's"),
    optional("ticket_check.token_file", Form::File, "the file with the token that it is shown"),
    optional("ticket_check.token_credential", Form::Name, "the systemd credential that holds it"),

    required("grant_rule.roles", Form::Names, "names of roles it is about, with * and ?"),
    defaulted("grant_rule.requesters", Form::Names, "[]", "groups whose people may ask for them; empty is everybody"),
    defaulted("grant_rule.approvals", Form::Whole(1, 5), "1", "how many others have to agree"),
    required("grant_rule.approvers", Form::Names, "groups whose people may agree"),
    defaulted("grant_rule.manager", Form::Flag, "false", "whether the manager of who is to have the role may agree, too"),
    defaulted("grant_rule.sponsor", Form::Flag, "false", "whether the sponsor of an engagement may agree to what its people ask for"),
    optional("grant_rule.hours", Form::Name, "when others may agree"),
    defaulted("grant_rule.longest", Form::Duration, r#""8h""#, "how long a grant lasts at most"),
    defaulted("grant_rule.claim_within", Form::Duration, r#""24h""#, "within which time it has to be approved and claimed"),
    defaulted("grant_rule.ticket", Form::Flag, "false", "whether a ticket has to be named"),
    defaulted("grant_rule.inline", Form::Flag, "false", "whether who asks brings a policy that says what it is good for"),
    optional("grant_rule.ticket_check", Form::Name, "what is asked about the ticket before the last approval counts"),
    defaulted("grant_rule.break_glass_ticket_check", Form::Flag, "false", "whether it is asked in an emergency, too"),
    optional("grant_rule.second_factor", Form::Duration, "how long ago a second factor may have been shown, at each call"),
    optional("grant_rule.automatic_until", Form::Name, "nobody has to agree until then"),
    optional("grant_rule.break_glass", Form::Duration, "who asks agrees themselves, and somebody looks back at it within that time"),
    defaulted("grant_rule.notify", Form::Mails, "[]", "who is told that a request waits, instead of the people who may agree"),

    optional("notify.portal", Form::OurUrl, "where people find the portal, if that is not sso.issuer"),
    defaulted("notify.security", Form::Mails, "[]", "who is told of emergencies, and of what is overdue"),
    optional("notify.smtp.server", Form::Name, "the mail server"),
    defaulted("notify.smtp.port", Form::Whole(1, 65_535), "587", "its port"),
    defaulted("notify.smtp.tls", Form::Choice(&["required", "implicit", "none-on-loopback"]), r#""required""#, "how the way to it is encrypted"),
    optional("notify.smtp.user", Form::Name, "as whom we sign in there"),
    optional("notify.smtp.password_file", Form::File, "the file with the password"),
    optional("notify.smtp.password_credential", Form::Name, "the systemd credential with the password"),
    optional("notify.smtp.from", Form::Sender, "whose mails they are"),
    optional("notify.smtp.ca_file", Form::File, "authorities that sign its certificate"),
    defaulted("notify.smtp.timeout", Form::Duration, r#""30s""#, "time for a connection to be ready, and for each message"),
    optional("notify.webhook.name", Form::Name, "its name in records"),
    optional("notify.webhook.url", Form::HookUrl, "where it listens"),
    optional("notify.webhook.secret_file", Form::File, "the file with the secrets that what it gets is signed with, one a line"),
    optional("notify.webhook.secret_credential", Form::Name, "the systemd credential that holds them"),
    optional("notify.webhook.ca_file", Form::File, "authorities that sign its certificate"),
    defaulted("notify.webhook.networks", Form::Networks, "[]", "networks that are not public and in which it may be"),
    defaulted("notify.webhook.kinds", Form::Names, "[]", "what it is told; empty is everything"),

    optional("sign_in_provider.name", Form::Name, "what it is called in addresses: /login/with/NAME"),
    optional("sign_in_provider.issuer", Form::Issuer, "the provider, as its tokens call it"),
    optional("sign_in_provider.client_id", Form::Name, "who we are to it"),
    optional("sign_in_provider.secret_file", Form::File, "file with the secret by which it knows us"),
    optional("sign_in_provider.secret_credential", Form::Name, "systemd credential with it"),
    optional("sign_in_provider.saml_provider", Form::Name, "the SAML provider of the account that it is, in place of an issuer"),
    optional("sign_in_provider.metadata_file", Form::File, "file with the metadata of a SAML provider, likewise"),
    optional("sign_in_provider.saml_entity_id", Form::Name, "who we are to it, instead of the address of our metadata"),
    optional("sign_in_provider.saml_issuer_format", Form::Name, "Format of our name in requests"),
    optional("sign_in_provider.saml_issuer_qualifier", Form::Name, "NameQualifier of our name in requests"),
    optional("sign_in_provider.saml_key_file", Form::File, "our key, which signs requests and opens what is encrypted"),
    optional("sign_in_provider.saml_certificate_file", Form::File, "its certificate"),
    optional("sign_in_provider.title", Form::Name, "what people call it, instead of its name"),
    defaulted("sign_in_provider.second_factor", Form::Names, "[]", "words of its `amr`, or classes of AuthnContext, of which one stands for a second factor"),
    defaulted("sign_in_provider.listed", Form::Flag, "false", "whether the page to sign in at names it to everybody"),

    required("directory.label", Form::Label, "short name; part of every id derived from the directory"),
    defaulted("directory.kind", Form::Choice(KINDS), r#""ldap""#, "which family its servers are of; other defaults follow"),
    defaulted("directory.primary", Form::Flag, "false", "whether names from here stay bare, without @label"),
    either("directory.urls", "domain", Form::Urls, "servers, in order of preference"),
    either("directory.domain", "urls", Form::Domain, "the domain whose servers DNS knows"),
    optional("directory.site", Form::Site, "Active Directory site whose servers come first"),
    optional("directory.nameservers", Form::Nameservers, "DNS servers that know the domain, instead of the system's"),
    defaulted("directory.start_tls", Form::Flag, "false", "encrypt ldap:// connections before anything else is sent"),
    optional("directory.insecure", Form::Choice(&[INSECURE]), "allow ldap:// without TLS to other machines"),
    optional("directory.ca_file", Form::File, "authorities that sign the servers' certificates"),
    optional("directory.client_certificate_file", Form::File, "our certificate towards the servers"),
    optional("directory.client_key_file", Form::File, "its private key"),
    defaulted("directory.bind", Form::Choice(&["simple", "gssapi", "external", "anonymous"]), r#""simple""#, "how we sign in"),
    optional("directory.bind_dn", Form::BindName, "who we sign in as"),
    optional("directory.bind_principal", Form::Principal, "who we sign in as by Kerberos"),
    optional("directory.bind_password", Form::Secret, "the password, written here"),
    optional("directory.bind_password_file", Form::File, "the file that holds the password"),
    optional("directory.bind_password_credential", Form::Name, "the systemd credential that holds the password"),
    required("directory.bases", Form::Dns, "subtrees to read"),
    defaulted("directory.only_under", Form::Dns, "[]", "parts of the bases to take objects from; empty takes all"),
    defaulted("directory.id_attribute", Form::Attribute, r#""entryUUID""#, "the attribute with the immutable id"),
    defaulted("directory.method", Form::Choice(METHODS), r#""auto""#, "how changes are followed"),
    defaulted("directory.follow_every", Form::Duration, r#""30s""#, "how often changes are asked for where they are not pushed"),
    defaulted("directory.notified", Form::Flag, "true", "whether to ask at once when the server says that something changed"),
    defaulted("directory.page_size", Form::Whole(1, 100_000), "1000", "entries a page"),
    defaulted("directory.connect_timeout", Form::Duration, r#""10s""#, "longest wait to connect and sign in"),
    defaulted("directory.answer_timeout", Form::Duration, r#""1m""#, "longest wait for one answer"),
    defaulted("directory.reconcile_every", Form::Duration, r#""24h""#, "how often everything is read again"),
    defaulted("directory.reconcile_blind_every", Form::Duration, r#""15m""#, "the same, while the account cannot see deletions"),
    defaulted("directory.poll_every", Form::Duration, r#""5m""#, "how often everything is read where changes cannot be followed"),
    defaulted("directory.keep_leavers", Form::Duration, r#""30d""#, "how long someone gone stays restorable"),
    defaulted("directory.max_values", Form::Whole(1, 10_000_000), "100000", "most values in one attribute"),
    defaulted("directory.max_value_size", Form::Size, r#""1MiB""#, "largest value"),
    defaulted("directory.max_name_size", Form::Size, r#""1KiB""#, "longest name of a person, group or machine"),

    defaulted("directory.people.object_classes", Form::Attributes, r#"["inetOrgPerson", "posixAccount"]"#, "any of these makes a person; empty takes none"),
    optional("directory.people.filter", Form::Filter, "a further condition on people"),
    defaulted("directory.people.login", Form::Attribute, r#""uid""#, "login; the name in ARNs is made from it"),
    defaulted("directory.people.display_name", Form::Attribute, r#""cn""#, "name for people to read"),
    defaulted("directory.people.mail", Form::Attribute, r#""mail""#, "mail address"),
    defaulted("directory.people.employee_id", Form::Attribute, r#""employeeNumber""#, "number that links a person's accounts"),
    defaulted("directory.people.manager", Form::Attribute, r#""manager""#, "who manages a person, by DN"),
    defaulted("directory.people.tags", Form::Tags, "{}", "principal tags and the attributes they are made from"),

    defaulted("directory.groups.object_classes", Form::Attributes, r#"["groupOfNames", "groupOfUniqueNames", "posixGroup"]"#, "any of these makes a group; empty takes none"),
    optional("directory.groups.filter", Form::Filter, "a further condition on groups"),
    defaulted("directory.groups.name", Form::Attribute, r#""cn""#, "name; the name in ARNs is made from it"),
    defaulted("directory.groups.description", Form::Attribute, r#""description""#, "description for people to read"),
    defaulted("directory.groups.member_dn", Form::Attributes, r#"["member", "uniqueMember"]"#, "attributes that hold members by DN"),
    defaulted("directory.groups.member_login", Form::Attributes, r#"["memberUid"]"#, "attributes that hold members by login"),

    defaulted("directory.machines.object_classes", Form::Attributes, r#"["device", "ipHost"]"#, "any of these makes a machine; empty takes none"),
    optional("directory.machines.filter", Form::Filter, "a further condition on machines"),
    defaulted("directory.machines.name", Form::Attribute, r#""cn""#, "name; the name in ARNs is made from it"),
    defaulted("directory.machines.description", Form::Attribute, r#""description""#, "description for people to read"),
    defaulted("directory.machines.tags", Form::Tags, "{}", "tags and the attributes they are made from"),

    defaulted("directory.guard.deletions.count", COUNT, "5", "objects that may disappear"),
    defaulted("directory.guard.deletions.share", Form::Share, r#""5%""#, "the same, of all stored"),
    defaulted("directory.guard.suspensions.count", COUNT, "5", "people and machines that may be switched off"),
    defaulted("directory.guard.suspensions.share", Form::Share, r#""5%""#, "the same, of all stored"),
    defaulted("directory.guard.group_losses.count", COUNT, "20", "members any one group may lose"),
    defaulted("directory.guard.group_losses.share", Form::Share, r#""10%""#, "the same, of the group's members"),
    defaulted("directory.guard.losses.count", COUNT, "100", "memberships that may be lost in all"),
    defaulted("directory.guard.losses.share", Form::Share, r#""10%""#, "the same, of all stored"),
    defaulted("directory.guard.emptied_groups.count", COUNT, "3", "groups that may lose their last member"),
    defaulted("directory.guard.emptied_groups.share", Form::Share, r#""5%""#, "the same, of all stored"),
    defaulted("directory.guard.renames.count", COUNT, "5", "objects that may change their name in ARNs"),
    defaulted("directory.guard.renames.share", Form::Share, r#""5%""#, "the same, of all stored"),
    optional("directory.guard.rights_lost.count", COUNT, "roles that people may lose through groups"),
    optional("directory.guard.rights_lost.share", Form::Share, "the same, of all that people have"),
    defaulted("directory.guard.sentinels", Form::Dns, "[]", "entries that every full read must bring"),
    defaulted("directory.guard.window", Form::Duration, r#""1h""#, "changes within this time count together"),
];

/// Families of servers.
pub(super) const KINDS: &[&str] = &["ldap", "active-directory", "389-ds"];

/// What sorts of issuers are known.
const ISSUERS: &[&str] = &["kubernetes", "github", "gitlab", "spiffe"];

/// Applications of which it is known how they speak SAML.
const SAML_PRESETS: &[&str] = &["aws", "google-workspace", "salesforce", "gitlab", "grafana", "shibboleth"];

/// How a client of single sign-on shows who it is.
const CLIENT_AUTH: &[&str] = &["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

const METHODS: &[&str] = &["auto", "syncrepl", "dirsync", "usn", "polling"];

const COUNT: Form = Form::Whole(0, 1_000_000_000);

const fn required(path: &'static str, form: Form, meaning: &'static str) -> Key {
    Key { path, form, presence: Presence::Required, meaning }
}

/// One of a pair, of which exactly one is written.
const fn either(path: &'static str, other: &'static str, form: Form, meaning: &'static str) -> Key {
    Key { path, form, presence: Presence::Or(other), meaning }
}

const fn optional(path: &'static str, form: Form, meaning: &'static str) -> Key {
    Key { path, form, presence: Presence::Optional, meaning }
}

const fn defaulted(path: &'static str, form: Form, default: &'static str, meaning: &'static str) -> Key {
    Key { path, form, presence: Presence::Default(default), meaning }
}

/// The key of this full name.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Notes every key and section that is written and does not exist, or stands as the wrong kind.
pub(super) fn check(file: &Written<'_>, faults: &Faults) {
    check_table(file.entries(), "", faults);
}

fn check_table(entries: &[Entry<'_>], section: &str, faults: &Faults) {
    for entry in entries {
        let path = join(section, &entry.key);
        if find(&path).is_some() {
            continue;
        }
        if !is_section(&path) {
            let kind = if matches!(entry.written.value, Value::Table(_)) { "section" } else { "key" };
            let shown = crate::base::text::printable(&path);
            faults.add(entry.place, &shown, format!("unknown {kind}"), suggestion(section, &entry.key));
            continue;
        }
        match (&entry.written.value, REPEATED.contains(&path.as_str())) {
            (Value::Table(inner), false) => check_table(inner, &path, faults),
            (Value::List(items), true) => items.iter().for_each(|item| check_table(item.entries(), &path, faults)),
            (_, false) => faults.add(entry.place, &path, "is a section", format!("write it as [{path}]")),
            (_, true) => faults.add(
                entry.place,
                &path,
                "is a section that may stand several times",
                format!("write it as [[{path}]]"),
            ),
        }
    }
}

/// Full name of `key` in `section`.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// What was probably meant: a key of the same section that is spelt nearly so, or one of the same
/// name elsewhere (in TOML a key belongs to the section head above it, and is easily put too low).
fn suggestion(section: &str, key: &str) -> String {
    let here = KEYS.iter().filter_map(|known| below(section, known.path));
    let nearest = here.map(|name| (strsim::damerau_levenshtein(name, key), name)).min();
    if let Some((_, name)) = nearest.filter(|(distance, name)| *distance <= 1 + name.len() / 4) {
        return format!("did you mean `{name}`?");
    }
    match KEYS.iter().find(|known| known.path.rsplit('.').next() == Some(key)) {
        Some(Key { path, .. }) => format!("did you mean `{path}`? a key belongs to the section head above it"),
        None => "config/example.toml names every key".to_owned(),
    }
}

/// The next part of `path` below `section`: a key or a section in it.
fn below<'k>(section: &str, path: &'k str) -> Option<&'k str> {
    let rest = if section.is_empty() { path } else { path.strip_prefix(section)?.strip_prefix('.')? };
    rest.split('.').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_stands_twice_and_every_default_is_toml() {
        let mut seen = std::collections::BTreeSet::new();
        for key in KEYS {
            assert!(seen.insert(key.path), "{} stands twice", key.path);
            if let Presence::Default(text) = key.presence {
                assert!(super::super::raw::parse_value(text).is_some(), "{}: {text}", key.path);
            }
        }
    }

    #[test]
    fn a_slip_is_answered_with_what_was_meant() {
        for (section, key, meant) in [
            ("directory", "page_sze", "did you mean `page_size`?"),
            ("", "acount", "did you mean `account`?"),
            ("", "lsiten", "did you mean `listen`?"),
            ("directory", "poeple", "did you mean `people`?"),
            (
                "directory.people",
                "page_size",
                "did you mean `directory.page_size`? a key belongs to the section head above it",
            ),
            ("store", "colour", "config/example.toml names every key"),
        ] {
            assert_eq!(suggestion(section, key), meant);
        }
    }
}
