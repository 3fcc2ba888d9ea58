//! Only the endpoints that a push can have changed.

use std::collections::BTreeSet;

use arcstr::ArcStr;
use xdslab_mesh::{ConfigKind, Scope};

use super::cluster::name::{may_be_of, parse_outbound};
use super::view::View;
use crate::push::PushRequest;

/// Whose endpoints a push can have changed (istiod: `pilot/pkg/xds/eds.go`, `canSendPartialFullPushes`).
pub struct Touched {
    hosts: BTreeSet<ArcStr>,
    rules: BTreeSet<(ArcStr, ArcStr)>,
    namespaces: BTreeSet<ArcStr>,
}

impl Touched {
    /// None where any endpoint may have changed.
    pub fn of(view: &View, push: &PushRequest) -> Option<Self> {
        let root = &view.snapshot.mesh_config().root_namespace;
        let mut touched =
            Self { hosts: BTreeSet::new(), rules: BTreeSet::new(), namespaces: BTreeSet::new() };
        if push.forced {
            return None;
        }
        for key in &push.keys {
            match key.kind {
                ConfigKind::Endpoints | ConfigKind::ServiceEntry => {
                    touched.hosts.insert(key.name.clone());
                }
                ConfigKind::DestinationRule => {
                    touched.rules.insert((key.namespace.clone(), key.name.clone()));
                }
                ConfigKind::PeerAuthentication if key.namespace != *root => {
                    touched.namespaces.insert(key.namespace.clone());
                }
                _ => return None,
            }
        }
        Some(touched)
    }

    /// Whether the endpoints of a cluster can have changed.
    pub fn holds(&self, view: &View, cluster: &ArcStr) -> bool {
        let by_host_alone = self.rules.is_empty() && self.namespaces.is_empty();
        if by_host_alone && !may_be_of(cluster, &self.hosts) {
            return false;
        }
        let Some(parts) = parse_outbound(cluster) else { return false };
        // The rule that the proxy takes: one for other workloads does not matter.
        let ruled = |scope: &Scope| {
            let rule = scope.outbound_rule(parts.hostname, &view.workload.labels);
            rule.into_iter()
                .flat_map(|r| r.from.iter())
                .any(|k| self.rules.contains(&(k.namespace.clone(), k.name.clone())))
        };
        self.hosts.contains(parts.hostname)
            || (!by_host_alone && view.scope.service(parts.hostname).is_none())
            || (!self.rules.is_empty()
                && (ruled(&view.scope) || view.previous_scope.as_ref().is_some_and(|s| ruled(s))))
            || (!self.namespaces.is_empty()
                && view.scope.service(parts.hostname).is_some_and(|s| self.namespaces.contains(&s.namespace)))
    }
}
