//! Answers that are the same for many are made once: a memo whose entries die when nobody asks any more.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Values by key. A key may hold the addresses of shared inputs if the value keeps these inputs alive:
/// then an address cannot come to mean something else.
#[derive(Debug)]
pub struct Memo<K, V>(Mutex<HashMap<K, Entry<V>>>);

#[derive(Debug)]
struct Entry<V> {
    value: V,
    used: u64,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// The value of `key`, made outside of the lock if there is none: two who ask at once may both make it.
    pub fn get(&self, key: K, now: u64, make: impl FnOnce() -> V) -> V {
        if let Some(entry) = self.lock().get_mut(&key) {
            entry.used = now;
            return entry.value.clone();
        }
        let value = make();
        self.lock().entry(key).or_insert(Entry { value, used: now }).value.clone()
    }

    /// Forgets what nobody asked for since `then`.
    pub fn sweep(&self, then: u64) {
        self.lock().retain(|_, entry| entry.used >= then);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, Entry<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address of a shared input, as part of a key.
pub fn address<T: ?Sized>(shared: &std::sync::Arc<T>) -> usize {
    std::sync::Arc::as_ptr(shared).cast::<()>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_and_forgotten_when_unused() {
        let memo = Memo::default();
        assert_eq!(memo.get("a", 1, || 1), 1);
        assert_eq!(memo.get("a", 2, || 2), 1);
        assert_eq!(memo.get("b", 1, || 3), 3);
        memo.sweep(2);
        assert_eq!(memo.get("a", 3, || 4), 1);
        assert_eq!(memo.get("b", 3, || 5), 5);
    }
}
