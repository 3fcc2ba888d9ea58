//! Writes every event down, one line of JSON each, so that a run can be told again.

use std::io::{self, BufRead, Write};

use super::Listener;
use crate::scenario::Event;

/// Writes events. The first error is kept and ends the writing; the run goes on.
#[derive(Debug)]
pub struct Log<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> Log<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, error: None }
    }

    /// Ends the writing and gives back what was written to.
    ///
    /// # Errors
    /// The first error, if there was one.
    pub fn into_inner(mut self) -> io::Result<W> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Listener for Log<W> {
    fn hear(&mut self, event: &Event) {
        if self.error.is_some() {
            return;
        }
        let written = serde_json::to_string(event).map_err(io::Error::from);
        self.error = written.and_then(|line| writeln!(self.out, "{line}")).err();
    }
}

/// Reads what a [`Log`] has written.
///
/// # Errors
/// When a line cannot be read, or is no event.
pub fn read_log(text: impl BufRead) -> io::Result<Vec<Event>> {
    text.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
