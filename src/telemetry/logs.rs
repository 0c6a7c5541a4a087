//! Log lines: JSON for machines, short lines for a terminal, both safe against what they quote.
//!
//! Names and messages from a directory end up in log lines. In either shape nothing they contain
//! can start a new line, move the reader's cursor or turn text around: characters that are not
//! seen are written out. Secrets do not reach a log because [`crate::base::Secret`] has no text.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::base::clock::{Clock as _, SystemClock};
use crate::base::text::{hidden, printable_within};

/// How logs are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which shape.
    pub format: Format,
    /// What is logged: `info`, or directives such as `info,bailey::sync=debug`.
    pub filter: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: Format::Auto, filter: "info".to_owned() }
    }
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// A filter that cannot be read, or logs that are installed already.
#[derive(Debug, thiserror::Error)]
#[error("log filter `{filter}`: {why}; use a level (error, warn, info, debug, trace) or `info,bailey::sync=debug`")]
pub struct LogsError {
    filter: String,
    why: String,
}

/// The installed logs, whose filter can be changed while they run.
pub struct Logs {
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Longest foreign text in a field, in characters.
const LONGEST_FIELD: usize = 1_024;

impl Logs {
    /// Sends the process's logs to standard error.
    ///
    /// # Errors
    /// When the filter cannot be read or logs are installed already.
    pub fn install(settings: &Settings) -> Result<Self, LogsError> {
        let colour = io::stderr().is_terminal();
        let (filter, handle) = reload::Layer::new(parse(&settings.filter)?);
        let lines = lines(settings.format, colour, io::stderr);
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init()
            .map_err(|e| LogsError { filter: settings.filter.clone(), why: e.to_string() })?;
        Ok(Self { filter: handle })
    }

    /// Changes what is logged from now on.
    ///
    /// # Errors
    /// When the filter cannot be read; then everything stays as it is.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogsError> {
        let parsed = parse(filter)?;
        self.filter.reload(parsed).map_err(|e| LogsError { filter: filter.to_owned(), why: e.to_string() })
    }
}

/// Whether `filter` can be read, for `config`.
///
/// # Errors
/// When it cannot.
pub fn check_filter(filter: &str) -> Result<(), LogsError> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, LogsError> {
    let fault = |why: String| LogsError { filter: printable_within(filter, LONGEST_FIELD).into_owned(), why };
    if filter.trim().is_empty() {
        return Err(fault("it is empty".to_owned()));
    }
    // A misspelt level would pass for a target of that name, and silence everything else.
    let parts: Vec<_> = filter.split(',').map(str::trim).collect();
    let bare = parts.iter().find(|part| !part.contains('=') && !is_level(part));
    if let Some(word) = bare {
        return Err(fault(format!("`{}` is no level", printable_within(word, LONGEST_FIELD))));
    }
    EnvFilter::builder().parse(parts.join(",")).map_err(|e| fault(e.to_string()))
}

fn is_level(word: &str) -> bool {
    ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| word.eq_ignore_ascii_case(level))
}

fn lines<S, W>(format: Format, colour: bool, out: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let text = format == Format::Text || (format == Format::Auto && colour);
    if text {
        let layer = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(out);
        return layer.fmt_fields(Plain).event_format(Plain).boxed();
    }
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(false).with_current_span(false);
    layer.with_timer(OurClock).with_ansi(false).with_writer(Written(out)).boxed()
}

/// Time stamps from the one clock.
struct OurClock;

impl FormatTime for OurClock {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:.3}", SystemClock.now())
    }
}

/// Writes JSON lines with every unseen character beyond ASCII as `\uXXXX`; those within ASCII the
/// JSON writer has escaped already.
struct Written<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Written<W> {
    type Writer = WrittenTo<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        WrittenTo(self.0.make_writer())
    }
}

struct WrittenTo<W>(W);

impl<W: Write> Write for WrittenTo<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = String::from_utf8_lossy(line);
        if !shown.chars().any(|c| !c.is_ascii() && hidden(c)) {
            self.0.write_all(line)?;
            return Ok(line.len());
        }
        let mut escaped = String::with_capacity(shown.len() + 16);
        for c in shown.chars() {
            if !c.is_ascii() && hidden(c) {
                // All of them are in the basic plane: one unit each. Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            } else {
                escaped.push(c);
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Lines for people: `12:00:00.000 INFO sync: message name=value`.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut w: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let (paint, plain) = if w.has_ansi_escapes() { (colour_of(level), "\u{1b}[0m") } else { ("", "") };
        let target = target.strip_prefix("bailey::").unwrap_or(target);
        write!(w, "{} {paint}{level:>5}{plain} {target}:", SystemClock.now().strftime("%H:%M:%S%.3f"))?;
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            write!(w, " {}", span.name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|f| !f.is_empty()) {
                write!(w, "{{{}}}", fields.fields.trim_start())?;
            }
        }
        self.format_fields(w.by_ref(), event)?;
        writeln!(w)
    }
}

impl<'w> FormatFields<'w> for Plain {
    fn format_fields<R: RecordFields>(&self, writer: format::Writer<'w>, fields: R) -> fmt::Result {
        let mut clean = Clean { writer, result: Ok(()) };
        fields.record(&mut clean);
        clean.result
    }
}

struct Clean<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
}

impl Visit for Clean<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }
}

impl Clean<'_> {
    fn put(&mut self, field: &Field, value: &str) {
        let value = printable_within(value, LONGEST_FIELD);
        let written = match field.name() {
            "message" => write!(self.writer, " {value}"),
            name if value.contains(' ') || value.is_empty() => write!(self.writer, " {name}=`{value}`"),
            name => write!(self.writer, " {name}={value}"),
        };
        self.result = self.result.and(written);
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const HOSTILE: &str = "ann\n{\"level\":\"ERROR\"}\u{1b}[2J\u{202e}\u{9b}31m";

    #[derive(Clone, Default)]
    struct Caught(Arc<Mutex<Vec<u8>>>);

    impl Write for Caught {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format) -> String {
        let caught = Caught::default();
        let out = caught.clone();
        let layer = lines(format, false, move || out.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _span = tracing::info_span!("run", directory = HOSTILE).entered();
            tracing::info!(name = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "read {HOSTILE}");
        });
        let bytes = caught.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn hostile_text_stays_within_its_line() {
        for format in [Format::Json, Format::Text] {
            let text = logged(format);
            assert_eq!(text.lines().count(), 1, "{format:?}: {text}");
            let line = text.strip_suffix('\n').unwrap();
            assert!(!line.chars().any(hidden), "{format:?}: {line}");
        }
    }

    #[test]
    fn a_json_line_carries_the_text_back_whole() {
        let line: serde_json::Value = serde_json::from_str(&logged(Format::Json)).unwrap();
        assert_eq!(line["fields"]["name"], HOSTILE);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_what_to_write() {
        for bad in ["", "inf", "bailey", "info,", "bailey=loud", "info,=x=y"] {
            let error = check_filter(bad).unwrap_err().to_string();
            assert!(error.contains("info,bailey::sync=debug"), "{error}");
        }
        for good in ["info", "WARN", "off", "info, bailey::sync=debug", "info,bailey::sync=debug"] {
            assert!(check_filter(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn logs_are_installed_once_and_their_filter_can_change() {
        let logs = Logs::install(&Settings::default()).unwrap();
        assert!(!tracing::enabled!(Level::DEBUG));
        logs.set_filter("debug").unwrap();
        assert!(tracing::enabled!(Level::DEBUG));
        assert!(logs.set_filter("loud").is_err());
        assert!(tracing::enabled!(Level::DEBUG), "a broken filter changes nothing");
        assert!(Logs::install(&Settings::default()).is_err());
    }
}
