//! The differential property: whatever happens in a directory, following it ends where a full read of it begins.

use std::fmt::Write as _;

use bailey::base::Guid;
use bailey::directory::Kind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::simulated::{Simulated, Tree};
use crate::world::{Picture, World};

const LOGINS: [&str; 14] =
    ["ann", "Ann", "bob", "carl", "dora", "emil", "frieda", "gus", "heidi", "ivo", "jörg", "k.lee", "李", "max power"];
const GROUPS: [&str; 8] = ["staff", "admins", "ops", "dev", "dev-ops", "all", "Staff", "guests"];
const UNITS: [&str; 3] = ["people", "contractors", "leavers"];

fn pick(rng: &mut StdRng, tree: &Tree, kind: Option<Kind>) -> Option<Guid> {
    let fits = |kind_of: Kind| kind.is_none_or(|kind| kind == kind_of);
    let all: Vec<Guid> = tree.objects.iter().filter(|(_, o)| fits(o.kind)).map(|(guid, _)| *guid).collect();
    all.choose(rng).copied()
}

fn dn(rng: &mut StdRng, login: &str) -> String {
    format!("uid={login},ou={},dc=example,dc=test", UNITS.choose(rng).unwrap())
}

/// One edit; what it was, in words.
pub(crate) fn edit(rng: &mut StdRng, tree: &mut Tree) -> Option<String> {
    let mut said = String::new();
    let login = *LOGINS.choose(rng).unwrap();
    // Names borne in between, which no event tells and `refint` may have used, are made good by full reads alone (see
    // `delta`): so there are none.
    let nameable = |guid: &Guid| !(tree.refint && tree.is_new(*guid));
    let person = pick(rng, tree, Some(Kind::Person)).filter(nameable);
    let group = pick(rng, tree, Some(Kind::Group)).filter(nameable);
    match rng.random_range(0..22) {
        0..=2 => {
            let dn = dn(rng, login);
            if tree.named(&dn).is_none() {
                let _ = write!(said, "add {dn}");
                tree.add(Kind::Person, dn, &[("uid", login), ("cn", login)]);
            }
        }
        3 => {
            let name = *GROUPS.choose(rng).unwrap();
            let dn = format!("cn={name},ou={},dc=example,dc=test", UNITS.choose(rng).unwrap());
            if tree.named(&dn).is_none() {
                let _ = write!(said, "add group {dn}");
                tree.add(Kind::Group, dn, &[("cn", name)]);
            }
        }
        4 => {
            let dn = format!("cn=host{},dc=example,dc=test", rng.random_range(0..6));
            if tree.named(&dn).is_none() {
                let _ = write!(said, "add machine {dn}");
                tree.add(Kind::Machine, dn, &[("cn", "host")]);
            }
        }
        5..=6 => {
            let guid = pick(rng, tree, None)?;
            let _ = write!(said, "delete {}", tree.objects[&guid].dn);
            tree.delete(guid);
        }
        7..=8 => {
            let (guid, dn) = (person?, dn(rng, login));
            if tree.named(&dn).is_none_or(|bearer| bearer == guid) {
                let _ = write!(said, "rename {} to {dn}", tree.objects[&guid].dn);
                tree.renamed(guid, dn, &[("uid", login)]);
            }
        }
        9 => {
            let guid = group?;
            let name = *GROUPS.choose(rng).unwrap();
            let dn = format!("cn={name},ou={},dc=example,dc=test", UNITS.choose(rng).unwrap());
            if tree.named(&dn).is_none_or(|bearer| bearer == guid) {
                let _ = write!(said, "rename group {} to {dn}", tree.objects[&guid].dn);
                tree.renamed(guid, dn, &[("cn", name)]);
            }
        }
        10 => {
            // The name of somebody who goes, given to somebody who comes.
            let guid = pick(rng, tree, None)?;
            let old = tree.objects[&guid].clone();
            let _ = write!(said, "replace {}", old.dn);
            tree.delete(guid);
            let names: Vec<(&str, &str)> = old
                .attributes
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "uid" | "cn"))
                .map(|(name, values)| (name.as_str(), std::str::from_utf8(&values[0]).unwrap()))
                .collect();
            tree.add(old.kind, old.dn.clone(), &names);
        }
        11 => {
            let guid = person?;
            let locked = tree.objects[&guid].attributes.contains_key("pwdAccountLockedTime");
            let _ = write!(said, "switch {} {}", if locked { "on" } else { "off" }, tree.objects[&guid].dn);
            tree.set(guid, "pwdAccountLockedTime", if locked { &[] } else { &[b"000001010000Z"] });
        }
        12 => {
            let (guid, attribute) =
                (pick(rng, tree, None)?, *["mail", "departmentNumber", "description"].choose(rng).unwrap());
            let _ = write!(said, "set {attribute} of {}", tree.objects[&guid].dn);
            tree.set(guid, attribute, &[format!("v{}", rng.random_range(0..5)).as_bytes()]);
        }
        _ => return relate(rng, tree),
    }
    (!said.is_empty()).then_some(said)
}

/// One edit of who belongs where, or of what can be read; what it was, in words.
fn relate(rng: &mut StdRng, tree: &mut Tree) -> Option<String> {
    let mut said = String::new();
    let login = *LOGINS.choose(rng).unwrap();
    let group = pick(rng, tree, Some(Kind::Group));
    match rng.random_range(0..9) {
        0..=2 => {
            let (group, member) = (group?, pick(rng, tree, None)?);
            let _ = write!(said, "{} joins {}", tree.objects[&member].dn, tree.objects[&group].dn);
            tree.join(group, member);
        }
        3 => {
            let (group, dn) = (group?, dn(rng, login));
            let _ = write!(said, "{} lists {dn}", tree.objects[&group].dn);
            tree.list(group, if rng.random() { "member" } else { "uniqueMember" }, &dn);
        }
        4 => {
            let group = group?;
            let _ = write!(said, "{} lists login {login}", tree.objects[&group].dn);
            tree.list(group, "memberUid", login);
        }
        5..=6 => {
            let (group, attribute) = (group?, *["member", "uniqueMember", "memberUid"].choose(rng).unwrap());
            let values = tree.objects[&group].attributes.get(attribute)?.clone();
            let value = String::from_utf8(values.choose(rng)?.clone()).unwrap();
            let _ = write!(said, "{} unlists {value}", tree.objects[&group].dn);
            tree.unlist(group, attribute, |held| held == value);
            tree.touch(group);
        }
        7 => {
            let guid = pick(rng, tree, None).filter(|guid| !tree.is_new(*guid))?;
            let _ = write!(said, "spoil {}", tree.objects[&guid].dn);
            tree.set(guid, "mail", &[b"bell\x07"]);
            tree.set(guid, "description", &[b"bell\x07"]);
        }
        _ => {
            // An unreadable newcomer of a kind has no row, so nothing is remembered of it at all.
            let guid = pick(rng, tree, Some(Kind::Person)).filter(|guid| !spoilt(tree, *guid))?;
            let _ = write!(said, "{} becomes a machine", tree.objects[&guid].dn);
            tree.objects.get_mut(&guid).unwrap().kind = Kind::Machine;
            tree.touch(guid);
        }
    }
    (!said.is_empty()).then_some(said)
}

fn spoilt(tree: &Tree, guid: Guid) -> bool {
    tree.objects[&guid].attributes.values().flatten().any(|value| value.contains(&7))
}

/// Makes everything readable again, so that both sides see the same.
fn heal(tree: &mut Tree) {
    let spoilt = |values: &Vec<Vec<u8>>| values.iter().any(|value| value.contains(&7));
    let all: Vec<Guid> = tree.objects.keys().copied().collect();
    for guid in all {
        for attribute in ["mail", "description"] {
            if tree.objects[&guid].attributes.get(attribute).is_some_and(spoilt) {
                tree.set(guid, attribute, &[]);
            }
        }
    }
}

fn assert_same(world: &World, log: &[String]) {
    let fresh = World::new(&world.directory);
    fresh.full();
    let (ours, theirs) = (Picture::of(world), Picture::of(&fresh));
    for (key, ours) in &ours.entities {
        // Where nobody ever had to make room, names are a matter of the directory alone.
        let Some(theirs) = theirs.entities.get(key) else { continue };
        let untouched = !ours.name().as_str().contains('+') && !theirs.name().as_str().contains('+');
        assert!(!untouched || ours.name() == theirs.name(), "{} {} {log:#?}", ours.name(), theirs.name());
    }
    let lacks: Vec<&String> = theirs.lines.difference(&ours.lines).collect();
    let surplus: Vec<&String> = ours.lines.difference(&theirs.lines).collect();
    assert!(lacks.is_empty() && surplus.is_empty(), "lacks {lacks:#?} surplus {surplus:#?} {log:#?}");
    world.assert_counted();
    fresh.assert_counted();
    let (again, listed) = world.dry();
    assert!(listed.is_empty(), "{:?} {listed:#?} {log:#?}", again.tally);
}

fn follows(seed: u64, refint: bool, edits: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let directory = Simulated::new(refint);
    for login in ["root", "sam", "tess"] {
        directory.person(login);
    }
    directory.group("base", &[]);
    let world = World::new(&directory);
    world.full();
    directory.take_events();
    let told = format!("seed {seed}, refint {refint}");
    let (mut done, mut compared, mut log) = (0, 0, vec![told]);
    while done < edits {
        for _ in 0..rng.random_range(1..20) {
            log.extend(edit(&mut rng, &mut directory.tree()));
            done += 1;
        }
        let look = done >= compared + 100;
        if look {
            heal(&mut directory.tree());
        }
        if rng.random_ratio(1, 5) {
            for step in directory.take_present() {
                world.apply(step).unwrap();
            }
        } else {
            world.delta();
        }
        log.push("-- followed".to_owned());
        if look {
            compared = done;
            assert_same(&world, &log);
            log.truncate(1);
        }
    }
}

#[test]
fn following_a_directory_ends_where_a_full_read_of_it_begins() {
    follows(1, false, 1_000);
    follows(2, true, 1_000);
}

/// `BAILEY_SEEDS=100 cargo nextest run ...` looks for trouble.
#[test]
fn following_holds_for_other_seeds_too() {
    let seeds = std::env::var_os("BAILEY_SEEDS").map_or(2, |count| count.to_str().unwrap().parse().unwrap());
    for seed in 0..seeds {
        follows(1_000 + seed, seed % 2 == 0, 300);
    }
}
