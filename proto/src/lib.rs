//! Short names over Envoy's protobuf types, messages that Envoy's published types lack, and their JSON form.

pub mod adapter;
pub mod istio;
pub mod json;
pub mod ordered;
mod structure;
mod typed_struct;

pub use envoy_types::pb::envoy::config::accesslog::v3 as access_log;
pub use envoy_types::pb::envoy::config::listener::v3 as listener;
pub use envoy_types::pb::envoy::config::rbac::v3 as rbac;
pub use envoy_types::pb::envoy::config::route::v3 as route;
pub use envoy_types::pb::envoy::config::trace::v3 as trace;
pub use envoy_types::pb::envoy::extensions::access_loggers;
pub use envoy_types::pb::envoy::extensions::formatter::req_without_query::v3 as req_without_query;
pub use envoy_types::pb::envoy::extensions::request_id::uuid::v3 as request_id;
pub use envoy_types::pb::envoy::extensions::tracers::opentelemetry;
pub use envoy_types::pb::envoy::r#type::metadata::v3 as metadata;
pub use envoy_types::pb::envoy::r#type::tracing::v3 as tracing;
pub use envoy_types::pb::opentelemetry::proto::common::v1 as otel_common;

/// Extensions that match paths.
pub mod path {
    pub use envoy_types::pb::envoy::extensions::path::r#match::uri_template::v3::UriTemplateMatchConfig;
}

/// Extensions of retry policies.
pub mod retry {
    pub use envoy_types::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
    pub use envoy_types::pb::envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig;
}

/// Filters, by what they look at.
pub mod filter {
    pub use envoy_types::pb::envoy::extensions::filters::common::fault::v3 as common_fault;

    /// HTTP filters.
    pub mod http {
        pub use envoy_types::pb::envoy::extensions::filters::http::cors::v3 as cors;
        pub use envoy_types::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3 as dynamic_forward_proxy;
        pub use envoy_types::pb::envoy::extensions::filters::http::ext_authz::v3 as ext_authz;
        pub use envoy_types::pb::envoy::extensions::filters::http::fault::v3 as fault;
        pub use envoy_types::pb::envoy::extensions::filters::http::grpc_stats::v3 as grpc_stats;
        pub use envoy_types::pb::envoy::extensions::filters::http::grpc_web::v3 as grpc_web;
        pub use envoy_types::pb::envoy::extensions::filters::http::jwt_authn::v3 as jwt_authn;
        pub use envoy_types::pb::envoy::extensions::filters::http::rbac::v3 as rbac;
        pub use envoy_types::pb::envoy::extensions::filters::http::router::v3 as router;
        pub use envoy_types::pb::envoy::extensions::filters::http::stateful_session::v3 as stateful_session;
    }

    /// Listener filters.
    pub mod listener {
        pub use envoy_types::pb::envoy::extensions::filters::listener::http_inspector::v3 as http_inspector;
        pub use envoy_types::pb::envoy::extensions::filters::listener::original_dst::v3 as original_dst;
        pub use envoy_types::pb::envoy::extensions::filters::listener::original_src::v3 as original_src;
        pub use envoy_types::pb::envoy::extensions::filters::listener::proxy_protocol::v3 as proxy_protocol;
        pub use envoy_types::pb::envoy::extensions::filters::listener::tls_inspector::v3 as tls_inspector;
    }

    /// Network filters.
    pub mod network {
        pub use envoy_types::pb::envoy::extensions::filters::network::ext_authz::v3 as ext_authz;
        pub use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as http_connection_manager;
        pub use envoy_types::pb::envoy::extensions::filters::network::mongo_proxy::v3 as mongo_proxy;
        pub use envoy_types::pb::envoy::extensions::filters::network::rbac::v3 as rbac;
        pub use envoy_types::pb::envoy::extensions::filters::network::sni_cluster::v3 as sni_cluster;
        pub use envoy_types::pb::envoy::extensions::filters::network::sni_dynamic_forward_proxy::v3 as sni_dynamic_forward_proxy;
        pub use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3 as tcp_proxy;
    }
}

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
pub use envoy_types::pb::envoy::service::discovery::v3 as discovery;
pub use envoy_types::pb::envoy::r#type::matcher::v3 as matcher;
pub use envoy_types::pb::envoy::r#type::v3 as common;
pub use envoy_types::pb::google::protobuf;
pub use envoy_types::pb::google::rpc;
pub use envoy_types::util::pack_any;
pub use prost::{Message, Name};
pub use structure::{structure, structure_to_json};
pub use typed_struct::TypedStruct;
