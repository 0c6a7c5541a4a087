//! `bailey policy eval`: a line in, a line out.

use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};

use crate::cli::Exit;
use crate::policy::{CaseResult, evaluate_case};

/// Longest line taken: a case with some hundred policies. A longer one is an error, and the next line is read.
const LONGEST: usize = 16 << 20;
/// Read and written at a time.
const BLOCK: usize = 256 << 10;

/// Decides standard input to its end.
pub(super) fn run() -> anyhow::Result<Exit> {
    let input = BufReader::with_capacity(BLOCK, io::stdin().lock());
    decide(input, BufWriter::with_capacity(BLOCK, io::stdout().lock()))?;
    Ok(Exit::Done)
}

/// Answers every line of `input`. What can be answered is, before more is waited for.
fn decide<R: io::Read>(mut input: BufReader<R>, mut output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        if input.buffer().is_empty() {
            output.flush()?;
        }
        line.clear();
        if input.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        let result = if line.len() > LONGEST {
            let problem = format!("the line is longer than {LONGEST} bytes");
            skip_line(&mut input, &line)?;
            CaseResult::error(None, &problem)
        } else {
            match std::str::from_utf8(&line) {
                Ok(text) => evaluate_case(text),
                Err(_) => CaseResult::error(None, "the line is not UTF-8"),
            }
        };
        serde_json::to_writer(&mut output, &result)?;
        output.write_all(b"\n")?;
    }
}

/// Reads on to the end of a line of which `begun` was read.
fn skip_line(input: &mut impl BufRead, begun: &[u8]) -> io::Result<()> {
    if begun.last() == Some(&b'\n') {
        return Ok(());
    }
    loop {
        let held = input.fill_buf()?;
        let (used, ended) = match held.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (held.len(), held.is_empty()),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"{"id": 7, "request": {"principal": "arn:aws:iam::111122223333:user/alice", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k"}, "identity": [{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}], "more": 1}"#;

    fn decided(input: &[u8]) -> Vec<serde_json::Value> {
        let mut output = Vec::new();
        decide(BufReader::new(input), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_has_its_answer_whatever_it_is() {
        let long = "x".repeat(LONGEST + 10);
        let parts: [&[u8]; 9] = [
            CASE.as_bytes(),
            b"\n",
            b"{\"id\": \"a\", \"request\": 1}\n",
            b"\n",
            b"\xff\n",
            long.as_bytes(),
            b"\n",
            b"nonsense\n",
            CASE.as_bytes(),
        ];
        let results = decided(&parts.concat());
        let decisions: Vec<&str> = results.iter().map(|result| result["decision"].as_str().unwrap()).collect();
        assert_eq!(decisions, ["Allowed", "Error", "Error", "Error", "Error", "Error", "Allowed"]);
        assert_eq!((&results[0]["id"], &results[1]["id"], &results[6]["id"]), (&7.into(), &"a".into(), &7.into()));
        assert_eq!(results[0]["reasons"][0]["policy"], "identity[0]");
        assert!(decided(b"").is_empty());
    }

    /// A reader that ends a test if it is asked for more before it got its answer.
    struct Waits<'a>(&'a std::cell::RefCell<Vec<u8>>, u8);

    impl io::Read for Waits<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let answered = self.0.borrow().iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(answered, usize::from(self.1), "asked for more before all was answered");
            if self.1 == 2 {
                return Ok(0);
            }
            self.1 += 1;
            let line = format!("{CASE}\n");
            into[..line.len()].copy_from_slice(line.as_bytes());
            Ok(line.len())
        }
    }

    struct Shared<'a>(&'a std::cell::RefCell<Vec<u8>>);

    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_does_not_wait_for_the_next_case() {
        let written = std::cell::RefCell::new(Vec::new());
        decide(BufReader::new(Waits(&written, 0)), BufWriter::new(Shared(&written))).unwrap();
        assert_eq!(written.borrow().iter().filter(|byte| **byte == b'\n').count(), 2);
    }
}
