//! What may be written behind a key, and how a person is told.

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Twelve digits, as text.
    Account,
    /// An IP address and a port.
    Address,
    /// The name of an attribute or object class.
    Attribute,
    /// Several of them.
    Attributes,
    /// Who signs in: a DN, or a name that only Active Directory takes.
    BindName,
    /// Names of claims, each set to what is known of a person.
    Claims,
    /// A program and its arguments.
    Command,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A distinguished name.
    Dn,
    /// Several of them.
    Dns,
    /// The DNS name of a domain.
    Domain,
    /// A time with a unit.
    Duration,
    /// Path of a file or directory.
    File,
    /// An LDAP filter.
    Filter,
    /// `true` or `false`.
    Flag,
    /// Where a webhook listens.
    HookUrl,
    /// Names or addresses of hosts.
    Hosts,
    /// The address of an issuer of tokens.
    Issuer,
    /// The address of an issuer's keys.
    KeysUrl,
    /// The label of a directory.
    Label,
    /// Addresses that mail is sent to.
    Mails,
    /// The address of metadata.
    MetadataUrl,
    /// What a service provider of SAML knows people by.
    NameId,
    /// Names of groups of this machine.
    Names,
    /// A name of this machine: of a group, of a credential.
    Name,
    /// IP addresses of DNS servers, with or without a port.
    Nameservers,
    /// IP addresses and networks.
    Networks,
    /// A regular expression.
    Pattern,
    /// The address by which we are known.
    OurUrl,
    /// A Kerberos principal.
    Principal,
    /// An address where people are sent to.
    RedirectUri,
    /// Several of them.
    RedirectUris,
    /// Text that must not be seen.
    Secret,
    /// Whose mails they are.
    Sender,
    /// The digest of something, in hexadecimal digits.
    Sha256,
    /// A percentage.
    Share,
    /// Tag keys, each set to a template of sessions.
    SessionTags,
    /// Text with `${directory:..}` for what a directory says of a person.
    SessionTemplate,
    /// The name of an Active Directory site.
    Site,
    /// Bytes with a unit.
    Size,
    /// Names of attributes of SAML, each set to what is known of a person.
    SpAttributes,
    /// What a service provider of SAML is called.
    SpName,
    /// Tag keys, each set to an attribute.
    Tags,
    /// Names, each set to text.
    Texts,
    /// Numbers of users of this machine.
    Uids,
    /// Text with `${name}` for what a pattern captured.
    Template,
    /// LDAP URLs.
    Urls,
    /// A whole number within these bounds.
    Whole(i64, i64),
}

impl Form {
    /// What is expected, for a person.
    #[must_use]
    pub fn describe(&self) -> String {
        let fixed = match self {
            Self::Account => r#"12 digits in quotes, such as "123456789012""#,
            Self::Address => r#"an IP address and a port, such as "127.0.0.1:9323""#,
            Self::Attribute => r#"the name of an attribute, such as "uid""#,
            Self::Attributes => r#"a list of names, such as ["member", "uniqueMember"]"#,
            Self::BindName => {
                r#"a distinguished name, such as "cn=sync,dc=example,dc=com", or for Active Directory "sync@corp.example.com""#
            }
            Self::Claims => r#"names of claims, each set to a source, such as { department = "tag/Department" }"#,
            Self::Command => r#"a list of a program and its arguments, such as ["/usr/local/bin/check-ticket"]"#,
            Self::Choice(words) => return one_of(words),
            Self::Dn => r#"a distinguished name, such as "cn=sync,dc=example,dc=com""#,
            Self::Dns => r#"a list of distinguished names, such as ["dc=example,dc=com"]"#,
            Self::Domain => r#"the DNS name of a domain, such as "corp.example.com""#,
            Self::Duration => r#"a time with a unit, such as "90s", "5m", "24h" or "30d""#,
            Self::File => r#"a path, such as "/etc/bailey/ca.pem""#,
            Self::Filter => r#"an LDAP filter, such as "(employeeType=active)""#,
            Self::Flag => "true or false",
            Self::HookUrl => {
                r#"an `https://` address, or `http://` of this machine, such as "https://siem.example.com/bailey""#
            }
            Self::Hosts => r#"a list of host names without ports, such as ["bailey.example.com"]"#,
            Self::Issuer => r#"an `https://` address without a port, such as "https://oidc.example.com/prod""#,
            Self::KeysUrl => {
                r#"an `https://` address, or `http://` of this machine, such as "https://oidc.example.com/keys""#
            }
            Self::Label => r#"1 to 32 of a-z, 0-9 and -, starting with a letter, such as "corp""#,
            Self::Mails => r#"a list of mail addresses, such as ["security@example.com"]"#,
            Self::MetadataUrl => r#"an `https://` address, such as "https://wiki.example.com/saml/metadata""#,
            Self::Name => "a name, in quotes",
            Self::NameId => {
                r#"one of "persistent", "transient", "emailAddress" and "unspecified", such as "unspecified:login""#
            }
            Self::SpAttributes => r#"names of attributes, each set to a source, such as { email = "mail" }"#,
            Self::SpName => r#"1 to 32 of a-z, 0-9 and -, such as "wiki""#,
            Self::Texts => r#"names, each set to text, such as { host = "wiki.example.com" }"#,
            Self::Names => r#"a list of names, such as ["bailey-admin"]"#,
            Self::Nameservers => r#"a list of IP addresses, such as ["10.0.0.10", "10.0.0.11:5353"]"#,
            Self::Networks => r#"a list of addresses and networks, such as ["10.0.0.5", "2001:db8:1::/48"]"#,
            Self::Pattern => r"a regular expression, such as '^aws-(?<account>\d{12})-(?<role>.+)$'",
            Self::Template => r#"text, with ${name} for what the pattern captures, such as "team-${team}""#,
            Self::Principal => r#"a Kerberos principal with its realm, such as "svc-bailey@CORP.EXAMPLE.COM""#,
            Self::RedirectUri => {
                r#"an `https://` address in its plain form, such as "https://app.example.com/callback""#
            }
            Self::RedirectUris => r#"a list of `https://` addresses, such as ["https://app.example.com/callback"]"#,
            Self::OurUrl => r#"an `https://` address without a path, such as "https://sso.example.com""#,
            Self::Sender => r#"a mail address, with or without a name, such as "Bailey <bailey@example.com>""#,
            Self::Secret => "text, in quotes",
            Self::Sha256 => "64 hexadecimal digits in quotes, as `sha256sum` prints them",
            Self::Share => r#"a percentage from 0 to 100, such as "5%""#,
            Self::SessionTags => {
                r#"tag keys, each set to a template, such as { CostCenter = "${directory:tag/CostCenter}" }"#
            }
            Self::SessionTemplate => r#"text with attributes of a person, such as "${directory:name}""#,
            Self::Site => r#"the name of a site, such as "Berlin-1""#,
            Self::Size => r#"bytes with a unit (B, KiB, MiB, GiB), such as "64MiB""#,
            Self::Tags => r#"tag keys, each set to an attribute, such as { Department = "departmentNumber" }"#,
            Self::Uids => "a list of user numbers, such as [0, 1000]",
            Self::Urls => r#"a list of URLs, such as ["ldaps://ldap.example.com"]"#,
            Self::Whole(least, most) => return format!("a whole number from {least} to {most}"),
        };
        fixed.to_owned()
    }
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("\"{only}\""),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(|word| format!("\"{word}\"")).collect();
            format!("{} or \"{last}\"", head.join(", "))
        }
    }
}
