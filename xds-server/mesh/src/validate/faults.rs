//! Where a check is, and the faults that it finds.

use std::cell::RefCell;
use std::fmt::Display;

use crate::object::{Fault, Path};

/// A place in an object, and the list that faults found there are put into. Cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct Faults<'a> {
    path: Path<'a>,
    found: &'a RefCell<Vec<Fault>>,
}

impl Faults<'_> {
    /// Everything that `check` finds in an object; the paths begin at the object itself.
    pub(super) fn collect(check: impl FnOnce(Faults<'_>)) -> Vec<Fault> {
        let found = RefCell::default();
        check(Faults { path: Path::root(""), found: &found });
        found.into_inner()
    }

    /// A field of the message here.
    pub(super) fn at<'b>(&'b self, field: &'b str) -> Faults<'b> {
        Faults { path: self.path.field(field), found: self.found }
    }

    /// The value of one key of the map here.
    pub(super) fn key<'b>(&'b self, key: &'b str) -> Faults<'b> {
        Faults { path: self.path.key(key), found: self.found }
    }

    /// The items of the list in the field `name`, each with its place.
    pub(super) fn each<'b, T>(
        &'b self,
        name: &'b str,
        list: &'b [T],
    ) -> impl Iterator<Item = (Faults<'b>, &'b T)> + use<'b, T> {
        let place = move |i| Faults { path: self.path.item(name, i), found: self.found };
        list.iter().enumerate().map(move |(i, item)| (place(i), item))
    }

    /// What `decode`, told where it is, makes of what was kept here as it was written; its fault is put down.
    pub(super) fn decoded<T>(&self, decode: impl FnOnce(&str) -> Result<T, Fault>) -> Option<T> {
        decode(&self.path.to_string()).map_err(|fault| self.found.borrow_mut().push(fault)).ok()
    }

    /// Puts down a fault of what is here: `what` is wrong, and what to do about it.
    pub(super) fn push(&self, what: impl Into<String>, hint: impl Into<String>) {
        self.found.borrow_mut().push(Fault::new(self.path.to_string(), what, hint));
    }

    /// Puts down that something that must be given is not.
    pub(super) fn missing(&self, what: impl Display, hint: impl Into<String>) {
        self.push(format!("{what} is missing"), hint);
    }
}
