//! Short names over Envoy's protobuf types, messages that Envoy's published types lack, and their JSON form.

pub mod json;
pub mod ordered;
mod typed_struct;

pub use envoy_types::pb::envoy::config::cluster::v3 as cluster;
pub use envoy_types::pb::envoy::config::core::v3 as core;
pub use envoy_types::pb::envoy::config::endpoint::v3 as endpoint;
pub use envoy_types::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3 as dynamic_forward_proxy_cluster;
pub use envoy_types::pb::envoy::extensions::common::dynamic_forward_proxy::v3 as dynamic_forward_proxy;
pub use envoy_types::pb::envoy::extensions::http::header_formatters::preserve_case::v3 as preserve_case;
pub use envoy_types::pb::envoy::extensions::network::dns_resolver::cares::v3 as cares;
pub use envoy_types::pb::envoy::extensions::transport_sockets::proxy_protocol::v3 as proxy_protocol;
pub use envoy_types::pb::envoy::extensions::transport_sockets::raw_buffer::v3 as raw_buffer;
pub use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
pub use envoy_types::pb::envoy::extensions::upstreams::http::v3 as upstream_http;
pub use envoy_types::pb::envoy::r#type::matcher::v3 as matcher;
pub use envoy_types::pb::envoy::r#type::v3 as common;
pub use envoy_types::pb::google::protobuf;
pub use envoy_types::util::pack_any;
pub use prost::{Message, Name};
pub use typed_struct::TypedStruct;
