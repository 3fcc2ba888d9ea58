//! What came of the checks, for people and for machines.

mod json;
mod junit;
mod table;

pub use json::json;
pub use junit::junit;
pub use table::table;
