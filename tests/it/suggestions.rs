//! Commands that the program suggests, in its words, help and files: it takes each of them.

use std::fs;
use std::path::{Path, PathBuf};

use bailey::cli::args::Args;
use bailey::rights::find::{LISTS, helps};
use clap::{Command, CommandFactory as _};

fn files(under: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(under)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{under}/{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => files(&name, found),
            false => found.push(name.into()),
        }
    }
}

/// The text of a file on one line, without what begins or continues its lines.
fn unfolded(text: &str) -> String {
    let bare = |line: &str| {
        let line = line.trim();
        let line = ["///", "//!", "//", "#"].iter().find_map(|head| line.strip_prefix(head)).unwrap_or(line);
        line.trim().trim_end_matches('\\').trim().to_owned()
    };
    text.lines().map(bare).collect::<Vec<_>>().join(" ")
}

/// What stands between `` `bailey `` and the next backtick.
fn suggested(text: &str) -> Vec<String> {
    let behind = text.split("`bailey ").skip(1);
    behind.filter_map(|rest| rest.split_once('`').map(|(words, _)| words.to_owned())).collect()
}

/// Commands that a guide has on lines of their own, as a shell takes them apart.
fn shown(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    // What stands between quotes is one value, whatever it is.
    let quoted = |(at, part): (usize, &str)| if at % 2 == 0 { part.to_owned() } else { "VALUE".to_owned() };
    let bare = |line: &str| -> String {
        let line = line.split(" # ").next().unwrap().replace('\'', "\"");
        line.split('"').enumerate().map(quoted).collect()
    };
    let commands = lines.map(bare).flat_map(|line| {
        line.split([';', '&', '|', '>', '<']).map(|command| command.trim().to_owned()).collect::<Vec<_>>()
    });
    commands.filter_map(|command| command.trim_start_matches("$ ").strip_prefix("bailey ").map(str::to_owned)).collect()
}

/// What clap would say against `words`, as far as it is no value that has yet to be filled in.
fn wrong(root: &Command, words: &str) -> Option<String> {
    let (mut at, mut behind_an_option) = (root, false);
    for word in words.split_whitespace() {
        let word = word.trim_matches(['[', ']']);
        if word == "|" || word.starts_with(['>', '<']) {
            return None;
        }
        let is_said = |name: &str| at.get_arguments().any(|one| one.get_long() == Some(name));
        if let Some(option) = word.strip_prefix("--") {
            let name = option.split(['=', ',']).next().unwrap_or_default();
            if !is_said(name) {
                return Some(format!("`bailey {words}`: {} has no --{name}", at.get_name()));
            }
            behind_an_option = true;
            continue;
        }
        let mut choices = word.split('|');
        let deeper = choices.next().and_then(|word| at.find_subcommand(word));
        match deeper {
            Some(verb) if choices.all(|other| at.find_subcommand(other).is_some()) => at = verb,
            Some(_) => return Some(format!("`bailey {words}`: {word} is not all verbs of {}", at.get_name())),
            None if behind_an_option || at.get_positionals().next().is_some() => {}
            None => return Some(format!("`bailey {words}`: {} takes no {word}", at.get_name())),
        }
        behind_an_option = false;
    }
    None
}

#[test]
fn every_suggested_command_is_taken() {
    let mut all = Vec::new();
    for under in ["src", "config", "systemd", "docs"] {
        files(under, &mut all);
    }
    all.extend(["README.md", "CHANGELOG.md"].map(PathBuf::from));
    let (mut root, mut seen, mut faults) = (Args::command(), 0, Vec::new());
    // Gives every verb the options of those above it.
    root.build();
    for file in all {
        let Ok(text) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)) else { continue };
        // Tests suggest nothing to anybody.
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let guide = file.extension().is_some_and(|kind| kind == "md");
        let shown = if guide { shown(text) } else { Vec::new() };
        for words in suggested(&unfolded(text)).into_iter().chain(shown) {
            seen += 1;
            faults.extend(wrong(&root, &words).map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    assert!(seen > 200, "{seen}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_suggested_for_a_kind_lists_it() {
    for (kind, list) in LISTS {
        Args::read(list.split(' ')).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
    assert_eq!(helps("machine"), "; `bailey resource list` helps");
    assert_eq!(helps("thing that nothing lists"), "");
}

/// Whoever is told that there is no such thing is told where to look, whatever it is.
#[test]
fn every_kind_that_can_be_missing_is_listed_somewhere() {
    let (mut all, mut kinds) = (Vec::new(), Vec::new());
    files("src/admin", &mut all);
    files("src/rights", &mut all);
    for file in all {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).unwrap();
        let heads = ["NotFound { kind: \"", "missing(\""];
        let found = heads.iter().flat_map(|head| text.split(head).skip(1).map(|rest| rest.split('"').next().unwrap()));
        kinds.extend(found.map(str::to_owned));
    }
    assert!(kinds.len() > 20, "{kinds:?}");
    kinds.retain(|kind| LISTS.iter().all(|(listed, _)| listed != kind));
    assert_eq!(kinds, [""; 0]);
}

/// Words of a shell's line, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[test]
fn every_example_of_the_help_is_taken() {
    fn look_at(verb: &Command, seen: &mut usize) {
        for help in [verb.get_after_help(), verb.get_after_long_help()].into_iter().flatten() {
            let text = help.to_string().replace("\\\n", " ");
            for line in text.lines().map(str::trim).filter(|line| line.starts_with("bailey ")) {
                *seen += 1;
                Args::read(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
        verb.get_subcommands().for_each(|verb| look_at(verb, seen));
    }
    let mut seen = 0;
    look_at(&Args::command(), &mut seen);
    assert!(seen >= 8, "{seen}");
}
