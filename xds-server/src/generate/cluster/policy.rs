//! The traffic policy that holds for one cluster, out of the mesh's, the rule's and the subset's
//! (istiod: `pilot/pkg/networking/core/cluster_traffic_policy.go`, `MergeTrafficPolicy`).

use xdslab_mesh::object::istio::{
    ClientTls, ConnectionPool, LoadBalancer, MeshConfig, OutlierDetection, PortTrafficPolicy, ProxyProtocol,
    RetryBudget, TrafficPolicy,
};

/// What holds for one cluster. Each block comes whole from one place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy<'a> {
    /// Connection pool.
    pub connection_pool: Option<&'a ConnectionPool>,
    /// Outlier detection.
    pub outlier_detection: Option<&'a OutlierDetection>,
    /// Load balancing.
    pub load_balancer: Option<&'a LoadBalancer>,
    /// Client TLS.
    pub tls: Option<&'a ClientTls>,
    /// PROXY protocol to the upstream.
    pub proxy_protocol: Option<&'a ProxyProtocol>,
    /// Retry budget.
    pub retry_budget: Option<&'a RetryBudget>,
}

impl<'a> Policy<'a> {
    /// The mesh's `defaultTrafficPolicy`.
    pub fn of_mesh(mesh: &'a MeshConfig) -> Self {
        let default = mesh.default_traffic_policy.as_ref();
        Self {
            connection_pool: default.and_then(|d| d.connection_pool.as_ref()),
            outlier_detection: default.and_then(|d| d.outlier_detection.as_ref()),
            ..Self::default()
        }
    }

    /// Lays `policy`, as it holds for `port`, over this one: each of its blocks replaces the one below.
    ///
    /// A port-level entry replaces the four blocks that it can have, and with them all else of its own policy:
    /// what it leaves out falls back to what lies below the policy.
    #[must_use]
    pub fn overlaid(self, policy: Option<&'a TrafficPolicy>, port: u32) -> Self {
        let Some(policy) = policy else { return self };
        match port_level(policy, port) {
            Some(at) => Self {
                connection_pool: at.connection_pool.as_ref().or(self.connection_pool),
                outlier_detection: at.outlier_detection.as_ref().or(self.outlier_detection),
                load_balancer: at.load_balancer.as_ref().or(self.load_balancer),
                tls: at.tls.as_ref().or(self.tls),
                ..self
            },
            None => Self {
                connection_pool: policy.connection_pool.as_ref().or(self.connection_pool),
                outlier_detection: policy.outlier_detection.as_ref().or(self.outlier_detection),
                load_balancer: policy.load_balancer.as_ref().or(self.load_balancer),
                tls: policy.tls.as_ref().or(self.tls),
                proxy_protocol: policy.proxy_protocol.as_ref().or(self.proxy_protocol),
                retry_budget: policy.retry_budget.as_ref().or(self.retry_budget),
            },
        }
    }
}

/// The entry of `portLevelSettings` for `port`.
pub fn port_level(policy: &TrafficPolicy, port: u32) -> Option<&PortTrafficPolicy> {
    policy.port_level_settings.iter().find(|p| p.port.is_some_and(|p| p.number == port))
}
