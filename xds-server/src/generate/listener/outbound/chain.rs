//! Filter chains of outbound listeners: what they match, when two match the same, and what all listeners of a proxy
//! have alike (istiod: `filterChainOpts` in `pilot/pkg/networking/core/filterchain_options.go`).

use std::net::IpAddr;

use arcstr::ArcStr;
use xdslab_proto::core::{CidrRange, Metadata};
use xdslab_proto::listener::{Filter, FilterChain, FilterChainMatch};
use xdslab_proto::protobuf::{Duration, Struct, Value, value};

use super::destination;
use crate::generate::cluster::wire::uint32;
use crate::generate::filter::{Class, Filters, HttpConnection, Routes};

/// Names that plaintext HTTP is found by.
pub(super) const PLAINTEXT_HTTP: [&str; 2] = ["http/1.1", "h2c"];

/// How long a client may take for its TLS handshake.
const TRANSPORT_TIMEOUT: Duration = Duration { seconds: 15, nanos: 0 };

/// What the listeners of one proxy have alike.
pub(super) struct Scaffold<'a> {
    /// Makes filters.
    pub filters: &'a Filters<'a>,
    /// Takes connections that no other chain matches: as they are, where unknown destinations are allowed.
    pub fall_through: FilterChain,
    /// How long inspectors may look.
    pub inspection: Option<Duration>,
    /// Whether the workers of the proxy take connections by turns.
    pub exact_balance: bool,
}

impl<'a> Scaffold<'a> {
    /// That of the filters' proxy.
    pub fn new(filters: &'a Filters<'a>) -> Self {
        let view = filters.view();
        let fall_through = FilterChain {
            name: "PassthroughFilterChain".to_owned(),
            filter_chain_match: Some(FilterChainMatch::default()),
            filters: destination::to_the_unknown(filters),
            ..Default::default()
        };
        let timeout = view.snapshot.mesh_config().protocol_detection_timeout;
        Self {
            filters,
            fall_through,
            inspection: crate::generate::cluster::wire::duration(timeout),
            exact_balance: view.proxy.metadata.flag("OUTBOUND_LISTENER_EXACT_BALANCE"),
        }
    }
}

/// One filter chain, before its listener is complete.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// Names of servers, as they were written; `*` among them means any.
    pub server_names: Vec<ArcStr>,
    /// Addresses that were called, as they were written.
    pub subnets: Vec<ArcStr>,
    /// Whether it takes plaintext HTTP only.
    pub plaintext_http: bool,
    /// Whether it takes connections without TLS only.
    pub raw_buffer: bool,
    /// The `VirtualService` that it comes from, as a path.
    pub rule: Option<String>,
    /// What it does.
    pub content: Content,
}

/// What a chain does.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// HTTP, by the routes of that name.
    Http { routes: String, grpc_web: bool },
    /// Anything else.
    Network(Vec<Filter>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Network(Vec::new())
    }
}

/// What a chain matches, comparable: order and repetition do not count, nor do the bits outside of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MatchKey {
    plaintext_http: bool,
    raw_buffer: bool,
    server_names: Vec<ArcStr>,
    subnets: Vec<String>,
}

impl Chain {
    /// What it matches.
    pub fn key(&self) -> MatchKey {
        let mut server_names = self.server_names.clone();
        server_names.sort_unstable();
        server_names.dedup();
        let mut subnets: Vec<_> = self.subnets.iter().map(|s| masked(s)).collect();
        subnets.sort_unstable();
        subnets.dedup();
        Self::key_of(self, server_names, subnets)
    }

    fn key_of(&self, server_names: Vec<ArcStr>, subnets: Vec<String>) -> MatchKey {
        MatchKey { plaintext_http: self.plaintext_http, raw_buffer: self.raw_buffer, server_names, subnets }
    }

    /// The message for a listener called `name`; without a match where it takes everything.
    pub fn build(self, filters: &Filters<'_>, name: &str) -> FilterChain {
        FilterChain {
            filter_chain_match: self.wanted(),
            metadata: self.rule.map(config_metadata),
            transport_socket_connect_timeout: Some(TRANSPORT_TIMEOUT),
            filters: match self.content {
                Content::Network(filters) => filters,
                Content::Http { routes, grpc_web } => {
                    let connection = HttpConnection {
                        stat_prefix: format!("outbound_{name};"),
                        routes: Routes::Named(routes),
                        grpc_web,
                        ..HttpConnection::default()
                    };
                    filters.http(Class::Outbound, connection)
                }
            },
            ..Default::default()
        }
    }

    fn wanted(&self) -> Option<FilterChainMatch> {
        let mut wanted = FilterChainMatch::default();
        if !self.server_names.iter().any(|n| n == "*") {
            wanted.server_names = self.server_names.iter().map(ToString::to_string).collect();
            wanted.server_names.sort_unstable();
        }
        let mut subnets: Vec<&ArcStr> = self.subnets.iter().collect();
        subnets.sort_unstable();
        wanted.prefix_ranges = subnets.into_iter().filter_map(|s| range(s)).collect();
        if self.plaintext_http {
            wanted.application_protocols = PLAINTEXT_HTTP.map(str::to_owned).into();
        }
        if self.raw_buffer {
            "raw_buffer".clone_into(&mut wanted.transport_protocol);
        }
        (wanted != FilterChainMatch::default()).then_some(wanted)
    }
}

/// A subnet as Envoy matches it; none for all of IPv4, which needs no match.
fn range(subnet: &str) -> Option<CidrRange> {
    let (ip, bits) = parse(subnet)?;
    (!ip.is_unspecified() || ip.is_ipv6())
        .then(|| CidrRange { address_prefix: ip.to_string(), prefix_len: uint32(bits.into()) })
}

/// A subnet without the bits that it leaves open; what is none, as it is.
fn masked(subnet: &str) -> String {
    match parse(subnet) {
        Some((IpAddr::V4(ip), bits)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or_default();
            format!("{}/{bits}", std::net::Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        Some((IpAddr::V6(ip), bits)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or_default();
            format!("{}/{bits}", std::net::Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
        None => subnet.to_owned(),
    }
}

/// Address and length of a subnet; one address is a subnet of its own.
fn parse(subnet: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = match subnet.split_once('/') {
        Some((ip, bits)) => (ip.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
        None => (subnet.parse().ok()?, None),
    };
    let full = if ip.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|b| b <= full).then_some((ip, bits.unwrap_or(full)))
}

/// `filter_metadata.istio.config`. Its maps have one entry each.
fn config_metadata(path: String) -> Metadata {
    let text = Value { kind: Some(value::Kind::StringValue(path)) };
    let istio = Struct { fields: [("config".to_owned(), text)].into() };
    Metadata { filter_metadata: [("istio".to_owned(), istio)].into(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(server_names: &[&str], subnets: &[&str]) -> Chain {
        let texts = |all: &[&str]| all.iter().map(|&t| ArcStr::from(t)).collect();
        Chain { server_names: texts(server_names), subnets: texts(subnets), ..Chain::default() }
    }

    #[test]
    fn what_two_chains_match_alike() {
        for (a, b, alike) in [
            (chain(&["b", "a"], &[]), chain(&["a", "b", "a"], &[]), true),
            (chain(&[], &["10.1.2.3/8"]), chain(&[], &["10.0.0.0/8"]), true),
            (chain(&[], &["10.1.2.3"]), chain(&[], &["10.1.2.3/32"]), true),
            (chain(&[], &["10.0.0.0/8"]), chain(&[], &["10.0.0.0/9"]), false),
            (chain(&[], &["fd00::1/16"]), chain(&[], &["fd00::/16"]), true),
            (chain(&["a"], &[]), chain(&[], &[]), false),
            (chain(&[], &["0.0.0.0/0"]), chain(&[], &["1.2.3.4/0"]), true),
        ] {
            assert_eq!(a.key() == b.key(), alike, "{a:?} {b:?}");
        }
        let http = Chain { plaintext_http: true, ..Chain::default() };
        assert_ne!(http.key(), Chain::default().key());
    }

    #[test]
    fn matches_for_everything_are_left_out() {
        assert_eq!(chain(&[], &[]).wanted(), None);
        assert_eq!(chain(&["a", "*"], &[]).wanted(), None);
        assert_eq!(chain(&[], &["0.0.0.0/0"]).wanted(), None);
        let sorted = chain(&["b", "a"], &["9.0.0.0/8", "10.0.0.1"]).wanted().expect("a match");
        assert_eq!(sorted.server_names, ["a", "b"]);
        let ranges: Vec<_> = sorted.prefix_ranges.iter().map(|r| r.address_prefix.as_str()).collect();
        assert_eq!(ranges, ["10.0.0.1", "9.0.0.0"], "sorted as text");
    }
}
