//! Transcripts: all that is said on every stream, with the rule that decided, for people and for `sim replay`.
//!
//! Nothing is recorded, and nothing of it made, unless somebody asks for it.

mod entry;
mod html;
mod line;
mod recorder;
mod tape;

pub use entry::{Act, Dialect, Entry, Node, Request, Response, RuleText, What};
pub use html::page;
pub use line::line;
pub use recorder::Recorder;
pub(crate) use tape::{Said, Tape};
