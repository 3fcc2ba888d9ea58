//! Who a simulated proxy says that it is: the node of a real Envoy's bootstrap, as it goes over the wire.

use std::net::SocketAddr;

use prost::Message;
use serde_json::Value;
use xdslab_proto::{core, structure};

use crate::envoy::Node;

/// The encoded `envoy.config.core.v3.Node`. Without the list of extensions and the build version that a real one adds,
/// about 61 kB.
pub fn node_bytes(node: &Node, server: SocketAddr) -> Vec<u8> {
    let mut json = node.to_json(server, 2);
    if let Some(metadata) = json["metadata"].as_object_mut() {
        // It binds nothing and resolves nothing, so it shares no host with others as real Envoys of a lab do.
        metadata.retain(|key, _| !key.starts_with("XDSLAB_"));
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let locality = json.get("locality").map(|locality| core::Locality {
        region: text(&locality["region"]),
        zone: text(&locality["zone"]),
        sub_zone: text(&locality["sub_zone"]),
    });
    let node = core::Node {
        id: text(&json["id"]),
        cluster: text(&json["cluster"]),
        metadata: json["metadata"].as_object().map(structure),
        locality,
        user_agent_name: "envoy".into(),
        ..core::Node::default()
    };
    node.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use xdslab_proto::structure_to_json;

    use super::*;

    #[test]
    fn is_the_node_of_a_bootstrap() {
        let mut node = Node::sidecar([10, 1, 0, 7], "sleep-7f", "ns-3");
        node.labels.insert("app".into(), "sleep".into());
        let bytes = node_bytes(&node, SocketAddr::from(([127, 0, 0, 1], 15010)));
        let read = core::Node::decode(&*bytes).unwrap();
        assert_eq!((read.id, read.cluster.as_str()), (node.id(), "sleep.ns-3"));
        let metadata = structure_to_json(read.metadata.unwrap());
        assert_eq!(metadata["NAMESPACE"], "ns-3");
        assert_eq!(metadata.get("XDSLAB_BIND"), None);
        assert_eq!(metadata["LABELS"], serde_json::json!({"app": "sleep"}));
    }
}
