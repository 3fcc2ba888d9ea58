//! What istiod's validation webhook refuses, object by object.

use crate::object::{Fault, Object};

/// Everything that is wrong with `object`; empty for a good one.
pub fn object(_object: &Object) -> Vec<Fault> {
    Vec::new()
}
