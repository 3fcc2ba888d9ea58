//! The model service: what a Kubernetes Service or one host of a `ServiceEntry` becomes.
//!
//! istiod: `pilot/pkg/model/service.go`.

mod export_to;
mod host;
mod kubernetes;
mod protocol;
mod registry;
mod service_entry;

use std::sync::Arc;

use arcstr::ArcStr;

pub use export_to::ExportTo;
pub use host::{host_is_subset, host_matches, is_wildcard, most_specific, qualify};
pub(crate) use kubernetes::from_kubernetes;
pub use protocol::Protocol;
pub use registry::ServiceIndex;
pub(crate) use service_entry::from_service_entry;

use crate::object::{Labels, Timestamp};

/// Who told of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Registry {
    /// A `ServiceEntry`.
    External,
    /// A Kubernetes Service.
    Kubernetes,
}

/// How a client finds the endpoints of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// The control plane tells them (EDS).
    ClientSideLb,
    /// The address that the client asked for is used as it is.
    Passthrough,
    /// DNS, all addresses.
    DnsLb,
    /// DNS, one address at a time.
    DnsRoundRobinLb,
    /// DNS of the host that each request names.
    DynamicDns,
    /// Another name of a service (`ExternalName`).
    Alias,
}

impl Resolution {
    /// Whether Envoy itself resolves the endpoints' names, so that they travel in the cluster and not by EDS.
    pub const fn is_dns(self) -> bool {
        matches!(self, Self::DnsLb | Self::DnsRoundRobinLb)
    }
}

/// Which endpoints a service asks its clients to prefer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficDistribution {
    /// No wish.
    #[default]
    Any,
    /// Those of the client's zone.
    PreferSameZone,
    /// Those of the client's node, then of its zone.
    PreferSameNode,
}

impl TrafficDistribution {
    /// Reads Kubernetes' word, in any case; an unknown one is no wish.
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "preferclose" | "prefersamezone" => Self::PreferSameZone,
            "prefersamenode" => Self::PreferSameNode,
            _ => Self::Any,
        }
    }
}

/// Which addresses a Kubernetes Service publishes. Slices tell of all of these as of ready ones; it counts only in that a
/// change of it is a change of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Publishes {
    /// Those that are ready.
    #[default]
    Ready,
    /// All (`publishNotReadyAddresses`).
    All,
}

/// One port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The service's own port.
    pub number: u32,
    /// Name.
    pub name: ArcStr,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The port that original-destination traffic is sent to instead (`ServiceEntry` with resolution NONE), or 0.
    pub override_port: u32,
}

/// Another name of a service: an `ExternalName` Service that leads to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias {
    /// Its namespace.
    pub namespace: ArcStr,
    /// Its host name.
    pub hostname: ArcStr,
}

/// A service as clients see it. Immutable; shared by every scope that holds it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The name that clients use: `name.namespace.svc.cluster.local`, or a host of a `ServiceEntry`.
    pub hostname: ArcStr,
    /// The Kubernetes Service's name; for a `ServiceEntry` the hostname.
    pub name: ArcStr,
    /// Namespace of the object.
    pub namespace: ArcStr,
    /// Who told of it.
    pub registry: Registry,
    /// When the object was made.
    pub created: Timestamp,
    /// How endpoints are found.
    pub resolution: Resolution,
    /// Whether it lies outside of the mesh.
    pub mesh_external: bool,
    /// Ports, in the object's order.
    pub ports: Vec<Port>,
    /// Virtual address, `0.0.0.0` where there is none.
    pub address: ArcStr,
    /// All virtual addresses, the first one as `address`; empty where there is none.
    pub addresses: Vec<ArcStr>,
    /// Addresses outside of the cluster that lead to it; they count only in that a change of them is one of the service.
    pub external_addresses: Vec<ArcStr>,
    /// Addresses that the cluster made up for it (`status.addresses`), for proxies that capture DNS.
    pub auto_addresses: Vec<ArcStr>,
    /// What its object says of its visibility; empty: the mesh's default.
    pub declared_export_to: ExportTo,
    /// Who may see it: what it declares, or the mesh's default, clamped by the mesh's service entry visibility.
    pub export_to: ExportTo,
    /// The object's labels.
    pub labels: Arc<Labels>,
    /// Labels of the pods behind it.
    pub selector: Arc<Labels>,
    /// The Kubernetes Service's type.
    pub kind: ArcStr,
    /// Which addresses the Kubernetes Service publishes.
    pub publishes: Publishes,
    /// What an `ExternalName` Service stands for.
    pub external_name: Option<ArcStr>,
    /// Other names of this service, by namespace and host name.
    pub aliases: Vec<Alias>,
    /// Preferred endpoints.
    pub traffic_distribution: TrafficDistribution,
    /// Only endpoints on the client's node.
    pub node_local: bool,
    /// Identities beside those of the endpoints, as they stand in certificates.
    pub identities: Vec<ArcStr>,
    /// `istio.io/connect-strategy: RACE_FIRST_TCP_CONNECT`: DNS clusters race their addresses.
    pub race_connect: bool,
}

impl Service {
    /// The port of that number.
    pub fn port(&self, number: u32) -> Option<&Port> {
        self.ports.iter().find(|p| p.number == number)
    }

    /// Whether the service declares support for persistent sessions, and so for draining endpoints.
    pub fn supports_draining(&self) -> bool {
        self.labels.contains_key("istio.io/persistent-session")
            || self.labels.contains_key("istio.io/persistent-session-header")
    }

    /// A copy that has only the ports for which `keep` holds.
    #[must_use]
    pub fn trimmed(&self, keep: impl Fn(&Port) -> bool) -> Self {
        Self { ports: self.ports.iter().filter(|p| keep(p)).cloned().collect(), ..self.clone() }
    }
}
