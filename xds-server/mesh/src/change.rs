//! What changes in a mesh, as a source reports it.

use crate::object::{Object, ObjectKey};

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object is new, or is now this.
    Apply(Object),
    /// The object is gone.
    Delete(ObjectKey),
}

/// Changes that are seen at once: no snapshot holds some of them and not the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSet {
    /// In order; a later change of an object outdoes an earlier one.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl FromIterator<Change> for ChangeSet {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}
