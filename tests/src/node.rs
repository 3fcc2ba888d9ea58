//! A node as it goes over the wire.

use serde_json::Value;
use xdslab_mesh::{Locality, NodeIdentity};
use xdslab_proto::{core, protobuf};

/// The message of a node.
pub fn wire_node(node: &NodeIdentity) -> core::Node {
    let Locality { region, zone, subzone } = &node.locality;
    core::Node {
        id: node.id.to_string(),
        cluster: node.cluster.to_string(),
        metadata: node.metadata.as_object().map(fields),
        locality: Some(core::Locality {
            region: region.to_string(),
            zone: zone.to_string(),
            sub_zone: subzone.to_string(),
        }),
        ..core::Node::default()
    }
}

fn fields(object: &serde_json::Map<String, Value>) -> protobuf::Struct {
    protobuf::Struct { fields: object.iter().map(|(k, v)| (k.clone(), value(v))).collect() }
}

fn value(json: &Value) -> protobuf::Value {
    use protobuf::value::Kind;
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(b) => Kind::BoolValue(*b),
        Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Value::String(s) => Kind::StringValue(s.clone()),
        Value::Array(items) => {
            Kind::ListValue(protobuf::ListValue { values: items.iter().map(value).collect() })
        }
        Value::Object(object) => Kind::StructValue(fields(object)),
    };
    protobuf::Value { kind: Some(kind) }
}
