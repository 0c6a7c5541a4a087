//! The states of a grant against a model of them that was written apart: a handful of facts, and what they come to at a moment.
//!
//! It shares nothing with `bailey::model::grant::State`. A hundred thousand random steps, right ones and wrong ones, by a clock that
//! moves on, and both have to say the same of each.

use bailey::base::{GrantId, RoleId, Timestamp, UserId};
use bailey::model::grant::{Approval, Closing, How, Stage, Start, State, StateError, Terms};
use bailey::model::{Actor, Grant};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

const STEPS: usize = 100_000;
/// Steps with one grant, until the next is asked for.
const WALK: usize = 25;
/// Noon on 2026-03-12, in seconds.
const NOON: i64 = 1_773_316_800;

/// What happened to a grant, in seconds; nothing that follows from it.
#[derive(Debug, Clone)]
struct Facts {
    /// What is asked for now.
    asked: Asked,
    /// Who has to agree.
    needed: usize,
    /// Who agreed to what, since it was changed last.
    agreed: Vec<(u8, Asked)>,
    /// When the last one did who had to.
    approved: Option<i64>,
    /// When it was claimed, and until when it then counted.
    claimed: Option<(i64, i64)>,
    /// When somebody ended it or its end was written down, and how.
    over: Option<(i64, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    begins: Begins,
    seconds: i64,
    claim_by: i64,
    conditions: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    Approved,
    Claimed,
    At(i64),
}

impl Facts {
    /// The first second at which it is too late to begin.
    fn too_late(&self) -> i64 {
        let gone = match (self.asked.begins, self.approved) {
            (Begins::At(at), _) => Some(at + self.asked.seconds),
            (Begins::Approved, Some(at)) => Some(at + self.asked.seconds),
            _ => None,
        };
        gone.map_or(self.asked.claim_by, |gone| gone.min(self.asked.claim_by))
    }

    fn ends(&self) -> Option<i64> {
        match (self.over, self.claimed) {
            (Some(_), _) => None,
            (None, Some((_, until))) => Some(until),
            (None, None) => Some(self.too_late()),
        }
    }

    fn word(&self, now: i64) -> &'static str {
        if self.ends().is_none_or(|ends| now >= ends) {
            return "ended";
        }
        match (self.claimed, self.approved, self.asked.begins) {
            (Some(_), _, _) => "active",
            (None, None, _) => "requested",
            (None, Some(_), Begins::At(at)) if now < at => "approved",
            (None, Some(_), _) => "claimable",
        }
    }

    fn approve(&mut self, who: u8, read: Asked, now: i64) -> Result<(), &'static str> {
        if self.word(now) != "requested" {
            return Err("stands");
        }
        if read != self.asked {
            return Err("changed");
        }
        if self.agreed.iter().any(|(other, _)| *other == who) {
            return Err("twice");
        }
        self.agreed.push((who, read));
        if self.agreed.len() == self.needed {
            self.approved = Some(now);
        }
        Ok(())
    }

    fn amend(&mut self, asked: Asked, now: i64) -> Result<(), &'static str> {
        // What is asked for from now on has to be possible now.
        let after = Self { asked, ..self.clone() };
        if self.word(now) != "requested" || after.word(now) != "requested" {
            return Err("stands");
        }
        *self = Self { agreed: Vec::new(), ..after };
        Ok(())
    }

    fn claim(&mut self, most: Option<i64>, now: i64) -> Result<(), &'static str> {
        let Some(approved) = self.approved.filter(|_| self.word(now) == "claimable") else { return Err("stands") };
        let from = match self.asked.begins {
            Begins::Approved => approved,
            Begins::Claimed => now,
            Begins::At(at) => at,
        };
        let until = most.map_or(from + self.asked.seconds, |most| most.min(from + self.asked.seconds));
        if until <= now {
            return Err("stands");
        }
        self.claimed = Some((now, until));
        Ok(())
    }

    fn close(&mut self, how: &'static str, now: i64) -> Result<(), &'static str> {
        let right = match (how, self.word(now)) {
            (_, "ended") => false,
            ("revoked", _) => true,
            ("refused", word) => word == "requested",
            (_, word) => word != "requested",
        };
        if right {
            self.over = Some((now, how));
        }
        right.then_some(()).ok_or("stands")
    }

    fn write_down(&mut self, now: i64) -> bool {
        let lapsed = self.ends().filter(|ends| now >= *ends);
        if let Some(ends) = lapsed {
            self.over = Some((ends, "expired"));
        }
        lapsed.is_some()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn terms(asked: Asked) -> Terms {
    Terms {
        start: match asked.begins {
            Begins::Approved => Start::Approval,
            Begins::Claimed => Start::FirstUse,
            Begins::At(second) => Start::Time(at(second)),
        },
        seconds: asked.seconds.try_into().unwrap(),
        claim_by: at(asked.claim_by),
        gives: None,
        policy: None,
        conditions: (0..asked.conditions).map(|n| format!(r#"{{"Bool":{{"aws:{n}":"true"}}}}"#)).collect(),
        reason: "why".to_owned(),
        ticket: String::new(),
    }
}

fn grant(asked: Asked) -> Grant {
    Grant {
        epoch: String::new(),
        id: GrantId::from_bytes([1; 16]),
        person: UserId::from_bytes([2; 16]),
        role: RoleId::from_bytes([3; 16]),
        requested_by: UserId::from_bytes([2; 16]),
        requested: at(NOON),
        terms: terms(asked),
        state: State::Requested { approvals: Vec::new() },
        checked: None,
        review: None,
        engagement: None,
    }
}

fn approval(who: u8, digest: &str, now: i64) -> Approval {
    Approval {
        reach: String::new(),
        by: UserId::from_bytes([who; 16]),
        name: who.to_string(),
        at: at(now),
        digest: digest.to_owned(),
        right: "group/leads".to_owned(),
        amr: Vec::new(),
        mfa: None,
        comment: String::new(),
    }
}

fn asked(rng: &mut StdRng, now: i64) -> Asked {
    let claim_by = now + rng.random_range(1..4_000);
    Asked {
        begins: match rng.random_range(0..3) {
            0 => Begins::Approved,
            1 => Begins::Claimed,
            _ => Begins::At(rng.random_range(now..claim_by)),
        },
        seconds: rng.random_range(1..4_000),
        claim_by,
        conditions: rng.random_range(0..3),
    }
}

/// A grant, both ways.
struct Walk {
    facts: Facts,
    grant: Grant,
    /// What somebody may have read of it, the last being what is asked for now.
    read: Vec<(Asked, String)>,
    now: i64,
}

impl Walk {
    fn new(rng: &mut StdRng) -> Self {
        let asked = asked(rng, NOON);
        let needed = rng.random_range(1..=3);
        let facts = Facts { asked, needed, agreed: Vec::new(), approved: None, claimed: None, over: None };
        let grant = grant(asked);
        let digest = grant.digest();
        Self { facts, grant, read: vec![(asked, digest)], now: NOON }
    }

    /// A step, by both; answers what it was when it succeeded.
    fn step(&mut self, rng: &mut StdRng) -> Option<&'static str> {
        let (now, before) = (self.now, self.grant.state.clone());
        let name = *["approve", "approve", "amend", "claim", "revoke", "refuse", "complete", "write", "pass", "pass"]
            .choose(rng)
            .unwrap();
        // The ends of a walk are worth less than the ways there.
        let name =
            if ["revoke", "refuse", "complete"].contains(&name) && rng.random_bool(0.6) { "claim" } else { name };
        let terms = self.grant.terms.clone();
        let (modelled, real) = match name {
            "approve" => {
                let who = rng.random_range(10..14);
                let present = self.read.last().unwrap();
                let (read, digest) = if rng.random_bool(0.8) { present } else { self.read.choose(rng).unwrap() };
                let approval = approval(who, digest, now);
                let real = before.clone().approve(&terms, &present.1, approval, self.facts.needed);
                (self.facts.approve(who, *read, now), real)
            }
            "amend" => {
                let other = if rng.random_bool(0.2) { self.read.choose(rng).unwrap().0 } else { asked(rng, now) };
                let (modelled, amended) = (self.facts.amend(other, now), self::terms(other));
                let real = match before.stage(&terms, at(now)) {
                    Stage::Requested => before.clone().amended(&amended, at(now)),
                    stage => Err(StateError::Stands(stage)),
                };
                if real.is_ok() {
                    self.grant.terms = amended;
                    self.read.push((other, self.grant.digest()));
                }
                (modelled, real)
            }
            "claim" => {
                let most = rng.random_bool(0.3).then(|| now + rng.random_range(-10..2_000));
                (self.facts.claim(most, now), before.clone().claim(&terms, most.map(at), at(now)))
            }
            "revoke" => {
                let closing = Closing::Revoke { by: Actor::task("test"), reason: "no".to_owned() };
                (self.facts.close("revoked", now), before.clone().close(&terms, closing, at(now)))
            }
            "refuse" => {
                let closing = Closing::Refuse { by: UserId::from_bytes([10; 16]), reason: "no".to_owned() };
                (self.facts.close("refused", now), before.clone().close(&terms, closing, at(now)))
            }
            "complete" => {
                (self.facts.close("completed", now), before.clone().close(&terms, Closing::Complete, at(now)))
            }
            "write" => {
                let real = before.clone().lapsed(&terms, at(now));
                assert_eq!(self.facts.write_down(now), real.is_some(), "{self:?}");
                (Ok(()), Ok(real.unwrap_or_else(|| before.clone())))
            }
            _ => {
                self.pass(rng);
                return None;
            }
        };
        let said = match &real {
            Ok(_) => Ok(()),
            Err(StateError::Changed) => Err("changed"),
            Err(StateError::Twice) => Err("twice"),
            Err(StateError::Stands(stage)) => {
                // Where no time is left of what would be begun or asked for, it would be over.
                assert!(*stage == Stage::Ended || stage.word() == self.facts.word(now), "{name}, {stage:?}: {self:?}");
                Err("stands")
            }
        };
        assert_eq!(said, modelled, "{name}: {self:?}");
        let done = real.is_ok().then_some(name);
        self.grant.state = real.unwrap_or(before);
        done
    }

    /// Time goes on, often to where something changes by it.
    fn pass(&mut self, rng: &mut StdRng) {
        let edge = match rng.random_range(0..4) {
            0 => self.facts.ends(),
            1 => self.facts.ends().map(|ends| ends - 1),
            2 => Some(self.now + rng.random_range(0..100)),
            _ => match self.facts.asked.begins {
                Begins::At(at) => Some(at - rng.random_range(0..2)),
                Begins::Approved | Begins::Claimed => Some(self.now + 1),
            },
        };
        self.now = edge.unwrap_or_default().max(self.now);
    }

    /// Both say the same of it.
    fn agrees(&self) {
        let Self { facts, grant, now, .. } = self;
        assert_eq!(grant.stage(at(*now)).word(), facts.word(*now), "{self:?}");
        assert_eq!(grant.due(), facts.ends().map(at), "{self:?}");
        let people: Vec<UserId> = grant.state.approvals().iter().map(|approval| approval.by).collect();
        let modelled: Vec<UserId> = facts.agreed.iter().map(|(who, _)| UserId::from_bytes([*who; 16])).collect();
        assert_eq!(people, modelled, "{self:?}");
        let digest = &self.read.last().unwrap().1;
        assert!(grant.state.approvals().iter().all(|approval| approval.digest == *digest), "{self:?}");
        match (&grant.state, facts.claimed) {
            (State::Active(working), Some((claimed, until))) => {
                assert_eq!((working.claimed, working.until), (at(claimed), at(until)), "{self:?}");
                assert!(working.from <= working.claimed, "it counts from its claim on, at the latest: {self:?}");
            }
            (State::Ended(end), claimed) => {
                let (ended, how) = facts.over.expect("both over");
                let word = match end.how {
                    How::Expired => "expired",
                    How::Completed => "completed",
                    How::Revoked { .. } => "revoked",
                    How::Refused { .. } => "refused",
                };
                assert_eq!((end.at, word), (at(ended), how), "{self:?}");
                assert_eq!(end.worked.map(|(from, _, until)| (from, until)), claimed.map(|(a, b)| (at(a), at(b))));
            }
            (State::Requested { .. } | State::Approved(_), None) => {}
            _ => panic!("{self:?}"),
        }
    }
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {}: {:?}\n{:#?}\n{:?}", self.now, self.facts, self.grant.state, self.grant.terms)
    }
}

#[test]
fn a_hundred_thousand_steps_lead_where_a_plain_list_of_what_happened_says() {
    let mut rng = StdRng::seed_from_u64(20_261_130);
    let mut reached = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..STEPS / WALK {
        let mut walk = Walk::new(&mut rng);
        walk.agrees();
        for _ in 0..WALK {
            let before = walk.facts.word(walk.now);
            let written = matches!(walk.grant.state, State::Ended(_)).then(|| walk.grant.state.clone());
            let done = walk.step(&mut rng);
            walk.agrees();
            let stage = walk.grant.stage(at(walk.now));
            let begins = stage == Stage::Active && before != "active";
            assert_eq!(begins, done == Some("claim"), "it counts by a claim and by nothing else: {walk:?}");
            assert!(before != "ended" || stage == Stage::Ended, "what is over stays so: {walk:?}");
            if let Some(written) = written {
                assert_eq!(walk.grant.state, written, "what was written of an end is the end of it");
                // Whatever the clock says.
                assert_eq!(walk.grant.stage(at(NOON - 31 * 86_400)), Stage::Ended);
            }
            *reached.entry(done.unwrap_or(stage.word())).or_default() += 1;
        }
    }
    // Nothing was tested that was not reached, and often.
    for what in ["approve", "amend", "claim", "revoke", "refuse", "complete", "active", "approved", "claimable"] {
        assert!(reached.get(what).copied().unwrap_or_default() > 300, "{what}: {reached:?}");
    }
}

#[test]
fn what_is_within_other_terms_is_never_longer_later_or_freer() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut within = 0;
    for _ in 0..20_000 {
        let wider = asked(&mut rng, NOON);
        let mut other = wider;
        match rng.random_range(0..5) {
            0 => other.seconds += rng.random_range(-50..50),
            1 => other.claim_by += rng.random_range(-50..50),
            2 => other.conditions = rng.random_range(0..3),
            3 => other.begins = asked(&mut rng, NOON).begins,
            _ => other = asked(&mut rng, NOON),
        }
        other.seconds = other.seconds.max(1);
        let (ours, theirs) = (terms(other), terms(wider));
        assert!(theirs.are_within(&theirs));
        if !ours.are_within(&theirs) {
            let narrower = other.seconds <= wider.seconds
                && other.claim_by <= wider.claim_by
                && other.conditions >= wider.conditions
                && other.begins == wider.begins;
            assert!(!narrower, "{other:?} in {wider:?}");
            continue;
        }
        within += 1;
        assert!(other.seconds <= wider.seconds && other.claim_by <= wider.claim_by, "{other:?} in {wider:?}");
        assert!(other.conditions >= wider.conditions, "{other:?} in {wider:?}");
        match (other.begins, wider.begins) {
            (Begins::At(ours), Begins::At(theirs)) => {
                assert!(ours >= theirs && ours + other.seconds <= theirs + wider.seconds, "{other:?} in {wider:?}");
            }
            (ours, theirs) => assert_eq!(ours, theirs),
        }
        // A policy may come and stays as it is; the reason and the ticket are what others agree to.
        assert!(!Terms { gives: Some("{}".to_owned()), ..ours.clone() }.are_within(&theirs));
        let narrowed = Terms { policy: Some("{}".to_owned()), ..ours.clone() };
        assert!(narrowed.are_within(&theirs) && !ours.are_within(&narrowed));
        assert!(!Terms { ticket: "OPS-8".to_owned(), ..ours.clone() }.are_within(&theirs));
        assert!(!Terms { reason: "another".to_owned(), ..ours }.are_within(&theirs));
    }
    assert!(within > 2_000, "{within}");
}
