//! Where a server says something else than was recorded.

use std::collections::BTreeSet;
use std::fmt;

/// What a response says, as far as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// URL of its type.
    pub type_url: String,
    /// Names of its resources.
    pub added: BTreeSet<String>,
    /// Names that it removes.
    pub removed: BTreeSet<String>,
}

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The stream, by its name in the transcript.
    pub connection: String,
    /// The step, from 1.
    pub step: usize,
    /// What was recorded.
    pub expected: Message,
    /// What came; else what happened in its place.
    pub got: Result<Message, String>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.type_url.rsplit('.').next().unwrap_or_default();
        write!(f, "{short} with {}", self.added.len())?;
        if self.removed.is_empty() { Ok(()) } else { write!(f, ", less {}", self.removed.len()) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, step {}", self.connection, self.step)?;
        writeln!(f, "  expected  {}", self.expected)?;
        let got = match &self.got {
            Ok(got) => got,
            Err(why) => return write!(f, "  got       {why}"),
        };
        write!(f, "  got       {got}")?;
        if got.type_url != self.expected.type_url {
            return Ok(());
        }
        let expected = &self.expected;
        for (title, expected, got) in
            [("resource", &expected.added, &got.added), ("removed", &expected.removed, &got.removed)]
        {
            for (sign, names) in [('-', expected.difference(got)), ('+', got.difference(expected))] {
                for name in names {
                    write!(f, "\n  {title:<9} {sign}{name}")?;
                }
            }
        }
        Ok(())
    }
}
