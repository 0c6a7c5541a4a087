//! Reads a source file as the compiler's lexer would: words and marks, so that comments, strings and
//! lifetimes fool nobody. Test code is left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A source file of the crate.
pub(crate) struct File {
    /// Its name under `src/`, such as `sync/plan.rs`.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// What it consists of, test code left out.
    pub(crate) tokens: Vec<Token>,
}

/// A word or mark, and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) is: Is,
}

/// What a token is. Literals are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Is {
    Word(String),
    Mark(char),
    Open(char),
    Close(char),
}

/// A path as written, braces of a `use` spread out: `use a::{b, c::d}` is `a::b` and `a::c::d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// How many modules declared in this very file surround it.
    pub(crate) depth: usize,
}

impl File {
    /// The file `name` with this text.
    ///
    /// # Panics
    /// When the text is not Rust.
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("src/{name} is not Rust: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Self { name: name.to_owned(), text: text.to_owned(), tokens: without_tests(tokens) }
    }

    /// The module at the crate's root that the file belongs to: `sync` for `sync/plan.rs`.
    pub(crate) fn module(&self) -> &str {
        self.name.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Where in the module tree the file stands: `["sync", "plan"]`.
    pub(crate) fn place(&self) -> Vec<&str> {
        let mut place: Vec<_> = self.name.trim_end_matches(".rs").split('/').collect();
        if matches!(place.last(), Some(&("mod" | "lib" | "main"))) {
            place.pop();
        }
        place
    }

    /// Lines up to the first test module.
    pub(crate) fn production_lines(&self) -> usize {
        self.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
    }

    /// The names of all modules the file declares.
    pub(crate) fn declares(&self) -> Vec<&str> {
        let after_mod = self.tokens.windows(2).filter(|pair| pair[0].is_word("mod"));
        after_mod.filter_map(|pair| pair[1].word()).collect()
    }

    /// All paths the file uses.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        let mut inline = Vec::new();
        let mut braces = 0;
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            match &token.is {
                Is::Open('{') => {
                    let opens_module = at >= 2 && self.tokens[at - 2].is_word("mod");
                    braces += 1;
                    inline.extend(opens_module.then_some(braces));
                    at += 1;
                }
                Is::Close('}') => {
                    inline.retain(|opened| *opened != braces);
                    braces -= 1;
                    at += 1;
                }
                Is::Word(_) => at = path(&self.tokens, at, &[], inline.len(), &mut found),
                _ => at += 1,
            }
        }
        found
    }
}

impl Token {
    /// The word it is, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.is {
            Is::Word(word) => Some(word),
            _ => None,
        }
    }

    /// True for this word.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

/// Reads the path that starts at `at`; answers where it ends.
fn path(tokens: &[Token], mut at: usize, prefix: &[String], depth: usize, found: &mut Vec<Path>) -> usize {
    let line = tokens[at].line;
    let mut segments = prefix.to_vec();
    while let Some(word) = tokens.get(at).and_then(Token::word) {
        if word != "self" || segments.is_empty() {
            segments.push(word.to_owned());
        }
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        at += 2;
    }
    if !tokens.get(at).is_some_and(|token| token.is == Is::Open('{')) || !is_separator(tokens, at.saturating_sub(2)) {
        found.push(Path { line, segments, depth });
        return at;
    }
    // `use a::{..}`: every branch goes on from here.
    at += 1;
    while let Some(token) = tokens.get(at) {
        match token.is {
            Is::Close('}') => return at + 1,
            Is::Word(_) => {
                at = path(tokens, at, &segments, depth, found);
                // `as other` names nothing new.
                if tokens.get(at).is_some_and(|token| token.is_word("as")) {
                    at += 2;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn is_separator(tokens: &[Token], at: usize) -> bool {
    tokens.get(at..at + 2).is_some_and(|pair| pair.iter().all(|token| token.is == Is::Mark(':')))
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(word) => into.push(Token { line, is: Is::Word(word.to_string()) }),
            TokenTree::Punct(mark) => into.push(Token { line, is: Is::Mark(mark.as_char()) }),
            TokenTree::Literal(_) => {}
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::Parenthesis | Delimiter::None => ('(', ')'),
                };
                into.push(Token { line, is: Is::Open(open) });
                flatten(group.stream(), into);
                into.push(Token { line: group.span_close().start().line, is: Is::Close(close) });
            }
        }
    }
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let cfg_test = [
        Is::Mark('#'),
        Is::Open('['),
        Is::Word("cfg".to_owned()),
        Is::Open('('),
        Is::Word("test".to_owned()),
        Is::Close(')'),
        Is::Close(']'),
    ];
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if rest.len() >= cfg_test.len() && rest.iter().zip(&cfg_test).all(|(token, is)| token.is == *is) {
            rest = behind_item(&rest[cfg_test.len()..]);
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

/// What follows the item that `tokens` begin with: behind its `;` or its closing brace.
fn behind_item(tokens: &[Token]) -> &[Token] {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.is {
            Is::Open(_) => depth += 1,
            Is::Close(close) => {
                depth -= 1;
                if depth == 0 && close == '}' {
                    return &tokens[at + 1..];
                }
            }
            Is::Mark(';') if depth == 0 => return &tokens[at + 1..],
            _ => {}
        }
    }
    &[]
}
