//! Route configurations and virtual hosts that hold routes already encoded: those are shared by many.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::protobuf::{Any, BoolValue, UInt32Value};

/// `envoy.config.route.v3.RouteConfiguration`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RouteConfiguration {
    /// Name, by which listeners ask for it.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Virtual hosts.
    #[prost(message, repeated, tag = "2")]
    pub virtual_hosts: Vec<VirtualHost>,
    /// Whether it is refused where a cluster is missing.
    #[prost(message, optional, tag = "7")]
    pub validate_clusters: Option<BoolValue>,
    /// The longest body of a direct response, in bytes.
    #[prost(message, optional, tag = "11")]
    pub max_direct_response_body_size_bytes: Option<UInt32Value>,
    /// Whether a port in a request's host does not count.
    #[prost(bool, tag = "14")]
    pub ignore_port_in_host_matching: bool,
}

/// `envoy.config.route.v3.VirtualHost`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VirtualHost {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Hosts of requests.
    #[prost(string, repeated, tag = "2")]
    pub domains: Vec<String>,
    /// Encoded routes.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub routes: Vec<Bytes>,
    /// An `envoy.config.route.v3.VirtualHost.TlsRequirementType`.
    #[prost(int32, tag = "4")]
    pub require_tls: i32,
    /// Whether upstreams are told how often a request was tried.
    #[prost(bool, tag = "14")]
    pub include_request_attempt_count: bool,
}

/// The fields of `envoy.config.route.v3.Route` that hold maps, to be appended to the others.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RouteTail {
    /// Settings of HTTP filters, by name.
    #[prost(btree_map = "string, message", tag = "13")]
    pub typed_per_filter_config: BTreeMap<String, Any>,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::route;

    #[test]
    fn they_read_as_envoys_own() {
        let inner = route::Route { name: "r".into(), ..Default::default() };
        let host = VirtualHost {
            name: "h:80".into(),
            domains: vec!["h".into()],
            routes: vec![inner.encode_to_vec().into()],
            require_tls: route::virtual_host::TlsRequirementType::All.into(),
            include_request_attempt_count: true,
        };
        let twin = RouteConfiguration {
            name: "80".into(),
            virtual_hosts: vec![host],
            validate_clusters: Some(BoolValue { value: false }),
            max_direct_response_body_size_bytes: Some(UInt32Value { value: 7 }),
            ignore_port_in_host_matching: true,
        };
        let read = route::RouteConfiguration::decode(&*twin.encode_to_vec()).expect("routes");
        assert_eq!(read.virtual_hosts[0].routes, [inner]);
        assert!(read.virtual_hosts[0].include_request_attempt_count && read.ignore_port_in_host_matching);
        assert_eq!(read.encode_to_vec(), twin.encode_to_vec());
    }
}
