//! Envoy's messages as JSON, with the field names of the .proto files and every `Any` opened.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

/// Descriptors of the messages that occur in Envoy's configuration, and of the services that send them, from
/// `examples/prune.rs`: a `FileDescriptorSet` without comments.
pub static DESCRIPTORS: &[u8] = include_bytes!("../descriptors.bin");

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = DescriptorPool::decode(DESCRIPTORS).expect("the embedded descriptors are whole");
    for file in istio_files() {
        pool.add_file_descriptor_proto(file).expect("the added descriptors are whole");
    }
    pool
});

/// A message that has no JSON form.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Its type is unknown.
    #[error("no descriptor for {0}")]
    UnknownType(String),
    /// Its bytes do not decode.
    #[error("malformed {type_name}")]
    Malformed {
        /// The message's type.
        type_name: String,
        /// What is wrong.
        #[source]
        source: prost::DecodeError,
    },
    /// An `Any` within is of an unknown type.
    #[error("cannot be written as JSON")]
    Write(#[source] serde_json::Error),
}

/// Reads the descriptors, which takes some 20 ms, so that the first message does not wait for it.
pub fn prepare() {
    LazyLock::force(&POOL);
}

/// The JSON form of an encoded message. `type_url` may have a prefix up to a `/`.
///
/// Default values are left out, 64-bit numbers are texts, as protobuf's JSON form has it.
///
/// # Errors
/// When the type, or that of an `Any` within, is unknown, or the bytes are malformed.
pub fn to_json(type_url: &str, body: &[u8]) -> Result<Value, JsonError> {
    convert(type_url, body, true)
}

/// As [`message_to_json`], with field names as protobuf's JSON form has them: `versionInfo`, as istiod writes them.
///
/// # Errors
/// As [`to_json`].
pub fn message_to_camel_json<M: Message + prost::Name>(message: &M) -> Result<Value, JsonError> {
    convert(&M::full_name(), &message.encode_to_vec(), false)
}

fn convert(type_url: &str, body: &[u8], proto_names: bool) -> Result<Value, JsonError> {
    let name = type_url.rsplit('/').next().unwrap_or(type_url);
    let descriptor = POOL.get_message_by_name(name).ok_or_else(|| JsonError::UnknownType(name.to_owned()))?;
    let message = DynamicMessage::decode(descriptor, body)
        .map_err(|source| JsonError::Malformed { type_name: name.to_owned(), source })?;
    let options = SerializeOptions::new().use_proto_field_name(proto_names).stringify_64_bit_integers(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).map_err(JsonError::Write)
}

/// As [`to_json`], for a message whose type is known here.
///
/// # Errors
/// As [`to_json`].
pub fn message_to_json<M: Message + prost::Name>(message: &M) -> Result<Value, JsonError> {
    to_json(&M::full_name(), &message.encode_to_vec())
}

/// Messages that Envoy's published types lack: `TypedStruct`, and those that only Istio's build of Envoy knows.
fn istio_files() -> [FileDescriptorProto; 4] {
    let duration = ".google.protobuf.Duration";
    [
        file(
            "udpa/type/v1/typed_struct.proto",
            "udpa.type.v1",
            &["google/protobuf/struct.proto"],
            vec![message(
                "TypedStruct",
                vec![text("type_url", 1), nested("value", 2, ".google.protobuf.Struct", false)],
            )],
        ),
        file(
            "istio/metadata_exchange.proto",
            "envoy.tcp.metadataexchange.config",
            &[],
            vec![message(
                "MetadataExchange",
                vec![
                    text("protocol", 1),
                    field("enable_discovery", 2, Type::Bool, false),
                    field("additional_labels", 3, Type::String, true),
                ],
            )],
        ),
        FileDescriptorProto {
            enum_type: vec![enumeration("Protocol", &["HTTP10", "HTTP11", "HTTP2"])],
            ..file(
                "istio/alpn.proto",
                "istio.envoy.config.filter.http.alpn.v2alpha1",
                &[],
                vec![
                    message(
                        "AlpnOverride",
                        vec![
                            chosen(
                                "upstream_protocol",
                                1,
                                ".istio.envoy.config.filter.http.alpn.v2alpha1.Protocol",
                            ),
                            field("alpn_override", 2, Type::String, true),
                        ],
                    ),
                    message(
                        "FilterConfig",
                        vec![nested(
                            "alpn_override",
                            1,
                            ".istio.envoy.config.filter.http.alpn.v2alpha1.AlpnOverride",
                            true,
                        )],
                    ),
                ],
            )
        },
        FileDescriptorProto {
            enum_type: vec![
                enumeration("MetricType", &["COUNTER", "GAUGE", "HISTOGRAM"]),
                enumeration("Reporter", &["UNSPECIFIED", "SERVER_GATEWAY"]),
            ],
            ..file(
                "istio/stats.proto",
                "stats",
                &["google/protobuf/duration.proto"],
                vec![
                    metric_config(),
                    message(
                        "MetricDefinition",
                        vec![text("name", 1), text("value", 2), chosen("type", 3, ".stats.MetricType")],
                    ),
                    message(
                        "PluginConfig",
                        vec![
                            field("debug", 1, Type::Bool, false),
                            field("max_peer_cache_size", 2, Type::Int32, false),
                            text("stat_prefix", 3),
                            text("field_separator", 4),
                            text("value_separator", 5),
                            field("disable_host_header_fallback", 6, Type::Bool, false),
                            nested("tcp_reporting_duration", 7, duration, false),
                            nested("metrics", 8, ".stats.MetricConfig", true),
                            nested("definitions", 9, ".stats.MetricDefinition", true),
                            chosen("reporter", 10, ".stats.Reporter"),
                            nested("rotation_interval", 11, duration, false),
                            nested("graceful_deletion_interval", 12, duration, false),
                        ],
                    ),
                ],
            )
        },
    ]
}

fn metric_config() -> DescriptorProto {
    let mut entry = message("DimensionsEntry", vec![text("key", 1), text("value", 2)]);
    entry.options =
        Some(prost_reflect::prost_types::MessageOptions { map_entry: Some(true), ..Default::default() });
    let mut config = message(
        "MetricConfig",
        vec![
            nested("dimensions", 1, ".stats.MetricConfig.DimensionsEntry", true),
            text("name", 2),
            field("tags_to_remove", 3, Type::String, true),
            text("match", 4),
            field("drop", 5, Type::Bool, false),
        ],
    );
    config.nested_type = vec![entry];
    config
}

fn file(name: &str, package: &str, imports: &[&str], messages: Vec<DescriptorProto>) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.to_owned()),
        package: Some(package.to_owned()),
        dependency: imports.iter().map(ToString::to_string).collect(),
        message_type: messages,
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    }
}

fn message(name: &str, fields: Vec<FieldDescriptorProto>) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field: fields, ..Default::default() }
}

fn field(name: &str, number: i32, kind: Type, repeated: bool) -> FieldDescriptorProto {
    let label = if repeated { Label::Repeated } else { Label::Optional };
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(kind.into()),
        ..Default::default()
    }
}

fn text(name: &str, number: i32) -> FieldDescriptorProto {
    field(name, number, Type::String, false)
}

fn nested(name: &str, number: i32, type_name: &str, repeated: bool) -> FieldDescriptorProto {
    FieldDescriptorProto {
        type_name: Some(type_name.to_owned()),
        ..field(name, number, Type::Message, repeated)
    }
}

fn chosen(name: &str, number: i32, type_name: &str) -> FieldDescriptorProto {
    FieldDescriptorProto { type_name: Some(type_name.to_owned()), ..field(name, number, Type::Enum, false) }
}

fn enumeration(name: &str, words: &[&str]) -> EnumDescriptorProto {
    let value = |(number, word): (i32, &&str)| EnumValueDescriptorProto {
        name: Some((*word).to_owned()),
        number: Some(number),
        ..Default::default()
    };
    let value = (0..).zip(words).map(value).collect();
    EnumDescriptorProto { name: Some(name.to_owned()), value, ..Default::default() }
}
