//! What a gRPC client with xDS of its own gets (istiod: `pilot/pkg/networking/grpcgen`).
//!
//! Listeners, routes and clusters are answered by name, and a name that stands for nothing is left out. Endpoints are
//! those of any sidecar of the same scope.

mod cluster;
mod inbound;
mod listener;
mod name;
mod route;
#[cfg(test)]
mod tests;
mod tls;

use xdslab_protocol::{Names, ResourceSet, ResourceType};

use super::view::View;
pub(crate) use cluster::all as all_clusters;
use name::Wanted;

/// Whether the proxy is such a client: `GENERATOR` is `grpc`.
pub(crate) fn is_client(view: &View) -> bool {
    view.proxy.metadata.generator == "grpc"
}

/// The listeners, routes or clusters of these names. Without any name every service has a listener by its host name,
/// and nothing else is there to tell.
pub(crate) fn answer(view: &View, resource_type: &ResourceType, names: &Names) -> ResourceSet {
    if names.is_empty() {
        return ResourceSet::default();
    }
    let all = names.named();
    match resource_type {
        ResourceType::Listener => {
            let wanted = Wanted::new(view, all.iter().map(AsRef::as_ref));
            let of_services = listener::outbound(view, &wanted);
            ResourceSet::new(of_services.chain(inbound::listeners(view, wanted.inbound())).collect())
        }
        ResourceType::Route => ResourceSet::new(route::configurations(view, all)),
        ResourceType::Cluster => ResourceSet::new(cluster::named(view, all)),
        _ => ResourceSet::default(),
    }
}
