//! Endpoints of the mesh's services, as the control plane keeps them
//! (istiod: `pilot/pkg/model/endpointshards.go`).

mod entries;
mod pods;
mod slices;
mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

pub(crate) use entries::{
    WorkloadEntries, entry_labels, entry_port, external_endpoints, selected_entries, selects,
};
pub(crate) use pods::{PodEntry, Pods};
pub(crate) use slices::Slices;
pub(crate) use workload::with_topology;

use crate::locality::Locality;
use crate::object::Labels;

/// The one cluster whose registry this is (istiod's flag `--clusterID`, by default).
pub const CLUSTER: &str = "Kubernetes";

/// Where an endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IP address.
    Ip(ArcStr),
    /// A name that the client resolves.
    Host(ArcStr),
    /// A Unix socket's path.
    Unix(ArcStr),
}

impl Address {
    /// Reads what an API object says: `unix:///path`, an IP address or a name.
    pub fn read(text: &ArcStr) -> Self {
        match text.strip_prefix("unix://") {
            Some(path) => Self::Unix(path.into()),
            None if text.parse::<std::net::IpAddr>().is_ok() => Self::Ip(text.clone()),
            None => Self::Host(text.clone()),
        }
    }

    /// The address as text: the IP, the name or the path.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ip(a) | Self::Host(a) | Self::Unix(a) => a,
        }
    }
}

/// Whether an endpoint takes traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Nobody says; clients take it for healthy.
    #[default]
    Unknown,
    /// Ready.
    Healthy,
    /// Not ready.
    Unhealthy,
    /// Going away, still serving what it has (only for services with persistent sessions).
    Draining,
    /// Going away; never sent.
    Terminating,
}

/// Whether an endpoint's proxy takes Istio's mutual TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// No.
    Disabled,
    /// Yes.
    Istio,
}

impl TlsMode {
    /// From the label `security.istio.io/tlsMode`, else `absent`.
    pub fn of_labels(labels: &Labels, absent: Self) -> Self {
        match labels.get("security.istio.io/tlsMode").map(ArcStr::as_str) {
            Some("istio") => Self::Istio,
            Some("") | None => absent,
            Some(_) => Self::Disabled,
        }
    }
}

/// One address and port of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// Its port; 0 for a Unix socket.
    pub port: u32,
    /// The name of the service's port that it serves.
    pub service_port_name: ArcStr,
    /// The number of that port where a `ServiceEntry` tells it, else 0.
    pub service_port: u32,
    /// Labels, those of its topology included.
    pub labels: Arc<Labels>,
    /// Namespace of the workload.
    pub namespace: ArcStr,
    /// Service account; empty where unknown.
    pub service_account: ArcStr,
    /// Where it runs.
    pub locality: Locality,
    /// Share of traffic among its neighbours, 1 by default.
    pub weight: u32,
    /// Whether it takes mutual TLS.
    pub tls: TlsMode,
    /// Whether it takes traffic.
    pub health: Health,
    /// Node that it runs on; empty where unknown.
    pub node: ArcStr,
    /// `<workload>;<namespace>;<canonical name>;<canonical revision>;<cluster>`, as telemetry wants it.
    pub workload: ArcStr,
}

/// All endpoints of one host in one namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointSet {
    /// Endpoints: those of `ServiceEntries` first, then those of Kubernetes.
    pub endpoints: Vec<Endpoint>,
    /// `ns/<namespace>/sa/<service account>` of all of them, sorted, each once; where there are none, of the last that there
    /// were.
    pub accounts: Vec<ArcStr>,
}

impl EndpointSet {
    /// A set of these endpoints. O(n log n).
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        let known = endpoints.iter().filter(|e| !e.service_account.is_empty());
        let mut accounts: Vec<_> =
            known.map(|e| arcstr::format!("ns/{}/sa/{}", e.namespace, e.service_account)).collect();
        accounts.sort();
        accounts.dedup();
        Self { endpoints, accounts }
    }
}

/// Endpoints by host and namespace. Untouched sets stay shared from snapshot to snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointIndex(pub(crate) BTreeMap<(ArcStr, ArcStr), Arc<EndpointSet>>);

impl EndpointIndex {
    /// All endpoints, by host and namespace.
    pub fn iter(&self) -> impl Iterator<Item = (&(ArcStr, ArcStr), &Arc<EndpointSet>)> {
        self.0.iter()
    }

    /// The endpoints of `hostname` in `namespace`, if ever there were any.
    pub fn get(&self, hostname: &ArcStr, namespace: &ArcStr) -> Option<&Arc<EndpointSet>> {
        self.0.get(&(hostname.clone(), namespace.clone()))
    }
}
