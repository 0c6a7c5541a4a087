//! What is printed: tables for people, JSON for programs.
//!
//! Every cell goes through [`printable`]: names come from directories that others can write to.

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::base::Timestamp;

use crate::base::text::printable;

/// For whom to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// A column of a listing, or a line of a record.
pub struct Column<T> {
    /// Its head.
    pub title: &'static str,
    /// What stands in it for one item.
    pub cell: fn(&T) -> String,
}

// Derived, these would ask the same of `T`, of which a column holds nothing.
impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

/// A moment, to the second: what is behind it only widens a table.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Where answers go. Remarks, progress and errors go to standard error instead.
pub struct Output<W> {
    to: W,
    format: Format,
    /// Columns of the terminal; `None` where the reader is a program and nothing may be wrapped.
    width: Option<u16>,
}

impl Output<io::StdoutLock<'static>> {
    /// Standard output.
    #[must_use]
    pub fn standard(format: Format) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(terminal_size::terminal_size).flatten();
        Self { to: stdout.lock(), format, width: width.map(|(terminal_size::Width(columns), _)| columns) }
    }
}

impl<W: Write> Output<W> {
    /// Output to `to`, `width` columns wide if that is a terminal.
    pub fn new(to: W, format: Format, width: Option<u16>) -> Self {
        Self { to, format, width }
    }

    /// Prints `items`, a line each; as JSON always an array.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn listing<T: Serialize>(&mut self, items: &[T], columns: &[Column<T>]) -> io::Result<()> {
        if self.format == Format::Json {
            return self.json(&items);
        }
        let mut table = self.table();
        table.set_header(columns.iter().map(|column| column.title.to_uppercase()));
        for item in items {
            table.add_row(columns.iter().map(|column| printable(&(column.cell)(item)).into_owned()));
        }
        self.print(&mut table)
    }

    /// Prints one thing, a line a field; fields without a value are left out.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn record<T: Serialize>(&mut self, item: &T, fields: &[Column<T>]) -> io::Result<()> {
        if self.format == Format::Json {
            return self.json(item);
        }
        let mut table = self.table();
        for field in fields {
            let cell = (field.cell)(item);
            if !cell.is_empty() {
                table.add_row([field.title.to_owned(), printable(&cell).into_owned()]);
            }
        }
        self.print(&mut table)
    }

    /// Prints one thing as the daemon said it.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.to, value)?;
        writeln!(self.to)
    }

    /// Prints a line as it is, for people and programs alike.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.to, "{text}")
    }

    /// Prints a sentence, which programs do not get.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn sentence(&mut self, text: &str) -> io::Result<()> {
        match self.format {
            Format::Table => writeln!(self.to, "{text}"),
            Format::Json => Ok(()),
        }
    }

    /// Prints text, broken between words where a terminal ends; all lines but the first begin with `indent` blanks.
    /// A word that is longer than that stays whole. Programs do not get it.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn paragraph(&mut self, text: &str, indent: usize) -> io::Result<()> {
        let Some(width) = self.width.map(usize::from) else { return self.sentence(text) };
        let (mut line, mut used) = (String::new(), 0);
        for piece in text.split_inclusive(' ') {
            let long = piece.trim_end().chars().count();
            if used + long > width && !line.trim().is_empty() {
                self.sentence(line.trim_end())?;
                (line, used) = (" ".repeat(indent), indent);
            }
            line.push_str(piece);
            used += piece.chars().count();
        }
        self.sentence(line.trim_end())
    }

    /// For whom this prints.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if let Some(width) = self.width {
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table
    }

    fn print(&mut self, table: &mut Table) -> io::Result<()> {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            writeln!(self.to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Person {
        name: &'static str,
        mail: &'static str,
    }

    const COLUMNS: &[Column<Person>] =
        &[Column { title: "name", cell: |p| p.name.to_owned() }, Column { title: "mail", cell: |p| p.mail.to_owned() }];

    const PEOPLE: &[Person] = &[
        Person { name: "ann", mail: "ann@example.com" },
        Person { name: "jürgen", mail: "" },
        Person { name: "ev\u{1b}[2Jil\n", mail: "x" },
    ];

    fn printed(
        format: Format,
        width: Option<u16>,
        print: impl FnOnce(&mut Output<&mut Vec<u8>>) -> io::Result<()>,
    ) -> String {
        let mut bytes = Vec::new();
        print(&mut Output::new(&mut bytes, format, width)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_listing_is_aligned_and_cannot_drive_the_terminal() {
        let expected =
            "NAME                MAIL\nann                 ann@example.com\njürgen\nev\\u{1b}[2Jil\\u{a}  x\n";
        assert_eq!(printed(Format::Table, None, |out| out.listing(PEOPLE, COLUMNS)), expected);
    }

    #[test]
    fn a_listing_for_programs_is_an_array_even_when_empty() {
        assert_eq!(printed(Format::Json, None, |out| out.listing::<Person>(&[], COLUMNS)), "[]\n");
        let shown = printed(Format::Json, None, |out| out.listing(PEOPLE, COLUMNS));
        let array: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(array[0]["mail"], "ann@example.com");
        assert_eq!(printed(Format::Json, None, |out| out.sentence("3 people")), "");
    }

    #[test]
    fn a_terminal_wraps_and_a_pipe_does_not() {
        let long = [Person { name: "ann", mail: "a very long line that a terminal of forty columns cannot hold" }];
        let longest =
            |width| printed(Format::Table, width, |out| out.listing(&long, COLUMNS)).lines().map(str::len).max();
        assert!(longest(Some(40)) <= Some(40));
        assert!(longest(None) > Some(60));
    }

    #[test]
    fn a_record_leaves_out_what_is_not_there() {
        assert_eq!(printed(Format::Table, None, |out| out.record(&PEOPLE[1], COLUMNS)), "name  jürgen\n");
    }
}
