//! What settings of service providers may be.

use super::*;

pub(super) fn plain() -> SamlSp {
    SamlSp {
        name: "wiki".parse().unwrap(),
        title: "Wiki".to_owned(),
        preset: None,
        entity_id: "https://wiki.example.com/saml".to_owned(),
        metadata: String::new(),
        source: None,
        waiting: None,
        name_id: NameId::Persistent,
        attributes: Vec::new(),
        aws: None,
        allowed_groups: BTreeSet::new(),
        require_mfa: false,
        require_signed_requests: false,
        idp_initiated: false,
        relay_state: None,
        signed: SignedParts::default(),
        encrypt: Encryption::default(),
        session: SamlSp::USUAL_SESSION,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn names_stand_in_addresses() {
    for good in ["wiki", "1password", "a-b", &"x".repeat(32)] {
        assert_eq!(good.parse::<SpName>().unwrap().as_str(), good);
    }
    for bad in ["", "-x", "Wiki", "a/b", "a b", "a.b", &"x".repeat(33)] {
        assert!(bad.parse::<SpName>().is_err(), "{bad}");
    }
}

#[test]
fn what_people_are_known_by_is_one_of_four() {
    for text in ["persistent", "transient", "emailAddress", "unspecified", "unspecified:login", "emailAddress:tag/Mail"]
    {
        assert_eq!(text.parse::<NameId>().unwrap().to_string(), text);
    }
    assert_eq!("emailAddress:mail".parse::<NameId>().unwrap().to_string(), "emailAddress");
    for bad in
        ["", "Persistent", "persistent:name", "unspecified:", "unspecified:groups", "emailAddress:aws_tags", "x509"]
    {
        assert!(bad.parse::<NameId>().is_err(), "{bad}");
    }
}

#[test]
fn attributes_say_what_is_known_or_always_the_same() {
    for text in ["mail", "groups", "tag/Cost Center", "text/Engineering", "text/a/b"] {
        assert_eq!(text.parse::<AttributeValue>().unwrap().to_string(), text);
    }
    for bad in ["", "text/", "aws_tags", "phone"] {
        assert!(bad.parse::<AttributeValue>().is_err(), "{bad}");
    }
}

#[test]
fn aws_knows_us_by_one_name_in_each_account() {
    let arn = "arn:aws:iam::111122223333:saml-provider/Bailey";
    let provider: AwsProvider = arn.parse().unwrap();
    assert_eq!((provider.to_string().as_str(), provider.audience()), (arn, "https://signin.aws.amazon.com/saml"));
    for bad in [
        "arn:aws:iam::1111:saml-provider/x",
        "arn:gcp:iam::111122223333:saml-provider/x",
        "arn:aws:iam::111122223333:role/x",
        "arn:aws:iam::111122223333:saml-provider/a,b",
    ] {
        assert!(bad.parse::<AwsProvider>().is_err(), "{bad}");
    }
    let other: AwsProvider = "arn:aws:iam::111122223333:saml-provider/Other".parse().unwrap();
    assert!(AwsSignIn::new([provider.clone(), other], None).is_err());
    assert!(AwsSignIn::new([], None).is_err());
    assert!(AwsSignIn::new([provider.clone()], Some(899)).is_err());
    let aws = AwsSignIn::new([provider.clone(), provider], Some(43_200)).unwrap();
    let text = serde_json::to_string(&aws).unwrap();
    assert_eq!(serde_json::from_str::<AwsSignIn>(&text).unwrap(), aws);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    plain().check().unwrap();
    let refused = |change: fn(&mut SamlSp), said: &str| {
        let mut sp = plain();
        change(&mut sp);
        let error = sp.check().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    };
    refused(|sp| sp.title.clear(), "title");
    refused(|sp| sp.entity_id.push('\u{202e}'), "name of an entity");
    refused(|sp| sp.session = 60, "60 s");
    refused(|sp| sp.relay_state = Some("x".to_owned()), "relay state");
    refused(|sp| (sp.idp_initiated, sp.relay_state) = (true, Some("x".repeat(81))), "80 bytes");
    let twice = |sp: &mut SamlSp| sp.attributes = vec![AttributeRule::basic("mail", ClaimSource::Mail); 2];
    refused(twice, "two attributes `mail`");
    let many = |sp: &mut SamlSp| sp.allowed_groups = (0..51).map(|n| n.to_string()).collect();
    refused(many, "51 allowed groups");
    refused(
        |sp| {
            let provider = "arn:aws:iam::111122223333:saml-provider/Bailey".parse().unwrap();
            sp.aws = Some(AwsSignIn::new([provider], None).unwrap());
            sp.attributes =
                vec![AttributeRule::basic("https://aws.amazon.com/SAML/Attributes/Role", ClaimSource::Name)];
        },
        "worked out of roles",
    );
}

#[test]
fn presets_are_filled_by_what_people_choose() {
    for preset in Preset::ALL {
        assert_eq!(Preset::named(preset.word()), Some(preset));
        let json = serde_json::to_value(preset).unwrap();
        assert_eq!(json, preset.word());
        let value = |(key, _): &(&str, &str)| ((*key).to_owned(), "app.example.com".to_owned());
        let values: std::collections::BTreeMap<_, _> = preset.values().iter().map(value).collect();
        let filled = preset.filled(&values).unwrap();
        assert!(!filled.acs.contains(['{', '}']) && !filled.entity_id.contains(['{', '}']), "{filled:?}");
        let mut sp = plain();
        let usual = preset.usual();
        (sp.entity_id, sp.name_id, sp.attributes) = (filled.entity_id, usual.name_id, usual.attributes);
        sp.check().unwrap();
        let too_many = [("other".to_owned(), "x".to_owned())].into_iter().chain(values.clone()).collect();
        assert!(preset.filled(&too_many).unwrap_err().to_string().contains("no `other`"));
        for key in values.keys() {
            let bad = values.iter().map(|(k, v)| (k.clone(), if k == key { "a/b?".to_owned() } else { v.clone() }));
            assert!(preset.filled(&bad.collect()).is_err(), "{}", preset.word());
            assert!(preset.filled(&std::collections::BTreeMap::new()).unwrap_err().to_string().contains(key));
        }
    }
}
