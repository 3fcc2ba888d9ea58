//! Small pieces of Envoy's messages that clusters are made of.

use std::sync::LazyLock;

use xdslab_mesh::METADATA_EXCHANGE;
use xdslab_mesh::object::Duration;
use xdslab_proto::ordered::{Struct, Value};
use xdslab_proto::protobuf::{self, Any, UInt32Value};
use xdslab_proto::{TypedStruct, cluster, common, core, pack_any};

/// A wrapped number.
pub fn uint32(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

/// A span of time in protobuf's form.
pub fn duration(d: Duration) -> Option<protobuf::Duration> {
    Some(protobuf::Duration { seconds: d.secs(), nanos: d.subsec_nanos() })
}

/// A percentage.
pub fn percent(value: f64) -> Option<common::Percent> {
    Some(common::Percent { value })
}

/// An address and port.
pub fn socket_address(address: &str, port: u32) -> core::SocketAddress {
    core::SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port)),
        ..Default::default()
    }
}

/// The path of a Unix socket.
pub fn pipe(path: &str) -> core::Address {
    let pipe = core::Pipe { path: path.to_owned(), ..Default::default() };
    core::Address { address: Some(core::address::Address::Pipe(pipe)) }
}

/// An address of either kind.
pub fn address(address: core::SocketAddress) -> core::Address {
    core::Address { address: Some(core::address::Address::SocketAddress(address)) }
}

/// Resources of the stream that the cluster came on, waited for without end.
pub fn ads() -> core::ConfigSource {
    core::ConfigSource {
        initial_fetch_timeout: Some(protobuf::Duration::default()),
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource {},
        )),
        ..Default::default()
    }
}

/// The filter by which Istio's proxies tell each other who they are; only Istio's build of Envoy has it.
pub static EXCHANGE_FILTER: LazyLock<cluster::Filter> = LazyLock::new(|| cluster::Filter {
    name: METADATA_EXCHANGE.to_owned(),
    typed_config: Some(pack_any(TypedStruct {
        type_url: "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange".to_owned(),
        value: Some(Struct::of([
            ("protocol", Value::from("istio-peer-exchange")),
            ("enable_discovery", Value::from(true)),
        ])),
    })),
    ..Default::default()
});

/// A transport socket with a typed configuration.
pub fn transport_socket(name: &str, config: Any) -> core::TransportSocket {
    core::TransportSocket {
        name: name.to_owned(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(config)),
    }
}
