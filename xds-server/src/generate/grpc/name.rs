//! The names by which gRPC clients ask for listeners (istiod: `newListenerNameFilter` in `grpcgen/lds.go`).

use std::collections::{BTreeMap, BTreeSet};

use crate::generate::view::View;

/// What begins the names of a server's own listeners (istiod: `ServerListenerNamePrefix`).
const INBOUND: &str = "xds.istio.io/grpc/lds/inbound/";

/// The listeners that a client asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted<'n> {
    by_host: BTreeMap<String, Spellings<'n>>,
    inbound: Vec<Inbound<'n>>,
    everything: bool,
}

/// How a client calls one host.
#[derive(Clone, Debug)]
pub(super) struct Spellings<'n> {
    /// Host names as the client writes them, sorted.
    pub hosts: BTreeSet<&'n str>,
    /// The ports that any of them comes with; none where one comes without port, which means all ports.
    ports: Option<BTreeSet<&'n str>>,
}

/// A server's own listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inbound<'n> {
    /// The whole name.
    pub name: &'n str,
    /// Address.
    pub host: &'n str,
    /// Port.
    pub port: u32,
}

impl<'n> Wanted<'n> {
    /// Reads the names. None at all ask for every service.
    pub fn new(view: &View, names: impl IntoIterator<Item = &'n str>) -> Self {
        let proxy = &view.proxy;
        let namespace = proxy.metadata.namespace.as_deref().unwrap_or_default();
        Self::read(names, &proxy.dns_domain, namespace)
    }

    fn read(names: impl IntoIterator<Item = &'n str>, domain: &str, namespace: &str) -> Self {
        let mut wanted = Self { everything: true, ..Self::default() };
        for name in names {
            wanted.everything = false;
            if let Some(address) = name.strip_prefix(INBOUND) {
                let at = split_port(address).and_then(|(host, port)| Some((host, port.parse().ok()?)));
                wanted.inbound.extend(at.map(|(host, port)| Inbound { name, host, port }));
                continue;
            }
            let (host, port) = split_port(name).map_or((name, None), |(host, port)| (host, Some(port)));
            wanted.add(host.to_owned(), host, port);
            if let Some(full) = expand(host, domain, namespace) {
                wanted.add(full, host, port);
            }
        }
        wanted
    }

    fn add(&mut self, key: String, host: &'n str, port: Option<&'n str>) {
        let fresh = || Spellings { hosts: BTreeSet::new(), ports: Some(BTreeSet::new()) };
        let spellings = self.by_host.entry(key).or_insert_with(fresh);
        spellings.hosts.insert(host);
        match (port, &mut spellings.ports) {
            (Some(port), Some(ports)) => drop(ports.insert(port)),
            _ => spellings.ports = None,
        }
    }

    /// How the client calls `hostname`, if it asks for it.
    pub fn of<'s>(&'s self, hostname: &'s str) -> Option<Spellings<'s>> {
        if self.everything {
            return Some(Spellings { hosts: [hostname].into(), ports: None });
        }
        self.by_host.get(hostname).cloned()
    }

    /// The server's own listeners, of those names that have an address and a port.
    pub fn inbound(&self) -> &[Inbound<'n>] {
        &self.inbound
    }
}

impl Spellings<'_> {
    /// Whether the client asks for that port.
    pub fn has_port(&self, port: u32) -> bool {
        self.ports.as_ref().is_none_or(|ports| ports.contains(port.to_string().as_str()))
    }
}

/// The name of the listener of one host and port.
pub(super) fn listener(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Host and port of `host:port` or `[host]:port`; none for anything else (Go's `net.SplitHostPort`).
fn split_port(name: &str) -> Option<(&str, &str)> {
    let (host, port) = name.rsplit_once(':')?;
    let stray = |part: &str| part.contains(['[', ']']);
    match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']')?;
            (!stray(inner) && !stray(port)).then_some((inner, port))
        }
        None => (!host.contains(':') && !stray(host) && !stray(port)).then_some((host, port)),
    }
}

/// The full form of a short name: one without a dot in the client's domain, and `name.<namespace>` and
/// `name.<namespace>.svc` of the client's own namespace. Names of other namespaces stay as they are.
fn expand(host: &str, domain: &str, namespace: &str) -> Option<String> {
    if !host.contains('.') {
        return Some(format!("{host}.{domain}"));
    }
    [namespace.to_owned(), format!("{namespace}.svc")].into_iter().find_map(|suffix| {
        let short = host.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
        domain.starts_with(&suffix).then(|| format!("{short}.{domain}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'n>(names: &[&'n str]) -> Wanted<'n> {
        Wanted::read(names.iter().copied(), "front.svc.cluster.local", "front")
    }

    fn answers(wanted: &Wanted<'_>, hostname: &str, ports: &[u32]) -> Vec<String> {
        let Some(spellings) = wanted.of(hostname) else { return Vec::new() };
        let ports: Vec<u32> = ports.iter().copied().filter(|p| spellings.has_port(*p)).collect();
        spellings.hosts.iter().flat_map(|h| ports.iter().map(|p| listener(h, *p))).collect()
    }

    #[test]
    fn hosts_and_ports() {
        let own = "echo.front.svc.cluster.local";
        for (names, hostname, want) in [
            (&["echo:80"][..], own, &["echo:80"][..]),
            (&["echo"], own, &["echo:80", "echo:90"]),
            (&["echo.front:80"], own, &["echo.front:80"]),
            (&["echo.front.svc:80"], own, &["echo.front.svc:80"]),
            (&["echo.front.svc.cluster.local:80"], own, &["echo.front.svc.cluster.local:80"]),
            // Ports of one spelling hold for all.
            (&["echo:80", "echo.front:90"], own, &["echo:80", "echo:90", "echo.front:80", "echo.front:90"]),
            (&["echo:80", "echo.front"], own, &["echo:80", "echo:90", "echo.front:80", "echo.front:90"]),
            (&["echo", "echo:80"], own, &["echo:80", "echo:90"]),
            (&["echo:81", "echo:"], own, &[]),
            (&["echo:080"], own, &[]),
            // Other namespaces' short names say nothing.
            (&["echo.back:80", "echo.back.svc:80", "echo:80"], "echo.back.svc.cluster.local", &[]),
            (&["echo.back.svc.cluster.local"], own, &[]),
            (&["ext.example.com:80"], "ext.example.com", &["ext.example.com:80"]),
            (&["[fd00::1]:80"], "fd00::1", &["[fd00::1]:80"]),
            (&["a:b:80"], "a:b", &[]),
            (&["xds.istio.io/grpc/lds/inbound/10.0.0.1:80"], own, &[]),
            (&[], own, &["echo.front.svc.cluster.local:80", "echo.front.svc.cluster.local:90"]),
        ] {
            assert_eq!(answers(&wanted(names), hostname, &[80, 90]), want, "{names:?}");
        }
    }

    #[test]
    fn a_servers_own() {
        let names = [
            "xds.istio.io/grpc/lds/inbound/10.0.0.1:80",
            "xds.istio.io/grpc/lds/inbound/[fd00::1]:81",
            "xds.istio.io/grpc/lds/inbound/fd00::1:81",
            "xds.istio.io/grpc/lds/inbound/10.0.0.1",
            "xds.istio.io/grpc/lds/inbound/10.0.0.1:grpc",
        ];
        let want = [
            Inbound { name: names[0], host: "10.0.0.1", port: 80 },
            Inbound { name: names[1], host: "fd00::1", port: 81 },
        ];
        assert_eq!(wanted(&names).inbound(), want);
        assert!(wanted(&names).of("echo").is_none(), "not every service");
    }

    #[test]
    fn a_client_of_another_domain_expands_by_it() {
        for (host, domain, namespace, want) in [
            ("echo", "mesh.test", "front", Some("echo.mesh.test")),
            ("echo.front", "mesh.test", "front", None),
            ("echo.front", "front.svc.mesh.test", "front", Some("echo.front.svc.mesh.test")),
            ("echo.front", "front.svc.mesh.test", "back", None),
            ("echofront.x", "front.svc.mesh.test", "x", None),
        ] {
            assert_eq!(expand(host, domain, namespace).as_deref(), want, "{host} in {domain}");
        }
    }
}
