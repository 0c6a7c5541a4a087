//! What an application goes on with when its person signed out who came by an outside provider: it ends with the provider, as the
//! session would have.

use bailey::authn::saml::Known;
use bailey::keys::Algorithm;
use hyper::Request;
use serde_json::json;
use url::Url;

use crate::role_tokens::{Answer, send};
use crate::saml_bed::{RSA, STRANGER, metadata};
use crate::sign_in_with_lasting::told;
use crate::sign_in_with_saml::Firm;
use crate::sso_desk::{BACK, VERIFIER, challenge, encoded};

impl Firm {
    async fn token(&self, form: &[(&str, &str)]) -> Answer {
        let request = Request::post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
        send(&self.bureau.office, request, encoded(&[form, &[("client_id", "phone")]].concat())).await
    }

    /// A refresh token of Eve's, who is signed out again.
    async fn kept(&self, id: &'static str) -> String {
        let mut eve = self.signed_in(id).await;
        let asked = encoded(&[
            ("client_id", "phone"),
            ("response_type", "code"),
            ("scope", "openid offline_access"),
            ("redirect_uri", BACK),
            ("code_challenge", &challenge(VERIFIER)),
            ("code_challenge_method", "S256"),
        ]);
        let back = eve.get(&format!("/oauth2/authorize?{asked}")).await.location.unwrap();
        let code = Url::parse(&back).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", BACK)];
        let answer = self.token(&[form.as_slice(), &[("code_verifier", VERIFIER)]].concat()).await;
        let kept = answer.json()["refresh_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
        let own = eve.get("/logout").await.field("form");
        eve.post("/logout", &[("form", &own)]).await;
        self.refreshed(&kept).await.unwrap_or_else(|error| panic!("signed out: {error}"))
    }

    /// The next refresh token; why there is none.
    async fn refreshed(&self, token: &str) -> Result<String, String> {
        let answer = self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
        answer.json()["refresh_token"].as_str().map(ToOwned::to_owned).ok_or(answer.text)
    }

    /// It is refused, for this reason, which is for the records alone.
    async fn has_ended(&self, token: &str, why: &str) {
        let error = self.refreshed(token).await.unwrap_err();
        assert!(error.contains("invalid_grant") && !error.contains(why), "{error}");
        let log = self.bureau.records();
        assert!(log.iter().any(|line| line.contains("IssueToken") && line.contains(why)), "{why}: {log:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_without_a_session_ends_with_who_vouched_for_it() {
    let asked = |text: String| text.replace("bindings:HTTP-POST", "bindings:HTTP-Redirect");
    let (both, other) = (asked(metadata(&[&RSA, &STRANGER])), asked(metadata(&[&STRANGER])));
    let firm = Firm::at(crate::saml_bed::now(), told(&both)).await;
    firm.linked("ext.eve", "_linked").await;
    let office = &firm.bureau.office;
    let app = &office.fixture.app;
    app.admin.keys.turn_signing_keys(&app.store, Algorithm::Es256, app.admin.now()).unwrap();
    let settings = json!({ "auth": "none", "redirect_uris": [BACK], "scopes": ["openid", "offline_access"] });
    office.post("/v1/clients", json!({ "id": "phone", "settings": settings })).await;

    // She signed in there ten minutes ago, as the provider says, and got a password here only then: that is not hers to have changed.
    let kept = firm.kept("_one").await;
    firm.known(told(&other));
    firm.has_ended(&kept, "the key that it signed by is no longer one of its").await;
    firm.known(told(&both));
    let kept = firm.kept("_two").await;
    app.providers.replace(Vec::new());
    firm.has_ended(&kept, "its sign-in provider is gone").await;

    // It goes on as long as the provider says that the session there does, and no longer: eight hours.
    firm.known(told(&both));
    let kept = firm.kept("_until").await;
    office.pass(4 * 3_600);
    let kept = firm.refreshed(&kept).await.unwrap_or_else(|error| panic!("half way: {error}"));
    office.pass(4 * 3_600 + 60);
    let error = firm.refreshed(&kept).await.unwrap_err();
    assert!(error.contains("invalid_grant"), "{error}");

    office.post("/v1/saml-providers", json!({ "name": "Kessel", "metadata": both })).await;
    firm.known(Known::Registered("kessel".parse().unwrap()));
    let kept = firm.kept("_three").await;
    let () = office.served.client.delete("/v1/saml-providers/Kessel").await.unwrap();
    firm.has_ended(&kept, "its SAML provider is gone").await;
}
