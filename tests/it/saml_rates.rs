//! What anybody may ask, and what costs us a key: each source so often.

use serde_json::json;

use crate::portal::Browser;
use crate::saml_desk::{ACS, SP, SSO, address, ask, described, desk, follow, registered};
use crate::sts_office::ACCOUNT;

#[tokio::test(flavor = "multi_thread")]
async fn one_source_asks_so_much_at_once_and_others_are_not_held_to_it() {
    let desk = desk().await;
    registered(&desk, "wiki", &described(SP, ACS, false, ""), json!({})).await;
    let mut mallory = Browser::new(&desk.office);
    let mut answers = Vec::new();
    for number in 0..410 {
        let path = ["/saml/metadata", "/saml/sso?SAMLRequest=x", "/saml/slo?SAMLRequest=x", "/saml/continue?request=x"];
        answers.push(mallory.get(path[number % 4]).await.status);
    }
    assert_eq!(answers.iter().position(|status| *status == 429), Some(400), "{answers:?}");
    assert!(answers[400..].iter().all(|status| *status == 429), "{answers:?}");
    // Whoever shows assertions and tokens for a role, from the same place, is counted apart.
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Deploy");
    let provider = format!("arn:aws:iam::{ACCOUNT}:saml-provider/Kessel");
    let shown = [
        ("Action", "AssumeRoleWithSAML"),
        ("RoleArn", &*role),
        ("PrincipalArn", &*provider),
        ("SAMLAssertion", "PHgvPg=="),
    ];
    for _ in 0..1_000 {
        desk.office.unsigned(&shown).await.refuses("InvalidIdentityToken", "");
    }
    desk.office.unsigned(&shown).await.refuses("Throttling", "too many calls from where you are");

    let mut ann = Browser { address: "198.51.100.7:4711", ..Browser::new(&desk.office) };
    let request = address(SSO, "SAMLRequest", &ask("_q1").render(), "r/1", None);
    let page = follow(&mut ann, &request).await;
    assert!(page.location.as_deref().is_some_and(|to| to.starts_with("/login?next=")), "{page:?}");
    desk.office.pass(1);
    assert_eq!(mallory.get("/saml/metadata").await.status, 200);
}
