//! What was said and heard in a check, as lines for people.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that are kept; older ones go.
const LIMIT: usize = 200;
/// Names that a line shows.
const NAMES: usize = 8;

/// The lines of one check. Clones write to the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    pub(super) fn note(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LIMIT {
            lines.remove(0);
        }
        lines.push(line);
    }

    /// The last `n` lines.
    pub(super) fn tail(&self, n: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(n)).cloned().collect()
    }
}

/// Letters that a line shows of a name.
const LETTERS: usize = 80;

/// `[a, b, … and 12 more]`.
pub(super) fn list<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(NAMES);
    let mut text = format!("[{}", names.take(NAMES).map(short).collect::<Vec<_>>().join(", "));
    if more > 0 {
        let _ = write!(text, ", … and {more} more");
    }
    text + "]"
}

fn short(name: &str) -> &str {
    name.char_indices().nth(LETTERS).map_or(name, |(end, _)| &name[..end])
}
