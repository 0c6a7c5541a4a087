//! How far a long piece of work has come: a bar on a terminal, a line a second otherwise.
//!
//! Goes to standard error, so that answers can be piped. Time is an argument: tests need not wait.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::base::text::printable;

/// How far the work has come, as the daemon tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, such as `reading corp`.
    pub phase: String,
    /// How much of it.
    pub done: u64,
    /// Roughly how much there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// Shows progress as it comes.
pub struct Meter<W> {
    face: Face<W>,
    phase: String,
    /// When the phase began, and how much was done then: a rate counts from there.
    began: (Duration, u64),
    /// What is known and not shown yet.
    unshown: Option<(Progress, Duration)>,
    /// When something was shown last.
    shown: Option<Duration>,
}

enum Face<W> {
    Bar(ProgressBar),
    Lines(W),
}

impl Meter<io::Stderr> {
    /// For standard error: a bar if that is a terminal.
    #[must_use]
    pub fn standard() -> Self {
        let stderr = io::stderr();
        if stderr.is_terminal() {
            Self::with(Face::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())))
        } else {
            Self::lines(stderr)
        }
    }
}

impl<W: Write> Meter<W> {
    /// A line a second to `to`.
    pub fn lines(to: W) -> Self {
        Self::with(Face::Lines(to))
    }

    fn with(face: Face<W>) -> Self {
        Self { face, phase: String::new(), began: (Duration::ZERO, 0), unshown: None, shown: None }
    }

    /// Takes `progress` in, `at` this long after the work began.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn show(&mut self, progress: &Progress, at: Duration) -> io::Result<()> {
        if progress.phase != self.phase {
            self.rest()?;
            self.phase.clone_from(&progress.phase);
            self.began = (at, progress.done);
            self.shown = None;
        }
        self.unshown = Some((progress.clone(), at));
        let due = self.shown.is_none_or(|shown| at.saturating_sub(shown) >= Duration::from_secs(1));
        // A bar draws as often as its terminal can follow; lines must not flood a log.
        if due || matches!(self.face, Face::Bar(_)) { self.rest() } else { Ok(()) }
    }

    /// Ends: the last line is shown, a bar is taken away.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.rest()?;
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
        Ok(())
    }

    fn rest(&mut self) -> io::Result<()> {
        let Some((progress, at)) = self.unshown.take() else { return Ok(()) };
        let text = self.text(&progress, at);
        self.shown = Some(at);
        match &mut self.face {
            Face::Lines(to) => writeln!(to, "{text}"),
            Face::Bar(bar) => {
                bar.set_style(style(progress.total.is_some()));
                bar.set_length(progress.total.unwrap_or(progress.done).max(progress.done));
                bar.set_position(progress.done);
                bar.set_message(text);
                Ok(())
            }
        }
    }

    /// `reading corp: 12,000 of about 100,000 (12%), 8,400/s, 11 s left`.
    fn text(&self, progress: &Progress, at: Duration) -> String {
        let mut text = format!("{}: {}", printable(&progress.phase), grouped(progress.done));
        if let Some(total) = progress.total.filter(|total| *total > 0) {
            // An estimate that was too low must not promise more than everything.
            let percent = progress.done.saturating_mul(100) / total;
            text.push_str(&format!(" of about {} ({}%)", grouped(total), percent.min(100)));
        }
        let (began, before) = self.began;
        let milliseconds = at.saturating_sub(began).as_millis();
        let rate = u128::from(progress.done.saturating_sub(before)).saturating_mul(1000).checked_div(milliseconds);
        if let Some(rate) = rate.and_then(|rate| u64::try_from(rate).ok()).filter(|rate| *rate > 0) {
            text.push_str(&format!(", {}/s", grouped(rate)));
            let left = progress.total.map_or(0, |total| total.saturating_sub(progress.done)).div_ceil(rate);
            if left > 0 {
                text.push_str(&format!(", {} left", span(left)));
            }
        }
        text
    }
}

fn style(bounded: bool) -> ProgressStyle {
    let template = if bounded { "{bar:30} {msg}" } else { "{spinner} {msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as a person says them.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn progress(phase: &str, done: u64, total: Option<u64>) -> Progress {
        Progress { phase: phase.to_owned(), done, total }
    }

    #[test]
    fn a_line_a_second_and_the_last_of_each_phase() {
        let mut lines = Vec::new();
        let mut meter = Meter::lines(&mut lines);
        for step in 0..=25 {
            meter.show(&progress("reading corp", step * 1_000, Some(100_000)), at(step * 100)).unwrap();
        }
        meter.show(&progress("comparing", 7, None), at(2_600)).unwrap();
        meter.show(&progress("comparing", 9, None), at(2_700)).unwrap();
        meter.finish().unwrap();
        let expected = [
            "reading corp: 0 of about 100,000 (0%)",
            "reading corp: 10,000 of about 100,000 (10%), 10,000/s, 9 s left",
            "reading corp: 20,000 of about 100,000 (20%), 10,000/s, 8 s left",
            "reading corp: 25,000 of about 100,000 (25%), 10,000/s, 8 s left",
            "comparing: 7",
            "comparing: 9, 20/s",
        ];
        assert_eq!(String::from_utf8(lines).unwrap().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_estimate_may_be_wrong_and_a_clock_may_stand_still() {
        let mut lines = Vec::new();
        let mut meter = Meter::lines(&mut lines);
        meter.show(&progress("a", 0, Some(0)), at(5_000)).unwrap();
        meter.show(&progress("a", 200, Some(100)), at(5_000)).unwrap();
        meter.show(&progress("a", u64::MAX, Some(100)), at(9_000)).unwrap();
        meter.finish().unwrap();
        let text = String::from_utf8(lines).unwrap();
        assert!(text.lines().all(|line| !line.contains("left")) && text.contains("(100%)"), "{text}");
    }

    #[test]
    fn a_bar_shows_the_same_words() {
        let bar = ProgressBar::hidden();
        let mut meter: Meter<io::Sink> = Meter::with(Face::Bar(bar.clone()));
        meter.show(&progress("reading\u{1b}", 0, Some(300)), at(0)).unwrap();
        meter.show(&progress("reading\u{1b}", 30, Some(300)), at(3_000)).unwrap();
        assert_eq!(bar.message(), "reading\\u{1b}: 30 of about 300 (10%), 10/s, 27 s left");
        assert_eq!((bar.position(), bar.length()), (30, Some(300)));
    }

    #[test]
    fn the_time_left_is_said_as_people_say_it() {
        assert_eq!([span(119), span(120), span(3_601), span(7_200)], ["119 s", "2 min", "61 min", "2 h"]);
    }
}
