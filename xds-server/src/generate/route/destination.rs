//! The clusters that routes send to (istiod: `GetDestinationCluster` in `core/route/route.go`).

use xdslab_mesh::object::istio::Destination;

use super::rule::RuleContext;
use crate::generate::cluster::name;

/// The cluster of a destination, its service being as the port's routes know it.
pub(super) fn cluster(context: &RuleContext<'_>, destination: &Destination) -> String {
    let service = (context.service)(&destination.host);
    name::of_destination(destination, service.map(AsRef::as_ref), context.port).to_string()
}
