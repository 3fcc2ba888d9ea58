//! A sorted table of names that many proxies hold in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

/// Names, each with a value. Clones share their rows until one of them changes; equal tables are made to share theirs by
/// [`Catalogue::share`](super::Catalogue), so that a proxy that holds what others hold costs a pointer.
#[derive(Clone, Debug)]
pub(super) struct Table<V> {
    rows: Arc<Vec<(ArcStr, V)>>,
}

/// What becomes of a row; none takes it away.
pub(super) type Changes<V> = BTreeMap<ArcStr, Option<V>>;

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { rows: Arc::default() }
    }
}

impl<V: Clone> Table<V> {
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.at(name).ok().map(|at| &self.rows[at].1)
    }

    /// The name as the table has it, for those who hold a borrowed one.
    pub(super) fn name(&self, name: &str) -> Option<&ArcStr> {
        self.at(name).ok().map(|at| &self.rows[at].0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ArcStr, &V)> {
        self.rows.iter().map(|(name, value)| (name, value))
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sets and takes away many rows, in one pass.
    pub(super) fn change(&mut self, changes: Changes<V>) {
        if changes.is_empty() {
            return;
        }
        let mut merged = Vec::with_capacity(self.rows.len() + changes.len());
        let mut rows = self.rows.iter().peekable();
        for (name, value) in changes {
            while let Some(row) = rows.next_if(|row| row.0 < name) {
                merged.push(row.clone());
            }
            rows.next_if(|row| row.0 == name);
            merged.extend(value.map(|value| (name, value)));
        }
        merged.extend(rows.cloned());
        merged.shrink_to_fit();
        self.rows = Arc::new(merged);
    }

    pub(super) fn rows(&self) -> &Arc<Vec<(ArcStr, V)>> {
        &self.rows
    }

    pub(super) fn replace(&mut self, rows: Arc<Vec<(ArcStr, V)>>) {
        self.rows = rows;
    }

    fn at(&self, name: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.0.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_merged() {
        let mut table = Table::default();
        let change = |changes: &[(&str, Option<u8>)]| {
            changes.iter().map(|(name, value)| (ArcStr::from(*name), *value)).collect()
        };
        table.change(change(&[("b", Some(1)), ("d", Some(2))]));
        let before = table.clone();
        table.change(change(&[("a", Some(3)), ("b", None), ("c", None), ("d", Some(4)), ("e", Some(5))]));
        let rows: Vec<_> = table.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(rows, [("a", 3), ("d", 4), ("e", 5)]);
        assert_eq!((before.get("b"), table.get("b"), table.get("d")), (Some(&1), None, Some(&4)));
        assert_eq!(table.name("e").map(ArcStr::as_str), Some("e"));
    }
}
