//! One proxy under one snapshot: what its answers are made from (istiod: `pilot/pkg/xds/ads.go`, `computeProxyState`).

use std::sync::Arc;

use xdslab_mesh::object::istio::ProxyConfig;
use xdslab_mesh::{ConfigKey, ConfigKind, Proxy, Reason, Scope, Snapshot, Workload};

use super::gateway::Merged;
use crate::push::PushRequest;

/// One proxy under one snapshot.
#[derive(Clone, Debug)]
pub struct View {
    /// The proxy.
    pub proxy: Arc<Proxy>,
    /// The mesh.
    pub snapshot: Arc<Snapshot>,
    /// What the proxy may see of it.
    pub scope: Arc<Scope>,
    /// What it might see before the last push that changed this.
    pub previous_scope: Option<Arc<Scope>>,
    /// Its labels, place and services.
    pub workload: Arc<Workload>,
    /// Its proxy configuration: its own, else the mesh's.
    pub proxy_config: Arc<ProxyConfig>,
    /// The servers that select it, if it is a gateway.
    pub(crate) gateways: Arc<Merged>,
}

impl View {
    /// The first view of a proxy that has just connected.
    pub fn new(snapshot: Arc<Snapshot>, proxy: Arc<Proxy>) -> Self {
        let workload = Arc::new(snapshot.workload(&proxy));
        let scope = snapshot.scope(&proxy, &workload.labels);
        let proxy_config = snapshot.proxy_config(&proxy);
        let gateways = Arc::new(Merged::of(&snapshot, &proxy, &workload));
        Self { proxy, snapshot, scope, previous_scope: None, workload, proxy_config, gateways }
    }

    /// Whether its proxy configuration keeps the case of HTTP/1.1 headers.
    pub fn preserve_case(&self) -> bool {
        self.proxy_config.proxy_headers.preserve_http1_header_case == Some(true)
    }

    /// The view after a push. What a proxy may see, and its services, are looked at again only where the push can have
    /// changed them, its labels and place only where its own Pod changed; the scope before is kept, for what a proxy could
    /// see matters as much as what it can (istiod: `computeProxyState` in `ads.go`).
    #[must_use]
    pub fn advance(&self, snapshot: Arc<Snapshot>, push: &PushRequest) -> Self {
        if push.is_endpoints_only() {
            return Self { snapshot, ..self.clone() };
        }
        let mut workload = snapshot.workload(&self.proxy);
        if !push.reasons.contains_key(&Reason::Proxy) {
            workload.labels.clone_from(&self.workload.labels);
            workload.locality.clone_from(&self.workload.locality);
        }
        let is_mine = |key: &ConfigKey| {
            key.kind == ConfigKind::ServiceEntry && key.namespace == self.proxy.config_namespace
        };
        if !push.forced && !push.keys.iter().any(is_mine) {
            workload.targets.clone_from(&self.workload.targets);
        }
        let rescopes = |key: &ConfigKey| {
            matches!(
                key.kind,
                ConfigKind::ServiceEntry
                    | ConfigKind::DestinationRule
                    | ConfigKind::VirtualService
                    | ConfigKind::PeerAuthentication
                    | ConfigKind::Sidecar
            )
        };
        let (scope, previous_scope) = if push.forced || push.keys.iter().any(rescopes) {
            (snapshot.scope(&self.proxy, &workload.labels), Some(self.scope.clone()))
        } else {
            (self.scope.clone(), self.previous_scope.clone())
        };
        let proxy_config = snapshot.proxy_config(&self.proxy);
        let gateways = Arc::new(Merged::of(&snapshot, &self.proxy, &workload));
        let (proxy, workload) = (self.proxy.clone(), Arc::new(workload));
        Self { proxy, snapshot, scope, previous_scope, workload, proxy_config, gateways }
    }
}
