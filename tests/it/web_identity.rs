//! Tokens of outside issuers: which count, what comes of them, and what their issuers are asked.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bailey::admin::iam::trust::counting_for;
use bailey::authn::federated::{IssuerSettings, Issuers, KeysFrom, WebIdentity, WebIdentityError, issuer_of};
use bailey::authn::local::Role;
use bailey::base::{OidcProviderId, Secret, Timestamp};
use bailey::fetch::Client;
use bailey::model::{Issuer, IssuerPreset, OidcProvider, Tags};
use bailey::policy::{Document, Kind};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bed::Authority;
use crate::bed::issuer::{CLIENT, HOST, Signer, URL, claims, discovery, key_set, py_jwt, with};
use crate::bed::website::{Page, Places, Website};
use crate::fixture::{Fixture, post, refusal};

fn now() -> Timestamp {
    "2026-03-12T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now().saturating_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn provider_of(url: &str, clients: &[&str]) -> OidcProvider {
    OidcProvider {
        id: OidcProviderId::from_bytes([7; 16]),
        account: "123456789012".parse().unwrap(),
        issuer: url.parse().unwrap(),
        clients: clients.iter().map(|client| client.parse().unwrap()).collect(),
        thumbprints: Vec::new(),
        created: now(),
        tags: Tags::default(),
    }
}

fn provider() -> OidcProvider {
    provider_of(URL, &[CLIENT, "web"])
}

fn settings() -> IssuerSettings {
    IssuerSettings::unsaid(URL.parse().unwrap())
}

/// Issuers of whom one publishes its keys in a file.
fn issuers_with(key_set: &Value, preset: Option<IssuerPreset>) -> (Issuers, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_set.to_string()).unwrap();
    let keys = KeysFrom::File(file.path().to_owned());
    (Issuers::new(vec![IssuerSettings { keys, preset, ..settings() }], Client::default()), file)
}

/// An issuer at [`HOST`], and who asks it.
struct Scene {
    site: Website,
    issuers: Arc<Issuers>,
    old: Signer,
    new: Signer,
    _authority: Authority,
}

impl Scene {
    async fn new() -> Self {
        let authority = Authority::new("issuers");
        let site = Website::secure(&authority.issue(HOST, &[HOST])).await;
        let places = Places::default().with(HOST, site.address());
        let settings = IssuerSettings {
            ca_file: Some(authority.ca_file()),
            networks: bailey::base::network::Networks::new(vec!["127.0.0.0/8".parse().unwrap()]),
            ..settings()
        };
        let issuers = Arc::new(Issuers::new(vec![settings], Client::new(Arc::new(places))));
        let scene = Self { site, issuers, old: Signer::new("old"), new: Signer::new("new"), _authority: authority };
        scene.publish(&[&scene.old]);
        scene
    }

    fn publish(&self, signers: &[&Signer]) {
        self.site.document("/prod/.well-known/openid-configuration", discovery());
        self.site.document("/keys", key_set(signers));
    }

    async fn verify(&self, token: &Secret<String>, at: Timestamp) -> Result<WebIdentity, WebIdentityError> {
        self.issuers.verify(&provider(), token, at).await
    }

    /// How often it was asked for its keys.
    fn asked(&self) -> usize {
        self.site.asked("/keys")
    }
}

fn code(answer: Result<WebIdentity, WebIdentityError>) -> &'static str {
    match answer {
        Ok(_) => "verified",
        Err(error) => error.code(),
    }
}

#[tokio::test]
async fn every_algorithm_of_the_list_counts_and_no_public_key_is_a_secret() {
    let made = tokio::task::spawn_blocking(|| py_jwt(&claims(now()))).await.unwrap();
    let (issuers, _file) = issuers_with(&json!({"keys": made["keys"]}), None);
    let tokens = made["tokens"].as_object().unwrap();
    let algs: Vec<&str> = tokens.keys().map(String::as_str).collect();
    assert_eq!(algs, ["ES256", "ES384", "ES512", "EdDSA", "PS256", "RS256", "RS384", "RS512"]);
    for (alg, token) in tokens {
        let token = Secret::new(token.as_str().unwrap().to_owned());
        assert_eq!(issuer_of(&token).unwrap(), URL.parse::<Issuer>().unwrap());
        let identity =
            issuers.verify(&provider(), &token, now()).await.unwrap_or_else(|error| panic!("{alg}: {error}"));
        assert_eq!(identity.subject(), "system:serviceaccount:shop:web");
    }
    let forged = made["forged"].as_object().unwrap();
    assert_eq!(forged.len(), 85);
    for (what, token) in forged {
        let token = Secret::new(token.as_str().unwrap().to_owned());
        assert_eq!(code(issuers.verify(&provider(), &token, now()).await), "InvalidIdentityToken", "{what}");
    }
    // One algorithm's name on another's signature, and two signatures in the general form of RFC 7515, section 7.2.1.
    for (alg, token) in tokens {
        let (head, rest) = token.as_str().unwrap().split_once('.').unwrap();
        for other in algs.iter().filter(|other| *other != alg) {
            let (other_head, _) = tokens[*other].as_str().unwrap().split_once('.').unwrap();
            let swapped = Secret::new(format!("{other_head}.{rest}"));
            assert_eq!(
                code(issuers.verify(&provider(), &swapped, now()).await),
                "InvalidIdentityToken",
                "{alg} as {other}"
            );
        }
        let (payload, signature) = rest.split_once('.').unwrap();
        let signature = json!({"protected": head, "signature": signature});
        let general = json!({"payload": payload, "signatures": [signature, signature]});
        let general = Secret::new(general.to_string());
        assert_eq!(code(issuers.verify(&provider(), &general, now()).await), "InvalidIdentityToken");
    }
}

#[tokio::test]
async fn a_token_says_who_somebody_is_and_what_conditions_can_ask() {
    let signer = Signer::new("k");
    let (issuers, _file) = issuers_with(&key_set(&[&signer]), None);
    let said = with(
        claims(now()),
        json!({
            "aud": ["api", CLIENT], "azp": "web", "amr": ["mfa", "pwd"], "repository": "acme/site", "groups": ["a", "b"],
            "oaud": "chosen", "mixed": ["a", 1], "email_verified": true, "kubernetes.io": {"namespace": "shop"},
            "https://aws.amazon.com/tags": {"principal_tags": {"Team": ["shop"], "Stage": "prod"}, "transitive_tag_keys": ["team"]},
            "https://aws.amazon.com/source_identity": "ann",
        }),
    );
    let identity = issuers.verify(&provider(), &signer.sign(&signer.header(), &said), now()).await.unwrap();
    assert_eq!(identity.provider_arn().as_str(), "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/prod");
    assert_eq!(
        (identity.host_path(), identity.audience(), identity.token_id()),
        ("oidc.example.com/prod", "web", Some("t-1"))
    );
    assert_eq!((identity.expires(), identity.issued()), (after(600), Some(now())));
    assert_eq!(identity.source_identity(), Some("ann"));
    assert_eq!(identity.tags().principal.iter().collect::<Vec<_>>(), [("Stage", "prod"), ("Team", "shop")]);
    assert_eq!(identity.tags().transitive, ["Team"]);
    let context: Vec<(&str, Vec<&str>)> =
        identity.context().map(|(key, values)| (key, values.iter().map(String::as_str).collect())).collect();
    assert_eq!(
        context,
        [
            ("oidc.example.com/prod:amr", vec!["mfa", "pwd"]),
            ("oidc.example.com/prod:aud", vec!["web"]),
            ("oidc.example.com/prod:azp", vec!["web"]),
            ("oidc.example.com/prod:groups", vec!["a", "b"]),
            ("oidc.example.com/prod:https://aws.amazon.com/source_identity", vec!["ann"]),
            ("oidc.example.com/prod:iss", vec![URL]),
            ("oidc.example.com/prod:jti", vec!["t-1"]),
            ("oidc.example.com/prod:oaud", vec!["api", CLIENT]),
            ("oidc.example.com/prod:repository", vec!["acme/site"]),
            ("oidc.example.com/prod:sub", vec!["system:serviceaccount:shop:web"]),
        ]
    );
}

#[tokio::test]
async fn what_claims_have_to_be() {
    let signer = Signer::new("k");
    let (issuers, _file) = issuers_with(&key_set(&[&signer]), None);
    let at = now().as_second();
    let tags = |tags: Value| json!({"https://aws.amazon.com/tags": tags});
    let (good, invalid, expired, rejected) =
        ("verified", "InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim");
    for (members, expected) in [
        (json!({}), good),
        (json!({"iss": null}), invalid),
        (json!({"iss": format!("{URL}/")}), invalid),
        (json!({"iss": URL.to_uppercase()}), invalid),
        (json!({"iss": "https://other.example.com"}), invalid),
        (json!({"iss": [URL]}), invalid),
        (json!({"exp": at + 1}), good),
        (json!({"exp": at}), expired),
        (json!({"exp": null}), invalid),
        (json!({"exp": (at + 600).to_string()}), invalid),
        (json!({"exp": 1e10}), invalid),
        (json!({"exp": i64::MAX}), invalid),
        (json!({"exp": u64::MAX}), invalid),
        (json!({"exp": -1}), expired),
        (json!({"iat": at + 60, "nbf": at + 60}), good),
        (json!({"iat": at + 61}), invalid),
        (json!({"nbf": at + 61}), invalid),
        (json!({"nbf": "soon"}), invalid),
        (json!({"iat": null, "nbf": null}), good),
        (json!({"aud": null}), invalid),
        (json!({"aud": "other"}), invalid),
        (json!({"aud": CLIENT.to_uppercase()}), invalid),
        (json!({"aud": []}), invalid),
        (json!({"aud": [CLIENT]}), good),
        (json!({"aud": [CLIENT, "web"]}), good),
        (json!({"aud": [CLIENT, "other"]}), invalid),
        (json!({"aud": [CLIENT, "other"], "azp": CLIENT}), good),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), invalid),
        (json!({"aud": "other", "azp": CLIENT}), invalid),
        (json!({"aud": "web", "azp": CLIENT}), good),
        (json!({"aud": CLIENT, "azp": "other"}), invalid),
        (json!({"aud": CLIENT, "azp": [CLIENT]}), invalid),
        (json!({"aud": [CLIENT, 1]}), invalid),
        (json!({"sub": null}), rejected),
        (json!({"sub": ""}), rejected),
        (json!({"sub": 7}), rejected),
        (json!({"sub": "a\nb"}), rejected),
        (json!({"sub": "a\u{202e}b"}), rejected),
        (json!({"sub": "x".repeat(255)}), good),
        (json!({"sub": "x".repeat(256)}), rejected),
        // Condition keys have no case.
        (json!({"SUB": "system:serviceaccount:shop:admin"}), rejected),
        (json!({"Repository": "a", "repository": "b"}), rejected),
        (json!({"AZP": CLIENT}), rejected),
        (json!({"Repository": "a"}), good),
        (tags(json!({"principal_tags": {"Team": ["a", "b"]}})), rejected),
        (tags(json!({"principal_tags": {"Team": "a", "team": "b"}})), rejected),
        (tags(json!({"principal_tags": {"aws:Team": "a"}})), rejected),
        (tags(json!({"principal_tags": {"Team": "a"}, "transitive_tag_keys": ["Other"]})), rejected),
        (tags(json!({"principal_tags": {"Team": "a"}, "transitive_tag_keys": "Team"})), good),
        (tags(json!({"principal_tags": []})), rejected),
        (tags(json!("Team")), rejected),
        (
            tags(
                json!({"principal_tags": (0..51).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>()}),
            ),
            rejected,
        ),
        (json!({"https://aws.amazon.com/source_identity": "a"}), rejected),
        (json!({"https://aws.amazon.com/source_identity": "aws:ann"}), rejected),
    ] {
        let token = signer.sign(&signer.header(), &with(claims(now()), members.clone()));
        let answer = issuers.verify(&provider(), &token, now()).await;
        let told = answer.as_ref().err().map(ToString::to_string);
        assert_eq!(code(answer), expected, "{members} {told:?}");
    }
}

#[tokio::test]
async fn what_a_header_and_a_form_have_to_be() {
    let signer = Signer::new("k");
    let (issuers, _file) = issuers_with(&key_set(&[&signer]), None);
    let stranger = Signer::new("k");
    for (members, good) in [
        (json!({}), true),
        (json!({"typ": null}), true),
        (json!({"typ": "jwt"}), true),
        (json!({"typ": "JOSE"}), true),
        (json!({"typ": "application/JWT"}), true),
        (json!({"typ": "at+jwt"}), false),
        (json!({"typ": "application/at+jwt"}), false),
        (json!({"typ": "logout+jwt"}), false),
        (json!({"typ": "forward-auth+jwt"}), false),
        (json!({"typ": ["JWT"]}), false),
        (json!({"crit": []}), false),
        (json!({"crit": ["exp"]}), false),
        (json!({"crit": ["b64"], "b64": false}), false),
        (json!({"b64": true}), false),
        (json!({"cty": "JWT"}), false),
        (json!({"zip": "DEF"}), false),
        (json!({"enc": "A256GCM"}), false),
        (json!({"alg": null}), false),
        (json!({"alg": ["ES256"]}), false),
        (json!({"alg": "es256"}), false),
        (json!({"alg": "ES256K"}), false),
        (json!({"alg": "ES384"}), false),
        (json!({"alg": "RS1"}), false),
        // The only key there is for that algorithm.
        (json!({"kid": null}), true),
        (json!({"kid": "other"}), false),
        (json!({"kid": "K"}), false),
        (json!({"kid": ""}), false),
        (json!({"kid": 7}), false),
        (json!({"kid": "../../dev/null"}), false),
        (json!({"kid": "k".repeat(15_000)}), false),
        // Not looked at, and so no help to a stranger either.
        (
            json!({"jwk": stranger.jwk(), "jku": "https://evil.example/keys", "x5u": "https://evil.example/x", "x5c": ["x"]}),
            true,
        ),
    ] {
        let header = with(signer.header(), members.clone());
        let answer = issuers.verify(&provider(), &signer.sign(&header, &claims(now())), now()).await;
        assert_eq!(code(answer), if good { "verified" } else { "InvalidIdentityToken" }, "{members}");
        let forged = issuers.verify(&provider(), &stranger.sign(&header, &claims(now())), now()).await;
        assert_eq!(code(forged), "InvalidIdentityToken", "{members}");
    }
    let good = signer.token(now());
    let good = good.expose().as_str();
    let [head, body, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let zero = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, [0; 64]);
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{head}.{body}"),
        format!("{head}.{body}."),
        format!(".{body}.{signature}"),
        format!("{head}..{signature}"),
        format!("{head}.{body}.{signature}="),
        format!("{head}.{body}.{signature}=="),
        format!("{head}.{body}.{zero}"),
        format!("{head}.{body}.{}", &signature[..80]),
        format!("{head}.{body}.{signature}AAAA"),
        format!("{head}.{}.{signature}", "A".repeat(20_000)),
    ] {
        let answer = issuers.verify(&provider(), &Secret::new(bad.clone()), now()).await;
        assert_eq!(code(answer), "InvalidIdentityToken", "{bad}");
    }
    // A member that stands twice, in either part, signed well.
    let (header, said) = (signer.header().to_string(), claims(now()).to_string());
    let twice = |json: &str, member: &str| format!("{},{member}}}", json.strip_suffix('}').unwrap());
    for (header, said) in [
        (header.clone(), twice(&said, r#""sub":"system:serviceaccount:shop:admin""#)),
        (header.clone(), twice(&said, r#""s\u0075b":"system:serviceaccount:shop:admin""#)),
        (header.clone(), twice(&said, r#""x":{"y":1,"y":2}"#)),
        (twice(&header, r#""alg":"ES256""#), said.clone()),
        (header.clone(), format!("{said}{said}")),
        (header.clone(), format!("[{said}]")),
    ] {
        let token = signer.sign_bytes(header.as_bytes(), said.as_bytes());
        assert_eq!(code(issuers.verify(&provider(), &token, now()).await), "InvalidIdentityToken", "{header} {said}");
    }
}

#[tokio::test]
async fn keys_that_are_weak_private_or_for_something_else_verify_nothing() {
    let signer = Signer::new("k");
    let others: Vec<Signer> = ["a", "b"].into_iter().map(Signer::new).collect();
    for (members, good) in [
        (json!({}), true),
        (json!({"use": null, "alg": null}), true),
        (json!({"use": "enc"}), false),
        (json!({"use": "jwt-svid"}), false),
        (json!({"key_ops": ["verify"]}), true),
        (json!({"key_ops": ["sign"]}), false),
        (json!({"alg": "ES384"}), false),
        (json!({"alg": "HS256"}), false),
        (json!({"crv": "P-384"}), false),
        (json!({"crv": "secp256k1"}), false),
        (json!({"kty": "oct", "k": "AAAA"}), false),
        (json!({"d": "AAAA"}), false),
        (json!({"x": others[0].jwk()["x"]}), false),
        (json!({"x": "AAAA"}), false),
    ] {
        let jwk = with(signer.jwk(), members.clone());
        let (issuers, _file) = issuers_with(&json!({"keys": [jwk, others[0].jwk(), {"kty": "new"}, 7]}), None);
        let answer = issuers.verify(&provider(), &signer.token(now()), now()).await;
        assert_eq!(code(answer), if good { "verified" } else { "InvalidIdentityToken" }, "{members}");
        // Whatever it is, it costs the others nothing.
        issuers.verify(&provider(), &others[0].token(now()), now()).await.unwrap();
    }
    // Two of one name: which is meant is anybody's guess. Without a name neither.
    let (issuers, _file) = issuers_with(&json!({"keys": [signer.jwk(), Signer::new("k").jwk()]}), None);
    assert_eq!(code(issuers.verify(&provider(), &signer.token(now()), now()).await), "InvalidIdentityToken");
    let (issuers, _file) = issuers_with(&key_set(&[&signer, &others[0]]), None);
    let unnamed = signer.sign(&json!({"alg": "ES256"}), &claims(now()));
    assert_eq!(code(issuers.verify(&provider(), &unnamed, now()).await), "InvalidIdentityToken");
    for set in [json!([]), json!({"keys": {}}), json!({"keys": vec![signer.jwk(); 101]})] {
        let (issuers, _file) = issuers_with(&set, None);
        assert_eq!(code(issuers.verify(&provider(), &signer.token(now()), now()).await), "IDPCommunicationError");
    }
}

#[tokio::test]
async fn what_is_known_of_an_issuer_is_demanded() {
    let signer = Signer::new("k");
    let svid = json!({"keys": [with(signer.jwk(), json!({"use": "jwt-svid", "alg": null}))]});
    for (preset, set, subject, good) in [
        (IssuerPreset::Kubernetes, key_set(&[&signer]), "system:serviceaccount:shop:web", true),
        (IssuerPreset::Kubernetes, key_set(&[&signer]), "system:node:n1", false),
        (IssuerPreset::Spiffe, svid.clone(), "spiffe://example.com/web", true),
        (IssuerPreset::Spiffe, svid, "https://example.com/web", false),
        (IssuerPreset::GitHub, key_set(&[&signer]), "repo:acme/site:ref:refs/heads/main", true),
        (IssuerPreset::GitLab, key_set(&[&signer]), "project_path:acme/site:ref_type:branch:ref:main", true),
    ] {
        let (issuers, _file) = issuers_with(&set, Some(preset));
        let token = signer.sign(&signer.header(), &with(claims(now()), json!({ "sub": subject })));
        let answer = issuers.verify(&provider(), &token, now()).await;
        assert_eq!(code(answer), if good { "verified" } else { "IDPRejectedClaim" }, "{preset} {subject}");
        assert_eq!(issuers.is_shared("OIDC.example.com/prod"), preset.is_shared(), "{preset}");
    }
}

#[tokio::test]
async fn sixty_four_at_once_are_one_question() {
    let scene = Scene::new().await;
    let scene = Arc::new(scene);
    let race = |signer: fn(&Scene) -> Secret<String>, at| {
        let racers = (0..64).map(|_| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move { code(scene.verify(&signer(&scene), at).await) })
        });
        futures_util::future::join_all(racers.collect::<Vec<_>>())
    };
    let answers = race(|scene| scene.old.token(now()), now()).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == "verified"));
    assert_eq!(scene.asked(), 1);
    // A key that is not among them, and nobody may be asked so soon.
    let answers = race(|scene| scene.new.token(now()), after(59)).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == "InvalidIdentityToken"));
    assert_eq!(scene.asked(), 1);
    // Rotation: after a minute one of them asks for all.
    scene.publish(&[&scene.old, &scene.new]);
    let answers = race(|scene| scene.new.token(now()), after(60)).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == "verified"));
    assert_eq!((scene.asked(), scene.site.asked_at_all()), (2, 4));
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_one_question_a_minute_and_nonsense_none() {
    let scene = Scene::new().await;
    for n in 0..200 {
        let unknown = Signer::new(&format!("k{n}"));
        let answer = scene.verify(&unknown.token(now()), after(n)).await;
        assert_eq!(code(answer), "InvalidIdentityToken");
    }
    assert_eq!(scene.asked(), 4, "at 0, 60, 120 and 180 s");
    let asked = scene.site.asked_at_all();
    // Known keys are not kept waiting meanwhile.
    scene.verify(&scene.old.token(now()), after(199)).await.unwrap();
    for members in [json!({"aud": "other"}), json!({"exp": 1}), json!({"iss": "https://other.example.com"})] {
        let unknown = Signer::new("x");
        let token = unknown.sign(&unknown.header(), &with(claims(now()), members));
        assert_ne!(code(scene.verify(&token, after(900)).await), "verified");
    }
    assert_eq!(scene.site.asked_at_all(), asked);
}

#[tokio::test]
async fn keys_are_asked_for_again_and_outlive_an_outage_of_a_day() {
    let scene = Scene::new().await;
    let day = 24 * 3_600;
    let long = |signer: &Signer| {
        signer.sign(&signer.header(), &with(claims(now()), json!({"exp": now().as_second() + 3 * day})))
    };
    scene.verify(&long(&scene.old), now()).await.unwrap();
    scene.verify(&long(&scene.old), after(3_599)).await.unwrap();
    assert_eq!(scene.asked(), 1);
    // Withdrawn: gone within the hour.
    scene.publish(&[&scene.new]);
    assert_eq!(code(scene.verify(&long(&scene.old), after(3_600)).await), "InvalidIdentityToken");
    assert_eq!(scene.asked(), 2);
    // Away: what was known counts for a day, and it is asked for once a minute.
    scene.site.take_down();
    let fetched = 3_600;
    scene.verify(&long(&scene.new), after(fetched + 3_600)).await.unwrap();
    scene.verify(&long(&scene.new), after(fetched + 3_659)).await.unwrap();
    let discovery = "/prod/.well-known/openid-configuration";
    assert_eq!(scene.site.asked(discovery), 3);
    scene.verify(&long(&scene.new), after(fetched + day - 1)).await.unwrap();
    assert_eq!(code(scene.verify(&long(&scene.new), after(fetched + day)).await), "IDPCommunicationError");
    // Back: found within ten seconds.
    scene.publish(&[&scene.new]);
    assert_eq!(code(scene.verify(&long(&scene.new), after(fetched + day + 8)).await), "IDPCommunicationError");
    scene.verify(&long(&scene.new), after(fetched + day + 10)).await.unwrap();
    // All keys withdrawn.
    scene.publish(&[]);
    let answer = scene.verify(&long(&scene.new), after(fetched + day + 10 + 3_600)).await;
    assert_eq!(code(answer), "InvalidIdentityToken");
}

// The clock stands still while somebody is busy, and goes on to the end of patience when everybody waits.
#[tokio::test(start_paused = true)]
async fn hanging_up_neither_stops_a_question_nor_repeats_it() {
    let scene = Scene::new().await;
    scene.site.show("/keys", Page::Silence);
    let token = scene.old.token(now());
    let asking = scene.verify(&token, now());
    tokio::select! {
        _ = asking => panic!("there is no answer yet"),
        () = async { while scene.asked() == 0 { tokio::task::yield_now().await } } => {}
    }
    // Whoever comes next waits for the one question, and does not ask another.
    let answer = scene.verify(&token, now()).await;
    assert_eq!((code(answer), scene.asked()), ("IDPCommunicationError", 1));
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_alone() {
    let scene = Scene::new().await;
    let discovery_path = "/prod/.well-known/openid-configuration";
    let token = scene.old.token(now());
    let mut at = 0;
    for (document, good) in [
        (with(discovery(), json!({"issuer": "https://oidc.example.com/prod/"})), false),
        (with(discovery(), json!({"issuer": "https://oidc.example.com"})), false),
        (with(discovery(), json!({"issuer": null})), false),
        (with(discovery(), json!({"jwks_uri": null})), false),
        (with(discovery(), json!({"jwks_uri": "/keys"})), false),
        (with(discovery(), json!({"jwks_uri": "file:///etc/passwd"})), false),
        (with(discovery(), json!({"jwks_uri": "http://oidc.example.com/keys"})), false),
        (with(discovery(), json!({"jwks_uri": "https://169.254.169.254/keys"})), false),
        (json!([discovery()]), false),
        (with(discovery(), json!({"padding": "x".repeat(70_000)})), false),
        (discovery(), true),
    ] {
        scene.site.document(discovery_path, &document);
        at += 10;
        let expected = if good { "verified" } else { "IDPCommunicationError" };
        assert_eq!(code(scene.verify(&token, after(at)).await), expected, "{document}");
    }
    assert_eq!(scene.asked(), 1);
    // Without a section nothing but the public internet is asked: by another name for the same server.
    let places = Places::default().with("other.example", scene.site.address());
    let issuers = Issuers::new(Vec::new(), Client::new(Arc::new(places)));
    let url = "https://other.example";
    let token = scene.old.sign(&scene.old.header(), &with(claims(now()), json!({ "iss": url })));
    let answer = issuers.verify(&provider_of(url, &[CLIENT]), &token, now()).await;
    let told = answer.as_ref().unwrap_err().to_string();
    assert!(!told.contains("127.0.0.1"), "who sent it learns nothing of our network: {told}");
    assert_eq!((code(answer), scene.asked()), ("IDPCommunicationError", 1));
}

#[tokio::test]
async fn a_changed_section_forgets_keys_and_the_same_one_does_not() {
    let signer = Signer::new("k");
    let (issuers, file) = issuers_with(&key_set(&[&signer]), None);
    let keys = KeysFrom::File(file.path().to_owned());
    let same = IssuerSettings { keys, ..settings() };
    issuers.verify(&provider(), &signer.token(now()), now()).await.unwrap();
    std::fs::write(file.path(), key_set(&[]).to_string()).unwrap();
    issuers.replace(vec![same.clone()]);
    issuers.verify(&provider(), &signer.token(now()), after(1)).await.unwrap();
    issuers.replace(vec![IssuerSettings { max_age: Duration::from_secs(600), ..same }]);
    assert_eq!(code(issuers.verify(&provider(), &signer.token(now()), after(2)).await), "InvalidIdentityToken");
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("k"));
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
static ISSUERS: LazyLock<(Issuers, tempfile::NamedTempFile)> =
    LazyLock::new(|| issuers_with(&key_set(&[&SIGNER]), None));
static TOKEN: LazyLock<String> = LazyLock::new(|| SIGNER.token(now()).expose().clone());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_changed_token_never_counts(at: prop::sample::Index, remove in 0_usize..3, put in "[A-Za-z0-9_.=+/ -]{0,3}") {
        let at = at.index(TOKEN.len());
        let end = (at + remove).min(TOKEN.len());
        let changed = format!("{}{put}{}", &TOKEN[..at], &TOKEN[end..]);
        prop_assume!(changed != *TOKEN);
        let answer = RUNTIME.block_on(ISSUERS.0.verify(&provider(), &Secret::new(changed), now()));
        prop_assert_ne!(code(answer), "verified");
    }

    #[test]
    fn no_bytes_are_somebody(text in "\\PC{0,200}") {
        prop_assert!(RUNTIME.block_on(ISSUERS.0.verify(&provider(), &Secret::new(text), now())).is_err());
    }
}

const GITHUB: &str = "https://token.actions.githubusercontent.com";

fn trust(issuer: &str, condition: Value) -> Value {
    let arn = format!("arn:aws:iam::123456789012:oidc-provider/{issuer}");
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}]})
}

#[tokio::test]
async fn trust_in_an_issuer_that_strangers_share_says_whose_subject_is_meant() {
    let fixture = Fixture::new(Some(Role::Operator));
    fixture.app.admin.issuers.replace(vec![IssuerSettings {
        preset: Some(IssuerPreset::GitLab),
        ..IssuerSettings::unsaid("https://gitlab.corp.example".parse().unwrap())
    }]);
    let served = fixture.serve().await;
    let client = &served.client;
    let github = "token.actions.githubusercontent.com";
    for issuer in [github, "Token.Actions.GithubUserContent.com", "gitlab.corp.example"] {
        let open =
            json!({"name": "ci", "trust": trust(issuer, json!({"StringEquals": {format!("{issuer}:aud"): "sts"}}))});
        let (code, message) = refusal(client.post("/v1/roles", &open).await).await;
        assert_eq!(code, "MalformedPolicyDocument");
        assert!(message.contains("statement 1 of the policy: it trusts everybody for whom"), "{message}");
    }
    let closed = trust(github, json!({"StringLike": {format!("{github}:sub"): "repo:acme/site:*"}}));
    post(client, "/v1/roles", json!({"name": "ci", "trust": closed})).await;
    let open = trust(github, json!({}));
    let changed = client.put("/v1/roles/ci/trust", &json!({"document": open})).await;
    assert_eq!(refusal(changed).await.0, "MalformedPolicyDocument");
    // An issuer of one's own may be trusted as a whole.
    post(client, "/v1/roles", json!({"name": "own", "trust": trust("oidc.example.com/prod", json!({}))})).await;
}

#[tokio::test]
async fn trust_that_is_there_already_lets_no_stranger_in() {
    let signer = Signer::new("k");
    let (issuers, file) = issuers_with(&key_set(&[&signer]), None);
    let github = IssuerSettings {
        keys: KeysFrom::File(file.path().to_owned()),
        ..IssuerSettings::unsaid(GITHUB.parse().unwrap())
    };
    let own = IssuerSettings { keys: KeysFrom::File(file.path().to_owned()), ..settings() };
    issuers.replace(vec![github, own]);
    for (url, counts) in [(GITHUB, false), (URL, true)] {
        let token = signer.sign(&signer.header(), &with(claims(now()), json!({ "iss": url })));
        let identity = issuers.verify(&provider_of(url, &[CLIENT]), &token, now()).await.unwrap();
        let open = trust(identity.host_path(), json!({})).to_string();
        let document = Document::parse(&open, Kind::Trust).unwrap();
        assert_eq!(counting_for(&document, &issuers, &identity).is_empty(), !counts, "{url}");
    }
}

/// `bailey check` on a configuration with these sections.
fn check(sections: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bailey.toml");
    std::fs::write(&file, format!("account = \"123456789012\"\n{sections}")).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bailey"))
        .args(["check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn section(url: &str, rest: &str) -> String {
    format!("[[issuer]]\nurl = \"{url}\"\n{rest}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_every_configured_issuer() {
    let authority = Authority::new("issuers");
    let site = Website::secure(&authority.issue("localhost", &["localhost"])).await;
    let signer = Signer::new("k");
    let weak = json!({"kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB"});
    site.document("/keys", json!({"keys": [signer.jwk(), weak]}));
    site.document("/none", json!({"keys": []}));
    let port = site.address().port();
    let near = |path: &str| {
        let ca = authority.ca_file();
        format!("jwks_url = \"https://localhost:{port}/{path}\"\nca_file = \"{}\"\n", ca.display())
    };
    let inside = "networks = [\"127.0.0.0/8\", \"::1\"]";
    let good = section(URL, &format!("{}{inside}", near("keys")));
    let (exit, told) = check(&good);
    assert_eq!(exit, Some(0), "{told}");
    assert!(told.contains(&format!("issuer {URL}: publishes its keys, of use: 1")), "{told}");
    assert!(told.contains("key weak: it has 17 bits, 2048 to 8192 are taken"), "{told}");
    for (sections, words) in [
        (section(URL, &near("keys")), "this machine itself: if that is meant, name its network in `networks`"),
        (section(URL, &format!("{}{inside}", near("none"))), "it publishes no key"),
        (section(URL, &format!("{}{inside}", near("gone"))), "answered with status 404"),
        (section("https://127.0.0.1", ""), "`127.0.0.1` is at 127.0.0.1"),
    ] {
        let (exit, told) = check(&sections);
        assert_eq!(exit, Some(1), "{told}");
        assert!(told.contains(words), "{told}");
    }
}
