//! Which mutual TLS a workload asks for (istiod: `pilot/pkg/model/authentication.go`,
//! `pilot/pkg/xds/endpoints/mtls_checker.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::by_age;
use crate::object::istio::{MeshConfig, MutualTlsMode, PeerAuthentication};
use crate::object::{Config, Labels};

type Policy = Arc<Config<PeerAuthentication>>;

/// All policies, by namespace and age.
#[derive(Debug, Default)]
pub struct PeerAuthenticationIndex {
    root: ArcStr,
    by_namespace: BTreeMap<ArcStr, Vec<Policy>>,
}

impl PeerAuthenticationIndex {
    /// Indexes policies. O(n log n).
    pub fn new(policies: &[Policy], mesh: &MeshConfig) -> Self {
        let mut index = Self { root: mesh.root_namespace.clone(), by_namespace: BTreeMap::new() };
        for policy in by_age(policies) {
            index.by_namespace.entry(policy.meta.namespace.clone()).or_default().push(policy);
        }
        index
    }

    /// The policies of one namespace, oldest first.
    pub fn of_namespace(&self, namespace: &str) -> &[Policy] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The mode of a namespace as a whole, else the mesh's; PERMISSIVE where nobody says.
    pub fn namespace_mode(&self, namespace: &str) -> MutualTlsMode {
        let said = |ns: &str| {
            let whole = self.of_namespace(ns).iter().find(|p| !selects_workloads(p))?;
            whole.spec.mtls.map(|m| m.mode).filter(|m| *m != MutualTlsMode::Unset)
        };
        said(namespace).or_else(|| said(&self.root)).unwrap_or(MutualTlsMode::Permissive)
    }

    /// The mode of one port of a workload: that of the port, of the workload, of its namespace, of the mesh.
    pub fn effective(&self, namespace: &str, labels: &Labels, port: u32) -> MutualTlsMode {
        let picks = |p: &&Policy| {
            let wanted = p.spec.selector.as_ref().map(|s| &s.match_labels);
            selects_workloads(p) && wanted.is_some_and(|w| w.iter().all(|(k, v)| labels.get(k) == Some(v)))
        };
        let own = self.of_namespace(namespace).iter().find(picks);
        let of_port = own.and_then(|p| p.spec.port_level_mtls.as_ref()?.get(&port)).map(|m| m.mode);
        let of_workload = own.and_then(|p| p.spec.mtls).map(|m| m.mode);
        let said = [of_port, of_workload].into_iter().flatten().find(|m| *m != MutualTlsMode::Unset);
        said.unwrap_or_else(|| self.namespace_mode(namespace))
    }
}

fn selects_workloads(policy: &Config<PeerAuthentication>) -> bool {
    policy.spec.selector.as_ref().is_some_and(|s| !s.match_labels.is_empty())
}
