//! `bailey client` and `bailey check`, as an administrator types them.

use serde_json::json;

use crate::bed::daemon::Bailey;

#[test]
fn a_client_is_added_changed_and_given_another_secret() {
    let bailey = Bailey::with("");
    let add =
        ["client", "add", "app", "--redirect-uri", "https://app.example/cb", "--audience", "orders", "--pairwise"];
    let made = bailey.json(&add);
    assert_eq!(made["settings"]["subjects"], json!("pairwise"));
    let update = |words: &[&str]| {
        let words: Vec<&str> = ["client", "update", "app"].iter().chain(words).copied().collect();
        bailey.json(&words)["settings"].clone()
    };
    let changed = update(&[
        "--access-token=5m",
        "--required-acr=mfa",
        "--may-exchange=arn:aws:iam::123456789012:role/Reader",
        "--post-logout-redirect-uri=https://app.example/bye",
        "--backchannel-logout-uri=https://app.example/logout",
        "--require-par",
        "--dpop-bound-access-tokens",
        "--clear=audiences",
        "--pairwise=false",
    ]);
    for (name, value) in [
        ("lifetimes", json!({ "access": 300, "id": 300, "refresh_idle": 28_800, "refresh": 86_400 })),
        ("required_acr", json!("mfa")),
        ("may_exchange", json!(["arn:aws:iam::123456789012:role/Reader"])),
        ("post_logout_redirect_uris", json!(["https://app.example/bye"])),
        ("backchannel_logout_uri", json!("https://app.example/logout")),
        ("require_par", json!(true)),
        ("dpop_bound_access_tokens", json!(true)),
        ("audiences", json!([])),
        ("subjects", json!("public")),
        ("redirect_uris", json!(["https://app.example/cb"])),
    ] {
        assert_eq!(changed[name], value, "{name} in {changed}");
    }
    // What is not said stays.
    let changed = update(&["--id-token=2m", "--clear=required-acr", "--clear=may-exchange"]);
    assert_eq!(changed["backchannel_logout_uri"], json!("https://app.example/logout"));
    assert_eq!(update(&["--clear=backchannel-logout-uri"]).get("backchannel_logout_uri"), None);
    assert_eq!(changed["lifetimes"]["access"], json!(300));
    assert_eq!((changed.get("required_acr"), &changed["may_exchange"]), (None, &json!([])));
    let turned = bailey.json(&["client", "rotate-secret", "app", "--overlap", "0s"]);
    assert_ne!(turned["secret"], made["secret"]);
    assert!(!bailey.run(&["client", "rotate-secret", "app", "--overlap", "8d"]).status.success());
    assert!(!bailey.run(&["client", "update", "app", "--access-token", "5"]).status.success(), "a time has a unit");

    let token = bailey.json(&["client", "registration-token", "create", "--name", "ci", "--uses", "2"]);
    assert!(token["token"].as_str().unwrap().starts_with("ci."));
    let shown = bailey.ok(&["client", "registration-token", "create", "--name", "by-eye"]);
    assert!(shown.lines().last().unwrap().starts_with("by-eye."), "a script takes the last line: {shown}");
    let listed = bailey.json(&["client", "registration-token", "list"]);
    assert_eq!((&listed[1]["name"], &listed[1]["left"], listed[1].get("token")), (&json!("ci"), &json!(2), None));
    bailey.ok(&["client", "registration-token", "remove", "ci"]);
    assert_eq!(bailey.json(&["client", "registration-token", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_check_compares_our_address_with_what_the_listener_answers_to() {
    let checked = |https: &str| {
        let bailey = Bailey::with(&format!("{https}[sso]\nissuer = \"https://sso.example\"\n"));
        let output = bailey.run(&["check", "--output", "json"]);
        let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == "sso.issuer").cloned();
        found.unwrap_or_else(|| panic!("{findings}"))
    };
    let authority = crate::bed::Authority::new("Test");
    let leaf = authority.issue("web", &["sso.example"]);
    std::fs::set_permissions(&leaf.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let https = |hosts: &str| {
        format!(
            "[https]\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}\"\nkey = \"{}\"\nhosts = {hosts}\n\n",
            crate::bed::free_port(),
            leaf.certificate_file.display(),
            leaf.key_file.display()
        )
    };
    let nothing = checked("");
    assert!(nothing["what"].as_str().unwrap().contains("nothing listens"), "{nothing}");
    let other = checked(&https("[\"bailey.example\"]"));
    assert!(other["what"].as_str().unwrap().contains("none that the listener answers to"), "{other}");
    assert!(other["remedy"].as_str().unwrap().contains("https.hosts"), "{other}");
    let fine = checked(&https("[\"bailey.example\", \"sso.example\"]"));
    assert_eq!(fine["remedy"], json!(""), "{fine}");
}

#[test]
fn a_check_tells_that_nobody_signs_in_to_applications_without_pages() {
    let checked = |more: &str| {
        let sso =
            "[portal]\nenabled = false\n[https]\nlisten = \"127.0.0.1:0\"\n[sso]\nissuer = \"https://sso.example\"\n";
        let bailey = Bailey::with(&format!("{sso}{more}"));
        let output = bailey.run(&["check", "--output", "json"]);
        let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == "portal.enabled");
        (found.unwrap_or_else(|| panic!("{findings}"))["severity"].as_str().unwrap().to_owned(), output.status.code())
    };
    assert_eq!(checked("").0, "warning");
    let app = "[[client]]\nid = \"app\"\nauth = \"none\"\nredirect_uris = [\"https://app.example/cb\"]\n";
    assert_eq!(checked(app), ("fault".to_owned(), Some(1)));
}
