//! A node as it goes over the wire.

use xdslab_mesh::{Locality, NodeIdentity};
use xdslab_proto::{core, structure};

/// The message of a node.
pub fn wire_node(node: &NodeIdentity) -> core::Node {
    let Locality { region, zone, subzone } = &node.locality;
    core::Node {
        id: node.id.to_string(),
        cluster: node.cluster.to_string(),
        metadata: node.metadata.as_object().map(structure),
        locality: Some(core::Locality {
            region: region.to_string(),
            zone: zone.to_string(),
            sub_zone: subzone.to_string(),
        }),
        ..core::Node::default()
    }
}
