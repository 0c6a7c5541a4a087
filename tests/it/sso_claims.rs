//! The parameter `claims`, the scope `roles`, and what is told by them.

use serde_json::json;

use crate::portal::Browser;
use crate::sso_authorize::{asking, desk, told};
use crate::sso_desk::{BACK, Desk, claims};
use crate::sts_office::allow;
use crate::sts_unsigned::{PASSWORD, device};

/// A desk with a client that may ask for everything, and ann in a browser.
async fn everything() -> Desk {
    let desk = desk().await;
    let settings = json!({
        "auth": "none", "redirect_uris": [BACK], "scopes": ["openid", "email", "groups", "roles"],
        "claims": { "https://aws.example/roles": "roles" }
    });
    desk.client("all", settings).await;
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_told_where_they_were_asked_for_and_no_others() {
    let desk = everything().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let asked = r#"{"id_token":{"email":null,"name":{"essential":true},"picture":null},"userinfo":{"groups":{"essential":true}}}"#;
    let page = browser.get(&asking(&[("client_id", "all"), ("scope", "openid"), ("claims", asked)])).await;
    let tokens = desk.redeem("all", &told(&page, "code")).unwrap();
    let id = claims(tokens.id_token.as_ref().unwrap());
    assert_eq!((&id["email"], id.get("groups")), (&json!("ann@example.test"), None), "{id}");
    assert_eq!(id.get("name"), None, "it is not registered for the scope profile");
    let userinfo = desk.userinfo(&tokens.access_token).await.json();
    assert_eq!((&userinfo["groups"], userinfo.get("email")), (&json!(["Staff"]), None), "{userinfo}");
    // It goes on so when tokens are refreshed.
    let next = desk.refresh("all", tokens.refresh_token.as_ref().unwrap()).unwrap();
    assert_eq!(claims(next.id_token.as_ref().unwrap())["email"], json!("ann@example.test"));
    for bad in ["{", "[]", r#"{"id_token":{"email":1}}"#] {
        assert_eq!(told(&browser.get(&asking(&[("claims", bad)])).await, "error"), "invalid_request", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_surely_and_who_are_held_to() {
    let desk = everything().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let acr = |values: &str, essential: bool| {
        format!(
            r#"{{"id_token":{{"acr":{{"essential":{essential},"values":[{values}]}},"auth_time":{{"essential":true}}}}}}"#
        )
    };
    let ask = |claims: &str, prompt: &'static str| asking(&[("claims", claims), ("prompt", prompt)]);
    let sent = browser.get(&ask(&acr(r#""mfa""#, true), "none")).await;
    assert_eq!(told(&sent, "error"), "interaction_required");
    browser
        .get(&ask(&acr(r#""mfa""#, true), ""))
        .await
        .location
        .filter(|at| at.starts_with("/login/step-up?next="))
        .unwrap();
    let sent = browser.get(&ask(&acr(r#""loa4""#, true), "")).await;
    assert_eq!(told(&sent, "error"), "unmet_authentication_requirements");
    for good in [acr(r#""mfa""#, false), acr(r#""loa4","pwd""#, true), acr("", true)] {
        let page = browser.get(&ask(&good, "none")).await;
        let tokens = desk.redeem("wiki", &told(&page, "code")).unwrap();
        let id = claims(tokens.id_token.as_ref().unwrap());
        assert!(id["auth_time"].is_number() && id["acr"] == "pwd", "{id}");
    }
    let page = browser.get(&asking(&[])).await;
    let sub = claims(desk.redeem("wiki", &told(&page, "code")).unwrap().id_token.as_ref().unwrap())["sub"].clone();
    let expects = |sub: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
    let page = browser.get(&ask(&expects(sub.as_str().unwrap()), "none")).await;
    assert!(!told(&page, "code").is_empty());
    assert_eq!(told(&browser.get(&ask(&expects("somebody-else"), "none")).await, "error"), "login_required");
    // With the second factor.
    let (_, seed) = device(&desk.office, "ann").await;
    let asked = browser.sign_in("ann", PASSWORD).await;
    let code = crate::credentials::app_code(&seed, desk.office.fixture.app.admin.now());
    let (flow, half) = (asked.field("flow"), asked.field("half"));
    let form = [("flow", flow.as_str()), ("half", &half), ("next", "/me"), ("code", &code)];
    browser.post("/login/code", &form).await.leads_to("/me");
    assert!(!told(&browser.get(&ask(&acr(r#""mfa""#, true), "none")).await, "code").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_those_that_somebody_could_take_now() {
    let desk = everything().await;
    let office = &desk.office;
    for name in ["Deployer", "Reader", "Other"] {
        office.role(name, json!([]), allow(&["s3:Get*"])).await;
    }
    office.put("/v1/roles/Deployer/assigned/user/ann", json!({})).await;
    office.put("/v1/roles/Reader/assigned/group/Staff", json!({})).await;
    let arn = |name: &str| json!(format!("arn:aws:iam::{}:role/{name}", crate::sts_office::ACCOUNT));
    let told = desk.signed_in("all", "openid roles");
    let id = claims(told.id_token.as_ref().unwrap());
    assert_eq!(id["roles"], json!([arn("Deployer"), arn("Reader")]));
    assert_eq!(id["https://aws.example/roles"], id["roles"]);
    assert_eq!(desk.userinfo(&told.access_token).await.json()["roles"], id["roles"]);
    let () = office.served.client.delete("/v1/roles/Deployer/assigned/user/ann").await.unwrap();
    let told = desk.refresh("all", told.refresh_token.as_ref().unwrap()).unwrap();
    assert_eq!(claims(told.id_token.as_ref().unwrap())["roles"], json!([arn("Reader")]));
    // Without the scope nothing but what the client is registered with.
    let id = claims(desk.signed_in("all", "openid").id_token.as_ref().unwrap());
    assert_eq!((id.get("roles"), &id["https://aws.example/roles"]), (None, &json!([arn("Reader")])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_roles_is_whole_or_not_there() {
    let desk = everything().await;
    let most = bailey::sso::roles::MOST_ROLES;
    for n in 0..most {
        let name = format!("R{n:03}");
        desk.office.role(&name, json!([]), json!([])).await;
        desk.office.put(&format!("/v1/roles/{name}/assigned/user/ann"), json!({})).await;
    }
    let id = claims(desk.signed_in("all", "openid roles").id_token.as_ref().unwrap());
    assert_eq!(id["roles"].as_array().unwrap().len(), most);
    desk.office.role("OneMore", json!([]), json!([])).await;
    desk.office.put("/v1/roles/OneMore/assigned/user/ann", json!({})).await;
    let told = desk.signed_in("all", "openid roles");
    let id = claims(told.id_token.as_ref().unwrap());
    assert_eq!((id.get("roles"), id.get("https://aws.example/roles")), (None, None));
    assert_eq!(desk.userinfo(&told.access_token).await.json().get("roles"), None);
}
