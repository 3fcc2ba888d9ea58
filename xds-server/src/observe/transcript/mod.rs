//! Transcripts: all that is said on every stream, with the rule that decided, for people and for `sim replay`.
//!
//! Nothing is recorded, and nothing of it made, unless somebody asks for it.

mod entry;
mod file;
mod line;
mod page;
mod recorder;
mod tape;

pub use entry::{Act, Dialect, Entry, FORMAT, Node, Place, Refusal, Request, Response, RuleText, What};
pub use file::{ReadError, read};
pub use line::Lines;
pub use page::{opening, row};
pub use recorder::{Recorded, Recorder};
pub(crate) use tape::{Said, Tape};
