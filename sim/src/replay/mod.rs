//! A recorded transcript, played again: what its clients said is said to a server, and what that answers is compared.

mod actor;
mod difference;
mod play;
mod script;
mod speech;

pub use actor::PlayError;
pub use difference::{Difference, Message};
pub use play::{Options, Outcome, replay};
pub use script::{Choice, Cut, Line, Role, Script, Step};
