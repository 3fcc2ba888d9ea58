//! Requests and responses of the two variants, between the wire's types and the protocol's own.

use arcstr::ArcStr;
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3 as pb;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use xdslab_protocol::{NackDetail, Request, RequestNames, ResourceType, Response, Variant, Violation};

/// One variant's messages.
pub trait Wire: Send + 'static {
    /// What the client sends.
    type Request: Send + 'static;
    /// What the server sends.
    type Response: Send + 'static;
    /// The variant.
    const VARIANT: Variant;

    /// Takes the node out of a request.
    fn take_node(request: &mut Self::Request) -> Option<Node>;
    /// Reads a request.
    fn read(request: Self::Request) -> Result<Request, Violation>;
    /// Writes a response.
    fn write(response: &Response) -> Self::Response;
}

/// State of the world.
pub struct Sotw;

/// Incremental.
pub struct Delta;

fn detail(status: Option<RpcStatus>) -> Option<NackDetail> {
    status.map(|s| NackDetail { code: s.code, message: s.message })
}

fn names(list: Vec<String>) -> Vec<ArcStr> {
    list.into_iter().map(ArcStr::from).collect()
}

fn any(kind: &ResourceType, body: &[u8]) -> Any {
    Any { type_url: kind.type_url().to_owned(), value: body.to_vec() }
}

impl Wire for Sotw {
    type Request = pb::DiscoveryRequest;
    type Response = pb::DiscoveryResponse;
    const VARIANT: Variant = Variant::Sotw;

    fn take_node(request: &mut Self::Request) -> Option<Node> {
        request.node.take()
    }

    fn read(request: Self::Request) -> Result<Request, Violation> {
        Ok(Request {
            resource_type: ResourceType::from_type_url(&request.type_url)?,
            response_nonce: request.response_nonce,
            version_info: request.version_info,
            error: detail(request.error_detail),
            names: RequestNames::Sotw(names(request.resource_names)),
        })
    }

    fn write(response: &Response) -> Self::Response {
        let kind = &response.resource_type;
        pb::DiscoveryResponse {
            version_info: response.version_info.to_string(),
            resources: response.resources.iter().map(|r| any(kind, &r.body)).collect(),
            type_url: kind.type_url().to_owned(),
            nonce: response.nonce.to_string(),
            ..Default::default()
        }
    }
}

impl Wire for Delta {
    type Request = pb::DeltaDiscoveryRequest;
    type Response = pb::DeltaDiscoveryResponse;
    const VARIANT: Variant = Variant::Delta;

    fn take_node(request: &mut Self::Request) -> Option<Node> {
        request.node.take()
    }

    fn read(request: Self::Request) -> Result<Request, Violation> {
        let versions = request.initial_resource_versions.into_iter();
        let mut initial_versions: Vec<_> =
            versions.map(|(n, v)| (ArcStr::from(n), ArcStr::from(v))).collect();
        initial_versions.sort();
        Ok(Request {
            resource_type: ResourceType::from_type_url(&request.type_url)?,
            response_nonce: request.response_nonce,
            version_info: String::new(),
            error: detail(request.error_detail),
            names: RequestNames::Delta {
                subscribe: names(request.resource_names_subscribe),
                unsubscribe: names(request.resource_names_unsubscribe),
                initial_versions,
            },
        })
    }

    fn write(response: &Response) -> Self::Response {
        let kind = &response.resource_type;
        let resource = |r: &xdslab_protocol::Resource| pb::Resource {
            name: r.name.to_string(),
            version: if response.versioned { r.version_text().to_string() } else { String::new() },
            resource: Some(any(kind, &r.body)),
            ..Default::default()
        };
        pb::DeltaDiscoveryResponse {
            system_version_info: response.version_info.to_string(),
            resources: response.resources.iter().map(resource).collect(),
            type_url: kind.type_url().to_owned(),
            removed_resources: response.removed.iter().map(ToString::to_string).collect(),
            nonce: response.nonce.to_string(),
            ..Default::default()
        }
    }
}
