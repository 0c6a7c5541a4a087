//! People of another firm who sign in by its SAML provider, on a machine that fails, and many at once: what was begun is come back from
//! once, and whoever may not come in any more does not, however far they were.

use std::process::Command;
use std::time::Duration;

use bailey::base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use url::Url;

use crate::bed::daemon::Bailey;
use crate::bed::visitor::{Page, Visitor};
use crate::bed::wait_until;
use crate::bed::wanderer::plain;
use crate::credentials::app_code;
use crate::grants_bed::Company;
use crate::saml_bed::{ACS, RSA, SP, metadata};
use crate::saml_faults::at_once;
use crate::saml_shop::{device_of, now, refuses};
use crate::store_full::{Disk, is_root_here};
use crate::sts_saml::Wanted;
use crate::{clock, run};

const MFA: &str = "https://refeds.org/profile/mfa";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const BACK: &str = "/login/with/kessel/acs";
const NOT_BEGUN: &str = "was not begun in this browser";

/// A company whose auditor zoe signs in at Kessel & Lund's provider, which is in the tests' hands.
struct Firm {
    company: Company,
    made: u32,
}

/// Somebody who was sent there.
struct Sent {
    browser: Visitor,
    request: String,
}

impl Firm {
    fn open(bailey: Bailey) -> Self {
        let file = bailey.path("kessel.xml");
        let described = metadata(&[&RSA]).replace("WantAuthnRequestsSigned=\"true\"", "");
        std::fs::write(&file, described.replace("bindings:HTTP-POST", "bindings:HTTP-Redirect")).unwrap();
        let company = Company::over(
            bailey,
            &format!(
                "[store]\nreserve = \"4MiB\"\n\n[sso]\nissuer = \"https://localhost:@PORT@\"\n\n[[sign_in_provider]]\n\
                 name = \"kessel\"\ntitle = \"Kessel & Lund\"\nmetadata_file = \"{}\"\nlisted = true\n\
                 second_factor = [\"{MFA}\"]\n\n",
                file.display()
            ),
        );
        let mut firm = Self { company, made: 0 };
        let counter = &firm.company.counter;
        counter.post("/v1/users", &json!({ "name": "ext.zoe" }));
        let ends = now().saturating_add(SignedDuration::from_hours(24 * 42)).unwrap();
        let engagement = json!({
            "name": "soc2", "firm": "Kessel & Lund", "sponsor": "cam", "people": ["ext.zoe"], "sign_in_with": "kessel",
            "ends": ends,
        });
        counter.post("/v1/engagements", &engagement);
        let sent = firm.invited();
        let response = firm.answers(&sent, now());
        posts(sent, &response).1.leads_to("/me/grants");
        firm
    }

    /// Zoe opens an invitation, types what her sponsor tells her, and is sent to her firm.
    fn invited(&self) -> Sent {
        let counter = &self.company.counter;
        let made = counter.post("/v1/engagements/soc2/invitations", &json!({ "person": "ext.zoe" }));
        let link = made["link"].as_str().unwrap();
        let link = &link[link.find("/invitation/").unwrap()..];
        let mut cam = self.company.person("cam");
        let form = cam.visitor.get("/logout").field("form");
        let said = [("form", form.as_str()), ("person", "ext.zoe")];
        let code = cam.visitor.post("/me/engagements/soc2/people/code", &said).between("id=\"code\">", "<");
        let mut browser = Visitor::of(counter);
        let page = browser.get(link);
        let page = browser.post(link, &[("flow", &page.field("flow")), ("code", &code)]);
        Sent { browser, request: request_in(&page) }
    }

    /// She begins by herself.
    fn begins(&self) -> Sent {
        let mut browser = Visitor::of(&self.company.counter);
        let page = browser.get("/login/with/kessel?next=/me/grants");
        Sent { browser, request: request_in(&page) }
    }

    /// What the provider answers, made at `at`: that she showed two factors there.
    fn wanted(&mut self, sent: &Sent, at: Timestamp) -> Wanted {
        self.made += 1;
        let url = self.company.counter.url();
        let own = format!("<saml:Audience>{url}/login/with/kessel/metadata</saml:Audience>");
        let id: &'static str = format!("_made-{}", self.made).leak();
        let wanted = Wanted { request: Some(sent.request.clone()), at, ..Wanted::of(&[]).id(id) };
        let wanted =
            wanted.but(ACS, &format!("{url}{BACK}")).but(&format!("<saml:Audience>{SP}</saml:Audience>"), &own);
        let roles = "<saml:Attribute Name=\"https://aws.amazon.com/SAML/Attributes/Role\"></saml:Attribute>";
        wanted.but(&format!("<saml:AttributeStatement>{roles}"), "<saml:AttributeStatement>").but(PASSWORD, MFA)
    }

    fn answers(&mut self, sent: &Sent, at: Timestamp) -> String {
        self.wanted(sent, at).base64()
    }

    /// How often somebody signed in by what the log says.
    fn came_in(&self) -> usize {
        let records = self.company.counter.records_behind(0);
        let of_zoe = |record: &&serde_json::Value| {
            record["eventName"] == "Login"
                && record["bailey"]["outcome"] == "success"
                && record.to_string().contains("ext.zoe")
        };
        records.iter().filter(of_zoe).count()
    }

    fn kill(&mut self) {
        self.company.counter.bailey.kill();
        self.company.counter.start();
    }

    fn window(&self, sent: &Sent) -> Sent {
        Sent { browser: sent.browser.window(&self.company.counter), request: sent.request.clone() }
    }

    fn is_sound(&mut self) {
        assert!(self.company.counter.sound_records() > 0);
        let bailey = &mut self.company.counter.bailey;
        assert!(bailey.terminate().success(), "{}", bailey.log());
        assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
    }
}

/// What the request is called that a page sends the browser away with.
fn request_in(page: &Page) -> String {
    page.says(200, "On to your own firm");
    let url = Url::parse(&plain(&page.between("class=\"button\" href=\"", "\""))).unwrap();
    let message = url.query_pairs().find(|(name, _)| name == "SAMLRequest").unwrap().1.into_owned();
    let message = STANDARD.decode(message).unwrap();
    let xml = bailey::saml_xml::inflate(&message).unwrap();
    xml.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
}

/// The provider's page has the browser send its response.
fn posts(mut sent: Sent, response: &str) -> (Visitor, Page) {
    sent.browser.hang_up();
    let page = sent.browser.posts_from_elsewhere(BACK, &[("SAMLResponse", response), ("RelayState", "x")]);
    (sent.browser, page)
}

fn is_in(browser: &mut Visitor) -> bool {
    browser.get("/me/grants").status == 200
}

#[test]
fn a_response_lets_one_in_of_sixty_four_at_once_and_nobody_after_a_kill() {
    let mut firm = Firm::open(Bailey::with(""));
    let before = firm.came_in();
    let mut sent = firm.begins();
    let response = firm.answers(&sent, now());
    let pages = at_once(&firm.company.counter, &mut sent.browser, |_, window| {
        window.posts_from_elsewhere(BACK, &[("SAMLResponse", &response)])
    });
    assert_eq!(pages.iter().filter(|page| page.status == 303).count(), 1, "{pages:?}");
    pages.iter().filter(|page| page.status != 303).for_each(|page| refuses(page, 403, NOT_BEGUN));
    assert_eq!(firm.came_in(), before + 1);
    // Begun before a kill, and come back from after it.
    let begun = firm.begins();
    let second = firm.answers(&begun, now());
    let again = firm.window(&begun);
    firm.kill();
    let (mut zoe, page) = posts(begun, &second);
    page.leads_to("/me/grants");
    assert!(is_in(&mut zoe));
    zoe.hang_up();
    firm.kill();
    assert!(is_in(&mut zoe), "who is in stays in");
    // In the same browser, and to another request of ours.
    refuses(&posts(again, &second).1, 403, NOT_BEGUN);
    refuses(&posts(firm.window(&sent), &response).1, 403, NOT_BEGUN);
    refuses(&posts(firm.begins(), &response).1, 403, "is not accepted");
    // One answer that fits another request, in a browser that has neither.
    let other = Sent { browser: Visitor::of(&firm.company.counter), request: sent.request };
    refuses(&posts(other, &second).1, 403, NOT_BEGUN);
    assert_eq!(firm.came_in(), before + 2);
    firm.is_sound();
}

/// kill -9 at a moment between a response and our answer: of all who bring it one is in, or nobody.
#[test]
fn a_response_counts_once_whenever_the_daemon_is_killed() {
    let mut firm = Firm::open(Bailey::with(""));
    let seed = now().as_millisecond().unsigned_abs();
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    for round in 0..5 {
        let (before, mut sent) = (firm.came_in(), firm.begins());
        let response = firm.answers(&sent, now());
        let again = [firm.window(&sent), firm.window(&sent)];
        let wait = Duration::from_micros(rng.random_range(500..15_000));
        let pid = firm.company.counter.bailey.pid().to_string();
        sent.browser.hang_up();
        sent.browser.connect();
        let first = std::thread::scope(|scope| {
            let asked = scope.spawn(|| sent.browser.try_post(BACK, &[("SAMLResponse", &response)]));
            std::thread::sleep(wait);
            run::stdout(Command::new("kill").args(["-9", &pid]));
            asked.join().unwrap()
        });
        firm.company.counter.bailey.reaped();
        firm.company.counter.start();
        let again = again.map(|sent| posts(sent, &response).1);
        let case = format!("seed {seed}, round {round}, {wait:?}: {first:?} {again:?}");
        let came = again.iter().filter(|page| page.status == 303).count()
            + usize::from(first.is_ok_and(|page| page.status == 303));
        assert!(came <= 1 && firm.came_in() <= before + 1, "{case}");
        assert_eq!(again[1].status, 403, "{case}");
        // Whoever was interrupted begins again, and is in.
        let sent = firm.begins();
        let response = firm.answers(&sent, now());
        posts(sent, &response).1.leads_to("/me/grants");
    }
    firm.is_sound();
}

#[test]
fn on_a_full_disk_nobody_comes_in_and_what_was_brought_is_not_used_up() {
    if !is_root_here("saml_faults_firm::on_a_full_disk_nobody_comes_in_and_what_was_brought_is_not_used_up") {
        return;
    }
    let disk = Disk::mount(64);
    let bailey = disk.bailey();
    let mut firm = Firm::open(bailey);
    let (mut zoe, page) = {
        let sent = firm.begins();
        let response = firm.answers(&sent, now());
        posts(sent, &response)
    };
    page.leads_to("/me/grants");
    let form = zoe.get("/logout").field("form");
    disk.fill_but(0);
    let mut full = None;
    for _ in 0..2_000 {
        let sent = firm.begins();
        let response = firm.answers(&sent, now());
        let window = firm.window(&sent);
        let (browser, page) = posts(sent, &response);
        if page.status != 303 {
            full = Some((browser, window, page, response));
            break;
        }
    }
    let (mut browser, window, page, response) = full.expect("the disk did not fill up");
    refuses(&page, 503, "does not work");
    assert!(!is_in(&mut browser));
    let in_vain = firm.begins();
    let unused = firm.answers(&in_vain, now());
    let kept = firm.window(&in_vain);
    let (mut browser, page) = posts(in_vain, &unused);
    refuses(&page, 503, "does not work");
    // Whoever is in gets out.
    zoe.post("/logout", &[("form", &form)]).leads_to("/login?why=signed_out");
    assert!(!is_in(&mut zoe));
    disk.free_up();
    // The page that said so is loaded again, which sends the form again: nothing of it was used up.
    let mut came = None;
    wait_until("a sign-in", || {
        let page = browser.posts_from_elsewhere(BACK, &[("SAMLResponse", &unused)]);
        let is_over = page.status != 503;
        came = Some(page);
        is_over
    });
    came.unwrap().leads_to("/me/grants");
    refuses(&posts(kept, &unused).1, 403, NOT_BEGUN);
    // The first that found no room may have been half done: then it counts no more, and otherwise once.
    let again = posts(window, &response).1;
    assert!(again.status == 303 || again.status == 403, "{again:?}");
    let sent = firm.begins();
    refuses(&posts(sent, &response).1, 403, "is not accepted");
    firm.is_sound();
}

#[test]
fn whatever_the_clock_does_a_response_counts_once_and_in_time() {
    let mut bailey = Bailey::with("");
    clock::fake(&mut bailey);
    let mut firm = Firm::open(bailey);
    let hour = SignedDuration::from_hours(1);
    // Made in what is the future here, or was over before it came.
    for (at, words) in [(now() + hour, "is not accepted"), (now() - hour, "is not accepted")] {
        let sent = firm.begins();
        let response = firm.answers(&sent, at);
        refuses(&posts(sent, &response).1, 403, words);
    }
    let before = firm.came_in();
    let spent = firm.begins();
    let response = firm.answers(&spent, now());
    let kept = [0; 4].map(|_| firm.window(&spent));
    posts(spent, &response).1.leads_to("/me/grants");
    assert_eq!(firm.came_in(), before + 1);
    let [back, ahead, right, elsewhere] = kept;

    // Back by more than such a response is good: it is not good again, and nobody comes in while nobody knows what time it is.
    clock::set(&firm.company.counter.bailey, "-10m");
    refuses(&posts(back, &response).1, 403, NOT_BEGUN);
    let sent = firm.begins();
    let fresh = firm.answers(&sent, now());
    refuses(&posts(sent, &fresh).1, 503, "does not work");
    clock::set(&firm.company.counter.bailey, "+0");

    // Ahead by so much that all is over, and forgotten in due time; and right again.
    let to_the_minute = 60 - now().as_second().rem_euclid(60);
    clock::set(&firm.company.counter.bailey, &format!("+{}", 3 * 3_600 + to_the_minute));
    refuses(&posts(ahead, &response).1, 403, NOT_BEGUN);
    let noted = |event: &str| {
        let records = firm.company.counter.records_behind(0);
        records.iter().filter(|record| record["eventName"] == event).count()
    };
    wait_until("the leap", || noted("ClockLeap") > 0);
    let rights = noted("ClockRight");
    clock::set(&firm.company.counter.bailey, "+0");
    wait_until("that it is right", || noted("ClockRight") > rights);
    refuses(&posts(right, &response).1, 403, NOT_BEGUN);
    let sent = firm.begins();
    refuses(&posts(sent, &response).1, 403, "is not accepted");
    // And over a restart on a clock that is behind.
    assert!(firm.company.counter.bailey.terminate().success());
    clock::set(&firm.company.counter.bailey, "-10m");
    firm.company.counter.start();
    refuses(&posts(elsewhere, &response).1, 403, NOT_BEGUN);
    assert_eq!(firm.came_in(), before + 1);
}

#[test]
fn whoever_is_disabled_meanwhile_does_not_come_in() {
    let mut firm = Firm::open(Bailey::with(""));
    let disables = |firm: &Firm, disabled: bool| {
        firm.company.counter.post("/v1/users/ext.zoe", &json!({ "disabled": disabled }));
    };
    // Between being sent away and coming back.
    let sent = firm.begins();
    let response = firm.answers(&sent, now());
    disables(&firm, true);
    let before = firm.came_in();
    let (mut browser, page) = posts(sent, &response);
    refuses(&page, 403, "");
    assert!(!is_in(&mut browser));
    disables(&firm, false);
    assert!(!is_in(&mut browser), "it counted once");
    // Between having come in and the next page.
    let sent = firm.begins();
    let response = firm.answers(&sent, now());
    let (mut zoe, page) = posts(sent, &response);
    page.leads_to("/me/grants");
    disables(&firm, true);
    assert!(!is_in(&mut zoe));
    disables(&firm, false);
    // Between one factor there and the second one here.
    let seed = device_of(&firm.company.counter, "ext.zoe");
    let sent = firm.begins();
    let response = firm.wanted(&sent, now()).but(MFA, PASSWORD).base64();
    let (mut zoe, page) = posts(sent, &response);
    page.says(200, "Your second factor");
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let code = app_code(&seed, now());
    let form = [("flow", flow.as_str()), ("next", &next), ("half", &half), ("code", &code)];
    disables(&firm, true);
    refuses(&zoe.post("/login/code", &form), 403, "may not be used here now");
    assert!(!is_in(&mut zoe));
    disables(&firm, false);
    // Her engagement is over by the time that she comes back.
    let sent = firm.begins();
    let response = firm.answers(&sent, now());
    firm.company.counter.bailey.ok(&["engagement", "close", "soc2", "--reason", "done"]);
    let (mut browser, page) = posts(sent, &response);
    refuses(&page, 403, "");
    assert!(!is_in(&mut browser));
    assert_eq!(firm.came_in(), before + 1);
    firm.is_sound();
}
