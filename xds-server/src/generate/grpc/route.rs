//! Routes of gRPC clients: of a port's virtual hosts the one of a host (istiod: `grpcgen/rds.go`).

use xdslab_protocol::{NameSet, Resource};

use crate::generate::view::View;

/// The route configurations of these names.
pub(super) fn configurations(_view: &View, _names: &NameSet) -> Vec<Resource> {
    Vec::new()
}
