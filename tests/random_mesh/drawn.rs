//! A mesh drawn at random: small, with few names, so that its parts meet.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Namespaces of the mesh; `istio-system` is its root.
pub const NAMESPACES: [&str; 4] = ["ns-0", "ns-1", "ns-2", "istio-system"];
/// Ports that a service may have: name and number. The name says the protocol; `x` is for Envoy to find out.
const PORTS: [(&str, u16); 5] = [("http", 80), ("tcp", 9000), ("x", 7000), ("https", 443), ("grpc", 9090)];
const EXTERNAL: [&str; 3] = ["a.example.com", "b.example.com", "*.wild.example.com"];
const EGRESS: [&str; 9] = [
    "./*",
    "*/*",
    "ns-0/*",
    "ns-1/*",
    "istio-system/*",
    "~/*",
    "*/s-0.ns-0.svc.cluster.local",
    "ns-2/s-1.ns-2.svc.cluster.local",
    "*/a.example.com",
];

/// A mesh, as the objects that a user would write.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Services of the cluster.
    pub services: Vec<DrawnService>,
    /// Hosts outside of it.
    pub entries: Vec<DrawnEntry>,
    sidecars: Vec<(usize, Vec<usize>)>,
    destination_rules: Vec<(usize, Option<usize>)>,
    virtual_services: Vec<(usize, Vec<(usize, usize, bool)>)>,
    peer_authentications: Vec<(usize, usize)>,
}

/// A Service with its endpoints.
#[derive(Clone, Debug)]
pub struct DrawnService {
    namespace: usize,
    ports: Vec<usize>,
    /// To whom it is visible.
    pub export: Export,
    headless: bool,
    endpoints: u8,
}

/// A `ServiceEntry`.
#[derive(Clone, Debug)]
pub struct DrawnEntry {
    namespace: usize,
    host: usize,
    /// To whom it is visible.
    pub export: Export,
    resolution: usize,
    ports: Vec<usize>,
}

/// `exportTo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// Not said: everywhere.
    Default,
    /// `.`
    Own,
    /// `*`
    All,
    /// One namespace by name.
    To(usize),
}

impl Export {
    /// Whether something of `home` is visible in `namespace`.
    pub fn reaches(self, home: &str, namespace: &str) -> bool {
        match self {
            Self::Default | Self::All => true,
            Self::Own => home == namespace,
            Self::To(one) => NAMESPACES[one] == namespace,
        }
    }

    fn text(self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::Own => Some("."),
            Self::All => Some("*"),
            Self::To(one) => Some(NAMESPACES[one]),
        }
    }
}

fn export() -> impl Strategy<Value = Export> {
    prop_oneof![
        4 => Just(Export::Default), 1 => Just(Export::Own), 1 => Just(Export::All),
        1 => (0..NAMESPACES.len()).prop_map(Export::To),
    ]
}

fn ports() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..PORTS.len()).collect::<Vec<_>>(), 1..=3)
}

/// Any mesh.
pub fn drawn() -> impl Strategy<Value = Drawn> {
    let namespace = || 0..NAMESPACES.len();
    let service = (namespace(), ports(), export(), any::<bool>(), 0..3_u8).prop_map(
        |(namespace, ports, export, headless, endpoints)| DrawnService {
            namespace,
            ports,
            export,
            headless,
            endpoints,
        },
    );
    let entry = (namespace(), 0..EXTERNAL.len(), export(), 0..3_usize, ports()).prop_map(
        |(namespace, host, export, resolution, ports)| DrawnEntry {
            namespace,
            host,
            export,
            resolution,
            ports,
        },
    );
    (vec(service, 1..8), vec(entry, 0..3))
        .prop_flat_map(|(services, entries)| {
            let count = services.len();
            let sidecars = vec((0..NAMESPACES.len(), vec(0..EGRESS.len(), 1..4)), 0..3);
            let rules = vec((0..count, option::of(0..3_usize)), 0..3);
            let routes = vec((0..count, vec((0..count, 0..3_usize, any::<bool>()), 1..3)), 0..3);
            let authentications = vec((0..NAMESPACES.len(), 0..3_usize), 0..3);
            (Just(services), Just(entries), sidecars, rules, routes, authentications)
        })
        .prop_map(
            |(services, entries, sidecars, destination_rules, virtual_services, peer_authentications)| {
                Drawn {
                    services,
                    entries,
                    sidecars,
                    destination_rules,
                    virtual_services,
                    peer_authentications,
                }
            },
        )
}

#[allow(clippy::needless_pass_by_value)] // it becomes part of the result
fn object(api: &str, kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

const NETWORKING: &str = "networking.istio.io/v1";

impl DrawnService {
    /// Its namespace.
    pub fn namespace(&self) -> &'static str {
        NAMESPACES[self.namespace]
    }

    /// Its full name, `at` being its place in the mesh.
    pub fn hostname(&self, at: usize) -> String {
        format!("s-{at}.{}.svc.cluster.local", self.namespace())
    }

    fn objects(&self, at: usize) -> Vec<Value> {
        let port = |p: &usize| json!({"name": PORTS[*p].0, "port": PORTS[*p].1});
        let mut spec =
            json!({"ports": self.ports.iter().map(port).collect::<Vec<_>>(), "selector": {"app": "s"}});
        spec["clusterIP"] = if self.headless { json!("None") } else { json!(format!("10.96.0.{}", at + 1)) };
        let name = format!("s-{at}");
        let mut service = object("v1", "Service", self.namespace(), &name, spec);
        if let Some(export) = self.export.text() {
            service["metadata"]["annotations"] = json!({"networking.istio.io/exportTo": export});
        }
        let endpoint =
            |i: u8| json!({"addresses": [format!("10.244.{at}.{i}")], "conditions": {"ready": true}});
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": self.namespace(), "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
            "endpoints": (0..self.endpoints).map(endpoint).collect::<Vec<_>>(),
        });
        vec![service, slice]
    }
}

impl DrawnEntry {
    /// Its namespace.
    pub fn namespace(&self) -> &'static str {
        NAMESPACES[self.namespace]
    }

    /// Its host.
    pub fn hostname(&self) -> &'static str {
        EXTERNAL[self.host]
    }

    fn object(&self, at: usize) -> Value {
        let port = |p: &usize| {
            let (name, number) = PORTS[*p];
            let protocol = match name {
                "x" => "TCP".to_owned(),
                name => name.to_uppercase(),
            };
            json!({"name": name, "number": number, "protocol": protocol})
        };
        // A wildcard host can neither be resolved nor be listed.
        let resolution = if self.hostname().starts_with('*') { 0 } else { self.resolution };
        let mut spec = json!({
            "hosts": [self.hostname()], "location": "MESH_EXTERNAL",
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
            "resolution": (["NONE", "DNS", "STATIC"][resolution]),
        });
        if resolution == 2 {
            spec["endpoints"] = json!([{"address": format!("192.0.2.{}", at + 1)}]);
        }
        if let Some(export) = self.export.text() {
            spec["exportTo"] = json!([export]);
        }
        object(NETWORKING, "ServiceEntry", self.namespace(), &format!("e-{at}"), spec)
    }
}

impl Drawn {
    /// All objects but the `Sidecars`.
    pub fn objects(&self) -> Vec<Value> {
        let namespaces = NAMESPACES
            .iter()
            .map(|n| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}}));
        let services = self.services.iter().enumerate().flat_map(|(at, s)| s.objects(at));
        let entries = self.entries.iter().enumerate().map(|(at, e)| e.object(at));
        let rules = self.destination_rules.iter().enumerate().map(|(at, (to, mode))| {
            let service = &self.services[*to];
            let mut spec = json!({"host": service.hostname(*to), "subsets": [
                {"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}},
            ]});
            if let Some(mode) = mode {
                spec["trafficPolicy"] =
                    json!({"tls": {"mode": (["DISABLE", "ISTIO_MUTUAL", "SIMPLE"][*mode])}});
            }
            object(NETWORKING, "DestinationRule", service.namespace(), &format!("d-{at}"), spec)
        });
        let routes = self.virtual_services.iter().enumerate().map(|(at, (of, to))| {
            let service = &self.services[*of];
            let destination = |(to, port, ruled): &(usize, usize, bool)| {
                let target = &self.services[*to];
                let number = PORTS[target.ports[port % target.ports.len()]].1;
                let subset = self.destination_rules.iter().any(|(ruled, _)| ruled == to) && *ruled;
                let mut destination = json!({"host": target.hostname(*to), "port": {"number": number}});
                if subset {
                    destination["subset"] = json!("v1");
                }
                json!({"destination": destination, "weight": 100 / 2})
            };
            let spec = json!({
                "hosts": [service.hostname(*of)],
                "http": [{"route": to.iter().map(destination).collect::<Vec<_>>()}],
            });
            object(NETWORKING, "VirtualService", service.namespace(), &format!("v-{at}"), spec)
        });
        let authentications = self.peer_authentications.iter().enumerate().map(|(at, (namespace, mode))| {
            let spec = json!({"mtls": {"mode": (["STRICT", "PERMISSIVE", "DISABLE"][*mode])}});
            object(
                "security.istio.io/v1",
                "PeerAuthentication",
                NAMESPACES[*namespace],
                &format!("p-{at}"),
                spec,
            )
        });
        namespaces.chain(services).chain(entries).chain(rules).chain(routes).chain(authentications).collect()
    }

    /// Services of `namespace` that virtual services send to: its proxies get their clusters whatever `exportTo`
    /// says, as istiod does not ask a namespace about its own.
    pub fn destinations(&self, namespace: &str) -> BTreeSet<String> {
        let named = self.virtual_services.iter().flat_map(|(_, to)| to.iter().map(|(to, ..)| *to));
        let own = named.filter(|to| self.services[*to].namespace() == namespace);
        own.map(|to| self.services[to].hostname(to)).collect()
    }

    /// The `Sidecars`.
    pub fn sidecars(&self) -> Vec<Value> {
        let sidecar = |(at, (namespace, hosts)): (usize, &(usize, Vec<usize>))| {
            let hosts: Vec<_> = hosts.iter().map(|h| EGRESS[*h]).collect();
            sidecar(NAMESPACES[*namespace], &format!("c-{at}"), &hosts)
        };
        self.sidecars.iter().enumerate().map(sidecar).collect()
    }
}

/// A `Sidecar` for a whole namespace.
pub fn sidecar(namespace: &str, name: &str, hosts: &[&str]) -> Value {
    object(NETWORKING, "Sidecar", namespace, name, json!({"egress": [{"hosts": hosts}]}))
}

/// Hosts of an egress listener that only add: without `~`, which takes away.
pub fn egress_hosts() -> impl Strategy<Value = Vec<&'static str>> {
    let adding: Vec<_> = EGRESS.into_iter().filter(|host| !host.starts_with('~')).collect();
    vec(proptest::sample::select(adding), 1..4)
}
