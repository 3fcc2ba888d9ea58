//! One proxy under one snapshot: what its answers are made from (istiod: `pilot/pkg/xds/ads.go`, `computeProxyState`).

use std::sync::Arc;

use xdslab_mesh::object::istio::ProxyConfig;
use xdslab_mesh::{ConfigKind, Proxy, Scope, Snapshot, Workload};

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

    /// The view after a push: labels, services and scope are looked at again only where the push can have
    /// changed them; the scope before is kept, for what a proxy could see matters as much as what it can.
    #[must_use]
    pub fn advance(&self, snapshot: Arc<Snapshot>, push: &PushRequest) -> Self {
        let only = |kind: ConfigKind| !push.forced && push.keys.iter().all(|k| k.kind == kind);
        if !push.keys.is_empty() && only(ConfigKind::Endpoints) {
            return Self { snapshot, ..self.clone() };
        }
        let fresh = Self::new(snapshot, self.proxy.clone());
        Self { previous_scope: Some(self.scope.clone()), ..fresh }
    }
}
