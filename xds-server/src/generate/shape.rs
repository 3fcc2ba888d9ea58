//! What the answers about a sidecar's outbound traffic depend on, as a key: sidecars of one shape are sent the same.

use std::net::IpAddr;
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::endpoint::{Address, EndpointIndex};
use xdslab_mesh::object::Labels;
use xdslab_mesh::service::{Resolution, Service};
use xdslab_mesh::{Interception, IpMode, Lab, Scope};

use super::memo::address;
use super::view::View;

/// Keys of a node's metadata that shape outbound listeners as they are written.
const KEYS: [&str; 5] = [
    "OUTBOUND_LISTENER_EXACT_BALANCE",
    "UNPRIVILEGED_POD",
    "ENVOY_STATUS_PORT",
    "ENVOY_PROMETHEUS_PORT",
    "HTTP_PROXY_PORT",
];

/// What of a scope's rules and services asks who a proxy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Questions {
    /// Some rule asks for labels.
    labels: bool,
    /// Some service is reached at its endpoints, one listener each, but for the proxy's own.
    endpoints: bool,
}

/// What routes depend on. The scope stands for services, rules and the mesh configuration too, from which it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    scope: usize,
    namespace: Option<ArcStr>,
    dns_domain: ArcStr,
    cluster: ArcStr,
    dns_capture: bool,
    ip_mode: IpMode,
    headers: String,
    labels: Option<Labels>,
}

/// What outbound listeners depend on beside that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenerShape {
    shape: Shape,
    /// Of what all filter chains have alike.
    filters: u64,
    interception: Interception,
    lab: Lab,
    metadata: [Option<String>; KEYS.len()],
    endpoints: Option<(usize, Option<IpAddr>)>,
}

impl Questions {
    /// What a scope asks. O(services + virtual services).
    pub fn of(scope: &Scope) -> Self {
        let mut rules = scope.listeners().iter().flat_map(|egress| &egress.virtual_services);
        let asks = rules.any(|rule| {
            let http = rule.spec.http.iter().flat_map(|r| &r.matches).any(|m| !m.source_labels.is_empty());
            let tls = rule.spec.tls.iter().flat_map(|r| &r.matches).any(|m| !m.source_labels.is_empty());
            let tcp = rule.spec.tcp.iter().flat_map(|r| &r.matches).any(|m| !m.source_labels.is_empty());
            http || tls || tcp
        });
        Self { labels: asks || scope.has_workload_rules(), endpoints: headless(scope).next().is_some() }
    }
}

impl Shape {
    /// That of a sidecar.
    pub fn of(view: &View, questions: Questions) -> Self {
        let (proxy, metadata) = (&view.proxy, &view.proxy.metadata);
        Self {
            scope: address(&view.scope),
            namespace: metadata.namespace.clone(),
            dns_domain: proxy.dns_domain.clone(),
            cluster: metadata.cluster_id.clone(),
            dns_capture: metadata.dns_capture,
            ip_mode: proxy.ip_mode(),
            headers: format!("{:?}", view.proxy_config.proxy_headers),
            labels: questions.labels.then(|| view.workload.labels.clone()),
        }
    }
}

impl ListenerShape {
    /// That of a sidecar whose outbound filter chains have `filters` alike.
    pub fn of(view: &View, questions: Questions, filters: u64) -> Self {
        let metadata = &view.proxy.metadata;
        let endpoints = || (address(view.snapshot.endpoint_index()), own_address(view));
        Self {
            shape: Shape::of(view, questions),
            filters,
            interception: metadata.interception,
            lab: metadata.lab,
            metadata: KEYS.map(|key| metadata.raw.get(key).map(ToString::to_string)),
            endpoints: questions.endpoints.then(endpoints),
        }
    }
}

/// What a key holds addresses of.
pub type Kept = (Arc<Scope>, Arc<EndpointIndex>);

/// What must live as long as an answer under a key of this view.
pub fn kept(view: &View) -> Kept {
    (view.scope.clone(), view.snapshot.endpoint_index().clone())
}

/// The proxy's first address, if it is that of an endpoint of a headless service.
fn own_address(view: &View) -> Option<IpAddr> {
    let own = *view.proxy.addresses.first()?;
    let text = own.to_string();
    let is_own = |address: &Address| matches!(address, Address::Ip(ip) if *ip == text.as_str());
    headless(&view.scope)
        .filter_map(|service| view.snapshot.endpoints(&service.hostname, &service.namespace))
        .any(|set| set.endpoints.iter().any(|endpoint| is_own(&endpoint.address)))
        .then_some(own)
}

fn headless(scope: &Scope) -> impl Iterator<Item = &Arc<Service>> {
    let services = scope.listeners().iter().flat_map(|egress| egress.services.iter());
    services.filter(|service| service.resolution == Resolution::Passthrough)
}
