//! `bailey engagement`, as an operator types it.

use bailey::base::Timestamp;
use bailey::base::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::run;

fn ends(view: &Value) -> Timestamp {
    view["ends"].as_str().unwrap().parse().unwrap()
}

#[test]
fn another_end_counts_from_now_and_both_are_told() {
    let bailey = Bailey::with("");
    for name in ["dee", "ext.eve"] {
        bailey.ok(&["user", "create", name]);
    }
    let who = ["--sponsor", "dee", "--person", "ext.eve"];
    let create =
        ["engagement", "create", "soc2", "--firm", "Kessel & Lund", "--network", "192.0.2.0/24", "--ends", "6w"];
    let made = bailey.json(&[&create[..], &who].concat());
    let days = |view: &Value| (ends(view).duration_since(SystemClock.now()).as_secs() + 43_200) / 86_400;
    assert_eq!(days(&made), 42, "{made}");

    let shorter = bailey.run(&["engagement", "update", "soc2", "--ends", "14d"]);
    let said = run::said(&shorter);
    assert!(shorter.status.success(), "{said}");
    let view = bailey.json(&["engagement", "show", "soc2"]);
    assert_eq!(days(&view), 14);
    assert!(said.contains(&format!("it ends {:.0} now, and was to end {:.0}", ends(&view), ends(&made))), "{said}");

    // A date is its first instant in UTC, and what is not said stays.
    let date = SystemClock.now().checked_add(jiff::SignedDuration::from_hours(30 * 24)).unwrap();
    let date = date.to_string()[..10].to_owned();
    let view = bailey.json(&["engagement", "update", "soc2", "--ends", &date]);
    assert_eq!(view["ends"], json!(format!("{date}T00:00:00Z")));
    assert_eq!(view["networks"], json!(["192.0.2.0/24"]));
    assert_eq!(bailey.json(&["engagement", "update", "soc2", "--anywhere"])["networks"], json!([]));
}
