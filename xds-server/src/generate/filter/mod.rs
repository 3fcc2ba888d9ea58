//! Network and HTTP filters of one proxy's chains, in istiod's order (istiod:
//! `pilot/pkg/networking/core/{listener,listener_inbound,networkfilter}.go`).

mod connection;
mod http;
mod http_filters;
mod settings;
mod tcp;
mod telemetry;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;

pub(crate) use connection::{Class, HttpConnection, Routes, TcpConnection, TcpPolicy};
use xdslab_proto::Message;
use xdslab_proto::access_log::AccessLog;
use xdslab_proto::listener::Filter;
use xdslab_proto::listener::filter::ConfigType;
use xdslab_proto::protobuf::Any;
use xxhash_rust::xxh3::Xxh3;

pub(crate) use http_filters::{FAULT, http_filter};

use super::policy::Policies;
use super::view::View;

/// What the chains of one proxy are made with: made once per answer, used for every chain.
///
/// What all chains of a class have alike is made and encoded when the first of them asks.
#[derive(Debug)]
pub(crate) struct Filters<'v> {
    view: &'v View,
    policies: Policies,
    parts: [OnceCell<Parts>; 3],
}

/// What all chains of a class have alike.
#[derive(Debug)]
struct Parts {
    http: http::Common,
    tcp: tcp::Common,
    listener_logs: Vec<AccessLog>,
}

impl<'v> Filters<'v> {
    /// What the proxy's chains are made with.
    pub fn new(view: &'v View) -> Self {
        Self { view, policies: Policies::of(view), parts: Default::default() }
    }

    /// The proxy.
    pub fn view(&self) -> &'v View {
        self.view
    }

    /// A hash of what all chains of a class have alike: chains of equal connections are then equal. Policies, which are
    /// those of inbound chains, are not in it.
    pub fn fingerprint(&self, class: Class) -> u64 {
        let Parts { http, tcp, listener_logs } = self.parts(class);
        let mut hasher = Xxh3::new();
        http.add_to(&mut hasher);
        tcp.add_to(&mut hasher);
        add_all(&mut hasher, listener_logs);
        hasher.digest()
    }

    /// All network filters of an HTTP chain.
    pub fn http(&self, class: Class, connection: HttpConnection) -> Vec<Filter> {
        self.parts(class).http.filters(connection)
    }

    /// All network filters of a TCP chain.
    pub fn tcp(&self, class: Class, connection: TcpConnection) -> Vec<Filter> {
        self.parts(class).tcp.filters(connection)
    }

    /// The access logs of listeners themselves, for connections that no chain takes: `virtualOutbound`,
    /// `virtualInbound`, inbound listeners that really bind, gateways' listeners.
    pub fn listener_access_log(&self, class: Class) -> Vec<AccessLog> {
        self.parts(class).listener_logs.clone()
    }

    fn parts(&self, class: Class) -> &Parts {
        self.parts[class as usize].get_or_init(|| {
            let telemetry = telemetry::Telemetry::of(self.view, class);
            let policies = if class == Class::Outbound { &Policies::default() } else { &self.policies };
            Parts {
                http: http::Common::new(self.view, class, policies, &telemetry),
                tcp: tcp::Common::new(self.view, class, policies, &telemetry),
                listener_logs: telemetry.listener_logs,
            }
        })
    }
}

/// Adds messages to a hash, each and their number told apart from what follows.
fn add_all<'m, M: Message + 'm>(hasher: &mut Xxh3, messages: impl IntoIterator<Item = &'m M>) {
    for message in messages {
        hasher.update(&message.encode_length_delimited_to_vec());
    }
    hasher.update(&[u8::MAX]);
}

/// A network filter of an encoded configuration.
pub(crate) fn filter(name: &str, config: Any) -> Filter {
    Filter { name: name.to_owned(), config_type: Some(ConfigType::TypedConfig(config)) }
}
