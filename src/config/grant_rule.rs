//! `[grants]` and `[[grant_rule]]`: who may be granted which roles for a while, and who has to agree.

use std::time::Duration;

use super::section::Section;
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::model::grant::{LONGEST, LONGEST_CLAIM, Rule, Rules};
use crate::model::{Hours, Zone};
use crate::rights::GrantTerms;
use crate::ticket::Settings;

/// What the configuration says of grants.
pub(super) fn meant(grants: &Section<'_>, rules: &[Section<'_>], checks: &[Settings]) -> GrantTerms {
    let zone = grants.read::<String>("time_zone").parse::<Zone>();
    let zone = zone.map_err(|error| grants.fault("time_zone", error.to_string(), "such as \"Europe/Berlin\""));
    let rules = rules.iter().filter_map(|section| rule(section, checks)).collect();
    GrantTerms { rules: Rules::new(rules), zone: zone.unwrap_or_default() }
}

fn rule(section: &Section<'_>, checks: &[Settings]) -> Option<Rule> {
    let seconds = |key: &'static str, most: u32| within(section, key, section.read(key), most);
    let optional =
        |key: &'static str, most: u32| section.optional::<Duration>(key).map(|time| within(section, key, time, most));
    let roles = section.required::<Vec<String>>("roles");
    let (manager, sponsor): (bool, bool) = (section.read("manager"), section.read("sponsor"));
    // A manager may be all there is.
    let approvers = if manager {
        Some(section.optional::<Vec<String>>("approvers").unwrap_or_default())
    } else {
        section.required("approvers")
    };
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
    let notify = super::notify::addresses(section, "notify");
    if manager && approvals > 1 && !sponsor && approvers.as_ref().is_some_and(Vec::is_empty) {
        let remedy = "name groups in `approvers`, or leave `approvals` at 1";
        section.fault("approvals", "nobody has more than one manager, and nobody else may agree", remedy);
    }
    let (requesters, ticket) = (section.read("requesters"), section.read("ticket"));
    let (longest, claim_within) = (seconds("longest", LONGEST), seconds("claim_within", LONGEST_CLAIM));
    let second_factor = optional("second_factor", 24 * 3_600);
    let break_glass = optional("break_glass", 30 * 24 * 3_600);
    if break_glass.is_some() && (approvals > 1 || hours.is_some() || manager || sponsor) {
        let remedy =
            "leave out `approvals`, `hours`, `manager` and `sponsor`, or have a role of its own for emergencies";
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
    let (ticket_check, break_glass_ticket_check) = ticket_check(section, checks, ticket);
    Some(Rule {
        roles: roles?,
        requesters,
        approvals: u8::try_from(approvals).unwrap_or(u8::MAX),
        approvers: approvers?,
        manager,
        sponsor,
        break_glass,
        automatic_until,
        hours,
        longest,
        claim_within,
        ticket,
        inline,
        ticket_check,
        break_glass_ticket_check,
        second_factor,
        notify,
    })
}

/// What is asked about tickets, and whether in an emergency, too.
fn ticket_check(section: &Section<'_>, checks: &[Settings], ticket: bool) -> (Option<String>, bool) {
    let (name, emergencies) = (section.optional::<String>("ticket_check"), section.read("break_glass_ticket_check"));
    if let Some(name) = &name {
        if !checks.iter().any(|check| check.name == *name) {
            section.fault("ticket_check", format!("no [[ticket_check]] is called `{}`", printable(name)), "add one");
        }
        if !ticket {
            section.fault("ticket_check", "there need not be a ticket", "add ticket = true");
        }
    }
    if emergencies && (name.is_none() || !section.has("break_glass")) {
        let remedy = "add ticket_check and break_glass, or leave it out";
        section.fault("break_glass_ticket_check", "there is nothing to be asked about", remedy);
    }
    (name, emergencies)
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
