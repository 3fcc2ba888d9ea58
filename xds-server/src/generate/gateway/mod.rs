//! What a gateway gets for the `Gateway` resources that select it (istiod: `pilot/pkg/networking/core/gateway.go`).

use xdslab_proto::listener::Listener;
use xdslab_protocol::Resource;

use super::filter::Filters;
use super::view::View;

/// All listeners of a gateway.
pub(crate) fn listeners(_filters: &Filters<'_>) -> Vec<Listener> {
    Vec::new()
}

/// One encoded route configuration; without virtual hosts where no server has the name.
pub(crate) fn routes(_view: &View, _name: &str) -> Vec<u8> {
    Vec::new()
}

/// Clusters by SNI, for servers that pass mutual TLS through.
pub(crate) fn clusters(_view: &View) -> Vec<Resource> {
    Vec::new()
}
