//! Names of resources, kept once however many clients say them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use arcstr::ArcStr;

/// Names that are kept before the first look at what nobody uses any more.
const ROOM: usize = 4096;

/// The names that clients have said and somebody still holds.
///
/// A thousand proxies name the same thousand clusters when they ask for endpoints: one string a cluster is kept, and lists
/// of names are compared and kept by address. O(1) a name; at most twice as many names as somebody holds, and [`ROOM`].
#[derive(Debug, Default)]
pub struct NameTable(Mutex<Known>);

#[derive(Debug)]
struct Known {
    names: HashSet<ArcStr>,
    /// With more names than this, those are forgotten that nobody else holds.
    room: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { names: HashSet::new(), room: ROOM }
    }
}

impl NameTable {
    /// The strings of this content that everybody shares.
    pub fn share(&self, names: Vec<String>) -> Vec<ArcStr> {
        if names.is_empty() {
            return Vec::new();
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = names.into_iter().map(|name| known.share(name)).collect();
        known.tidy();
        shared
    }
}

impl Known {
    fn share(&mut self, name: String) -> ArcStr {
        if let Some(name) = self.names.get(name.as_str()) {
            return name.clone();
        }
        let name = ArcStr::from(name);
        self.names.insert(name.clone());
        name
    }

    fn tidy(&mut self) {
        if self.names.len() > self.room {
            self.names.retain(|name| ArcStr::strong_count(name).is_none_or(|holders| holders > 1));
            self.room = ROOM.max(2 * self.names.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one_string() {
        let table = NameTable::default();
        let said = || vec!["b".to_owned(), "a".to_owned(), "b".to_owned()];
        let (first, second) = (table.share(said()), table.share(said()));
        assert_eq!(first, ["b", "a", "b"]);
        assert!(first.iter().zip(&second).all(|(a, b)| ArcStr::ptr_eq(a, b)));
    }

    #[test]
    fn names_that_nobody_holds_are_forgotten() {
        let table = NameTable::default();
        let held = table.share((0..10).map(|i| format!("held-{i}")).collect());
        for i in 0..3 * ROOM {
            table.share(vec![format!("said-once-{i}")]);
        }
        let known = table.0.lock().unwrap();
        assert!(known.names.len() <= ROOM + 1);
        assert!(held.iter().all(|name| known.names.contains(name)));
    }
}
