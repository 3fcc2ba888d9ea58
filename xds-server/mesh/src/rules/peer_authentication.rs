//! Modes of mutual TLS (istiod: `pilot/pkg/model/authentication.go`, `ComposePeerAuthentication` in
//! `pilot/pkg/security/authn/policy_applier.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::{age, selects};
use crate::object::istio::{MeshConfig, MutualTls, MutualTlsMode, PeerAuthentication};
use crate::object::{Config, Labels};

/// `PeerAuthentications` by what they are for: the mesh, a namespace, workloads.
#[derive(Debug, Default)]
pub struct PeerAuthenticationIndex {
    mesh: Option<MutualTlsMode>,
    namespaces: BTreeMap<ArcStr, Namespace>,
    root: ArcStr,
}

#[derive(Debug, Default)]
struct Namespace {
    /// What holds for the whole namespace; the mesh's for the root namespace.
    whole: Option<MutualTlsMode>,
    /// Those with a selector, the oldest first.
    workloads: Vec<Arc<Config<PeerAuthentication>>>,
    /// All that have a say, the oldest first.
    all: Vec<Arc<Config<PeerAuthentication>>>,
}

impl PeerAuthenticationIndex {
    /// Indexes all `PeerAuthentications` of a mesh. Of several without a selector in one namespace the oldest holds,
    /// the others have no say.
    pub fn new(policies: &[Arc<Config<PeerAuthentication>>], mesh: &MeshConfig) -> Self {
        let mut sorted = policies.to_vec();
        sorted.sort_by(|a, b| age(&a.meta).cmp(&age(&b.meta)));
        let mut index = Self { root: mesh.root_namespace.clone(), ..Self::default() };
        for policy in sorted {
            let of_namespace = index.namespaces.entry(policy.meta.namespace.clone()).or_default();
            if is_for_workloads(&policy.spec) {
                of_namespace.workloads.push(policy.clone());
            } else if of_namespace.whole.is_none() {
                of_namespace.whole = Some(mode(policy.spec.mtls.as_ref()));
            } else {
                continue;
            }
            of_namespace.all.push(policy);
        }
        let root = index.namespaces.get_mut(&index.root);
        index.mesh = root.and_then(|n| n.whole.take()).map(|m| set(m).unwrap_or(MutualTlsMode::Permissive));
        index
    }

    /// The mode of a namespace, ports and workload selectors left aside: what clients expect of its services
    /// (istiod: `GetNamespaceMutualTLSMode`). Never unset.
    pub fn namespace_mode(&self, namespace: &str) -> MutualTlsMode {
        let own = self.namespaces.get(namespace).and_then(|n| n.whole).and_then(set);
        own.or(self.mesh).unwrap_or(MutualTlsMode::Permissive)
    }

    /// The mode of one port of a workload, `port` being the workload's own: of the oldest policy that selects the
    /// workload, port first, else of the namespace, else of the mesh. Never unset.
    ///
    /// Policies with a selector in the root namespace select nothing.
    pub fn effective(&self, namespace: &str, labels: &Labels, port: u32) -> MutualTlsMode {
        let whole = || self.namespace_mode(namespace);
        let Some(policy) = self.of_workload(namespace, labels) else { return whole() };
        let by_port = policy.port_level_mtls.as_ref().and_then(|ports| ports.get(&port));
        let own = || set(mode(policy.mtls.as_ref()));
        by_port.and_then(|m| set(m.mode)).or_else(own).unwrap_or_else(whole)
    }

    /// The ports for which the policy of a workload says something of their own, ascending.
    pub fn ports(&self, namespace: &str, labels: &Labels) -> impl Iterator<Item = u32> {
        let policy = self.of_workload(namespace, labels);
        let ports = policy.and_then(|p| p.port_level_mtls.as_ref());
        ports.into_iter().flat_map(|ports| ports.keys().copied())
    }

    /// The oldest policy that selects a workload.
    fn of_workload(&self, namespace: &str, labels: &Labels) -> Option<&PeerAuthentication> {
        let of_namespace = self.namespaces.get(namespace).filter(|_| self.root != namespace)?;
        let fits = |p: &&Arc<Config<PeerAuthentication>>| {
            p.spec.selector.as_ref().is_some_and(|s| selects(&s.match_labels, labels))
        };
        of_namespace.workloads.iter().find(fits).map(|p| &p.spec)
    }

    /// The policies of a namespace that have a say, the oldest first.
    pub fn of_namespace(&self, namespace: &str) -> &[Arc<Config<PeerAuthentication>>] {
        self.namespaces.get(namespace).map_or(&[], |n| &n.all)
    }

    /// Namespaces that have policies, sorted.
    pub fn namespaces(&self) -> impl Iterator<Item = &ArcStr> {
        self.namespaces.keys()
    }
}

fn is_for_workloads(policy: &PeerAuthentication) -> bool {
    policy.selector.as_ref().is_some_and(|s| !s.match_labels.is_empty())
}

fn mode(mtls: Option<&MutualTls>) -> MutualTlsMode {
    mtls.map_or(MutualTlsMode::Unset, |m| m.mode)
}

fn set(mode: MutualTlsMode) -> Option<MutualTlsMode> {
    (mode != MutualTlsMode::Unset).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::istio::PolicySelector;
    use crate::object::{Meta, Timestamp};

    use MutualTlsMode::{Disable, Permissive, Strict, Unset};

    fn policy(
        name: &str,
        namespace: &str,
        created: i64,
        selector: Option<&str>,
        mode: MutualTlsMode,
        ports: &[(u32, MutualTlsMode)],
    ) -> Arc<Config<PeerAuthentication>> {
        let labels = |app: &str| Labels::from([("app".into(), app.into())]);
        let meta = Meta {
            name: name.into(),
            namespace: namespace.into(),
            creation_timestamp: Timestamp(created),
            ..Meta::default()
        };
        let spec = PeerAuthentication {
            selector: selector.map(|s| PolicySelector { match_labels: labels(s) }),
            mtls: Some(MutualTls { mode }),
            port_level_mtls: Some(ports.iter().map(|(p, mode)| (*p, MutualTls { mode: *mode })).collect()),
        };
        Arc::new(Config { meta, spec, ..Config::default() })
    }

    #[test]
    fn the_narrowest_and_oldest_policy_holds() {
        let index = PeerAuthenticationIndex::new(
            &[
                policy("younger", "a", 9, None, Disable, &[]),
                policy("mesh", "istio-system", 1, None, Strict, &[]),
                policy("rootless", "istio-system", 1, Some("web"), Disable, &[]),
                policy("a", "a", 2, None, Permissive, &[]),
                policy("unset", "b", 2, None, Unset, &[]),
                policy("ports", "a", 3, Some("web"), Disable, &[(80, Strict), (81, Unset)]),
                policy("later", "a", 4, Some("web"), Strict, &[(82, Strict)]),
                policy("inherits", "b", 3, Some("web"), Unset, &[(80, Unset), (81, Disable)]),
            ],
            &MeshConfig::default(),
        );
        for (namespace, want) in [("a", Permissive), ("b", Strict), ("c", Strict), ("istio-system", Strict)] {
            assert_eq!(index.namespace_mode(namespace), want, "{namespace}");
        }
        for (namespace, app, port, want) in [
            ("a", "web", 80, Strict),
            ("a", "web", 81, Disable),
            ("a", "web", 82, Disable),
            ("a", "api", 80, Permissive),
            ("b", "web", 80, Strict),
            ("b", "web", 81, Disable),
            ("c", "web", 80, Strict),
            ("istio-system", "web", 80, Strict),
        ] {
            let labels = Labels::from([("app".into(), app.into())]);
            assert_eq!(index.effective(namespace, &labels, port), want, "{namespace} {app} {port}");
        }
        let names = |ns| index.of_namespace(ns).iter().map(|p| p.meta.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names("a"), ["a", "ports", "later"], "the younger namespace-wide one has no say");
        assert!(names("c").is_empty());
    }

    #[test]
    fn without_policies_and_without_a_mode_it_is_permissive() {
        let empty = PeerAuthenticationIndex::new(&[], &MeshConfig::default());
        assert_eq!(empty.namespace_mode("a"), Permissive);
        assert_eq!(empty.effective("a", &Labels::new(), 80), Permissive);
        let unset = [policy("mesh", "istio-system", 1, None, Unset, &[])];
        let unset = PeerAuthenticationIndex::new(&unset, &MeshConfig::default());
        assert_eq!(unset.effective("a", &Labels::new(), 80), Permissive);
    }
}
