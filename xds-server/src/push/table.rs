//! Which types a change touches (istiod: `pilot/pkg/xds/{cds,eds,lds,rds}.go`, `pilot/pkg/xds/proxy_dependencies.go`).

use std::collections::BTreeSet;

use xdslab_mesh::{ConfigKey, ConfigKind, ProxyKind, Reason};
use xdslab_protocol::ResourceType;

use super::PushRequest;
use crate::generate::View;

/// The keys of a push that concern a proxy: what its scope depends on, or depended on before, and its own services.
pub fn relevant(view: &View, push: &PushRequest) -> BTreeSet<ConfigKey> {
    let sidecar = view.proxy.kind == ProxyKind::Sidecar;
    let mine = |key: &ConfigKey| {
        key.kind == ConfigKind::ServiceEntry
            && view.workload.targets.iter().any(|t| {
                t.service.hostname == key.name && t.service.namespace == key.namespace
            })
    };
    let kept = |key: &&ConfigKey| match key.kind {
        ConfigKind::Gateway => !sidecar,
        ConfigKind::Sidecar if !sidecar => false,
        _ => {
            view.scope.depends_on(key)
                || view.previous_scope.as_ref().is_some_and(|scope| scope.depends_on(key))
                || mine(key)
        }
    };
    push.keys.iter().filter(kept).cloned().collect()
}

/// The types that a push of these keys touches for a proxy, in push order.
pub fn affected(view: &View, push: &PushRequest) -> Vec<ResourceType> {
    let all = [ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Listener, ResourceType::Route];
    if push.forced {
        return all.into();
    }
    let headless_only = push.reasons.keys().all(|r| *r == Reason::HeadlessEndpoint) && !push.reasons.is_empty();
    let root = &view.snapshot.mesh_config().root_namespace;
    let touches = |kind: &ResourceType, key: &ConfigKey| match kind {
        ResourceType::Cluster => !headless_only && touches_clusters(key.kind),
        ResourceType::Endpoint => touches_endpoints(key.kind),
        ResourceType::Listener => match key.kind {
            ConfigKind::PeerAuthentication => {
                key.namespace == *root || key.namespace == view.proxy.config_namespace
            }
            kind => touches_listeners(kind),
        },
        _ => !headless_only && touches_routes(key.kind),
    };
    all.into_iter().filter(|kind| push.keys.iter().any(|key| touches(kind, key))).collect()
}

fn touches_clusters(kind: ConfigKind) -> bool {
    matches!(
        kind,
        ConfigKind::ServiceEntry
            | ConfigKind::DestinationRule
            | ConfigKind::VirtualService
            | ConfigKind::Sidecar
            | ConfigKind::PeerAuthentication
    )
}

fn touches_endpoints(kind: ConfigKind) -> bool {
    matches!(
        kind,
        ConfigKind::ServiceEntry
            | ConfigKind::Endpoints
            | ConfigKind::DestinationRule
            | ConfigKind::PeerAuthentication
    )
}

fn touches_listeners(kind: ConfigKind) -> bool {
    !matches!(kind, ConfigKind::Endpoints | ConfigKind::Gateway | ConfigKind::DnsName)
}

fn touches_routes(kind: ConfigKind) -> bool {
    matches!(
        kind,
        ConfigKind::ServiceEntry | ConfigKind::DestinationRule | ConfigKind::VirtualService | ConfigKind::Sidecar
    )
}
