//! Twins of messages that hold maps, with maps that are written in order: same input, same bytes.
//!
//! prost's generated types keep maps in `HashMap`s, whose order changes from run to run. On the wire these
//! messages are the same as their originals, and a message may be written in parts: the fields of
//! [`ClusterTail`] are appended to those of a `Cluster`.
//!
//! What nests deeply is written when it is made and kept as bytes, which are the same on the wire: prost measures a message
//! anew at every level above it.

pub mod access_log;
mod cluster_route;
mod policy;
mod upstream_tls;
mod virtual_host;

use std::collections::BTreeMap;

pub use cluster_route::{ClusterAction, ClusterRoute};
pub use policy::{HttpRbac, JwtAuthentication, NetworkRbac, Rbac};
pub use upstream_tls::{CombinedValidation, CommonTls, UpstreamTls};
pub use virtual_host::{RouteConfiguration, RouteTail, VirtualHost};

use prost::Message;

use crate::core::{Address, Locality};
use crate::protobuf::UInt32Value;

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Struct {
    /// Fields by name.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// What it is.
    #[prost(oneof = "value::Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<value::Kind>,
}

/// Parts of [`Value`].
pub mod value {
    /// What a value is.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Kind {
        /// Nothing; the number is 0.
        #[prost(int32, tag = "1")]
        Null(i32),
        /// A number.
        #[prost(double, tag = "2")]
        Number(f64),
        /// A text.
        #[prost(string, tag = "3")]
        String(String),
        /// True or false.
        #[prost(bool, tag = "4")]
        Bool(bool),
        /// The bytes of a [`Struct`](super::Struct).
        #[prost(bytes = "vec", tag = "5")]
        Struct(Vec<u8>),
        /// The bytes of a [`ListValue`](super::ListValue).
        #[prost(bytes = "vec", tag = "6")]
        List(Vec<u8>),
    }
}

/// `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListValue {
    /// Items.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// `envoy.config.core.v3.Metadata`, its untyped half.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metadata {
    /// The bytes of a [`Struct`] by the name of the filter that reads it.
    #[prost(btree_map = "string, bytes", tag = "1")]
    pub filter_metadata: BTreeMap<String, Vec<u8>>,
}

/// `envoy.config.endpoint.v3.ClusterLoadAssignment`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterLoadAssignment {
    /// The cluster's name.
    #[prost(string, tag = "1")]
    pub cluster_name: String,
    /// Groups of endpoints.
    #[prost(message, repeated, tag = "2")]
    pub endpoints: Vec<LocalityLbEndpoints>,
}

/// `envoy.config.endpoint.v3.LocalityLbEndpoints`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LocalityLbEndpoints {
    /// Where they run.
    #[prost(message, optional, tag = "1")]
    pub locality: Option<Locality>,
    /// The endpoints.
    #[prost(message, repeated, tag = "2")]
    pub lb_endpoints: Vec<LbEndpoint>,
    /// The group's share of traffic.
    #[prost(message, optional, tag = "3")]
    pub load_balancing_weight: Option<UInt32Value>,
    /// 0 is used first.
    #[prost(uint32, tag = "5")]
    pub priority: u32,
}

/// `envoy.config.endpoint.v3.LbEndpoint`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LbEndpoint {
    /// Where it listens.
    #[prost(message, optional, tag = "1")]
    pub endpoint: Option<Endpoint>,
    /// An `envoy.config.core.v3.HealthStatus`.
    #[prost(int32, tag = "2")]
    pub health_status: i32,
    /// What else is known of it.
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Metadata>,
    /// Its share of the group's traffic.
    #[prost(message, optional, tag = "4")]
    pub load_balancing_weight: Option<UInt32Value>,
}

/// `envoy.config.endpoint.v3.Endpoint`, its address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Endpoint {
    /// Address.
    #[prost(message, optional, tag = "1")]
    pub address: Option<Address>,
}

/// The fields of `envoy.config.cluster.v3.Cluster` that hold maps.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterTail {
    /// What else is known of the cluster.
    #[prost(message, optional, tag = "25")]
    pub metadata: Option<Metadata>,
    /// Endpoints, where they do not come by EDS.
    #[prost(message, optional, tag = "33")]
    pub load_assignment: Option<ClusterLoadAssignment>,
}

impl Value {
    /// A list.
    pub fn list(values: impl IntoIterator<Item = Self>) -> Self {
        let list = ListValue { values: values.into_iter().collect() };
        Self { kind: Some(value::Kind::List(list.encode_to_vec())) }
    }

    /// A struct.
    pub fn object<K: Into<String>>(fields: impl IntoIterator<Item = (K, Self)>) -> Self {
        Struct::of(fields).into()
    }
}

impl Struct {
    /// A struct of these fields.
    pub fn of<K: Into<String>>(fields: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self { fields: fields.into_iter().map(|(k, v)| (k.into(), v)).collect() }
    }
}

impl Metadata {
    /// What one filter reads.
    pub fn of(filter: &str, notes: &Struct) -> Self {
        let mut metadata = Self::default();
        metadata.insert(filter, notes);
        metadata
    }

    /// What another filter reads.
    pub fn insert(&mut self, filter: &str, notes: &Struct) {
        self.filter_metadata.insert(filter.to_owned(), notes.encode_to_vec());
    }
}

impl From<Struct> for Value {
    fn from(fields: Struct) -> Self {
        Self { kind: Some(value::Kind::Struct(fields.encode_to_vec())) }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self { kind: Some(value::Kind::String(text.to_owned())) }
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self { kind: Some(value::Kind::Bool(yes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cluster, core, endpoint};

    #[test]
    fn a_cluster_and_its_tail_read_as_one_message() {
        let head = cluster::Cluster { name: "c".into(), ..Default::default() };
        let istio = Struct::of([("subset", Value::from("v1")), ("external", Value::from(true))]);
        let tail = ClusterTail {
            metadata: Some(Metadata::of("istio", &istio)),
            load_assignment: Some(ClusterLoadAssignment { cluster_name: "c".into(), endpoints: Vec::new() }),
        };
        let mut bytes = head.encode_to_vec();
        tail.encode(&mut bytes).expect("a Vec grows");
        let read = cluster::Cluster::decode(&*bytes).expect("a Cluster");
        assert_eq!(read.name, "c");
        assert_eq!(read.metadata.expect("metadata").filter_metadata["istio"].fields.len(), 2);
        assert_eq!(read.load_assignment.expect("load assignment").cluster_name, "c");
    }

    #[test]
    fn endpoints_read_as_envoys_own() {
        let twin = ClusterLoadAssignment {
            cluster_name: "c".into(),
            endpoints: vec![LocalityLbEndpoints {
                locality: Some(core::Locality::default()),
                lb_endpoints: vec![LbEndpoint {
                    endpoint: Some(Endpoint { address: Some(core::Address::default()) }),
                    health_status: 1,
                    metadata: Some(Metadata::default()),
                    load_balancing_weight: Some(UInt32Value { value: 3 }),
                }],
                load_balancing_weight: Some(UInt32Value { value: 3 }),
                priority: 2,
            }],
        };
        let read = endpoint::ClusterLoadAssignment::decode(&*twin.encode_to_vec()).expect("a CLA");
        assert_eq!((read.cluster_name.as_str(), read.endpoints[0].priority), ("c", 2));
        assert_eq!(read.endpoints[0].lb_endpoints[0].health_status, 1);
        assert_eq!(read.encode_to_vec(), twin.encode_to_vec());
    }
}
