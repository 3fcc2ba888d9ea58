//! Listeners for what a gRPC client calls: they bind nothing, and stand for a host and port
//! (istiod: `buildOutboundListeners` in `grpcgen/lds.go`).

use xdslab_mesh::service::{Port, Service};
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::RouteSpecifier;
use xdslab_proto::filter::network::http_connection_manager::{HttpConnectionManager, Rds};
use xdslab_proto::listener::{AdditionalAddress, ApiListener, Listener};
use xdslab_proto::{Message, core, pack_any};
use xdslab_protocol::Resource;

use super::inbound::ROUTER;
use super::name::{self, Wanted};
use crate::generate::cluster::name::outbound as route_name;
use crate::generate::cluster::wire::{address, ads, socket_address};
use crate::generate::filter::FAULT;
use crate::generate::listener::vip;
use crate::generate::view::View;

/// A listener for each name, host and port that the client asks for, whatever the port speaks.
pub(super) fn outbound<'a>(view: &'a View, wanted: &'a Wanted<'a>) -> impl Iterator<Item = Resource> + 'a {
    let found = |s: &'a std::sync::Arc<Service>| Some((s, wanted.of(&s.hostname)?));
    view.scope.services().iter().filter_map(found).flat_map(move |(service, spellings)| {
        let ports = || service.ports.iter().filter(|p| spellings.has_port(p.number));
        let pairs = spellings.hosts.iter().flat_map(|host| ports().map(move |port| (host, port)));
        pairs.map(|(host, port)| encoded(view, service, host, port)).collect::<Vec<_>>()
    })
}

fn encoded(view: &View, service: &Service, host: &str, port: &Port) -> Resource {
    let rds = Rds {
        config_source: Some(ads_only()),
        route_config_name: route_name(port.number, "", &service.hostname).to_string(),
    };
    let manager = HttpConnectionManager {
        http_filters: vec![FAULT.clone(), ROUTER.clone()],
        route_specifier: Some(RouteSpecifier::Rds(rds)),
        ..Default::default()
    };
    let at = |a: &str| address(socket_address(a, port.number));
    let additional = vip::rest(&view.proxy, service)
        .map(|a| AdditionalAddress { address: Some(at(a)), ..Default::default() });
    let listener = Listener {
        name: name::listener(host, port.number),
        address: Some(at(vip::of(&view.proxy, service))),
        additional_addresses: additional.collect(),
        api_listener: Some(ApiListener { api_listener: Some(pack_any(manager)) }),
        ..Default::default()
    };
    Resource::new(listener.name.as_str(), listener.encode_to_vec())
}

/// The stream itself, and not a word on versions or waiting.
pub(super) fn ads_only() -> core::ConfigSource {
    core::ConfigSource { config_source_specifier: ads().config_source_specifier, ..Default::default() }
}
