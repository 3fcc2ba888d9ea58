//! The entries of an egress listener's `hosts`: `namespace/dnsName`, with `~namespace/dnsName` for what is left out
//! (istiod: `hostClassification` in `sidecar.go`).

use arcstr::{ArcStr, literal};
use hashbrown::HashMap;

use crate::service::{host_is_subset, host_matches, is_wildcard};

/// Entries by namespace.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    entries: Vec<ArcStr>,
    /// Entries for every namespace.
    any: OfNamespace,
    by_namespace: HashMap<ArcStr, OfNamespace>,
    /// Whether every import names one host of one namespace.
    all_exact: bool,
}

/// The entries for one namespace, by host; the number is the entry's place among all.
#[derive(Debug, Default)]
struct OfNamespace {
    exact: HashMap<ArcStr, usize>,
    wildcards: Vec<(ArcStr, usize)>,
    excluded: Vec<(ArcStr, usize)>,
}

/// An import that covers a service: the place of its entry, and the imports that it stands among.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    entry: usize,
    among: &'a OfNamespace,
}

impl Hosts {
    /// Reads entries as they hold for proxies of `namespace`; malformed ones are passed over, as in istiod.
    pub fn read(entries: &[ArcStr], namespace: &ArcStr) -> Self {
        let mut hosts = Self { entries: entries.to_vec(), all_exact: true, ..Self::default() };
        for (at, entry) in entries.iter().enumerate() {
            let mut parts = entry.split('/');
            if let (Some(of), Some(host), None) = (parts.next(), parts.next(), parts.next()) {
                hosts.add(at, of, host.into(), namespace);
            }
        }
        hosts
    }

    fn add(&mut self, at: usize, of: &str, host: ArcStr, own: &ArcStr) {
        let excluded = of.strip_prefix('~');
        let of = match excluded.unwrap_or(of) {
            "" if excluded.is_some() => literal!("*"),
            "." => own.clone(),
            named => named.into(),
        };
        let of_any = of == "*";
        let list = if of_any { &mut self.any } else { self.by_namespace.entry(of).or_default() };
        if excluded.is_some() {
            list.excluded.push((host, at));
            return;
        }
        self.all_exact &= !of_any && !is_wildcard(&host);
        if is_wildcard(&host) {
            list.wildcards.push((host, at));
        } else {
            list.exact.entry(host).or_insert(at);
        }
    }

    /// The entry at a place, as it was written.
    pub fn entry(&self, at: usize) -> &ArcStr {
        &self.entries[at]
    }

    /// Namespace and host of every import, in no order, if each names one host of one namespace.
    pub fn exact(&self) -> Option<impl Iterator<Item = (&ArcStr, &ArcStr)>> {
        let all =
            self.by_namespace.iter().flat_map(|(of, list)| list.exact.keys().map(move |host| (of, host)));
        self.all_exact.then_some(all)
    }

    /// The namespaces that something is imported from, if it is not from all of them.
    pub fn owners(&self) -> Option<impl Iterator<Item = &ArcStr>> {
        let owners = self.by_namespace.iter().filter(|(_, list)| list.imports()).map(|(of, _)| of);
        (!self.any.imports()).then_some(owners)
    }

    /// The entry that leaves this host of this namespace out.
    pub fn exclusion(&self, hostname: &str, namespace: &str) -> Option<&ArcStr> {
        let of = [self.of(namespace), Some(&self.any)];
        let at = of.into_iter().flatten().find_map(|list| list.exclusion(hostname))?;
        Some(self.entry(at))
    }

    /// The import that covers a service: one for its namespace, else one for all.
    pub fn import(&self, hostname: &str, namespace: &str) -> Option<Found<'_>> {
        let lists = [self.of(namespace), Some(&self.any)];
        lists.into_iter().flatten().find_map(|among| Some(Found { entry: among.import(hostname)?, among }))
    }

    /// Whether a virtual service of `namespace` is selected by one of its hosts: one that is imported and is not
    /// excluded.
    pub fn select(&self, hosts: &[ArcStr], namespace: &str, gateway_semantics: bool) -> bool {
        let lists = [self.of(namespace), Some(&self.any)];
        let mut lists = lists.into_iter().flatten().filter(|list| list.imports());
        lists.any(|list| {
            let mut met = hosts.iter().filter(|host| list.meets(host, gateway_semantics));
            met.any(|host| self.exclusion(host, namespace).is_none())
        })
    }

    fn of(&self, namespace: &str) -> Option<&OfNamespace> {
        if self.by_namespace.is_empty() { None } else { self.by_namespace.get(namespace) }
    }
}

impl Found<'_> {
    /// The place of the entry.
    pub fn entry(self) -> usize {
        self.entry
    }

    /// Whether the imports for the same namespace cover another name of the service too.
    pub fn covers(self, alias: &str) -> bool {
        self.among.import(alias).is_some()
    }
}

impl OfNamespace {
    fn imports(&self) -> bool {
        !self.exact.is_empty() || !self.wildcards.is_empty()
    }

    /// An exact entry imports that host only, never a wildcard service that covers it.
    fn import(&self, hostname: &str) -> Option<usize> {
        let wildcard =
            || self.wildcards.iter().find(|(host, _)| host_is_subset(hostname, host)).map(|(_, at)| *at);
        let exact = if self.exact.is_empty() { None } else { self.exact.get(hostname).copied() };
        exact.or_else(wildcard)
    }

    fn exclusion(&self, hostname: &str) -> Option<usize> {
        self.excluded.iter().find(|(host, _)| host_is_subset(hostname, host)).map(|(_, at)| *at)
    }

    /// A virtual service's host meets an entry that has names in common with it; with gateway semantics the entry
    /// must cover the host.
    fn meets(&self, host: &str, gateway_semantics: bool) -> bool {
        if self.exact.contains_key(host) {
            return true;
        }
        let mut wildcards = self.wildcards.iter().map(|(entry, _)| entry);
        if gateway_semantics {
            return wildcards.any(|entry| host_is_subset(host, entry));
        }
        wildcards.any(|entry| host_matches(host, entry))
            || (is_wildcard(host) && self.exact.keys().any(|entry| host_matches(host, entry)))
    }
}
