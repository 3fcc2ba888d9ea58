//! The entries of an egress listener's `hosts`: `namespace/dnsName`, with `~namespace/dnsName` for what is left out
//! (istiod: `sidecar.go`, `hostClassification`).

use std::collections::BTreeMap;

use arcstr::ArcStr;

use crate::service::{Service, host_is_subset, host_matches, is_wildcard};

/// Entries by namespace.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    imports: BTreeMap<ArcStr, Vec<Entry>>,
    exclusions: BTreeMap<ArcStr, Vec<ArcStr>>,
    /// Namespace and host of each import where all are exact; the fast way to their services.
    exact: Option<Vec<(ArcStr, ArcStr)>>,
}

#[derive(Debug)]
struct Entry {
    host: ArcStr,
    written: ArcStr,
}

impl Hosts {
    /// Reads entries as they hold for proxies of `namespace`; malformed ones are passed over, as in istiod.
    pub fn read(entries: &[ArcStr], own: &ArcStr) -> Self {
        let (mut hosts, mut exact) = (Self::default(), Some(Vec::new()));
        for entry in entries {
            let mut parts = entry.split('/');
            let (Some(namespace), Some(host), None) = (parts.next(), parts.next(), parts.next()) else { continue };
            let named = |text: &str| if text == "." { own.clone() } else { ArcStr::from(text) };
            if let Some(excluded) = namespace.strip_prefix('~') {
                let namespace = if excluded.is_empty() { arcstr::literal!("*") } else { named(excluded) };
                hosts.exclusions.entry(namespace).or_default().push(host.into());
                continue;
            }
            let namespace = named(namespace);
            if namespace == "*" || is_wildcard(host) {
                exact = None;
            }
            if let Some(exact) = &mut exact {
                exact.push((namespace.clone(), host.into()));
            }
            let entry = Entry { host: host.into(), written: entry.clone() };
            hosts.imports.entry(namespace).or_default().push(entry);
        }
        hosts.exact = exact;
        hosts
    }

    /// Every import by namespace and host, if all of them are exact.
    pub fn exact(&self) -> Option<&[(ArcStr, ArcStr)]> {
        self.exact.as_deref()
    }

    /// Whether an entry leaves this host of this namespace out.
    pub fn excludes(&self, hostname: &str, namespace: &str) -> bool {
        let of = |ns: &str| self.exclusions.get(ns).into_iter().flatten();
        of(namespace).chain(of("*")).any(|excluded| host_is_subset(hostname, excluded))
    }

    /// The entry that imports a service: one of its namespace, else one of all namespaces. Of each only what passes
    /// `fits` counts.
    pub fn import(&self, service: &Service, fits: bool) -> Option<&ArcStr> {
        if !fits {
            return None;
        }
        [service.namespace.as_str(), "*"].into_iter().find_map(|ns| {
            let entries = self.imports.get(ns)?;
            entries.iter().find(|e| covers(&e.host, &service.hostname)).map(|e| &e.written)
        })
    }

    /// Whether the entries admit a virtual service of `namespace` by one of its hosts.
    pub fn admits(&self, hosts: &[ArcStr], namespace: &str, gateway_semantics: bool) -> bool {
        let meets = |entry: &Entry, host: &ArcStr| {
            entry.host == *host
                || ((is_wildcard(&entry.host) || is_wildcard(host))
                    && if gateway_semantics {
                        host_is_subset(host, &entry.host)
                    } else {
                        host_matches(host, &entry.host)
                    })
        };
        hosts.iter().any(|host| {
            let by = |ns: &str| self.imports.get(ns).is_some_and(|all| all.iter().any(|e| meets(e, host)));
            (by(namespace) || by("*")) && !self.excludes(host, namespace)
        })
    }

    /// Whether the entries admit another name of a service.
    pub fn admits_alias(&self, hostname: &str, namespace: &str) -> bool {
        let by = |ns: &str| self.imports.get(ns).is_some_and(|all| all.iter().any(|e| covers(&e.host, hostname)));
        (by(namespace) || by("*")) && !self.excludes(hostname, namespace)
    }
}

/// Whether an entry's host imports a service of that name: an exact entry never imports a wildcard service.
fn covers(entry: &str, hostname: &str) -> bool {
    entry == hostname || ((is_wildcard(entry) || is_wildcard(hostname)) && host_is_subset(hostname, entry))
}
