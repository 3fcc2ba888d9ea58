//! Responses, with the bytes of resources shared and not looked into. Requests are those of the published types.

use bytes::Bytes;
use prost::Message;
use xdslab_proto::protobuf::Duration;

/// `google.protobuf.Any`, not opened.
#[derive(Clone, PartialEq, Message)]
pub struct WireAny {
    /// URL of the type.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// `envoy.service.discovery.v3.DiscoveryResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct SotwResponse {
    /// Version of the response.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// The resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<WireAny>,
    /// URL of their type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// What an ACK or NACK names.
    #[prost(string, tag = "5")]
    pub nonce: String,
}

/// `envoy.service.discovery.v3.Resource`.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceEnvelope {
    /// Version of this resource.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The resource.
    #[prost(message, optional, tag = "2")]
    pub resource: Option<WireAny>,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// How long it may be used without being sent again.
    #[prost(message, optional, tag = "6")]
    pub ttl: Option<Duration>,
}

/// `envoy.service.discovery.v3.DeltaDiscoveryResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct DeltaResponse {
    /// Version of the response: for people to read.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// New and changed resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<ResourceEnvelope>,
    /// URL of their type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// What an ACK or NACK names.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Names of resources that are gone.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
}
