//! `bailey explain`: what a refusal rested on, what of it holds now, and what would help.

use clap::Args as ClapArgs;

use super::Exit;
use super::args::Global;
use super::login::{asking, cache};
use super::output::{Format, Output, moment};
use super::session::{Session, encoded};
use crate::admin::iam::refusals::{Explanation, Now, Statement};

/// `bailey explain`.
#[derive(Debug, ClapArgs)]
pub struct Explain {
    /// The request, as its answer names it
    pub id: String,
}

/// Does the verb: for anybody's refusal over the socket, and with `--url` as who is signed in.
///
/// # Errors
/// When there is no such refusal, or whoever asks may not know of it.
pub(super) async fn run(global: &Global, verb: Explain) -> anyhow::Result<Exit> {
    let path = format!("/v1/explain/{}", encoded(&verb.id));
    let told: Explanation = match &global.url {
        // A word of a path that is signed is written as it is: an id holds nothing else.
        Some(url) => asking::get(&cache()?, url, &format!("/v1/explain/{}", plain(&verb.id)?)).await?,
        None => {
            let session = Session::open(global).await?;
            session.client.get(&path).await?
        }
    };
    print(&mut Output::standard(global.output), &told)?;
    Ok(Exit::Done)
}

/// An id as it stands in a path.
fn plain(id: &str) -> anyhow::Result<&str> {
    let fits = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    anyhow::ensure!(
        fits && !id.is_empty(),
        "that is no id of a request: it looks like 01890a5d-ac96-774b-bcce-b302099a8057"
    );
    Ok(id)
}

fn print<W: std::io::Write>(output: &mut Output<W>, told: &Explanation) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        output.json(told)?;
        return Ok(());
    }
    for line in lines(told) {
        output.line(&line)?;
    }
    Ok(())
}

fn lines(told: &Explanation) -> Vec<String> {
    let mut lines = vec![format!("{} {}", moment(told.at), told.operation), told.told.clone()];
    if !told.action.is_empty() {
        lines.push(format!("asked: {} on {}, by {}", told.action, told.resource, told.who));
    }
    for gap in &told.lacking {
        let of = if gap.of.is_empty() { String::new() } else { format!(": {}", gap.of.join(", ")) };
        lines.push(format!("missing: {}{of}", gap.words()));
    }
    let verb = if told.explicit { "denies it" } else { "would allow it" };
    told.statements.iter().for_each(|one| statement(one, verb, &mut lines));
    lines.extend(told.now.as_ref().map(now));
    for way in &told.ways {
        let what = if way.held { "you can take" } else { "can be asked for" };
        lines.push(format!("would help: {} ({what}): {}", way.role, way.link));
        lines.push(format!("  {}", way.command));
    }
    if told.ways.is_empty() && told.now.as_ref().is_some_and(|now| !now.allowed) {
        lines.push("would help: no role that whoever asked can take or ask for allows it".to_owned());
    }
    lines.extend(told.remarks.iter().map(|remark| format!("note: {remark}")));
    lines
}

fn statement(Statement { said, stands }: &Statement, verb: &str, lines: &mut Vec<String>) {
    let still = match stands {
        Some(true) => ", still",
        Some(false) => ", not any more",
        None => "",
    };
    lines.push(format!("{verb}{still}: {}", said.title()));
    if !said.through.is_empty() {
        lines.push(format!("  by way of {}", said.through.join(" > ")));
    }
    for condition in &said.conditions {
        let holds = if condition.met { "holds" } else { "does not hold" };
        let (wanted, seen) = (condition.wanted_words(), condition.seen_words());
        let wanted = if wanted.is_empty() { String::new() } else { format!(", wanted {wanted}") };
        lines.push(format!("  {} {} {holds}{wanted}, was {seen}", condition.operator, condition.key));
    }
    lines.extend(said.text.iter().flat_map(|text| text.lines()).map(|line| format!("  | {line}")));
}

fn now(Now { allowed, reasons, changed }: &Now) -> String {
    match (allowed, changed) {
        (true, _) => "now: it would be allowed".to_owned(),
        (false, false) => "now: it would be refused, as it was".to_owned(),
        (false, true) if reasons.is_empty() => "now: it would be refused, for another reason".to_owned(),
        (false, true) => format!("now: it would be refused, because {}", reasons.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::iam::refusals::WayIn;
    use crate::gate::matter::{Condition, Gap, Said};

    #[test]
    fn what_was_wanted_and_seen_stands_beside_what_would_help() {
        let condition = Condition {
            operator: "IpAddress".to_owned(),
            key: "aws:sourceip".to_owned(),
            wanted: vec!["10.0.0.0/8".to_owned()],
            seen: vec!["203.0.113.9".to_owned()],
            ..Condition::default()
        };
        let said = Said {
            layer: "identity".to_owned(),
            policy: "user/ann/policy/own".to_owned(),
            sid: Some("Office".to_owned()),
            effect: "Allow".to_owned(),
            conditions: vec![condition],
            ..Said::default()
        };
        let told = Explanation {
            operation: "ListRoles".to_owned(),
            told: "no".to_owned(),
            lacking: vec![Gap { layer: "identity".to_owned(), of: Vec::new() }],
            statements: vec![Statement { said, stands: Some(true) }],
            now: Some(Now { allowed: false, reasons: Vec::new(), changed: false }),
            ways: vec![WayIn {
                role: "arn:r".to_owned(),
                command: "bailey grant request".to_owned(),
                ..WayIn::default()
            }],
            ..Explanation::default()
        };
        let text = lines(&told).join("\n");
        for said in [
            "missing: no policy of whoever asked allows it",
            "would allow it, still: Allow in a policy of whoever asked: statement 0 `Office` of user/ann/policy/own",
            "IpAddress aws:sourceip does not hold, wanted 10.0.0.0/8, was 203.0.113.9",
            "now: it would be refused, as it was",
            "would help: arn:r (can be asked for): \n  bailey grant request",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
        assert!(plain("../health").is_err() && plain("").is_err());
    }
}
