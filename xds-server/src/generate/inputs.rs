//! What clusters and endpoints depend on, as keys: what is made under one key is the same for everybody. (`shape.rs` is
//! that of listeners and routes.)

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use arcstr::ArcStr;
use xdslab_mesh::endpoint::{EndpointIndex, EndpointSet};
use xdslab_mesh::object::istio::MeshConfig;
use xdslab_mesh::scope::MergedRule;
use xdslab_mesh::service::{Service, TrafficDistribution};
use xdslab_mesh::{ClientCertificates, IpMode, PeerAuthenticationIndex, ProxyKind, Scope};
use xdslab_protocol::{NameSet, Resource};

use super::cluster::Outbound;
use super::memo::address;
use super::view::View;

static NO_ENDPOINTS: LazyLock<Arc<EndpointSet>> = LazyLock::new(Arc::default);

/// What the clusters of a service depend on of the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Traits {
    istio_extensions: bool,
    preserve_case: bool,
    kind: ProxyKind,
    passes_by_sni: bool,
    ip_mode: IpMode,
    certificates: Option<ClientCertificates>,
    resolver: Option<SocketAddr>,
}

impl Traits {
    fn of(view: &View) -> Self {
        Self {
            istio_extensions: view.proxy.istio_extensions,
            preserve_case: view.preserve_case(),
            kind: view.proxy.kind,
            passes_by_sni: view.gateways.passes_by_sni,
            ip_mode: view.proxy.ip_mode(),
            certificates: view.proxy.metadata.client_certificates.clone(),
            resolver: view.proxy.metadata.lab.dns,
        }
    }
}

/// The clusters of a service.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ServiceKey {
    inputs: [usize; 5],
    traits: Traits,
}

impl ServiceKey {
    pub fn of(view: &View, inputs: &ServiceInputs) -> Self {
        Self { inputs: inputs.addresses(), traits: Traits::of(view) }
    }
}

/// The outbound clusters of a scope.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ScopeKey {
    inputs: [usize; 2],
    traits: Traits,
}

/// What a [`ScopeKey`] has the addresses of, kept alive.
pub type ScopeInputs = (Arc<Scope>, Arc<EndpointIndex>);

impl ScopeKey {
    pub fn of(view: &View) -> Self {
        let index = view.snapshot.endpoint_index();
        Self { inputs: [address(&view.scope), address(index)], traits: Traits::of(view) }
    }

    pub fn inputs(view: &View) -> ScopeInputs {
        (view.scope.clone(), view.snapshot.endpoint_index().clone())
    }
}

/// The endpoints of a cluster.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AssignmentKey {
    inputs: [usize; 5],
    cluster: ArcStr,
}

impl AssignmentKey {
    pub fn of(inputs: &ServiceInputs, cluster: &ArcStr) -> Self {
        Self { inputs: inputs.addresses(), cluster: cluster.clone() }
    }
}

/// The endpoints of a list of clusters, by the addresses of their names too: clients that say the same names hold the same
/// strings.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ListKey {
    inputs: [usize; 4],
    names: Box<[usize]>,
}

/// What a [`ListKey`] has the addresses of but for the names, kept alive.
pub type ListInputs = (Arc<Scope>, Arc<EndpointIndex>, Arc<MeshConfig>, Arc<PeerAuthenticationIndex>);

impl ListKey {
    pub fn of(view: &View, names: &NameSet) -> Self {
        let (scope, index, mesh, authentications) = Self::inputs(view);
        let inputs = [address(&scope), address(&index), address(&mesh), address(&authentications)];
        Self { inputs, names: names.iter().map(|name| name.as_ptr().addr()).collect() }
    }

    pub fn inputs(view: &View) -> ListInputs {
        let snapshot = &view.snapshot;
        let authentications = snapshot.peer_authentications().clone();
        (
            view.scope.clone(),
            snapshot.endpoint_index().clone(),
            snapshot.mesh_config().clone(),
            authentications,
        )
    }
}

/// Inputs whose addresses are in keys, kept alive beside the values.
#[derive(Clone, Debug)]
pub struct ServiceInputs {
    pub service: Arc<Service>,
    pub rule: Option<Arc<MergedRule>>,
    pub endpoints: Arc<EndpointSet>,
    pub mesh: Arc<MeshConfig>,
    pub authentications: Arc<PeerAuthenticationIndex>,
}

impl ServiceInputs {
    /// Those of a service as a proxy sees it.
    pub fn of(view: &View, service: &Arc<Service>) -> Self {
        let snapshot = &view.snapshot;
        Self {
            service: service.clone(),
            rule: view.scope.outbound_rule(&service.hostname, &view.workload.labels).cloned(),
            endpoints: snapshot
                .endpoints(&service.hostname, &service.namespace)
                .unwrap_or(&NO_ENDPOINTS)
                .clone(),
            mesh: snapshot.mesh_config().clone(),
            authentications: snapshot.peer_authentications().clone(),
        }
    }

    fn addresses(&self) -> [usize; 5] {
        [
            address(&self.service),
            self.rule.as_ref().map_or(0, address),
            address(&self.endpoints),
            address(&self.mesh),
            address(&self.authentications),
        ]
    }

    /// Whether proxies in different places get different clusters: endpoints that travel in the cluster, shared
    /// out or ordered by place.
    pub fn depends_on_place(&self) -> bool {
        let (service, mesh) = (&self.service, &self.mesh);
        service.resolution.is_dns()
            && (self.rule.is_some()
                || service.traffic_distribution != TrafficDistribution::Any
                || mesh.zone_aware_lb_setting.is_some()
                || mesh.default_traffic_policy.is_some()
                || mesh.locality_lb_setting.as_ref().is_some_and(|l| !l.distribute.is_empty()))
    }

    /// The service's clusters.
    pub fn clusters(&self, view: &View) -> Arc<[Resource]> {
        Outbound::new(view, &self.service, self.rule.as_ref(), &self.endpoints).clusters().into()
    }
}
