//! The ports of the application beside a sidecar: what inbound clusters and chains are made for (istiod:
//! `buildInboundClusters` in `pilot/pkg/networking/core/cluster.go`, `buildInboundChainConfigs` in
//! `listener_inbound.go`).

use std::collections::BTreeMap;

use xdslab_mesh::object::istio::IngressListener;
use xdslab_mesh::service::Protocol;
use xdslab_mesh::{Interception, ServiceTarget};

use super::view::View;

/// One port of the application.
#[derive(Clone, Debug)]
pub(super) struct InboundPort<'v> {
    /// The application's port; an ingress listener's own.
    pub number: u32,
    /// What is spoken on it: as the ingress listener says, else as the first service does.
    pub protocol: Protocol,
    /// The service ports that lead to it, the oldest service first. There may be none for an ingress listener.
    pub targets: Vec<&'v ServiceTarget>,
    /// The ingress listener that declares it.
    pub ingress: Option<&'v IngressListener>,
}

/// All of them: the ingress listeners of its Sidecar as they are listed, else one for each port that a service leads
/// to, by number. Without ingress listeners a proxy that nothing leads to has none: it would bind what its
/// application binds.
pub(super) fn of(view: &View) -> Vec<InboundPort<'_>> {
    let mut targets: BTreeMap<u32, Vec<&ServiceTarget>> = BTreeMap::new();
    for target in &view.workload.targets {
        targets.entry(target.target_port).or_default().push(target);
    }
    let ingress = view.scope.sidecar().map_or(&[][..], |s| s.spec.ingress.as_slice());
    if ingress.is_empty() {
        if view.proxy.metadata.interception == Interception::None {
            return Vec::new();
        }
        let of_targets = targets.into_iter().map(|(number, targets)| {
            let protocol = targets[0].port.protocol;
            InboundPort { number, protocol, targets, ingress: None }
        });
        return of_targets.collect();
    }
    let declared = ingress.iter().filter_map(|listener| {
        let port = listener.port.as_ref()?;
        Some(InboundPort {
            number: port.number,
            protocol: Protocol::from_word(&port.protocol),
            targets: targets.get(&port.number).cloned().unwrap_or_default(),
            ingress: Some(listener),
        })
    });
    declared.collect()
}
