//! `[grants]` and `[[grant_rule]]`: who may be granted which roles for a while, and who has to agree.

use std::time::Duration;

use super::section::Section;
use crate::base::Timestamp;
use crate::model::grant::{LONGEST, LONGEST_CLAIM, Rule, Rules};
use crate::model::{Hours, Zone};
use crate::rights::GrantTerms;

/// What the configuration says of grants.
pub(super) fn meant(grants: &Section<'_>, rules: &[Section<'_>]) -> GrantTerms {
    let zone = grants.read::<String>("time_zone").parse::<Zone>();
    let zone = zone.map_err(|error| grants.fault("time_zone", error.to_string(), "such as \"Europe/Berlin\""));
    let rules = rules.iter().filter_map(rule).collect();
    GrantTerms { rules: Rules::new(rules), zone: zone.unwrap_or_default() }
}

fn rule(section: &Section<'_>) -> Option<Rule> {
    let seconds = |key: &'static str, most: u32| within(section, key, section.read(key), most);
    let optional =
        |key: &'static str, most: u32| section.optional::<Duration>(key).map(|time| within(section, key, time, most));
    let (roles, approvers) = (section.required::<Vec<String>>("roles"), section.required::<Vec<String>>("approvers"));
    let hours = section.optional::<String>("hours").and_then(|text| {
        let read = text.parse::<Hours>();
        read.map_err(|error| section.fault("hours", error.to_string(), "such as \"Mon-Fri 08:00-18:00\"")).ok()
    });
    let automatic_until = section.optional::<String>("automatic_until").and_then(|text| {
        let read = text.parse::<Timestamp>();
        let remedy = "such as \"2027-01-31T00:00:00Z\"";
        read.map_err(|error| section.fault("automatic_until", error.to_string(), remedy)).ok()
    });
    let approvals: u32 = section.read("approvals");
    let sponsor: bool = section.read("sponsor");
    let notify = super::notify::addresses(section, "notify");
    let (requesters, ticket) = (section.read("requesters"), section.read("ticket"));
    let (longest, claim_within) = (seconds("longest", LONGEST), seconds("claim_within", LONGEST_CLAIM));
    let second_factor = optional("second_factor", 24 * 3_600);
    let break_glass = optional("break_glass", 30 * 24 * 3_600);
    if break_glass.is_some() && (approvals > 1 || hours.is_some() || sponsor) {
        let remedy = "leave out `approvals`, `hours` and `sponsor`, or have a role of its own for emergencies";
        section.fault(
            "break_glass",
            "whoever asks decides alone, so nothing of others' decisions holds beside it",
            remedy,
        );
    }
    let inline: bool = section.read("inline");
    if inline && (break_glass.is_some() || automatic_until.is_some()) {
        let remedy = "leave out `break_glass` and `automatic_until`, or have a role of its own for them";
        section.fault("inline", "somebody else has to read the policy that who asks brings", remedy);
    }
    Some(Rule {
        roles: roles?,
        requesters,
        approvals: u8::try_from(approvals).unwrap_or(u8::MAX),
        approvers: approvers?,
        sponsor,
        break_glass,
        automatic_until,
        hours,
        longest,
        claim_within,
        ticket,
        inline,
        second_factor,
        notify,
    })
}

/// Seconds, if they are a time from five minutes to `most`.
fn within(section: &Section<'_>, key: &'static str, time: Duration, most: u32) -> u32 {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    if !(300..=most).contains(&seconds) {
        let days = most / (24 * 3_600);
        section.fault(key, format!("it is no time between five minutes and {days} days"), "such as \"8h\"");
    }
    seconds
}
