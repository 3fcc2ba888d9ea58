//! Envoy's `Node` as the mesh reads it.

use arcstr::ArcStr;
use envoy_types::pb::envoy::config::core::v3::Node;
use xdslab_mesh::{Locality, NodeIdentity};
use xdslab_proto::structure_to_json;

/// Takes what matters out of a node.
pub fn identity(node: Node) -> NodeIdentity {
    let locality = node.locality.unwrap_or_default();
    NodeIdentity {
        id: node.id.into(),
        cluster: node.cluster.into(),
        metadata: node.metadata.map(structure_to_json).unwrap_or_default(),
        locality: Locality {
            region: locality.region.into(),
            zone: locality.zone.into(),
            subzone: locality.sub_zone.into(),
        },
        extensions: node.extensions.into_iter().map(|e| ArcStr::from(e.name)).collect(),
    }
}
