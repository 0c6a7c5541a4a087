//! The rules of signing in with a password, whatever the directory: who is meant, how often, and with which factor.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bailey::admin::iam::mfa::{Codes, NewDevice};
use bailey::admin::iam::passwords::NewPassword;
use bailey::audit::tail;
use bailey::authn::Caller;
use bailey::authn::local::{Peer, Role, from_peer};
use bailey::authn::login::{Attempt, Door, Reason, Refused, Settings};
use bailey::authn::signed::RequestSource;
use bailey::authn::webauthn::{Answer, Party, Relying};
use bailey::base::{Clock as _, Guid, Secret, Timestamp};
use bailey::directory::{
    AccountState, DirectoryError, FindError, Lockout, Login, Person, Refusal, RefusalKind, SignedIn, Verifier,
    VerifyError,
};
use bailey::gate::{Authorized, Operation};
use bailey::model::{Actor, Entity, Standing, User, origin};
use bailey::store::{Commit, Intent};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::bed::authenticator::Authenticator;
use crate::bed::people;
use crate::credentials::app_code;
use crate::fixture::{self, Fixture};

const RIGHT: &str = "correct horse";

/// A directory of people by name, each with one password.
#[derive(Default)]
struct Company {
    people: HashMap<String, Guid>,
    lockout: Option<Lockout>,
    /// What it says to whoever has the right password.
    refuses: Option<RefusalKind>,
    away: bool,
    /// Passwords that reached it.
    heard: AtomicUsize,
    searches: AtomicUsize,
}

fn guid(number: u8) -> Guid {
    Guid::from_bytes([number; 16])
}

#[async_trait]
impl Verifier for Company {
    async fn find(&self, login: &Login) -> Result<Person, FindError> {
        self.searches.fetch_add(1, Ordering::SeqCst);
        if self.away {
            return Err(FindError::Directory(down()));
        }
        let guid = *self.people.get(&login.name).ok_or(FindError::Unknown)?;
        Ok(Person { guid, dn: format!("uid={}", login.name).parse().unwrap(), lockout: self.lockout })
    }

    async fn verify(&self, person: &Person, password: &Secret<String>) -> Result<SignedIn, VerifyError> {
        self.heard.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if password.expose() != RIGHT {
            return Err(Refusal::of(RefusalKind::WrongPassword).into());
        }
        match self.refuses {
            Some(RefusalKind::Other(_)) => Err(VerifyError::Directory(down())),
            Some(kind) => Err(Refusal { kind, password_was_right: true, said: "data 533".to_owned() }.into()),
            None => Ok(SignedIn { guid: person.guid, dn: person.dn.clone(), server: "ldap://x".to_owned() }),
        }
    }

    async fn pretend(&self) {}

    async fn state_of(&self, guid: &Guid) -> Result<AccountState, DirectoryError> {
        if self.away {
            return Err(down());
        }
        let known = self.people.values().any(|held| held == guid);
        Ok(match self.refuses {
            Some(RefusalKind::Disabled) => AccountState::Disabled,
            _ if known => AccountState::Usable,
            _ => AccountState::Absent,
        })
    }
}

fn down() -> DirectoryError {
    DirectoryError::AllServersDown { label: "corp".to_owned(), reasons: vec!["ldap://x: away".to_owned()] }
}

fn company(names: &[(&str, u8)]) -> Company {
    Company { people: names.iter().map(|(name, id)| ((*name).to_owned(), guid(*id))).collect(), ..Company::default() }
}

/// From now on people of `directories`, by label, sign in; the first one is primary where there is `primary`.
fn open_to(fixture: &Fixture, directories: &[(&str, &Arc<Company>)], primary: bool) {
    let doors = directories.iter().enumerate().map(|(n, (label, company))| Door {
        label: label.parse().unwrap(),
        primary: primary && n == 0,
        verifier: Arc::<Company>::clone(company),
    });
    fixture.app.logins.open_to(doors.collect());
}

/// Puts somebody into the store as a sync would.
fn sync(fixture: &Fixture, label: &str, name: &str, guid: Guid, standing: Standing) -> User {
    let user = User { standing, ..people::user(&label.parse().unwrap(), guid, name) };
    let mut commit = Commit::new(Actor::task("test"), fixture.clock.now(), Intent::Widen);
    people::put(&mut commit, &Entity::User(user.clone()));
    fixture.tiny.store().commit(commit).unwrap();
    user
}

/// Where people sign in.
struct Lobby {
    fixture: Fixture,
}

impl Lobby {
    /// People of `directories`, by label; the first one is primary where there is `primary`.
    fn of(directories: Vec<(&str, &Arc<Company>)>, primary: bool) -> Self {
        let lobby = Self { fixture: Fixture::new(Some(Role::Operator)) };
        lobby.open_to(&directories, primary);
        lobby
    }

    fn open_to(&self, directories: &[(&str, &Arc<Company>)], primary: bool) {
        open_to(&self.fixture, directories, primary);
    }

    /// One directory `corp` with these people, all of them synced.
    fn corp(company: Company) -> (Self, Arc<Company>) {
        let company = Arc::new(company);
        let lobby = Self::of(vec![("corp", &company)], true);
        for (name, guid) in &company.people {
            lobby.sync("corp", name, *guid, Standing::default());
        }
        (lobby, company)
    }

    fn follow(&self, settings: Settings) {
        self.fixture.app.logins.follow(settings);
    }

    fn sync(&self, label: &str, name: &str, guid: Guid, standing: Standing) -> User {
        sync(&self.fixture, label, name, guid, standing)
    }

    fn now(&self) -> Timestamp {
        self.fixture.clock.now()
    }

    fn later(&self, time: SignedDuration) {
        self.fixture.clock.set(self.now() + time);
    }

    async fn try_from(
        &self,
        login: &str,
        password: &str,
        code: Option<&str>,
        ip: Option<&str>,
    ) -> Result<Caller, Refused> {
        let secret = |text: &str| Secret::new(text.to_owned());
        let attempt = Attempt {
            login: login.to_owned(),
            password: secret(password),
            code: code.map(secret),
            from: RequestSource { ip: ip.map(|ip| ip.parse().unwrap()), ..RequestSource::default() },
        };
        let app = &self.fixture.app;
        app.gate.sign_in(&app.logins, attempt, Vec::new(), self.now()).await
    }

    async fn sign_in(&self, login: &str, password: &str) -> Result<Caller, Refused> {
        self.try_from(login, password, None, None).await
    }

    async fn reason(&self, login: &str, password: &str) -> Reason {
        self.sign_in(login, password).await.expect_err("a refusal").reason
    }

    fn ask(&self, operation: Operation, resource: &str) -> Authorized {
        let caller = from_peer(Peer::this_process(), &fixture::roles(Some(Role::Operator))).unwrap();
        self.fixture.app.gate.authorize(caller, operation, resource, self.now()).unwrap()
    }

    /// A device in the hands of a user; its seed.
    fn device(&self, user: &str) -> String {
        let admin = &self.fixture.app.admin;
        let asked = self.ask(Operation::CreateVirtualMFADevice, "phone");
        let new = NewDevice { name: format!("{user}-phone"), path: "/".parse().unwrap(), tags: Default::default() };
        let made = admin.create_mfa_device(asked, &new).unwrap();
        let seed = made.seed.expose().clone();
        let code = |time| Secret::new(app_code(&seed, time));
        let codes = Codes { first: code(self.now()), second: code(self.now() + SignedDuration::from_secs(30)) };
        let asked = self.ask(Operation::EnableMFADevice, user);
        admin.enable_mfa_device(asked, &made.device.serial, &codes).unwrap();
        // The code after the two that were shown.
        self.later(SignedDuration::from_secs(60));
        seed
    }

    /// A local user with a password.
    fn local(&self, name: &str, password: &str, must_change: bool) {
        let admin = &self.fixture.app.admin;
        let asked = self.ask(Operation::CreateUser, name);
        admin.create_user(asked, &serde_json::from_value(serde_json::json!({ "name": name })).unwrap()).unwrap();
        let asked = self.ask(Operation::CreateLoginProfile, name);
        let new = NewPassword { password: Secret::new(password.to_owned()), must_change: Some(must_change) };
        admin.create_login_profile(asked, &new).unwrap();
    }

    /// Records of sign-ins, the newest last.
    fn records(&self) -> Vec<String> {
        let lines = tail::last(&self.fixture.app.store, u64::MAX).unwrap();
        lines.into_iter().map(|line| line.json.to_string()).filter(|json| json.contains("\"SignIn\"")).collect()
    }
}

/// Somebody who has signed in, of a directory that lets them.
pub(crate) async fn bound(fixture: &Fixture, now: Timestamp) -> Caller {
    let corp = Arc::new(company(&[("bound", 1)]));
    open_to(fixture, &[("corp", &corp)], true);
    sync(fixture, "corp", "bound", guid(1), Standing::default());
    let attempt = Attempt {
        login: "bound".to_owned(),
        password: Secret::new(RIGHT.to_owned()),
        code: None,
        from: RequestSource::default(),
    };
    fixture.app.logins.sign_in(attempt, now).await.unwrap()
}

fn name_of(caller: &Caller) -> String {
    caller.bound().unwrap().user().name.to_string()
}

#[tokio::test]
async fn whoever_signs_in_is_bound_and_exchanges_that_for_a_session_alone() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let caller = lobby.sign_in("ann", RIGHT).await.unwrap();
    let bound = caller.bound().unwrap();
    assert_eq!((bound.amr(), bound.mfa(), bound.at()), (vec!["pwd"], None, lobby.now()));
    assert_eq!(bound.arn().as_str(), "arn:aws:iam::123456789012:user/ann");
    assert_eq!(caller.actor(), Actor::Person { user: bound.user().id, name: "ann".to_owned() });
    let app = &lobby.fixture.app;
    for operation in Operation::ALL {
        let caller = lobby.sign_in("ann", RIGHT).await;
        // A hundred a second is the limit of everybody.
        lobby.later(SignedDuration::from_secs(1));
        let exchanges =
            matches!(operation, Operation::EnrolSecondFactor | Operation::GetSessionToken | Operation::Login);
        let asked = app.gate.authorize(caller.unwrap(), *operation, "ann", lobby.now());
        assert_eq!(asked.is_ok(), exchanges, "{operation}");
        if let Ok(allowed) = asked {
            allowed.complete(&bailey::audit::Outcome::success(), lobby.now());
        }
    }
}

#[tokio::test]
async fn what_cannot_be_a_name_or_a_password_reaches_nobody() {
    let (lobby, corp) = Lobby::corp(company(&[("ann", 1)]));
    for login in ["", "  ", "\0", "ann\0", "\0ann", "an\tn", "ann\n", "\u{1b}ann", "ann\u{202e}"] {
        assert_eq!(lobby.reason(login, RIGHT).await, Reason::MalformedName, "{login:?}");
    }
    for password in ["", " ", "\t\r\n", "\u{a0}\u{2003}", "\0", "correct\0horse", "\0correct"] {
        assert_eq!(lobby.reason("ann", password).await, Reason::MalformedPassword, "{password:?}");
    }
    assert_eq!((corp.searches.load(Ordering::SeqCst), corp.heard.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test]
async fn spellings_of_a_name_share_one_count_and_one_person() {
    let (lobby, corp) = Lobby::corp(company(&[("alice", 1)]));
    let spellings = ["alice", "ALICE", " alice", "alice ", "ａｌｉｃｅ", "ALİCE", "Alice@corp"];
    for spelt in spellings {
        let caller = lobby.sign_in(spelt, RIGHT).await.unwrap();
        assert_eq!(caller.bound().unwrap().user().id, origin::user_id(&"corp".parse().unwrap(), &guid(1)), "{spelt}");
    }
    let heard = corp.heard.load(Ordering::SeqCst);
    for spelt in spellings {
        let _ = lobby.sign_in(spelt, "wrong").await;
    }
    assert_eq!(corp.heard.load(Ordering::SeqCst) - heard, 3, "three wrong ones, however they are spelt");
    assert_eq!(lobby.reason("alice", RIGHT).await, Reason::TooManyAttempts);
    lobby.later(SignedDuration::from_mins(15));
    assert!(lobby.sign_in("alice", RIGHT).await.is_ok());
}

#[tokio::test]
async fn nobody_learns_who_exists_and_records_tell_them_apart() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let mut said = std::collections::BTreeSet::new();
    let mut reasons = Vec::new();
    for (login, password) in [
        ("nobody", "wrong-secret"),
        ("ann", "wrong-secret"),
        ("ann", "wrong-secret"),
        ("ann", "wrong-secret"),
        ("ann", "wrong-secret"),
        ("nobody", "wrong-secret"),
        ("nobody", "wrong-secret"),
        ("nobody", "wrong-secret"),
    ] {
        let refused = lobby.sign_in(login, password).await.unwrap_err();
        said.insert(refused.to_string());
        reasons.push(refused.reason.code());
    }
    assert_eq!(said.len(), 1, "{said:?}");
    let (unknown, wrong, many) = ("unknown_user", "wrong_password", "too_many_attempts");
    assert_eq!(reasons, [unknown, wrong, wrong, wrong, many, unknown, unknown, many]);
    let records = lobby.records();
    assert_eq!(records.len(), reasons.len());
    for (record, reason) in records.iter().zip(reasons) {
        assert!(record.contains(&format!("\"reason_code\":\"{reason}\"")), "{reason} in {record}");
        assert_eq!(record.contains("\"user\":\"ann\""), record.contains("\"user_id\""), "{record}");
        assert!(!record.contains("wrong-secret") && !record.contains("nobody\""), "{record}");
    }
}

#[tokio::test]
async fn a_success_is_recorded_with_who_and_how() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    lobby.try_from("ann", RIGHT, None, Some("192.0.2.7")).await.unwrap();
    let record = lobby.records().pop().unwrap();
    for part in ["\"ann\"", "192.0.2.7", "\"amr\":\"pwd\"", "\"directory\":\"corp\""] {
        assert!(record.contains(part), "{part} in {record}");
    }
    assert!(!record.contains(RIGHT));
}

#[tokio::test]
async fn fifty_wrong_passwords_are_fewer_than_lock_an_account_there() {
    for (threshold, expected) in [(None, 3), (Some(5), 3), (Some(4), 2), (Some(3), 2), (Some(2), 1)] {
        let window = std::time::Duration::from_secs(1_800);
        let lockout = threshold.map(|threshold| Lockout { threshold, window });
        let (lobby, corp) = Lobby::corp(Company { lockout, ..company(&[("ann", 1)]) });
        for _ in 0..50 {
            let _ = lobby.sign_in("ann", "wrong").await;
        }
        assert_eq!(corp.heard.load(Ordering::SeqCst), expected, "{threshold:?}");
        // A directory forgets a wrong one when no other came for its window; so the next ones come after that.
        lobby.later(SignedDuration::from_mins(29));
        let _ = lobby.sign_in("ann", "wrong").await;
        let by_then = if threshold.is_some() { expected } else { expected + 1 };
        assert_eq!(corp.heard.load(Ordering::SeqCst), by_then, "{threshold:?}");
        lobby.later(SignedDuration::from_mins(16));
        assert!(lobby.sign_in("ann", RIGHT).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_are_no_more_than_guesses_in_a_row() {
    let (lobby, corp) = Lobby::corp(company(&[("ann", 1)]));
    let lobby = Arc::new(lobby);
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let lobby = Arc::clone(&lobby);
        guesses.spawn(async move { lobby.sign_in("ann", "wrong").await.is_ok() });
    }
    assert!(guesses.join_all().await.iter().all(|signed_in| !signed_in));
    assert_eq!(corp.heard.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_starts_at_once_all_signs_in() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let lobby = Arc::new(lobby);
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let lobby = Arc::clone(&lobby);
        programs.spawn(async move { lobby.sign_in("ann", RIGHT).await.map(drop).map_err(|refused| refused.reason) });
    }
    let ended = programs.join_all().await;
    assert_eq!(ended, vec![Ok(()); 32]);
}

#[tokio::test]
async fn an_address_has_a_limit_that_its_own_account_does_not_lift() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1), ("own", 2)]));
    let from = Some("2001:db8::1");
    for n in 0..20 {
        assert!(lobby.try_from("own", RIGHT, None, from).await.is_ok());
        let refused = lobby.try_from(&format!("name{n}"), "wrong", None, Some(&format!("2001:db8::{n}"))).await;
        assert_eq!(refused.unwrap_err().reason, Reason::UnknownUser);
    }
    assert_eq!(lobby.try_from("own", RIGHT, None, from).await.unwrap_err().reason, Reason::AddressLimit);
    assert!(lobby.try_from("own", RIGHT, None, Some("2001:db8:0:1::1")).await.is_ok());
    lobby.later(SignedDuration::from_mins(1));
    assert!(lobby.try_from("own", RIGHT, None, from).await.is_ok());
}

#[tokio::test]
async fn while_a_directory_is_away_nobody_signs_in_and_nothing_is_counted() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let away = Arc::new(Company { away: true, ..company(&[("ann", 1)]) });
    let dies = Arc::new(Company { refuses: Some(RefusalKind::Other(0)), ..company(&[("ann", 1)]) });
    for directory in [&away, &dies] {
        lobby.open_to(&[("corp", directory)], true);
        for _ in 0..10 {
            let refused = lobby.sign_in("ann", RIGHT).await.unwrap_err();
            assert_eq!(refused.reason, Reason::DirectoryUnavailable);
            assert!(refused.to_string().contains("does not answer"), "{refused}");
        }
    }
    let back = Arc::new(company(&[("ann", 1)]));
    lobby.open_to(&[("corp", &back)], true);
    assert!(lobby.sign_in("ann", RIGHT).await.is_ok());
}

/// A passkey in the hands of a user.
fn passkey_of(lobby: &Lobby, user: &User) -> Authenticator {
    let (party, keys) = (Party::at("https://bailey.example").unwrap(), &lobby.fixture.app.admin.keys);
    lobby.fixture.app.logins.passkeys().follow(Some(&party), true);
    let relying = Relying::new(&party).unwrap();
    let mut key = Authenticator::at("https://bailey.example");
    let asked = relying.ask_for_new(keys, user, &[], lobby.now()).unwrap();
    let answer = Answer::new(asked.ceremony, key.make(&serde_json::from_str(&asked.options).unwrap()));
    let made = relying.made(keys, user.id, &answer, lobby.now()).unwrap();
    let mut commit = Commit::new(Actor::task("test"), lobby.now(), Intent::Widen);
    commit.add_passkey(&made.of_owner(user.id, "Telephone".to_owned(), lobby.now())).unwrap();
    lobby.fixture.tiny.store().commit(commit).unwrap();
    key
}

#[tokio::test]
async fn who_shows_a_passkey_alone_is_looked_up_in_their_directory_by_id() {
    let (lobby, company_) = Lobby::corp(company(&[("ann", 1)]));
    let ann = lobby.sync("corp", "ann", guid(1), Standing::default());
    let mut key = passkey_of(&lobby, &ann);
    let app = &lobby.fixture.app;
    let asked = app.logins.ask_whoever(lobby.now()).unwrap();
    let signed = key.sign(&serde_json::from_str(&asked.options).unwrap());
    let tried = async || {
        let answer = Answer::new(asked.ceremony.clone(), signed.clone());
        let ended = app.gate.by_passkey(&app.logins, answer, RequestSource::default(), Vec::new(), lobby.now()).await;
        ended.map_err(|refused| (refused.reason, refused.to_string()))
    };
    let disabled = Company { refuses: Some(RefusalKind::Disabled), ..company(&[("ann", 1)]) };
    let away = Company { away: true, ..company(&[("ann", 1)]) };
    // Somebody else has the name now.
    let renamed = company(&[("ann", 7)]);
    for (directory, reason, words) in [
        (disabled, Reason::NotInDirectory, "ask your administrators"),
        (away, Reason::DirectoryUnavailable, "the directory does not answer"),
        (renamed, Reason::NotInDirectory, "ask your administrators"),
    ] {
        lobby.open_to(&[("corp", &Arc::new(directory))], true);
        let (why, told) = tried().await.unwrap_err();
        assert!(why == reason && told.contains(words), "{why:?}: {told}");
    }
    lobby.open_to(&[], true);
    assert_eq!(tried().await.unwrap_err().0, Reason::NotInDirectory, "its directory is no longer configured");
    // None of that used the answer up.
    let searches = company_.searches.load(Ordering::SeqCst);
    lobby.open_to(&[("corp", &company_)], true);
    let caller = tried().await.unwrap();
    let bound = caller.bound().unwrap();
    assert_eq!((bound.user().id, bound.amr(), bound.mfa()), (ann.id, vec!["hwk", "user", "mfa"], Some(lobby.now())));
    assert_eq!(company_.searches.load(Ordering::SeqCst), searches, "no name was searched for");
    assert_eq!(company_.heard.load(Ordering::SeqCst), 0, "and no password was tried");
    assert_eq!(tried().await.unwrap_err().0, Reason::UsedChallenge);
    let records = lobby.records();
    assert!(records.last().unwrap().contains("used_challenge"), "{records:?}");
}

#[tokio::test]
async fn the_store_has_the_last_word_about_who_may_act() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1), ("new", 2)]));
    let disabled = Standing { disabled: true, ..Standing::default() };
    let ended = Standing { expires: Some(lobby.now()), ..Standing::default() };
    for standing in [disabled, ended] {
        assert!(lobby.sign_in("ann", RIGHT).await.is_ok());
        lobby.sync("corp", "ann", guid(1), standing);
        assert_eq!(lobby.reason("ann", RIGHT).await, Reason::Inactive);
        lobby.sync("corp", "ann", guid(1), Standing::default());
    }
    let stranger = Arc::new(company(&[("stranger", 9)]));
    lobby.open_to(&[("corp", &stranger)], true);
    assert_eq!(lobby.reason("stranger", "wrong").await, Reason::WrongPassword);
    let refused = lobby.sign_in("stranger", RIGHT).await.unwrap_err();
    assert_eq!(refused.reason, Reason::NotSynced);
    assert!(refused.to_string().contains("not known here yet"), "{refused}");
}

#[tokio::test]
async fn a_name_that_changed_hands_leads_to_its_new_owner_alone() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let old = lobby.sign_in("ann", RIGHT).await.unwrap().bound().unwrap().user().id;
    lobby.device("ann");
    let rebuilt = Arc::new(company(&[("ann", 7)]));
    lobby.open_to(&[("corp", &rebuilt)], true);
    assert_eq!(lobby.reason("ann", RIGHT).await, Reason::NotSynced, "the name is stored, and is somebody else's");
    let new = lobby.sync("corp", "ann", guid(7), Standing::default());
    let caller = lobby.sign_in("ann", RIGHT).await.unwrap();
    assert_eq!(caller.bound().unwrap().user().id, new.id);
    assert_ne!(new.id, old, "neither the device nor anything else of the one before");
}

#[tokio::test]
async fn bare_names_are_the_primary_directorys_or_mean_one_person_in_all() {
    let (corp, labs) = (Arc::new(company(&[("ann", 1), ("bob", 2)])), Arc::new(company(&[("ann", 1), ("eve", 3)])));
    let lobby = Lobby::of(vec![("corp", &corp), ("labs", &labs)], true);
    lobby.sync("corp", "ann", guid(1), Standing::default());
    lobby.sync("corp", "bob", guid(2), Standing::default());
    lobby.sync("labs", "ann@labs", guid(1), Standing::default());
    lobby.sync("labs", "eve@labs", guid(3), Standing::default());
    assert_eq!(name_of(&lobby.sign_in("ann", RIGHT).await.unwrap()), "ann");
    assert_eq!(name_of(&lobby.sign_in("ann@labs", RIGHT).await.unwrap()), "ann@labs");
    assert_eq!(lobby.reason("eve", RIGHT).await, Reason::UnknownUser);
    assert_eq!(name_of(&lobby.sign_in("eve@LABS", RIGHT).await.unwrap()), "eve@labs");

    lobby.open_to(&[("corp", &corp), ("labs", &labs)], false);
    assert_eq!(lobby.reason("ann", RIGHT).await, Reason::AmbiguousName);
    assert_eq!(name_of(&lobby.sign_in("bob", RIGHT).await.unwrap()), "bob");
    let away = Arc::new(Company { away: true, ..Company::default() });
    lobby.open_to(&[("corp", &corp), ("labs", &away)], false);
    assert_eq!(lobby.reason("bob", RIGHT).await, Reason::DirectoryUnavailable, "labs may have a bob as well");
}

#[tokio::test]
async fn reasons_of_the_directory_are_told_where_that_is_wanted_to_whoever_has_the_password() {
    let (lobby, _) = Lobby::corp(Company { refuses: Some(RefusalKind::Disabled), ..company(&[("ann", 1)]) });
    let silent = lobby.sign_in("ann", RIGHT).await.unwrap_err();
    assert_eq!(silent.reason, Reason::AccountDisabled);
    assert_eq!(silent.to_string(), lobby.sign_in("nobody", RIGHT).await.unwrap_err().to_string());
    lobby.follow(Settings { explain: true, ..fixture::quick() });
    assert!(lobby.sign_in("ann", RIGHT).await.unwrap_err().to_string().contains("disabled"));
    assert_eq!(lobby.sign_in("ann", "wrong").await.unwrap_err().to_string(), silent.to_string());
    let record = lobby.records().first().cloned().unwrap();
    assert!(record.contains("account_disabled") && record.contains("data 533"), "{record}");
    for _ in 0..9 {
        assert_eq!(lobby.reason("ann", RIGHT).await, Reason::AccountDisabled, "a right password is no guess");
    }
    lobby.follow(Settings { enabled: false, ..fixture::quick() });
    assert_eq!(lobby.reason("ann", RIGHT).await, Reason::Off);
}

#[tokio::test(start_paused = true)]
async fn refusals_that_look_alike_take_alike_long() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let least = std::time::Duration::from_millis(400);
    lobby.follow(Settings { least_refusal: least, ..Settings::default() });
    for (login, password) in
        [("nobody", "wrong"), ("ann", "wrong"), ("ann", "wrong"), ("ann", "wrong"), ("ann", "wrong")]
    {
        let began = tokio::time::Instant::now();
        let refused = lobby.fixture.app.logins.sign_in(
            Attempt {
                login: login.to_owned(),
                password: Secret::new(password.to_owned()),
                code: None,
                from: RequestSource::default(),
            },
            lobby.now(),
        );
        let reason = refused.await.unwrap_err().reason;
        assert_eq!(began.elapsed().as_millis(), least.as_millis(), "{login} {reason:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_users_sign_in_by_the_same_door() {
    let (corp, secret) = (Arc::new(Company { away: true, ..company(&[]) }), "staple-ocelot-93-quench");
    let lobby = Lobby::of(vec![("corp", &corp)], true);
    lobby.local("root-admin", secret, false);
    lobby.local("fresh", secret, true);
    for login in ["root-admin", "Root-Admin", "root-admin@local"] {
        let caller = lobby.sign_in(login, secret).await.unwrap();
        assert_eq!(name_of(&caller), "root-admin", "with every directory away");
    }
    assert_eq!(lobby.reason("fresh", secret).await, Reason::MustChangePassword);
    for _ in 0..3 {
        assert_eq!(lobby.reason("root-admin", "wrong").await, Reason::WrongPassword);
    }
    assert_eq!(lobby.reason("root-admin", secret).await, Reason::TooManyAttempts);
    assert_eq!(lobby.reason("nobody@local", secret).await, Reason::UnknownUser);
    assert_eq!(lobby.reason("nobody", secret).await, Reason::DirectoryUnavailable);
    assert_eq!(corp.heard.load(Ordering::SeqCst), 0, "no directory hears a local user's password");
}

#[tokio::test]
async fn whoever_has_a_device_has_to_show_a_code() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1), ("bob", 2)]));
    let seed = lobby.device("ann");
    let reason = async |login: &str, password: &str, code: Option<&str>| {
        lobby
            .try_from(login, password, code, None)
            .await
            .map(|caller| caller.bound().unwrap().mfa())
            .map_err(|refused| refused.reason)
    };
    let code = app_code(&seed, lobby.now());
    assert_eq!(reason("ann", RIGHT, None).await, Err(Reason::CodeRequired));
    assert_eq!(reason("ann", "wrong", Some(&code)).await, Err(Reason::WrongPassword), "which uses up no code");
    assert_eq!(reason("ann", RIGHT, Some("000000")).await, Err(Reason::WrongCode));
    assert_eq!(reason("ann", RIGHT, Some("12345x")).await, Err(Reason::WrongCode));
    assert_eq!(reason("ann", RIGHT, Some(&code)).await, Ok(Some(lobby.now())));
    assert_eq!(reason("ann", RIGHT, Some(&code)).await, Err(Reason::UsedCode));
    assert_eq!(reason("bob", RIGHT, None).await, Ok(None));
    assert_eq!(reason("bob", RIGHT, Some(&code)).await, Err(Reason::WrongCode), "there is no device to show it");
    lobby.later(SignedDuration::from_secs(30));
    for _ in 0..5 {
        assert_eq!(reason("ann", RIGHT, Some("000000")).await, Err(Reason::WrongCode));
    }
    let next = app_code(&seed, lobby.now());
    assert_eq!(reason("ann", RIGHT, Some(&next)).await, Err(Reason::TooManyCodes));
    lobby.later(SignedDuration::from_mins(15));
    let next = app_code(&seed, lobby.now());
    assert_eq!(reason("ann", RIGHT, Some(&next)).await, Ok(Some(lobby.now())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_counts_once_among_many_and_after_a_restart() {
    let (lobby, _) = Lobby::corp(company(&[("ann", 1)]));
    let seed = lobby.device("ann");
    let code = app_code(&seed, lobby.now());
    let lobby = Arc::new(lobby);
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (lobby, code) = (Arc::clone(&lobby), code.clone());
        racers.spawn(
            async move { lobby.try_from("ann", RIGHT, Some(&code), None).await.map(drop).map_err(|r| r.reason) },
        );
    }
    let ended = racers.join_all().await;
    let count = |wanted: Result<(), Reason>| ended.iter().filter(|end| **end == wanted).count();
    let too_many = count(Err(Reason::TooManyCodes)) + count(Err(Reason::TooManyAttempts));
    assert_eq!((count(Ok(())), count(Err(Reason::UsedCode)) + too_many), (1, 63), "{ended:?}");
    let lobby = Arc::into_inner(lobby).unwrap();
    let restarted = Lobby { fixture: lobby.fixture.restarted() };
    let again = Arc::new(company(&[("ann", 1)]));
    restarted.open_to(&[("corp", &again)], true);
    restarted.fixture.clock.set(restarted.now() + SignedDuration::from_secs(60));
    let tried = restarted.try_from("ann", RIGHT, Some(&code), None).await;
    assert_eq!(tried.unwrap_err().reason, Reason::UsedCode);
}

/// Names that reached a directory.
struct Listening(Mutex<Vec<Login>>);

#[async_trait]
impl Verifier for Listening {
    async fn find(&self, login: &Login) -> Result<Person, FindError> {
        self.0.lock().unwrap().push(login.clone());
        Err(FindError::Unknown)
    }

    async fn verify(&self, _: &Person, _: &Secret<String>) -> Result<SignedIn, VerifyError> {
        Err(Refusal::of(RefusalKind::WrongPassword).into())
    }

    async fn pretend(&self) {}

    async fn state_of(&self, _: &Guid) -> Result<AccountState, DirectoryError> {
        Ok(AccountState::Absent)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_searched_for_is_the_one_form_of_what_was_typed(typed in "\\PC{1,30}") {
        let heard = Arc::new(Listening(Mutex::default()));
        let lobby = Lobby { fixture: Fixture::new(Some(Role::Operator)) };
        let verifier: Arc<dyn Verifier> = Arc::<Listening>::clone(&heard);
        lobby.fixture.app.logins.open_to(vec![Door { label: "corp".parse().unwrap(), primary: true, verifier }]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let refused = runtime.block_on(lobby.sign_in(&typed, "wrong")).unwrap_err();
        let heard = heard.0.lock().unwrap().clone();
        match heard.as_slice() {
            [login] => {
                prop_assert_eq!(&bailey::authn::login::canonical(&login.name), &login.name);
                let whole = login.typed.clone().unwrap_or_else(|| login.name.clone());
                prop_assert_eq!(whole, bailey::authn::login::canonical(&typed));
            }
            [] => prop_assert_eq!(refused.reason, Reason::MalformedName),
            more => prop_assert!(false, "{:?}", more),
        }
    }
}
