//! A mesh at one moment: immutable, shared by all that read it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arcstr::ArcStr;

use crate::endpoint::{CLUSTER, EndpointIndex, EndpointSet, PodEntry, Pods, WorkloadEntries, with_topology};
use crate::locality::Locality;
use crate::object::Labels;
use crate::object::istio::{
    AuthorizationPolicy, Gateway, MeshConfig, ProxyConfig, RequestAuthentication, Telemetry,
};
use crate::proxy::{Proxy, ProxyKind};
use crate::rules::{
    ByNamespace, DestinationRuleIndex, PeerAuthenticationIndex, SidecarIndex, VirtualServiceIndex,
};
use crate::scope::{Scope, ScopeInputs, ScopeKey};
use crate::service::ServiceIndex;
use crate::targets::{ServiceTarget, TargetIndex};

/// The indexes of a snapshot; what did not change is shared with the snapshot before.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub mesh: Arc<MeshConfig>,
    pub proxy_config: Arc<ProxyConfig>,
    pub services: Arc<ServiceIndex>,
    pub endpoints: Arc<EndpointIndex>,
    pub pods: Arc<Pods>,
    pub entries: Arc<WorkloadEntries>,
    pub targets: Arc<TargetIndex>,
    pub virtual_services: Arc<VirtualServiceIndex>,
    pub destination_rules: Arc<DestinationRuleIndex>,
    pub sidecars: Arc<SidecarIndex>,
    pub peer_authentications: Arc<PeerAuthenticationIndex>,
    pub authorization_policies: Arc<ByNamespace<AuthorizationPolicy>>,
    pub request_authentications: Arc<ByNamespace<RequestAuthentication>>,
    pub telemetries: Arc<ByNamespace<Telemetry>>,
    pub gateways: Arc<ByNamespace<Gateway>>,
    pub scopes: Arc<Scopes>,
}

/// Scopes that were asked for, made once each.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Mutex<HashMap<ScopeKey, Arc<Scope>>>);

/// A mesh at one moment.
#[derive(Debug)]
pub struct Snapshot(Parts);

/// A connected proxy's workload, as the mesh knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Labels that selectors look at, those of its place included.
    pub labels: Labels,
    /// Where it runs.
    pub locality: Locality,
    /// Services that it stands behind.
    pub targets: Vec<ServiceTarget>,
}

impl Snapshot {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(parts)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    /// This mesh with the workloads and the endpoints of `now`: istiod looks these up as they are, and all else as it was
    /// when the last push began.
    #[must_use]
    pub fn with_workloads_of(&self, now: &Self) -> Self {
        let Parts { endpoints, pods, entries, targets, .. } = now.0.clone();
        Self(Parts { endpoints, pods, entries, targets, ..self.0.clone() })
    }

    /// The mesh configuration.
    pub fn mesh_config(&self) -> &Arc<MeshConfig> {
        &self.0.mesh
    }

    /// The configuration of a proxy: its own, else the mesh's. Connection settings fall back to the mesh's on their own
    /// (istiod: `ProxyConfigOrDefault` in `pilot/pkg/model/context.go`).
    pub fn proxy_config(&self, proxy: &Proxy) -> Arc<ProxyConfig> {
        let of_mesh = &self.0.proxy_config;
        match &proxy.metadata.proxy_config {
            None => of_mesh.clone(),
            Some(own) if own.connection_settings.is_some() || of_mesh.connection_settings.is_none() => {
                own.clone()
            }
            Some(own) => Arc::new(ProxyConfig {
                connection_settings: of_mesh.connection_settings,
                ..ProxyConfig::clone(own)
            }),
        }
    }

    /// All services.
    pub fn services(&self) -> &Arc<ServiceIndex> {
        &self.0.services
    }

    /// All endpoints.
    pub fn endpoint_index(&self) -> &Arc<EndpointIndex> {
        &self.0.endpoints
    }

    /// The endpoints of a host in a namespace, if there ever were any.
    pub fn endpoints(&self, hostname: &ArcStr, namespace: &ArcStr) -> Option<&Arc<EndpointSet>> {
        self.0.endpoints.get(hostname, namespace)
    }

    /// Modes of mutual TLS.
    pub fn peer_authentications(&self) -> &Arc<PeerAuthenticationIndex> {
        &self.0.peer_authentications
    }

    /// Which virtual service holds for which host.
    pub fn virtual_services(&self) -> &Arc<VirtualServiceIndex> {
        &self.0.virtual_services
    }

    /// Which destination rules hold for which host.
    pub fn destination_rules(&self) -> &Arc<DestinationRuleIndex> {
        &self.0.destination_rules
    }

    /// Who may call whom.
    pub fn authorization_policies(&self) -> &Arc<ByNamespace<AuthorizationPolicy>> {
        &self.0.authorization_policies
    }

    /// Whose tokens count.
    pub fn request_authentications(&self) -> &Arc<ByNamespace<RequestAuthentication>> {
        &self.0.request_authentications
    }

    /// What proxies report.
    pub fn telemetries(&self) -> &Arc<ByNamespace<Telemetry>> {
        &self.0.telemetries
    }

    /// The ports that gateways open.
    pub fn gateways(&self) -> &Arc<ByNamespace<Gateway>> {
        &self.0.gateways
    }

    /// Labels, place and services of a proxy.
    pub fn workload(&self, proxy: &Proxy) -> Workload {
        let pod = self.pod(proxy);
        let (own, metadata) = (pod.map(|p| p.pod.metadata.labels.clone()), &proxy.metadata);
        let mut labels = match own {
            Some(labels) => {
                let mut labels = Labels::clone(&labels);
                for (key, value) in &metadata.static_labels {
                    labels.entry(key.clone()).or_insert_with(|| value.clone());
                }
                labels
            }
            None => metadata.labels.clone(),
        };
        let locality = [pod.map(|p| p.locality.clone()), Some(Locality::of_labels(&labels))]
            .into_iter()
            .flatten()
            .find(|l| !l.is_empty())
            .unwrap_or_else(|| proxy.claimed_locality.clone());
        labels = with_topology(&labels, &metadata.cluster_id, &locality, &metadata.node_name);
        let Parts { targets, pods, entries, endpoints, .. } = &self.0;
        let targets = targets.of(proxy, pod.map(Arc::as_ref), pods, entries, endpoints);
        Workload { labels, locality, targets }
    }

    /// What the proxy may see. Proxies of one namespace with one Sidecar share it; it is made when first asked for.
    pub fn scope(&self, proxy: &Proxy, labels: &Labels) -> Arc<Scope> {
        let parts = &self.0;
        let selected = match proxy.kind {
            ProxyKind::Sidecar => parts.sidecars.select(&proxy.config_namespace, labels),
            _ => crate::rules::SelectedSidecar::None,
        };
        let key = ScopeKey::new(proxy.kind, &proxy.config_namespace, &selected);
        if let Some(scope) = self.scopes().get(&key) {
            return scope.clone();
        }
        // Built outside of the lock: a second builder of the same scope wastes its work, nobody waits.
        let inputs = ScopeInputs {
            mesh: &parts.mesh,
            services: &parts.services,
            virtual_services: &parts.virtual_services,
            destination_rules: &parts.destination_rules,
            peer_authentications: &parts.peer_authentications,
        };
        let scope = Arc::new(Scope::build(&inputs, proxy.kind, &proxy.config_namespace, &selected));
        self.scopes().entry(key).or_insert(scope).clone()
    }

    fn scopes(&self) -> std::sync::MutexGuard<'_, HashMap<ScopeKey, Arc<Scope>>> {
        self.0.scopes.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service account of the Pod that a proxy's id names, whatever its metadata says; `None` where that Pod is unknown,
    /// or of another cluster.
    pub fn service_account(&self, proxy: &Proxy) -> Option<ArcStr> {
        let cluster = &proxy.metadata.cluster_id;
        let (name, namespace) = proxy.id.rsplit_once('.')?;
        let is_ours = cluster.is_empty() || cluster == CLUSTER;
        let pod = is_ours.then(|| self.0.pods.get(&namespace.into(), &name.into())).flatten()?;
        Some(pod.service_account())
    }

    /// The Pod that a proxy says it is: by its id `name.namespace`, where its metadata agrees on the namespace
    /// and it is of this cluster.
    fn pod(&self, proxy: &Proxy) -> Option<&Arc<PodEntry>> {
        let cluster = &proxy.metadata.cluster_id;
        let namespace = proxy.metadata.namespace.as_ref()?;
        let of_id = proxy.id.rsplit_once('.')?.1;
        if of_id != namespace.as_str() || !(cluster.is_empty() || cluster == CLUSTER) {
            return None;
        }
        self.0.pods.get(namespace, &proxy.name().into())
    }
}
