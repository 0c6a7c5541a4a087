//! Sign-ins to applications of SAML on a machine that fails, and by many at once: whatever happens, a request is answered once, nobody is
//! signed in who may not be, and whoever was interrupted goes on or is told to begin again.

use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};

use crate::bed::counter::Counter;
use crate::bed::daemon::Bailey;
use crate::bed::visitor::{Page, Visitor};
use crate::bed::wait_until;
use crate::saml_shop::{APPS, Shop, carried, follow, now, refuses, sends_password, try_carried};
use crate::store_full::{Disk, is_root_here};
use crate::sts_races::RACERS;
use crate::{clock, run};

const ANSWERED: &str = "answered before";

/// Has windows of a browser do the same at the same time, each over a connection that stands already.
pub(crate) fn at_once<T: Send>(
    counter: &Counter,
    browser: &mut Visitor,
    act: impl Fn(usize, &mut Visitor) -> T + Sync,
) -> Vec<T> {
    browser.hang_up();
    let (start, act) = (Barrier::new(RACERS), &act);
    let windows: Vec<Visitor> = (0..RACERS).map(|_| browser.window(counter)).collect();
    std::thread::scope(|scope| {
        let start = &start;
        let running: Vec<_> = windows
            .into_iter()
            .enumerate()
            .map(|(n, mut window)| {
                scope.spawn(move || {
                    window.connect();
                    start.wait();
                    act(n, &mut window)
                })
            })
            .collect();
        running.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

/// One page carries a response, and all others say that it was given before.
fn one_was_answered(pages: &[Page]) {
    let given = pages.iter().filter(|page| try_carried(page).is_some()).count();
    assert_eq!(given, 1, "{pages:?}");
    pages.iter().filter(|page| try_carried(page).is_none()).for_each(|page| refuses(page, 400, ANSWERED));
}

#[test]
fn a_request_is_answered_once_to_sixty_four_at_once_and_over_restarts() {
    let mut shop = Shop::open(Bailey::with(""));
    let mut ann = shop.ann();
    // The same address, opened in all windows.
    let first = Shop::asking("wiki", "_once");
    one_was_answered(&at_once(&shop.counter, &mut ann, |_, window| follow(window, &first)));
    // The same sign-in, gone on with in all windows.
    let second = ann.led_to(&Shop::asking("wiki", "_again")).location.unwrap();
    assert!(second.starts_with("/saml/continue?request="), "{second}");
    one_was_answered(&at_once(&shop.counter, &mut ann, |_, window| window.led_to(&second)));
    // Another request in each window: nobody is in anybody's way, and all of them end with one sign-out.
    let pages =
        at_once(&shop.counter, &mut ann, |n, window| follow(window, &Shop::asking(APPS[n % 3], &format!("_{n}"))));
    pages.iter().for_each(|page| assert_eq!(carried(page).status(), ["Success"], "{page:?}"));
    for kill in [false, true] {
        match kill {
            true => shop.kill(&mut ann),
            false => {
                ann.hang_up();
                assert!(shop.counter.bailey.terminate().success());
                shop.counter.start();
            }
        }
        for path in [&first, &second] {
            refuses(&follow(&mut ann, path), 400, ANSWERED);
        }
    }
    for id in ["_once", "_again", "_7"] {
        assert_eq!(shop.given(id), 1, "{id}");
    }
    // What another application calls the same is another request.
    assert_eq!(carried(&follow(&mut ann, &Shop::asking("chat", "_once"))).status(), ["Success"]);
    let page = Shop::leaves(&mut ann);
    let (told, end) = shop.goes_round(&mut ann, page);
    end.leads_to("/login?why=signed_out");
    assert_eq!(told, ["chat", "desk", "wiki"]);
    shop.is_sound();
}

/// Whatever is given is given before the session ends, so that a sign-out knows of it.
#[test]
fn nobody_is_signed_in_anywhere_behind_their_sign_out() {
    let shop = Shop::open(Bailey::with(""));
    let mut ann = shop.ann();
    let form = ann.get("/logout").field("form");
    let onward: Vec<String> =
        (0..RACERS).map(|n| ann.led_to(&Shop::asking(APPS[n % 3], &format!("_{n}"))).location.unwrap()).collect();
    let pages = at_once(&shop.counter, &mut ann, |n, window| match n {
        20 => window.post("/logout", &[("form", &form)]),
        n => window.led_to(&onward[n]),
    });
    for (n, page) in pages.iter().enumerate().filter(|(n, _)| *n != 20) {
        match (&page.location, try_carried(page)) {
            (Some(to), _) => assert!(to.starts_with("/login?next="), "{n}: {page:?}"),
            (None, Some(carried)) => assert_eq!(carried.status(), ["Success"], "{n}: {page:?}"),
            (None, None) => refuses(page, 400, "You signed out meanwhile"),
        }
    }
    let number = |record: &serde_json::Value| record["bailey"]["seq"].as_u64().unwrap();
    let (given, ended) = (shop.done("IssueSamlResponse"), shop.done("EndSession"));
    assert_eq!((given.len(), ended.len()), (pages.iter().filter(|page| page.html.contains("SAMLResponse")).count(), 1));
    let late: Vec<_> = given.iter().filter(|record| number(record) > number(&ended[0])).collect();
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn on_a_full_disk_nobody_is_signed_in_to_an_application_and_everybody_out() {
    if !is_root_here("saml_faults::on_a_full_disk_nobody_is_signed_in_to_an_application_and_everybody_out") {
        return;
    }
    let disk = Disk::mount(64);
    let bailey = disk.bailey();
    let mut shop = Shop::open(bailey);
    let (mut ann, mut other) = (shop.ann(), shop.ann());
    let wiki = shop.enters(&mut ann, "wiki", "_wiki");
    shop.enters(&mut ann, "chat", "_chat");
    for browser in [&mut ann, &mut other] {
        let id = format!("_desk-{}", now().as_nanosecond());
        shop.enters(browser, "desk", &id);
    }

    // Responses are given until there is no room.
    disk.fill_but(0);
    let give = |ann: &mut Visitor, n: usize| follow(ann, &Shop::asking("desk", &format!("_f{n}")));
    let (n, page) = (0..5_000)
        .map(|n| (n, give(&mut ann, n)))
        .find(|(_, page)| try_carried(page).is_none())
        .expect("the disk did not fill up");
    refuses(&page, 503, "Not now");
    let full = Shop::asking("desk", "_full");
    refuses(&follow(&mut ann, &full), 503, "Not now");
    // Nobody gets in from our own page, either, nor by a password.
    let form = ann.get("/me/apps/wiki").field("form");
    refuses(&ann.post("/me/apps/wiki", &[("form", &form)]), 503, "Not now");
    let mut nobody = shop.stranger();
    let page = nobody.get("/login?next=/me");
    refuses(&sends_password(&mut nobody, &page), 503, "does not work at the moment");

    // An application signs her out, and the other ones are told.
    let page = follow(&mut ann, &shop.signing_out("wiki", "_out", &wiki));
    let (told, end) = shop.goes_round(&mut ann, page);
    assert_eq!(told, ["chat", "desk"]);
    let end = carried(&end);
    assert_eq!((end.app(), end.status().join(" "), end.relay.as_deref()), ("wiki", "Success".to_owned(), Some("back")));
    assert_eq!(ann.get("/me").status, 303);
    // And so does our own page.
    assert_eq!(carried(&Shop::leaves(&mut other)).app(), "desk");

    // There is room again: what was not given is still there to be had, once, by whoever signs in again.
    disk.free_up();
    let page = ann.get("/login?next=/me");
    wait_until("a sign-in", || sends_password(&mut ann, &page).status == 303);
    for id in [&full, &Shop::asking("desk", &format!("_f{n}"))] {
        assert_eq!(carried(&follow(&mut ann, id)).status(), ["Success"]);
        refuses(&follow(&mut ann, id), 400, ANSWERED);
    }
    assert_eq!((shop.given("_full"), shop.given(&format!("_f{n}"))), (1, 1));
    shop.is_sound();
}

#[test]
fn whatever_the_clock_does_a_request_is_answered_once_and_in_time() {
    let mut bailey = Bailey::with("");
    clock::fake(&mut bailey);
    let shop = Shop::open(bailey);
    let mut ann = shop.ann();
    let machine = &shop.counter.bailey;
    let noted = |event: &str, times: usize| wait_until(event, || shop.done(event).len() >= times);
    let spent = ann.led_to(&Shop::asking("wiki", "_spent")).location.unwrap();
    carried(&ann.led_to(&spent));
    let open = ann.led_to(&Shop::asking("wiki", "_open")).location.unwrap();

    // An hour back between the request and its answer: nothing is given that ends, and nothing is spent with that.
    clock::set(machine, "-1h");
    refuses(&ann.led_to(&open), 503, "Not now");
    refuses(&ann.led_to(&spent), 503, "Not now");
    assert_eq!(shop.given("_open"), 0);
    clock::set(machine, "+0");
    assert_eq!(carried(&ann.led_to(&open)).status(), ["Success"]);

    // Three hours on: everything is over, and forgotten in due time; set right again, what was answered stays so.
    let late = ann.led_to(&Shop::asking("wiki", "_late")).location.unwrap();
    let to_the_minute = 60 - now().as_second().rem_euclid(60);
    clock::set(machine, &format!("+{}", 3 * 3_600 + to_the_minute));
    refuses(&ann.led_to(&late), 400, "is over");
    refuses(&ann.led_to(&Shop::asking("wiki", "_early")), 400, "IssueInstant");
    noted("ClockLeap", 1);
    let before = shop.done("ClockRight").len();
    clock::set(machine, "+0");
    noted("ClockRight", before + 1);
    let page = ann.get("/login?next=/me");
    sends_password(&mut ann, &page).leads_to("/me");
    for path in [&spent, &open, &Shop::asking("wiki", "_spent")] {
        refuses(&follow(&mut ann, path), 400, ANSWERED);
    }
    assert_eq!(carried(&ann.led_to(&late)).status(), ["Success"], "it was not answered, and its time is not over");

    // A quarter of an hour on, which no clock is doubted for: a sign-out that is under way is over.
    assert_eq!(carried(&Shop::leaves(&mut ann)).app(), "wiki");
    ann.get("/login").says(200, "Go on signing out");
    clock::set(machine, "+15m");
    ann.get("/saml/slo/continue").says(200, "Nothing to go on with");
    let page = ann.get("/login");
    assert!(page.status == 200 && !page.html.contains("Go on signing out"), "{page:?}");
}

#[test]
fn whoever_is_interrupted_by_a_kill_goes_on_or_begins_again() {
    let mut shop = Shop::open(Bailey::with(""));
    // Before anybody is signed in, and behind each step of it.
    let mut ann = shop.stranger();
    let onward = ann.led_to(&Shop::asking("wiki", "_1")).location.unwrap();
    shop.kill(&mut ann);
    let to_login = ann.led_to(&onward).location.unwrap();
    assert!(to_login.starts_with("/login?next="), "{to_login}");
    let login = ann.get(&to_login);
    shop.kill(&mut ann);
    sends_password(&mut ann, &login).says(200, "On to the application");
    shop.kill(&mut ann);
    let page = ann.get(&onward);
    let taken = shop.taken("wiki", &carried(&page), Some("_1"));
    // The response was given, and nobody knows whether it arrived: it is not given again, and another one is.
    shop.kill(&mut ann);
    refuses(&ann.get(&onward), 400, ANSWERED);
    let again = shop.enters(&mut ann, "wiki", "_2");
    assert_eq!(
        (again.name_id().value.as_str(), again.session_index()),
        (taken.name_id().value.as_str(), taken.session_index())
    );
    assert_eq!((shop.given("_1"), shop.given("_2")), (1, 1));

    // From our own page.
    let form = ann.get("/me/apps/chat").field("form");
    shop.kill(&mut ann);
    let page = ann.post("/me/apps/chat", &[("form", &form)]);
    shop.taken("chat", &carried(&page), None);
    shop.kill(&mut ann);
    shop.enters(&mut ann, "desk", "_3");

    // Out of three applications, behind each step of it.
    let message = ann.led_to(&shop.signing_out("wiki", "_out", &again)).location.unwrap();
    shop.kill(&mut ann);
    let mut step = carried(&ann.led_to(&message));
    let mut told = Vec::new();
    while step.xml.contains("LogoutRequest") {
        shop.kill(&mut ann);
        assert_eq!(ann.get("/me").status, 303, "it ended before the browser left");
        told.push(step.app().to_owned());
        let message = ann.led_to(&shop.signed_out(step.app(), step.id(), "")).location.unwrap();
        shop.kill(&mut ann);
        step = carried(&ann.led_to(&message));
    }
    told.sort();
    assert_eq!(told, ["chat", "desk"]);
    assert_eq!((step.app(), step.status().join(" ")), ("wiki", "Success".to_owned()));
    assert_eq!(shop.done("EndSession").len(), 1);
    shop.is_sound();
}

/// kill -9 at a moment between a request and its answer: of responses to one request there is one, whoever got it.
#[test]
fn a_request_is_answered_once_whenever_the_daemon_is_killed() {
    let mut shop = Shop::open(Bailey::with(""));
    let mut ann = shop.ann();
    let seed = now().as_millisecond().unsigned_abs();
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let mut unanswered = 0;
    for round in 0..6 {
        let id = format!("_k{round}");
        let onward = ann.led_to(&Shop::asking(APPS[round % 3], &id)).location.unwrap();
        let wait = Duration::from_micros(rng.random_range(500..12_000));
        let pid = shop.counter.bailey.pid().to_string();
        let mut window = ann.window(&shop.counter);
        window.connect();
        let first = std::thread::scope(|scope| {
            let asked = scope.spawn(|| window.try_get(&onward));
            std::thread::sleep(wait);
            run::stdout(Command::new("kill").args(["-9", &pid]));
            asked.join().unwrap()
        });
        shop.counter.bailey.reaped();
        shop.counter.start();
        let first = first.ok().and_then(|page| try_carried(&page));
        unanswered += usize::from(first.is_none());
        let again = [ann.get(&onward), ann.get(&onward)];
        let given = again.iter().filter(|page| try_carried(page).is_some()).count() + usize::from(first.is_some());
        let case = format!("seed {seed}, round {round}, {wait:?}: {first:?}, {again:?}");
        // Given and not heard of is not given: whoever asked begins again.
        assert!(given <= 1 && shop.given(&id) == 1, "{case}");
        refuses(&again[1], 400, ANSWERED);
    }
    assert!(unanswered <= 6);
    shop.is_sound();
}

#[test]
fn whoever_is_disabled_meanwhile_gets_no_further() {
    let shop = Shop::open(Bailey::with(""));
    // On the way to the page to sign in at, and on it.
    let mut ann = shop.stranger();
    let onward = ann.led_to(&Shop::asking("wiki", "_1")).location.unwrap();
    shop.disables("ann", true);
    let login = ann.led_to(&onward).location.unwrap();
    let login = ann.get(&login);
    refuses(&sends_password(&mut ann, &login), 403, "may not be used here now");
    shop.disables("ann", false);
    sends_password(&mut ann, &login).says(200, "On to the application");
    // Signed in, and not there yet: as with a request, so from our own page, for which she has a form already.
    let form = ann.get("/me/apps/chat").field("form");
    shop.disables("ann", true);
    for page in [ann.get(&onward), ann.post("/me/apps/chat", &[("form", &form)])] {
        assert!(page.location.is_some_and(|to| to.starts_with("/login?next=")) && page.html.is_empty());
    }
    assert_eq!(shop.done("IssueSamlResponse").len(), 0);
    // As with one that must not show her anything.
    let passive = Shop::asking_with("wiki", "_2", |node| node.with("IsPassive", "true"));
    assert_eq!(carried(&follow(&mut ann, &passive)).status(), ["Responder", "NoPassive"]);
    // Between being signed in to one application and the next; she can be signed out all the same.
    shop.disables("ann", false);
    let mut ann = shop.ann();
    let taken = shop.enters(&mut ann, "wiki", "_3");
    shop.enters(&mut ann, "desk", "_4");
    shop.disables("ann", true);
    let page = follow(&mut ann, &Shop::asking("chat", "_5"));
    assert!(page.location.is_some_and(|to| to.starts_with("/login?next=")));
    assert_eq!(carried(&follow(&mut ann, &shop.signing_out("wiki", "_out", &taken))).app(), "desk");
}
