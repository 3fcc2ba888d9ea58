//! From changes to pushes: when, to whom, and which types.

mod debounce;
mod options;
mod request;
mod slot;
mod table;
mod version;

pub use debounce::Debounce;
pub use options::DebounceOptions;
pub use request::PushRequest;
pub use slot::{Slot, Waiting};
pub use table::{affected, relevant};
pub use version::Versions;
