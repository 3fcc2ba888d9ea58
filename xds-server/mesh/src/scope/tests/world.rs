//! A small mesh written in few words.
//!
//! Services: `K name.ns@ns[80,90] name=foo t=5 export=.,other`: `K` for Kubernetes, else a `ServiceEntry`.
//! Egress listeners, apart by `;`: `8000:HTTP ns/* */x.com`, without a port for all ports.

use std::sync::Arc;

use arcstr::ArcStr;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::object::istio::{DestinationRule, MeshConfig, PeerAuthentication, Sidecar, VirtualService};
use crate::object::{Config, Labels, Meta, Timestamp};
use crate::proxy::ProxyKind;
use crate::rules::{DestinationRuleIndex, PeerAuthenticationIndex, SidecarIndex, VirtualServiceIndex};
use crate::scope::{Scope, ScopeInputs};
use crate::service::{ExportTo, Port, Protocol, Registry, Resolution, Service, ServiceIndex};

/// Objects of a mesh.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub mesh: MeshConfig,
    pub services: Vec<Arc<Service>>,
    pub sidecars: Vec<Arc<Config<Sidecar>>>,
    pub virtual_services: Vec<Arc<Config<VirtualService>>>,
    pub rules: Vec<Arc<Config<DestinationRule>>>,
    pub authentications: Vec<Arc<Config<PeerAuthentication>>>,
}

impl World {
    /// A mesh of these services, apart by `;`.
    pub fn of(services: &str) -> Self {
        let words = services.split(';').map(str::trim).filter(|s| !s.is_empty());
        Self { services: words.map(|s| Arc::new(service(s))).collect(), ..Self::default() }
    }

    pub fn sidecar(mut self, namespace: &str, egress: &str) -> Self {
        self.sidecars.push(config("sidecar", namespace, 0, json!({"egress": listeners(egress)})));
        self
    }

    pub fn virtual_service(mut self, name: &str, namespace: &str, spec: Value) -> Self {
        self.virtual_services.push(config(name, namespace, 0, spec));
        self
    }

    pub fn rule(mut self, name: &str, namespace: &str, spec: Value) -> Self {
        self.rules.push(config(name, namespace, 0, spec));
        self
    }

    pub fn index(&self) -> ServiceIndex {
        let services = self.services.iter().map(|s| {
            let default = || ExportTo::new(self.mesh.default_service_export_to.iter().cloned());
            if s.declared_export_to.is_empty() {
                Arc::new(Service { export_to: default(), ..Service::clone(s) })
            } else {
                s.clone()
            }
        });
        ServiceIndex::new(services.collect())
    }

    /// The scope of a sidecar.
    pub fn scope(&self, namespace: &str) -> Scope {
        self.scope_of(namespace, &Labels::new())
    }

    pub fn scope_of(&self, namespace: &str, labels: &Labels) -> Scope {
        self.build(ProxyKind::Sidecar, namespace, labels, &self.index())
    }

    pub fn build(&self, kind: ProxyKind, namespace: &str, labels: &Labels, services: &ServiceIndex) -> Scope {
        let selected = match kind {
            ProxyKind::Sidecar => SidecarIndex::new(&self.sidecars, &self.mesh).select(namespace, labels),
            _ => crate::rules::SelectedSidecar::None,
        };
        let inputs = ScopeInputs {
            mesh: &self.mesh,
            services,
            virtual_services: &VirtualServiceIndex::new(&self.virtual_services, &self.mesh),
            destination_rules: &DestinationRuleIndex::new(&self.rules, &self.mesh),
            peer_authentications: &PeerAuthenticationIndex::new(&self.authentications, &self.mesh),
        };
        Scope::build(&inputs, kind, &namespace.into(), &selected)
    }
}

/// An object with this spec.
pub fn config<T: DeserializeOwned>(name: &str, namespace: &str, created: i64, spec: Value) -> Arc<Config<T>> {
    let meta = Meta {
        name: name.into(),
        namespace: namespace.into(),
        creation_timestamp: Timestamp(created),
        ..Meta::default()
    };
    let spec = serde_json::from_value(spec).expect("a spec");
    Arc::new(Config { meta, spec, status: Value::Null })
}

/// Labels `app=...`.
pub fn app(name: &str) -> Labels {
    Labels::from([("app".into(), name.into())])
}

/// Services as they are written here.
pub fn written(services: &[Arc<Service>]) -> String {
    let ports = |s: &Service| s.ports.iter().map(|p| p.number.to_string()).collect::<Vec<_>>().join(",");
    let one = |s: &Arc<Service>| format!("{}@{}[{}]", s.hostname, s.namespace, ports(s));
    services.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn listeners(text: &str) -> Vec<Value> {
    let listener = |text: &str| {
        let (ports, hosts): (Vec<&str>, Vec<&str>) = text.split_whitespace().partition(|w| w.contains(':'));
        let port = ports.first().and_then(|p| p.split_once(':'));
        let port =
            port.map(|(n, word)| json!({"number": n.parse::<u32>().expect("a port"), "protocol": word}));
        json!({"port": port, "hosts": hosts})
    };
    text.split(';').filter(|t| !t.trim().is_empty()).map(listener).collect()
}

fn service(text: &str) -> Service {
    let mut words = text.split_whitespace().peekable();
    let registry = if words.next_if_eq(&"K").is_some() { Registry::Kubernetes } else { Registry::External };
    let (hostname, rest) = words.next().and_then(|w| w.split_once('@')).expect("host@namespace");
    let (namespace, ports) = rest.split_once('[').unwrap_or((rest, "]"));
    let options: Vec<(&str, &str)> = words.filter_map(|w| w.split_once('=')).collect();
    let option = |key: &str| options.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
    let ports = ports.trim_end_matches(']').split(',').filter_map(|p| p.parse().ok());
    let export_to = ExportTo::new(option("export").into_iter().flat_map(|e| e.split(',')).map(ArcStr::from));
    let selector: Labels = option("selects").map(app).unwrap_or_default();
    Service {
        hostname: hostname.into(),
        name: option("name").unwrap_or(hostname).into(),
        namespace: namespace.into(),
        registry,
        created: Timestamp(option("t").map_or(0, |t| t.parse().expect("seconds"))),
        resolution: if option("dns").is_some() { Resolution::DnsLb } else { Resolution::ClientSideLb },
        mesh_external: false,
        ports: ports.map(port).collect(),
        address: "0.0.0.0".into(),
        addresses: Vec::new(),
        auto_addresses: Vec::new(),
        declared_export_to: export_to.clone(),
        export_to,
        labels: Arc::default(),
        selector: Arc::new(selector),
        kind: ArcStr::new(),
        publishes: crate::service::Publishes::Ready,
        external_name: None,
        aliases: Vec::new(),
        traffic_distribution: crate::service::TrafficDistribution::Any,
        node_local: false,
        identities: Vec::new(),
        external_addresses: Vec::new(),
        race_connect: false,
    }
}

fn port(number: u32) -> Port {
    Port { number, name: arcstr::format!("p{number}"), protocol: Protocol::Http, override_port: 0 }
}
