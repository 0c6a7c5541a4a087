//! The rules: each compares the design with the files and answers what is wrong, in words.

use std::collections::HashSet;

use crate::scan::{File, Is, Path, Token};

/// A module, its rank, what it may import (`*`: everything lower).
pub(crate) struct Module(pub(crate) &'static str, pub(crate) u32, pub(crate) &'static [&'static str]);

/// A path, the files under `src/` (by prefix) that may use it, and what all others do instead.
pub(crate) struct Confined(pub(crate) &'static str, pub(crate) &'static [&'static str], pub(crate) &'static str);

/// A module and the type in it that is a proof.
pub(crate) struct Proof(pub(crate) &'static str, pub(crate) &'static str);

/// Modules at the crate's root that everyone may import.
const OPEN_TO_ALL: [&str; 2] = ["base", "telemetry"];

/// Nothing may be imported from a higher rank, from the same rank, or from what the table does not list.
pub(crate) fn imports(modules: &[Module], files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.name != "lib.rs") {
        let Some(Module(from, rank, may)) = modules.iter().find(|module| module.0 == file.module()) else {
            findings.push(format!("src/{}: module `{}` has no rank: add it to MODULES", file.name, file.module()));
            continue;
        };
        for path in file.paths() {
            let Some(target) = root_module(file, &path) else { continue };
            let Some(Module(to, to_rank, _)) = modules.iter().find(|module| module.0 == target) else { continue };
            let listed = may.contains(to) || (may.contains(&"*") && to_rank < rank);
            if from != to && !listed && !OPEN_TO_ALL.contains(to) {
                findings.push(format!(
                    "src/{}:{}: `{from}` (rank {rank}) must not import `{to}` (rank {to_rank}): it may import {}. \
                     Move what both need to a lower module, or take it as an argument.",
                    file.name,
                    path.line,
                    if may.is_empty() { "base and telemetry alone".to_owned() } else { may.join(", ") },
                ));
            }
        }
    }
    findings
}

/// The module at the crate's root that `path` leads into, as seen from `file`.
fn root_module<'a>(file: &File, path: &'a Path) -> Option<&'a str> {
    let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
    let first = path.segments.first()?;
    let root = if first == "crate" || (first == "bailey" && file.name == "main.rs") {
        path.segments.get(1)
    } else if supers > 0 && supers == file.place().len() + path.depth {
        path.segments.get(supers)
    } else {
        None
    };
    root.map(String::as_str)
}

/// The table lists lower ranks only, and only modules it knows.
pub(crate) fn table(modules: &[Module]) -> Vec<String> {
    let mut findings = Vec::new();
    for Module(from, rank, may) in modules {
        for to in may.iter().filter(|to| **to != "*") {
            match modules.iter().find(|module| module.0 == *to) {
                Some(Module(_, to_rank, _)) if to_rank < rank => {}
                Some(Module(_, to_rank, _)) => {
                    findings.push(format!(
                        "MODULES: `{from}` (rank {rank}) lists `{to}` (rank {to_rank}), which is not lower"
                    ));
                }
                None => findings.push(format!("MODULES: `{from}` lists `{to}`, which has no row")),
            }
        }
    }
    findings
}

/// What is confined appears nowhere else.
pub(crate) fn confinement(confined: &[Confined], files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let own = file.declares();
        for path in file.paths() {
            let uses = |confined: &&Confined| is_use(&path, confined.0) && !own.contains(&path.segments[0].as_str());
            for Confined(what, places, instead) in confined.iter().filter(uses) {
                if !places.iter().any(|place| file.name.starts_with(place)) {
                    findings.push(format!(
                        "src/{}:{}: `{what}` belongs in src/{} alone: {instead}",
                        file.name,
                        path.line,
                        places.join(", src/"),
                    ));
                }
            }
        }
    }
    findings
}

/// A crate is used by paths that start with it; anything longer by paths that contain it.
fn is_use(path: &Path, what: &str) -> bool {
    let wanted: Vec<_> = what.split("::").collect();
    match wanted.as_slice() {
        [name] => path.segments.len() > 1 && path.segments[0] == *name,
        several => path.segments.windows(several.len()).any(|window| window.iter().eq(several.iter())),
    }
}

/// `lib.rs` declares exactly the modules that exist, and its doc says a word about each.
pub(crate) fn map(files: &[File]) -> Vec<String> {
    let Some(lib) = files.iter().find(|file| file.name == "lib.rs") else {
        return vec!["src/lib.rs is missing".to_owned()];
    };
    let declared = lib.declares();
    let mut existing: Vec<_> =
        files.iter().map(File::module).filter(|module| !matches!(*module, "lib" | "main")).collect();
    existing.dedup();
    let doc: String = lib.text.lines().filter(|line| line.starts_with("//!")).collect();
    let mut findings = Vec::new();
    for module in &existing {
        if !declared.contains(module) {
            findings
                .push(format!("src/lib.rs: declare `pub mod {module};`, or remove the files that nothing compiles"));
        }
        if !doc.contains(&format!("`{module}`")) {
            findings
                .push(format!("src/lib.rs: the map in its doc says nothing of `{module}`: add its line, in backticks"));
        }
    }
    for module in declared.iter().filter(|module| !existing.contains(module)) {
        findings.push(format!("src/lib.rs: declares `{module}`, which has no file"));
    }
    findings
}

/// Every file opens with a module doc.
pub(crate) fn module_docs(files: &[File]) -> Vec<String> {
    let silent = files.iter().filter(|file| !file.text.starts_with("//! "));
    silent
        .map(|file| format!("src/{}:1: open with `//! `: what the module owns, and what it does not", file.name))
        .collect()
}

/// A module's doc that draws half of its five children or more draws, or names, all of them: a map with holes leads astray.
pub(crate) fn maps(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.name.ends_with("mod.rs")) {
        let (doc, code): (Vec<&str>, Vec<&str>) = file.text.lines().partition(|line| line.starts_with("//!"));
        let children: Vec<&str> = code.iter().filter_map(|line| declared(line)).collect();
        let words = |lines: &str| -> HashSet<String> {
            lines.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
        };
        let doc = doc.join("\n");
        let drawn: HashSet<String> =
            doc.split("```text").skip(1).filter_map(|rest| rest.split("```").next()).flat_map(words).collect();
        let named = words(&doc);
        let in_it = children.iter().filter(|child| drawn.contains(**child)).count();
        if children.len() < 5 || in_it * 2 < children.len() {
            continue;
        }
        let plain = ["error", "settings", "tests"];
        for missing in children.iter().filter(|child| !named.contains(**child) && !plain.contains(child)) {
            findings.push(format!("src/{}:1: its map leaves out `{missing}`", file.name));
        }
    }
    findings
}

/// The module that a line declares, at the outermost level.
fn declared(line: &str) -> Option<&str> {
    let name = line.strip_suffix(';')?;
    let (visibility, name) = name.split_once("mod ")?;
    (visibility.is_empty() || visibility.starts_with("pub")).then_some(name)
}

/// No file beyond `longest` production lines; half of them within `median`.
pub(crate) fn lengths(files: &[File], median: usize, longest: usize) -> Vec<String> {
    let mut lengths: Vec<_> = files.iter().map(|file| (file.production_lines(), &file.name)).collect();
    lengths.sort_unstable();
    let too_long = lengths.iter().filter(|(lines, _)| *lines > longest);
    let mut findings: Vec<_> = too_long
        .map(|(lines, name)| {
            format!("src/{name}: {lines} production lines, {longest} are the limit: split it at a seam, by subject")
        })
        .collect();
    if let Some((middle, _)) = lengths.get(lengths.len() / 2).filter(|(lines, _)| *lines > median) {
        findings.push(format!(
            "src: half of all files are beyond {middle} production lines, {median} are the limit for the median"
        ));
    }
    findings
}

/// Every path that a text names in backticks, under a folder of the repository, is there.
pub(crate) fn named_files(name: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folders = ["src/", "tests/", "config/", "systemd/", "benches/"];
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let quoted = line.split('`').skip(1).step_by(2);
        let paths =
            quoted.filter(|quoted| folders.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains(' '));
        for path in paths.filter(|path| !exists(path)) {
            findings.push(format!("{name}:{number}: names `{path}`, which does not exist: say where it went"));
        }
    }
    findings
}

/// Ways to have a value without having earned it.
const FORGERIES: [&str; 5] = ["Clone", "Copy", "Default", "Deserialize", "Serialize"];

/// The proof types of modules that exist are there, derive and implement no forgery, and have private fields.
pub(crate) fn proofs(proofs: &[Proof], files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for Proof(module, name) in proofs {
        let of_module: Vec<_> = files.iter().filter(|file| file.module() == *module).collect();
        let defined = of_module.iter().filter(|file| definition(&file.tokens, name).is_some()).count();
        if !of_module.is_empty() && defined != 1 {
            findings.push(format!(
                "src/{module}: `struct {name}` is defined {defined} times, and is the module's one proof"
            ));
        }
        for file in files {
            if let Some(at) = definition(&file.tokens, name).filter(|_| file.module() == *module) {
                forged_definition(file, at, name, &mut findings);
            }
            forged_impl(file, name, &mut findings);
        }
    }
    findings
}

/// Where `struct name` stands.
fn definition(tokens: &[Token], name: &str) -> Option<usize> {
    tokens.windows(2).position(|pair| pair[0].is_word("struct") && pair[1].is_word(name))
}

fn forged_definition(file: &File, at: usize, name: &str, findings: &mut Vec<String>) {
    let item_start = file.tokens[..at].iter().rposition(|token| matches!(token.is, Is::Mark(';') | Is::Close('}')));
    let before = &file.tokens[item_start.map_or(0, |end| end + 1)..at];
    for token in before.iter().filter(|token| FORGERIES.iter().any(|forgery| token.is_word(forgery))) {
        let derived = token.word().unwrap_or_default();
        findings.push(format!("src/{}:{}: the proof `{name}` must not derive `{derived}`", file.name, token.line));
    }
    let body = file.tokens[at..].iter().take_while(|token| !matches!(token.is, Is::Mark(';') | Is::Close('}')));
    for token in body.filter(|token| token.is_word("pub")) {
        findings.push(format!(
            "src/{}:{}: a field of the proof `{name}` is `pub`: make it private and add a method that reads it",
            file.name, token.line
        ));
    }
}

/// `impl .. Clone for Name`.
fn forged_impl(file: &File, name: &str, findings: &mut Vec<String>) {
    let starts = file.tokens.iter().enumerate().filter(|(_, token)| token.is_word("impl"));
    for (at, start) in starts {
        let head: Vec<_> = file.tokens[at..].iter().take_while(|token| token.is != Is::Open('{')).collect();
        let forgery = FORGERIES.iter().find(|forgery| head.iter().any(|token| token.is_word(forgery)));
        let is_for = head.windows(2).any(|pair| pair[0].is_word("for") && pair[1].is_word(name));
        if let (Some(forgery), true) = (forgery, is_for) {
            findings
                .push(format!("src/{}:{}: the proof `{name}` must not implement `{forgery}`", file.name, start.line));
        }
    }
}
