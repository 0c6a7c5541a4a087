//! Assertions that a provider encrypts for us: the keys that IAM is given for them, what comes of an assertion under each, and that nobody
//! learns anything from one that does not open.

use std::process::Command;
use std::sync::LazyLock;

use bailey::keys::saml_provider_key_owner;
use bailey::model::SamlProvider;
use bailey::model::saml_encryption::SealedPrivateKey;
use bailey::model::{AccountId, Actor};
use bailey::store::{Commit, Intent, KeyRange, StoreError, iam, saml, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::credentials::sound;
use crate::run;
use crate::saml_bed::{IDP, RSA, STRANGER, Sign, Signer, encrypted, metadata, now};
use crate::sts_office::{ACCOUNT, Office, Told, allow};
use crate::sts_saml::{Wanted, provider_arn, role_arn, trust};

pub(crate) const GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
pub(crate) const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";

/// Keys that assertions are encrypted for, one after the other.
pub(crate) static FIRST: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub(crate) static SECOND: LazyLock<Signer> = LazyLock::new(Signer::rsa);

/// What openssl makes of a key.
fn openssl(words: &[&str], key: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key).unwrap();
    run::stdout(Command::new("openssl").args(words).arg("-in").arg(file.path()))
}

/// The id of a key, as whoever has the certificate finds it out.
pub(crate) fn id_of(signer: &Signer) -> String {
    let public = openssl(&["x509", "-noout", "-pubkey"], &signer.certificate);
    let body: String = public.lines().filter(|line| !line.starts_with("---")).collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &STANDARD.decode(body).unwrap());
    hex::encode_upper(&digest.as_ref()[..16])
}

struct Scene {
    office: Office,
    admin: Credentials,
}

impl Scene {
    async fn new() -> Self {
        let office = Office::new().await;
        office.fixture.clock.set(now());
        let admin = office.user("admin", allow(&["iam:*"])).await;
        office.role("Reader", trust(json!({})), allow(&["iam:ListRoles"])).await;
        Self { office, admin }
    }

    async fn iam(&self, action: &str, more: &[(&str, &str)]) -> Told {
        self.office.iam(&self.admin, &[&[("Action", action)], more].concat()).await
    }

    async fn create(&self, more: &[(&str, &str)]) -> Told {
        let text = metadata(&[&RSA]);
        let own = [("Name", "Corp"), ("SAMLMetadataDocument", text.as_str())];
        self.iam("CreateSAMLProvider", &[&own, more].concat()).await
    }

    async fn update(&self, more: &[(&str, &str)]) -> Told {
        let arn = provider_arn();
        self.iam("UpdateSAMLProvider", &[&[("SAMLProviderArn", arn.as_str())], more].concat()).await
    }

    async fn updates(&self, more: &[(&str, &str)]) {
        let told = self.update(more).await;
        assert_eq!(told.status, 200, "{}", told.xml);
    }

    async fn get(&self) -> Told {
        self.iam("GetSAMLProvider", &[("SAMLProviderArn", &provider_arn())]).await
    }

    /// Asks for the role by a response.
    async fn ask(&self, xml: &str) -> Told {
        let (role, provider, text) = (role_arn("Reader"), provider_arn(), STANDARD.encode(xml));
        let params = [
            ("Action", "AssumeRoleWithSAML"),
            ("RoleArn", role.as_str()),
            ("PrincipalArn", provider.as_str()),
            ("SAMLAssertion", text.as_str()),
        ];
        self.office.unsigned(&params).await
    }

    async fn takes(&self, xml: &str) {
        let told = self.ask(xml).await;
        assert_eq!(told.status, 200, "{}", told.xml);
    }

    async fn refuses(&self, xml: &str, why: &str) {
        self.ask(xml).await.refuses("InvalidIdentityToken", why);
    }

    /// The keys that lie in the store.
    fn sealed(&self) -> Vec<SealedPrivateKey> {
        let account: AccountId = ACCOUNT.parse().unwrap();
        let read = self.office.fixture.app.store.read(|snapshot| {
            let found = iam::named::<SamlProvider>(snapshot, Some(&account), "corp")?.unwrap().value;
            saml::provider_keys(snapshot, &found.id)
        });
        read.unwrap()
    }

    /// How many rows of keys there are, of whatever provider, superseded ones included.
    fn rows(&self) -> usize {
        let prefix = schema::saml::provider_keys();
        let count = |range: &[u8]| {
            let mut rows = 0;
            let counted = self.office.fixture.app.store.for_each(&KeyRange::prefix(range), |_, _| {
                rows += 1;
                Ok::<_, StoreError>(())
            });
            counted.unwrap();
            rows
        };
        count(&prefix) + count(&schema::histories(&prefix))
    }

    async fn check(&self) -> String {
        let found: Value = self.office.served.client.get("/v1/saml-providers/Corp/check").await.unwrap();
        found.to_string()
    }
}

/// An assertion for the role, encrypted.
fn sealed(id: &'static str, to: &Signer) -> String {
    encrypted(&Wanted::of(&["Reader"]).id(id).xml(), to, GCM, OAEP)
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_is_given_keys_and_tells_their_ids_alone() {
    let scene = Scene::new().await;
    let required = ("AssertionEncryptionMode", "Required");
    let first = ("AddPrivateKey", FIRST.key_pem.as_str());
    scene.create(&[required]).await.refuses("InvalidInput", "together with a private key");
    scene
        .create(&[("AssertionEncryptionMode", "required"), first])
        .await
        .refuses("ValidationError", "[Required, Allowed]");
    let small = openssl(&["pkey"], &run::stdout(Command::new("openssl").args(["genrsa", "1024"])));
    let locked = openssl(&["pkey", "-aes256", "-passout", "pass:hunter2"], &FIRST.key_pem);
    let old_locked = openssl(&["rsa", "-traditional", "-aes256", "-passout", "pass:hunter2"], &FIRST.key_pem);
    let half = &FIRST.key_pem[..FIRST.key_pem.len() / 2];
    for (bad, why) in [
        (small.as_str(), "no RSA key of 2048 to 8192 bits"),
        (Signer::p256().key_pem.as_str(), "no RSA key of 2048 to 8192 bits"),
        (&FIRST.certificate, "no RSA key of 2048 to 8192 bits"),
        (half, "no RSA key of 2048 to 8192 bits"),
        (&locked, "a passphrase is on it"),
        (&old_locked, "a passphrase is on it"),
    ] {
        let told = scene.create(&[required, ("AddPrivateKey", bad)]).await;
        told.refuses("InvalidInput", why);
        let line = bad.lines().rfind(|line| line.len() == 64 && !line.contains(':')).unwrap();
        assert!(!told.xml.contains(line) && !scene.office.last_record().contains(line), "{}", told.xml);
    }
    for bad in ["x".repeat(16_385), "\u{1}".to_owned()] {
        let told = scene.create(&[required, ("AddPrivateKey", &bad)]).await;
        told.refuses("ValidationError", "'addPrivateKey'");
        assert!(!told.xml.contains(&bad), "{}", told.xml);
    }
    assert_eq!(scene.rows(), 0);

    scene.create(&[required, first]).await.text("SAMLProviderArn");
    let record = scene.office.last_record();
    assert!(record.contains(&id_of(&FIRST)) && record.contains("required"), "{record}");
    let told = scene.get().await;
    assert_eq!((told.text("KeyId"), told.text("AssertionEncryptionMode")), (id_of(&FIRST), "Required".to_owned()));
    assert_eq!(told.text("Timestamp"), "2026-11-30T09:00:00Z");
    let id = told.text("SAMLProviderUUID");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{id}");

    scene.update(&[]).await.refuses("InvalidInput", "of something");
    scene
        .update(&[("AddPrivateKey", &openssl(&["rsa", "-traditional"], &FIRST.key_pem))])
        .await
        .refuses("InvalidInput", "has already");
    scene.update(&[("RemovePrivateKey", &id_of(&SECOND))]).await.refuses("NoSuchEntity", &id_of(&SECOND));
    scene.update(&[("RemovePrivateKey", "abc")]).await.refuses("ValidationError", "A-Z and 0-9");
    scene.update(&[("RemovePrivateKey", &id_of(&FIRST))]).await.refuses("InvalidInput", "together with a private key");
    // A key as PKCS #1, beside the first, of which nothing else is said.
    let second = openssl(&["rsa", "-traditional"], &SECOND.key_pem);
    assert!(second.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    scene.updates(&[("AddPrivateKey", &second)]).await;
    scene.update(&[("AddPrivateKey", &STRANGER.key_pem)]).await.refuses("LimitExceeded", "has 2 at most");
    let told = scene.get().await.xml;
    let (one, other) = (told.find(&id_of(&FIRST)).unwrap(), told.find(&id_of(&SECOND)).unwrap());
    assert!(one < other && told.contains("<AssertionEncryptionMode>Required<"), "{told}");
    // Metadata alone leaves that as it is, and keys leave the metadata.
    let renamed = metadata(&[&RSA]).replace(IDP, "https://idp.test/renamed");
    scene.updates(&[("SAMLMetadataDocument", &renamed)]).await;
    scene.updates(&[("RemovePrivateKey", &id_of(&FIRST)), ("AssertionEncryptionMode", "Allowed")]).await;
    let told = scene.get().await;
    assert!(told.xml.contains("https://idp.test/renamed") && !told.xml.contains(&id_of(&FIRST)), "{}", told.xml);
    assert_eq!((told.text("KeyId"), told.text("AssertionEncryptionMode")), (id_of(&SECOND), "Allowed".to_owned()));
    let shown: Value = scene.office.served.client.get("/v1/saml-providers/Corp").await.unwrap();
    let keys = json!([{ "id": id_of(&SECOND), "added": "2026-11-30T09:00:00Z" }]);
    assert_eq!((&shown["encryption"], &shown["id"]), (&json!({ "mode": "allowed", "keys": keys }), &json!(id)));
    // One in the place of the other, at once; and then none.
    let (id, pem) = (id_of(&SECOND), &FIRST.key_pem);
    scene.updates(&[("RemovePrivateKey", &id), ("AddPrivateKey", pem)]).await;
    // The same words again, a second later: as they were signed before they count once.
    scene.office.pass(1);
    scene.updates(&[("RemovePrivateKey", &id_of(&FIRST))]).await;
    let told = scene.get().await.xml;
    assert!(!told.contains("AssertionEncryptionMode") && !told.contains("PrivateKeyList"), "{told}");
    assert_eq!(scene.rows(), 0);
    sound(&scene.office.fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_begins_a_session_if_it_is_good_inside() {
    let scene = Scene::new().await;
    scene.create(&[]).await.text("SAMLProviderArn");
    let none = "the assertion is encrypted, and there is no key to open it";
    scene.refuses(&sealed("_0", &FIRST), none).await;
    let both = [("AssertionEncryptionMode", "Required"), ("AddPrivateKey", FIRST.key_pem.as_str())];
    scene.updates(&both).await;
    let xml = sealed("_1", &FIRST);
    let told = scene.ask(&xml).await;
    let session = told.credentials();
    assert_eq!((told.text("Subject"), told.text("Issuer")), ("alice@example.com".to_owned(), IDP.to_owned()));
    assert_eq!(scene.office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    scene.refuses(&xml, "was shown before").await;

    // Not encrypted: the signature is good, and it is not spent by that.
    let plain = Wanted::of(&["Reader"]).id("_2").xml();
    scene.refuses(&plain, "encryption: Assertion: it is not encrypted").await;
    let unsigned = Wanted { what: Sign::Neither, ..Wanted::of(&["Reader"]) }.xml();
    scene.refuses(&encrypted(&unsigned, &FIRST, GCM, OAEP), "signature").await;
    let strange = Wanted { signer: &STRANGER, ..Wanted::of(&["Reader"]) }.xml();
    scene.refuses(&encrypted(&strange, &FIRST, GCM, OAEP), "signature").await;
    scene.refuses(&unsigned, "signature").await;
    // By its name, before a key is touched.
    for (from, to) in [
        (GCM, "http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
        (GCM, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),
        (OAEP, "http://www.w3.org/2001/04/xmlenc#rsa-1_5"),
    ] {
        scene.refuses(&sealed("_3", &FIRST).replace(from, to), &format!("`{to}` does not count here")).await;
    }
    scene.updates(&[("AssertionEncryptionMode", "Allowed")]).await;
    scene.takes(&plain).await;
    scene.takes(&sealed("_4", &FIRST)).await;
    // The session does not stand on the key that brought it.
    scene.updates(&[("RemovePrivateKey", &id_of(&FIRST))]).await;
    assert_eq!(scene.office.who_is(&session).await.status, 200);
    scene.refuses(&sealed("_5", &FIRST), none).await;
    sound(&scene.office.fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_takes_over_from_the_other_and_what_neither_opens_says_nothing() {
    let scene = Scene::new().await;
    scene
        .create(&[("AddPrivateKey", &FIRST.key_pem), ("AssertionEncryptionMode", "Required")])
        .await
        .text("SAMLProviderArn");
    let whole = |told: &Told| told.xml.replace(&told.text("RequestId"), "");
    let alone = scene.ask(&sealed("_1", &SECOND)).await;
    alone.refuses("InvalidIdentityToken", "it cannot be decrypted");
    scene.updates(&[("AddPrivateKey", &SECOND.key_pem)]).await;
    scene.takes(&sealed("_2", &FIRST)).await;
    scene.takes(&sealed("_3", &SECOND)).await;

    let text = sealed("_4", &SECOND);
    let values: Vec<&str> =
        text.split("<xenc:CipherValue>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    let [wrapped, inside] = values[..] else { panic!("{text}") };
    let flipped = |value: &str, at: usize| {
        let mut bytes = STANDARD.decode(value).unwrap();
        let at = bytes.len() - at;
        bytes[at] ^= 1;
        STANDARD.encode(bytes)
    };
    for (broken, what) in [
        (sealed("_4", &STRANGER), "another key"),
        (text.replace(wrapped, &flipped(wrapped, 9)), "no key comes out"),
        (text.replace(wrapped, "AAAA"), "no key at all"),
        (text.replace(inside, &flipped(inside, 1)), "its tag"),
        (text.replace(inside, &flipped(inside, 200)), "its text"),
        (text.replace(inside, "AAAA"), "nothing inside"),
    ] {
        let told = scene.ask(&broken).await;
        assert_eq!((told.status, whole(&told)), (alone.status, whole(&alone)), "{what}");
    }

    scene.updates(&[("RemovePrivateKey", &id_of(&FIRST))]).await;
    let told = scene.ask(&sealed("_5", &FIRST)).await;
    assert_eq!((told.status, whole(&told)), (alone.status, whole(&alone)));
    scene.takes(&text).await;
    assert_eq!(scene.rows(), 1);
    sound(&scene.office.fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lie_sealed_are_sealed_anew_and_go_with_their_provider() {
    let scene = Scene::new().await;
    scene.create(&[("AddPrivateKey", &FIRST.key_pem)]).await.text("SAMLProviderArn");
    scene.updates(&[("AddPrivateKey", &SECOND.key_pem)]).await;
    let before = scene.sealed();
    let rotated = scene.office.post("/v1/sealing-keys/rotate", json!({})).await;
    assert_eq!(rotated["current"], 2, "{rotated}");
    let after = scene.sealed();
    assert!(before.iter().all(|held| held.sealed.key == 1) && after.iter().all(|held| held.sealed.key == 2));
    scene.takes(&sealed("_1", &SECOND)).await;
    let said = scene.check().await;
    assert!(said.contains("may be encrypted") && said.contains(&id_of(&FIRST)) && !said.contains("fault"), "{said}");

    // A row in the place of another does not open. What the other key opens goes on to count.
    let app = &scene.office.fixture.app;
    let damaged = after.iter().find(|held| held.id.as_str() == id_of(&FIRST)).unwrap();
    let other = after.iter().find(|held| held.id.as_str() == id_of(&SECOND)).unwrap();
    let owner = saml_provider_key_owner(&damaged.provider, &damaged.id);
    assert!(
        app.admin.keys.unseal(&owner, &damaged.sealed).is_ok() && app.admin.keys.unseal(&owner, &other.sealed).is_err()
    );
    let read =
        app.store.read(|snapshot| saml::provider_key(snapshot, &damaged.provider, &damaged.id)).unwrap().unwrap();
    let mut commit = Commit::new(Actor::task("test"), now(), Intent::Widen);
    commit.put_provider_key(&SealedPrivateKey { sealed: other.sealed.clone(), ..read.value }, read.revision).unwrap();
    app.store.commit(commit).unwrap();
    scene.takes(&sealed("_2", &SECOND)).await;
    scene.refuses(&sealed("_3", &FIRST), "it cannot be decrypted").await;
    let said = scene.check().await;
    assert!(said.contains(&format!("its private key {} is damaged", id_of(&FIRST))), "{said}");
    // Given again in its own place it opens again.
    let again = [("RemovePrivateKey", damaged.id.as_str()), ("AddPrivateKey", FIRST.key_pem.as_str())];
    scene.updates(&again).await;
    scene.takes(&sealed("_3", &FIRST)).await;
    let said = scene.check().await;
    assert!(!said.contains("damaged"), "{said}");
    sound(&scene.office.fixture);

    assert_eq!(scene.rows(), 2);
    assert_eq!(scene.iam("DeleteSAMLProvider", &[("SAMLProviderArn", &provider_arn())]).await.status, 200);
    assert_eq!(scene.rows(), 0, "nothing of a key is left, nor a history of it");
    sound(&scene.office.fixture);
}
