//! From changes to pushes: when, to whom, and which types.

mod debounce;
mod request;
mod slot;
mod table;

pub use debounce::{Debounce, DebounceOptions};
pub use request::PushRequest;
pub use slot::{Slot, slot};
pub use table::{affected, relevant};
