//! Hosts of servers: which virtual services may serve them, and how they come together (istiod:
//! `sanitizeServerHostNamespace`, `pickMatchingGatewayHosts`; `NamesForNamespace`, `Intersection` in
//! `pkg/config/host/names.go`).

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use arcstr::ArcStr;
use xdslab_mesh::service::{host_is_subset, host_matches, is_wildcard};

/// One host of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerHost {
    /// `namespace/name`, or `name` where virtual services of every namespace may serve it.
    pub text: ArcStr,
    /// Where the name begins in `text`.
    name: usize,
}

impl ServerHost {
    /// The hosts of a server in `namespace`: `./name` is of its own namespace, `*/name` of all, and `*/*` stands alone
    /// for everything.
    pub fn all(hosts: &[ArcStr], namespace: &str) -> Vec<Self> {
        if hosts.iter().any(|h| h == "*/*") {
            return vec![Self::of(arcstr::literal!("*"))];
        }
        let read = |host: &ArcStr| match host.split_once('/') {
            Some((".", name)) => Self::of(arcstr::format!("{namespace}/{name}")),
            Some(("*", name)) => Self::of(name.into()),
            _ => Self::of(host.clone()),
        };
        hosts.iter().map(read).collect()
    }

    fn of(text: ArcStr) -> Self {
        let name = text.find('/').map_or(0, |at| at + 1);
        Self { text, name }
    }

    /// The host itself.
    pub fn name(&self) -> &str {
        &self.text[self.name..]
    }

    /// Whether virtual services of `namespace` may serve it.
    fn is_open_to(&self, namespace: &str) -> bool {
        self.name == 0 || &self.text[..self.name - 1] == namespace
    }
}

/// The names among `hosts`, each once, sorted: what clients are told apart by (istiod: `GetSNIHostsForServer`).
pub(super) fn server_names(hosts: &[ServerHost]) -> Vec<&str> {
    let mut names: Vec<&str> = hosts.iter().map(ServerHost::name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether one of the hosts of a virtual service of `namespace` overlaps one of the server's.
pub(super) fn overlap(hosts: &[ServerHost], namespace: &str, wanted: &[ArcStr]) -> bool {
    hosts.iter().filter(|h| h.is_open_to(namespace)).any(|h| wanted.iter().any(|w| host_matches(h.name(), w)))
}

/// The hosts of one server, to be met by those of many virtual services.
pub(super) struct HostSet<'a> {
    hosts: &'a [ServerHost],
    exact: HashMap<&'a str, Vec<usize>>,
    wildcards: Vec<usize>,
}

impl<'a> HostSet<'a> {
    /// Indexes the hosts of a server.
    pub fn new(hosts: &'a [ServerHost]) -> Self {
        let mut set = Self { hosts, exact: HashMap::new(), wildcards: Vec::new() };
        for (at, host) in hosts.iter().enumerate() {
            if is_wildcard(host.name()) {
                set.wildcards.push(at);
            } else {
                set.exact.entry(host.name()).or_default().push(at);
            }
        }
        set
    }

    /// Of each pair of a host here and one of a virtual service of `namespace` the narrower, if one covers the other;
    /// in the order of the hosts here, then of the virtual service's, each once.
    ///
    /// O(hosts of the virtual service × wildcards here), and × all hosts here for a wildcard.
    pub fn intersection<'h>(&'h self, namespace: &str, wanted: &'h [ArcStr]) -> Vec<&'h str> {
        let mut met: Vec<(usize, usize, &str)> = Vec::new();
        for (at, wanted) in wanted.iter().enumerate() {
            let mut compare = |host: usize| {
                let name = self.hosts[host].name();
                if !self.hosts[host].is_open_to(namespace) {
                    return;
                }
                if host_is_subset(name, wanted) {
                    met.push((host, at, name));
                } else if host_is_subset(wanted, name) {
                    met.push((host, at, wanted));
                }
            };
            if is_wildcard(wanted) {
                (0..self.hosts.len()).for_each(compare);
            } else {
                let exact = self.exact.get(wanted.as_str()).into_iter().flatten();
                exact.chain(&self.wildcards).for_each(|host| compare(*host));
            }
        }
        met.sort_unstable();
        let mut seen = HashSet::new();
        met.into_iter().map(|(_, _, name)| name).filter(|name| seen.insert(*name)).collect()
    }
}

/// The more specific first: exact before wildcard, then the longer, then by alphabet (istiod: `Names.Less`).
pub(super) fn by_specificity(a: &str, b: &str) -> Ordering {
    is_wildcard(a).cmp(&is_wildcard(b)).then(b.len().cmp(&a.len())).then(a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<ArcStr> {
        all.iter().map(|t| ArcStr::from(*t)).collect()
    }

    #[test]
    fn namespaces_of_hosts() {
        let read = |hosts: &[&str]| -> Vec<String> {
            ServerHost::all(&texts(hosts), "ns").iter().map(|h| h.text.to_string()).collect()
        };
        assert_eq!(read(&["./a.b", "*/c.d", "x/e.f", "g.h"]), ["ns/a.b", "c.d", "x/e.f", "g.h"]);
        assert_eq!(read(&["a.b", "*/*"]), ["*"]);
    }

    #[test]
    fn intersections() {
        for (hosts, wanted, namespace, want) in [
            (&["*"][..], &["a.com", "b.com"][..], "ns", &["a.com", "b.com"][..]),
            (&["b.com", "a.com"], &["a.com", "b.com"], "ns", &["b.com", "a.com"]),
            (&["*.com"], &["*.a.com"], "ns", &["*.a.com"]),
            (&["b.a.com", "c.a.com"], &["*.a.com"], "ns", &["b.a.com", "c.a.com"]),
            (&["*.com", "a.com"], &["a.com"], "ns", &["a.com"]),
            (&["x/a.com"], &["a.com"], "ns", &[]),
            (&["x/a.com"], &["a.com"], "x", &["a.com"]),
            (&["*.a.com"], &["a.com"], "ns", &[]),
        ] {
            let hosts = ServerHost::all(&texts(hosts), "ns");
            let wanted = texts(wanted);
            assert_eq!(HostSet::new(&hosts).intersection(namespace, &wanted), want);
            assert_eq!(overlap(&hosts, namespace, &wanted), !want.is_empty());
        }
    }

    #[test]
    fn specificity() {
        let mut hosts = ["*", "b.com", "*.com", "a.com", "x.y.com", "*.a.com"];
        hosts.sort_by(|a, b| by_specificity(a, b));
        assert_eq!(hosts, ["x.y.com", "a.com", "b.com", "*.a.com", "*.com", "*"]);
    }
}
