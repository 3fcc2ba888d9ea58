//! Which object something was made of: `metadata.filter_metadata.istio.config` (istiod: `BuildConfigInfoMetadata`).

use xdslab_proto::core::Metadata;
use xdslab_proto::protobuf::{Struct, Value, value};

/// The metadata that names an object, `kind` as in its path: `virtual-service`. Its maps have one entry each, so their
/// order is no matter.
pub(super) fn metadata(kind: &str, namespace: &str, name: &str) -> Metadata {
    let path = format!("/apis/networking.istio.io/v1/namespaces/{namespace}/{kind}/{name}");
    let text = Value { kind: Some(value::Kind::StringValue(path)) };
    let istio = Struct { fields: [("config".to_owned(), text)].into() };
    Metadata { filter_metadata: [("istio".to_owned(), istio)].into(), ..Default::default() }
}
