//! Attributes that conditions of a trust policy can ask for (IAM User Guide, "Mapping SAML attributes to AWS trust policy context
//! keys").

use std::collections::BTreeMap;

use super::Attribute;
use super::identity::SamlIdentityError;

/// Names of attributes, and the key that each is asked for by. What several names stand for they have to say alike.
const MAPPED: &[(&str, &str)] = &[
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "edupersonaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "edupersonnickname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "edupersonorgdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "edupersonorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "edupersonprimaryaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "edupersonprincipalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "edupersonentitlement"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "edupersonprimaryorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "edupersonscopedaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "edupersontargetedid"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "edupersonassurance"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "eduorghomepageuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "eduorgidentityauthnpolicyuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "eduorglegalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "eduorgsuperioruri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "eduorgwhitepagesuri"),
    ("urn:oid:2.5.4.3", "cn"),
    ("urn:oid:2.5.4.4", "surname"),
    ("urn:oid:2.5.4.42", "givenName"),
    ("urn:oid:2.5.4.45", "x500UniqueIdentifier"),
    ("urn:oid:0.9.2342.19200300.100.1.1", "uid"),
    ("urn:oid:0.9.2342.19200300.100.1.3", "mail"),
    ("urn:oid:0.9.2342.19200300.100.1.45", "organizationStatus"),
    // As AWS writes them: a dot short, and nobody else's.
    ("urn:oid:0.9.2342.19200300100.1.1", "uid"),
    ("urn:oid:0.9.2342.19200300100.1.3", "mail"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "name"),
    ("http://schemas.xmlsoap.org/claims/CommonName", "commonName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "givenName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "surname"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "mail"),
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "primaryGroupSID"),
];

/// What `attributes` say, by condition key. No two keys differ by case alone.
pub(super) fn context(attributes: &[Attribute]) -> Result<BTreeMap<String, Vec<String>>, SamlIdentityError> {
    let mut context = BTreeMap::<String, Vec<String>>::new();
    for attribute in attributes {
        let Some((name, key)) = MAPPED.iter().find(|(name, _)| *name == attribute.name) else { continue };
        let held = context.entry(format!("saml:{key}")).or_insert_with(|| attribute.values.clone());
        // Of two that differ, whoever wrote the policy meant one, and nobody could say which.
        if *held != attribute.values {
            let why = format!("another attribute says something else of `saml:{key}`");
            return Err(SamlIdentityError::rejected(*name, why));
        }
    }
    Ok(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, values: &[&str]) -> Attribute {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Attribute { name: name.to_owned(), name_format: None, friendly_name: None, values }
    }

    #[test]
    fn keys_are_spelt_in_one_way_and_attributes_of_one_key_agree() {
        let mut folded: Vec<(String, &str)> = MAPPED.iter().map(|(_, key)| (key.to_lowercase(), *key)).collect();
        folded.sort_unstable();
        folded.dedup();
        assert!(folded.windows(2).all(|pair| pair[0].0 != pair[1].0), "{folded:?}");
        let (oid, claim) =
            ("urn:oid:0.9.2342.19200300.100.1.3", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress");
        let found = context(&[attribute(oid, &["a", "b"]), attribute("other", &["x"])]).unwrap();
        assert_eq!(found, BTreeMap::from([("saml:mail".to_owned(), vec!["a".to_owned(), "b".to_owned()])]));
        assert!(context(&[attribute(oid, &["a"]), attribute(claim, &["a"])]).is_ok());
        assert!(context(&[attribute(oid, &["a"]), attribute(claim, &["b"])]).is_err());
    }
}
