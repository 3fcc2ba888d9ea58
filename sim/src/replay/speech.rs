//! Recorded requests as messages, and responses as what is compared of them, in both variants.

use std::collections::HashMap;

use arcstr::ArcStr;
use prost::Message as _;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_proto::rpc::Status as RpcStatus;
use xdslab_proto::{core, structure};
use xdslab_server::observe::transcript::{Act, Node, Place, Refusal, Request};

use super::Message;
use crate::wire::{Delta, DeltaResponse, Sotw, SotwResponse, Variant, WireAny};

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
            resource_names: texts(&request.names),
            version_info: words.now(&request.version),
            response_nonce: words.now(&request.nonce),
            error_detail: nack(request),
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
            resource_names_subscribe: texts(&request.subscribe),
            resource_names_unsubscribe: texts(&request.unsubscribe),
            initial_resource_versions: held(request),
            response_nonce: words.now(&request.nonce),
            error_detail: nack(request),
            ..DeltaDiscoveryRequest::default()
        }
    }

    fn heard(response: DeltaResponse) -> Heard {
        let DeltaResponse { system_version_info, resources, type_url, nonce, removed_resources, .. } =
            response;
        let added = resources.into_iter().map(|resource| resource.name.into()).collect();
        let removed = removed_resources.into_iter().map(ArcStr::from).collect();
        let message = Message { type_url, added, removed };
        Heard { message, nonce, version: system_version_info }
    }
}

/// `error_detail` of a NACK. A request that breaks the protocol has none: what is wrong with it the server said.
fn nack(request: &Request) -> Option<RpcStatus> {
    let Refusal { code, message } = request.error.clone().filter(|_| request.act != Act::Invalid)?;
    Some(RpcStatus { code, message, ..RpcStatus::default() })
}

fn held(request: &Request) -> HashMap<String, String> {
    request.held.iter().map(|(name, version)| (name.to_string(), version.to_string())).collect()
}

fn texts(names: &[ArcStr]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The name of a resource: its first field, in every type.
fn name(resource: &WireAny) -> ArcStr {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Named {
        #[prost(string, tag = "1")]
        name: String,
    }
    Named::decode(resource.value.clone()).map(|named| named.name.into()).unwrap_or_default()
}

fn wire_node(node: &Node) -> core::Node {
    let extension = |name: &ArcStr| core::Extension { name: name.to_string(), ..core::Extension::default() };
    core::Node {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        metadata: node.metadata.as_object().map(structure),
        locality: node.locality.clone().map(|Place { region, zone, subzone }| core::Locality {
            region,
            zone,
            sub_zone: subzone,
        }),
        extensions: node.extensions.iter().map(extension).collect(),
        ..core::Node::default()
    }
}
