//! Where a server says something else than was recorded.

use std::collections::BTreeSet;
use std::fmt;

use arcstr::ArcStr;

/// Names that a difference shows of each sort; the others are counted.
const SHOWN: usize = 10;

/// What a response says, as far as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// URL of its type.
    pub type_url: String,
    /// Names of its resources.
    pub added: BTreeSet<ArcStr>,
    /// Names that it removes.
    pub removed: BTreeSet<ArcStr>,
}

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The stream, by its name in the transcript.
    pub connection: ArcStr,
    /// The entry of the stream at which it shows, by its number (`n`) in the transcript.
    pub step: u64,
    /// What was recorded; nothing, where the server says something of its own.
    pub expected: Option<Message>,
    /// What came; else what happened in its place.
    pub got: Result<Message, String>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.type_url.rsplit('.').next().unwrap_or_default();
        write!(f, "{short}: {} resources", self.added.len())?;
        if self.removed.is_empty() { Ok(()) } else { write!(f, ", {} removed", self.removed.len()) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, step, expected, got } = self;
        write!(f, "{connection}, entry {step}: the server differs")?;
        match expected {
            Some(expected) => write!(f, "\n  expected  {expected}")?,
            None => f.write_str("\n  expected  nothing more")?,
        }
        match got {
            Ok(got) => write!(f, "\n  got       {got}")?,
            Err(why) => write!(f, "\n  got       {why}")?,
        }
        match (expected, got) {
            (Some(expected), Ok(got)) if expected.type_url == got.type_url => {
                names(f, "only recorded", expected.added.difference(&got.added))?;
                names(f, "only from the server", got.added.difference(&expected.added))?;
                names(f, "removal only recorded", expected.removed.difference(&got.removed))?;
                names(f, "removal only from the server", got.removed.difference(&expected.removed))
            }
            _ => Ok(()),
        }
    }
}

fn names<'n>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    mut names: impl Iterator<Item = &'n ArcStr>,
) -> fmt::Result {
    for name in names.by_ref().take(SHOWN) {
        write!(f, "\n  {title}: {name}")?;
    }
    match names.count() {
        0 => Ok(()),
        more => write!(f, "\n  {title}: and {more} more"),
    }
}
