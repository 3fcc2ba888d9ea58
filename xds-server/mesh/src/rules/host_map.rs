//! Values by host name, found by the most specific host (istiod: `MostSpecificHostMatch` in `model/config.go`).

use std::cmp::Reverse;

use arcstr::ArcStr;
use hashbrown::HashMap;

/// Values by exact host and by wildcard.
#[derive(Clone, Debug)]
pub(crate) struct HostMap<V> {
    exact: HashMap<ArcStr, V>,
    /// By what follows the `*`.
    wildcards: HashMap<ArcStr, V>,
    /// Lengths of the keys of `wildcards`, the longest first.
    lengths: Vec<usize>,
}

impl<V> Default for HostMap<V> {
    fn default() -> Self {
        Self { exact: HashMap::default(), wildcards: HashMap::default(), lengths: Vec::new() }
    }
}

impl<V> HostMap<V> {
    /// The value of exactly this host, made where there is none.
    pub fn get_or_insert_with(&mut self, host: &ArcStr, make: impl FnOnce() -> V) -> &mut V {
        let Some(suffix) = host.strip_prefix('*') else {
            return self.exact.entry_ref(host).or_insert_with(make);
        };
        if let Err(at) = self.lengths.binary_search_by_key(&Reverse(suffix.len()), |l| Reverse(*l)) {
            self.lengths.insert(at, suffix.len());
        }
        self.wildcards.entry(suffix.into()).or_insert_with(make)
    }

    /// The value of the host that covers `host` most closely: itself, else the longest wildcard.
    /// O(distinct lengths of wildcards).
    pub fn most_specific(&self, host: &str) -> Option<&V> {
        let needle = match host.strip_prefix('*') {
            Some(suffix) => suffix,
            None => match self.exact.get(host) {
                Some(value) => return Some(value),
                None => host,
            },
        };
        let suffix = |length: &usize| needle.get(needle.len().checked_sub(*length)?..);
        self.lengths.iter().filter_map(suffix).find_map(|s| self.wildcards.get(s))
    }

    /// The same keys with other values.
    pub fn map<W>(self, mut change: impl FnMut(V) -> W) -> HostMap<W> {
        let exact = self.exact.into_iter().map(|(k, v)| (k, change(v))).collect();
        let wildcards = self.wildcards.into_iter().map(|(k, v)| (k, change(v))).collect();
        HostMap { exact, wildcards, lengths: self.lengths }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_host_is_found() {
        let mut map = HostMap::default();
        for host in ["*", "*.com", "*.foo.com", "a.foo.com", "*.bar.com"] {
            let host = ArcStr::from(host);
            map.get_or_insert_with(&host, || host.clone());
        }
        for (host, want) in [
            ("a.foo.com", "a.foo.com"),
            ("b.foo.com", "*.foo.com"),
            ("foo.com", "*.com"),
            ("*.x.foo.com", "*.foo.com"),
            ("*.foo.com", "*.foo.com"),
            ("*.com", "*.com"),
            ("a.org", "*"),
            ("*", "*"),
        ] {
            assert_eq!(map.most_specific(host).map(ArcStr::as_str), Some(want), "{host}");
        }
    }
}
