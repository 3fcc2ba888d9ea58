//! The clusters that routes send to (istiod: `GetDestinationCluster` in `core/route/route.go`).

use xdslab_mesh::object::istio::Destination;
use xdslab_mesh::service::Resolution;

use super::rule::RuleContext;
use crate::generate::cluster::name;

/// The cluster of a destination: at its own port, else at the only one of its service as the port's routes know it,
/// else at the routes' port. Another name of a service stands for that service, one step only.
pub(super) fn cluster(context: &RuleContext<'_>, destination: &Destination) -> String {
    let service = (context.service)(&destination.host);
    let alias = service.filter(|s| s.resolution == Resolution::Alias).and_then(|s| s.external_name.as_ref());
    let port = match (destination.port, service.map(|s| s.ports.as_slice())) {
        (Some(declared), _) => declared.number,
        (None, Some([only])) => only.number,
        _ => context.port,
    };
    name::outbound(port, &destination.subset, alias.unwrap_or(&destination.host)).to_string()
}
