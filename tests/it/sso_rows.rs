//! Rows of single sign-on: a person's tokens are found by the person, and what is over is found by time.

use bailey::base::Timestamp;
use bailey::model::Actor;
use bailey::store::memory::Memory;
use bailey::store::schema::sso::Spent;
use bailey::store::{Commit, Intent, KeyRange, Store, sso, verify};
use serde_json::json;

use crate::sso_desk::Desk;

/// Rows of a space.
fn rows(desk: &Desk, space: &[u8]) -> usize {
    let store = &desk.office.fixture.app.store;
    store.read(|snapshot| snapshot.scan(&KeyRange::prefix(space), usize::MAX)).unwrap().len()
}

fn forget(desk: &Desk) -> u64 {
    bailey::store::sso::forget(&desk.office.fixture.app.store, desk.office.fixture.app.admin.now()).unwrap()
}

/// Nothing of these rows is out of joint.
pub(crate) fn is_whole(desk: &Desk) {
    let copy = Store::new(Memory::new());
    let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Widen);
    for space in [b"1", b"2", b"5", b"6", b"7", b"d", b"f", b"h"] {
        let store = &desk.office.fixture.app.store;
        let rows = store.read(|snapshot| snapshot.scan(&KeyRange::prefix(space), usize::MAX)).unwrap();
        rows.into_iter().for_each(|(key, row)| commit.put(key, row.value));
    }
    copy.commit(commit).unwrap();
    assert_eq!(verify::verify(&copy).unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_forgotten_with_all_ways_to_it() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let told = desk.signed_in("app", "openid");
    is_whole(&desk);
    assert_eq!((rows(&desk, b"f"), rows(&desk, b"h"), rows(&desk, b"2"), rows(&desk, b"1")), (1, 1, 1, 2));
    assert_eq!(forget(&desk), 0);
    desk.office.pass(3_658);
    assert_eq!(forget(&desk), 0, "its time is over, and an hour behind that is not");
    desk.office.pass(3);
    assert_eq!(forget(&desk), 1, "the code");
    assert_eq!((rows(&desk, b"f"), rows(&desk, b"h"), rows(&desk, b"2"), rows(&desk, b"1")), (0, 1, 1, 1));
    is_whole(&desk);
    let token = desk.refresh("app", told.refresh_token.as_ref().unwrap()).unwrap().refresh_token.unwrap();
    assert_eq!(rows(&desk, b"1"), 1, "what is replaced ends when the first did");
    desk.office.pass(24 * 3_600);
    assert_eq!((forget(&desk), forget(&desk)), (1, 0));
    assert_eq!((rows(&desk, b"h"), rows(&desk, b"2"), rows(&desk, b"1")), (0, 0, 0));
    assert!(desk.refresh("app", &token).is_err());
    is_whole(&desk);
}

/// More than one commit's worth, and of those that are not over none.
#[tokio::test(flavor = "multi_thread")]
async fn forgetting_goes_on_until_nothing_is_over() {
    let desk = Desk::new().await;
    let store = &desk.office.fixture.app.store;
    let now = desk.office.fixture.app.admin.now();
    let at = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
    for chunk in 0..4_u32 {
        let mut commit = Commit::new(Actor::task("test"), now, Intent::Widen);
        for n in 0..300_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&(chunk * 300 + n).to_be_bytes());
            let until = if n % 3 == 0 { at(7_200) } else { at(i64::from(n % 60)) };
            commit.spend(Spent::Assertion, &digest, until).unwrap();
        }
        store.commit(commit).unwrap();
    }
    assert_eq!(rows(&desk, b"d"), 1_200);
    desk.office.pass(3_600 + 60);
    assert_eq!((forget(&desk), forget(&desk)), (800, 0));
    assert_eq!((rows(&desk, b"d"), rows(&desk, b"1")), (400, 400));
    is_whole(&desk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_tokens_are_found_by_the_person_alone() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let ann = desk.consent("app", "openid").user;
    desk.signed_in("app", "openid");
    desk.signed_in("app", "openid");
    let store = &desk.office.fixture.app.store;
    let families = sso::families_of(store, &ann).unwrap();
    assert_eq!(families.len(), 2);
    let other = desk.office.post("/v1/users", json!({ "name": "bob" })).await["id"].as_str().unwrap().to_owned();
    assert_eq!(sso::families_of(store, &other.parse().unwrap()).unwrap(), []);
    let now = desk.office.fixture.app.admin.now();
    assert_eq!(desk.sso().end_all_of(&ann, &Actor::task("test"), "test", now).unwrap(), 2);
    assert_eq!(sso::families_of(store, &ann).unwrap(), [], "what ended is not ended again");
    is_whole(&desk);
}
