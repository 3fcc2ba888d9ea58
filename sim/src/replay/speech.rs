//! Recorded requests as messages, and responses as what is compared of them, in both variants.

use std::collections::HashMap;

use prost::Message as _;
use serde_json::Value;
use xdslab_proto::core;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_proto::protobuf::{self, value::Kind};
use xdslab_proto::rpc::Status as RpcStatus;
use xdslab_server::observe::transcript::{Node, Request};

use super::Message;
use crate::wire::{Delta, DeltaResponse, Sotw, SotwResponse, Variant, WireAny};

/// `INVALID_ARGUMENT`, which clients refuse with.
const INVALID_ARGUMENT: i32 = 3;

/// What the server calls by other names than the recorded one did: nonces and versions.
#[derive(Debug, Default)]
pub struct Dictionary(HashMap<String, String>);

impl Dictionary {
    pub fn learn(&mut self, recorded: &str, now: &str) {
        self.0.insert(recorded.to_owned(), now.to_owned());
    }

    fn now(&self, recorded: &str) -> String {
        self.0.get(recorded).cloned().unwrap_or_else(|| recorded.to_owned())
    }
}

/// A response, with what an ACK of it says.
#[derive(Debug)]
pub struct Heard {
    pub message: Message,
    pub nonce: String,
    pub version: String,
}

/// How a variant is spoken.
pub trait Speech: Variant {
    fn request(request: &Request, node: Option<&Node>, words: &Dictionary) -> Self::Request;
    fn heard(response: Self::Response) -> Heard;
}

impl Speech for Sotw {
    fn request(request: &Request, node: Option<&Node>, words: &Dictionary) -> DiscoveryRequest {
        DiscoveryRequest {
            node: node.map(wire_node),
            type_url: request.type_url.clone(),
            resource_names: request.names.clone(),
            version_info: words.now(&request.version),
            response_nonce: words.now(&request.nonce),
            error_detail: request.error.as_deref().map(refusal),
            ..DiscoveryRequest::default()
        }
    }

    fn heard(response: SotwResponse) -> Heard {
        let SotwResponse { version_info, resources, type_url, nonce, .. } = response;
        let added = resources.iter().map(name).collect();
        let message = Message { type_url, added, ..Message::default() };
        Heard { message, nonce, version: version_info }
    }
}

impl Speech for Delta {
    fn request(request: &Request, node: Option<&Node>, words: &Dictionary) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            node: node.map(wire_node),
            type_url: request.type_url.clone(),
            resource_names_subscribe: request.subscribe.clone(),
            resource_names_unsubscribe: request.unsubscribe.clone(),
            initial_resource_versions: request.held.clone().into_iter().collect(),
            response_nonce: words.now(&request.nonce),
            error_detail: request.error.as_deref().map(refusal),
            ..DeltaDiscoveryRequest::default()
        }
    }

    fn heard(response: DeltaResponse) -> Heard {
        let DeltaResponse { system_version_info, resources, type_url, nonce, removed_resources, .. } =
            response;
        let added = resources.into_iter().map(|resource| resource.name).collect();
        let message = Message { type_url, added, removed: removed_resources.into_iter().collect() };
        Heard { message, nonce, version: system_version_info }
    }
}

fn refusal(message: &str) -> RpcStatus {
    RpcStatus { code: INVALID_ARGUMENT, message: message.to_owned(), ..RpcStatus::default() }
}

/// The name of a resource: its first field, in every type.
fn name(resource: &WireAny) -> String {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Named {
        #[prost(string, tag = "1")]
        name: String,
    }
    Named::decode(resource.value.clone()).map(|named| named.name).unwrap_or_default()
}

fn wire_node(node: &Node) -> core::Node {
    let extension = |name: &String| core::Extension { name: name.clone(), ..core::Extension::default() };
    core::Node {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        metadata: node.metadata.as_object().map(fields),
        extensions: node.extensions.iter().map(extension).collect(),
        ..core::Node::default()
    }
}

fn fields(object: &serde_json::Map<String, Value>) -> protobuf::Struct {
    protobuf::Struct { fields: object.iter().map(|(key, json)| (key.clone(), value(json))).collect() }
}

fn value(json: &Value) -> protobuf::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(protobuf::ListValue { values: items.iter().map(value).collect() })
        }
        Value::Object(object) => Kind::StructValue(fields(object)),
    };
    protobuf::Value { kind: Some(kind) }
}
