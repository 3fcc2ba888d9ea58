//! Requests of the two variants, from the wire's types to the protocol's own.

use super::names::NameTable;
use arcstr::ArcStr;
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use xdslab_protocol::{NackDetail, Request, RequestNames, ResourceType, Variant, Violation};

/// One variant's request.
pub trait Wire: prost::Message + Default + Send + 'static {
    /// The variant.
    const VARIANT: Variant;

    /// Takes the node out.
    fn take_node(&mut self) -> Option<Node>;

    /// Reads it. Where the stream serves one type, the type's URL may be missing.
    fn read(self, only: Option<&ResourceType>, table: &NameTable) -> Result<Request, Violation>;
}

impl Wire for DiscoveryRequest {
    const VARIANT: Variant = Variant::Sotw;

    fn take_node(&mut self) -> Option<Node> {
        self.node.take()
    }

    fn read(self, only: Option<&ResourceType>, table: &NameTable) -> Result<Request, Violation> {
        Ok(Request {
            resource_type: kind(&self.type_url, only)?,
            response_nonce: self.response_nonce,
            version_info: self.version_info,
            error: detail(self.error_detail),
            names: RequestNames::Sotw(table.share(self.resource_names)),
        })
    }
}

impl Wire for DeltaDiscoveryRequest {
    const VARIANT: Variant = Variant::Delta;

    fn take_node(&mut self) -> Option<Node> {
        self.node.take()
    }

    fn read(self, only: Option<&ResourceType>, table: &NameTable) -> Result<Request, Violation> {
        let (names, versions): (Vec<_>, Vec<_>) = self.initial_resource_versions.into_iter().unzip();
        let versions = versions.into_iter().map(ArcStr::from);
        let mut initial_versions: Vec<_> = table.share(names).into_iter().zip(versions).collect();
        initial_versions.sort();
        Ok(Request {
            resource_type: kind(&self.type_url, only)?,
            response_nonce: self.response_nonce,
            version_info: String::new(),
            error: detail(self.error_detail),
            names: RequestNames::Delta {
                subscribe: table.share(self.resource_names_subscribe),
                unsubscribe: table.share(self.resource_names_unsubscribe),
                initial_versions,
            },
        })
    }
}

fn kind(url: &str, only: Option<&ResourceType>) -> Result<ResourceType, Violation> {
    match only {
        Some(only) if url.is_empty() => Ok(only.clone()),
        _ => ResourceType::from_type_url(url),
    }
}

fn detail(status: Option<RpcStatus>) -> Option<NackDetail> {
    status.map(|s| NackDetail { code: s.code, message: s.message })
}
