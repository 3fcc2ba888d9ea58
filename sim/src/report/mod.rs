//! What a run came to: listeners of its events, and the reports that are drawn from what they heard.

mod compare;
mod html;
mod insight;
mod json;
mod lines;
mod log;
mod markup;
mod plot;
mod progress;
mod record;
mod table;
mod units;

pub use html::html;
pub use json::{JsonError, SCHEMA, json, read_json};
pub use lines::Lines;
pub use log::{Log, read_log};
pub use progress::Bars;
pub use record::{Failure, Report, Run};
pub use table::{STYLE, comparison, table};
pub use units::{bytes, count};

use crate::scenario::Event;

/// Hears the events of a run, in order. It cannot influence the run.
pub trait Listener {
    /// Takes note of one event.
    fn hear(&mut self, event: &Event);
}

#[cfg(test)]
mod tests;
