//! Envoy's `Node` as the mesh reads it.

use arcstr::ArcStr;
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number};
use xdslab_mesh::{Locality, NodeIdentity};

/// Takes what matters out of a node.
pub fn identity(node: Node) -> NodeIdentity {
    let locality = node.locality.unwrap_or_default();
    NodeIdentity {
        id: node.id.into(),
        cluster: node.cluster.into(),
        metadata: node.metadata.map(object).unwrap_or_default(),
        locality: Locality {
            region: locality.region.into(),
            zone: locality.zone.into(),
            subzone: locality.sub_zone.into(),
        },
        extensions: node.extensions.into_iter().map(|e| ArcStr::from(e.name)).collect(),
    }
}

/// Fields as a node's metadata has them.
pub fn structure(fields: &Map<String, serde_json::Value>) -> Struct {
    Struct { fields: fields.iter().map(|(key, field)| (key.clone(), value(field))).collect() }
}

fn value(json: &serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(b) => Kind::BoolValue(*b),
        serde_json::Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        serde_json::Value::String(s) => Kind::StringValue(s.clone()),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(value).collect() })
        }
        serde_json::Value::Object(fields) => Kind::StructValue(structure(fields)),
    };
    Value { kind: Some(kind) }
}

fn object(fields: Struct) -> serde_json::Value {
    let mut all: Vec<_> = fields.fields.into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    serde_json::Value::Object(all.into_iter().map(|(k, v)| (k, json(v))).collect::<Map<_, _>>())
}

fn json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(b)) => b.into(),
        Some(Kind::StringValue(s)) => s.into(),
        Some(Kind::NumberValue(n)) => number(n),
        Some(Kind::StructValue(s)) => object(s),
        Some(Kind::ListValue(l)) => l.values.into_iter().map(json).collect(),
    }
}

/// A whole number stays one.
#[allow(clippy::cast_possible_truncation)] // checked to be whole and small
fn number(n: f64) -> serde_json::Value {
    if n.fract() == 0.0 && n.abs() < 9e15 {
        (n as i64).into()
    } else {
        Number::from_f64(n).map_or(serde_json::Value::Null, Into::into)
    }
}
