//! Ports that a proxy has for itself (istiod: `conflictWithReservedListener` in `pilot/pkg/model/context.go`).

use xdslab_mesh::object::istio::MeshConfig;

use crate::generate::view::View;

/// Whether the agent beside the proxy answers there: health and metrics. A node that does not tell means port 0.
pub(super) fn by_agent(view: &View, port: u32) -> bool {
    let told = ["ENVOY_STATUS_PORT", "ENVOY_PROMETHEUS_PORT"];
    told.iter().any(|key| view.proxy.metadata.number(key).unwrap_or_default() == port)
}

/// Whether iptables lead connections there.
pub(super) fn by_proxy(mesh: &MeshConfig, port: u32) -> bool {
    let own = [mesh.proxy_listen_port, mesh.proxy_inbound_listen_port];
    own.iter().any(|own| u32::try_from(*own).ok() == Some(port))
}
