//! Listener filters: what looks at a connection before a chain is chosen (istiod: `pilot/pkg/xds/filters`,
//! `populateListenerFilters`).

use std::sync::LazyLock;

use xdslab_proto::common::Int32Range;
use xdslab_proto::filter::listener::http_inspector::HttpInspector;
use xdslab_proto::filter::listener::original_dst::OriginalDst;
use xdslab_proto::filter::listener::original_src::OriginalSrc;
use xdslab_proto::filter::listener::tls_inspector::TlsInspector;
use xdslab_proto::listener::listener_filter::ConfigType;
use xdslab_proto::listener::listener_filter_chain_match_predicate::{MatchSet, Rule};
use xdslab_proto::listener::{FilterChain, ListenerFilter, ListenerFilterChainMatchPredicate};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::Any;

use crate::generate::cluster::wire::uint32;

/// The firewall mark by which iptables know a transparent proxy's own connections.
const TPROXY_MARK: u32 = 1337;

/// Finds the address that a connection had before iptables redirected it.
pub(crate) static ORIGINAL_DST: LazyLock<ListenerFilter> =
    LazyLock::new(|| filter("envoy.filters.listener.original_dst", pack_any(OriginalDst {})));

/// Keeps the client's address towards the application: for transparent proxies.
pub(crate) static ORIGINAL_SRC: LazyLock<ListenerFilter> = LazyLock::new(|| {
    let config = OriginalSrc { mark: TPROXY_MARK, ..Default::default() };
    filter("envoy.filters.listener.original_src", pack_any(config))
});

/// Finds SNI and ALPN names of TLS.
pub(crate) static TLS_INSPECTOR: LazyLock<ListenerFilter> = LazyLock::new(|| {
    let config = TlsInspector { initial_read_buffer_size: uint32(512), ..Default::default() };
    filter("envoy.filters.listener.tls_inspector", pack_any(config))
});

/// Finds HTTP in plaintext.
pub(crate) static HTTP_INSPECTOR: LazyLock<ListenerFilter> =
    LazyLock::new(|| filter("envoy.filters.listener.http_inspector", pack_any(HttpInspector {})));

/// A listener filter with a typed configuration.
fn filter(name: &str, config: Any) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        filter_disabled: None,
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

/// The inspectors that the matches of `chains` ask for: names of servers need TLS looked at, application protocols
/// need HTTP looked at. A default chain asks for nothing.
pub(crate) fn inspectors<'c>(chains: impl IntoIterator<Item = &'c FilterChain>) -> Vec<ListenerFilter> {
    let (mut tls, mut http) = (false, false);
    for wanted in chains.into_iter().filter_map(|c| c.filter_chain_match.as_ref()) {
        tls |= !wanted.server_names.is_empty();
        http |= !wanted.application_protocols.is_empty();
    }
    let tls = tls.then(|| TLS_INSPECTOR.clone());
    tls.into_iter().chain(http.then(|| HTTP_INSPECTOR.clone())).collect()
}

/// `inspector`, switched off for connections for which `disabled` holds.
pub(crate) fn disabled_for(
    inspector: &ListenerFilter,
    disabled: Option<ListenerFilterChainMatchPredicate>,
) -> ListenerFilter {
    ListenerFilter { filter_disabled: disabled, ..inspector.clone() }
}

/// Whether a connection was for one of `ports`; none where there is no port.
pub(crate) fn to_ports(ports: impl IntoIterator<Item = u32>) -> Option<ListenerFilterChainMatchPredicate> {
    let mut rules: Vec<_> = ports.into_iter().map(to_port).collect();
    if rules.len() > 1 {
        return Some(predicate(Rule::OrMatch(MatchSet { rules })));
    }
    rules.pop()
}

/// Whether a connection is none of these.
pub(crate) fn not(rule: ListenerFilterChainMatchPredicate) -> ListenerFilterChainMatchPredicate {
    predicate(Rule::NotMatch(Box::new(rule)))
}

fn to_port(port: u32) -> ListenerFilterChainMatchPredicate {
    let start = i32::try_from(port).unwrap_or(i32::MAX);
    predicate(Rule::DestinationPortRange(Int32Range { start, end: start.saturating_add(1) }))
}

fn predicate(rule: Rule) -> ListenerFilterChainMatchPredicate {
    ListenerFilterChainMatchPredicate { rule: Some(rule) }
}

#[cfg(test)]
mod tests {
    use xdslab_proto::listener::FilterChainMatch;

    use super::*;

    fn chain(server_names: &[&str], alpn: &[&str]) -> FilterChain {
        let texts = |all: &[&str]| all.iter().map(|&t| t.to_owned()).collect();
        let wanted = FilterChainMatch {
            server_names: texts(server_names),
            application_protocols: texts(alpn),
            ..Default::default()
        };
        FilterChain { filter_chain_match: Some(wanted), ..Default::default() }
    }

    #[test]
    fn matches_ask_for_inspectors() {
        let names = |chains: &[FilterChain]| -> Vec<String> {
            inspectors(chains).into_iter().map(|f| f.name.replace("envoy.filters.listener.", "")).collect()
        };
        assert_eq!(names(&[FilterChain::default()]), Vec::<String>::new());
        assert_eq!(names(&[chain(&[], &["h2c"]), chain(&["a.b"], &[])]), ["tls_inspector", "http_inspector"]);
        assert_eq!(names(&[chain(&[], &["h2c"])]), ["http_inspector"]);
    }

    #[test]
    fn one_port_needs_no_list() {
        let range = |p| to_port(p);
        assert_eq!(to_ports([]), None);
        assert_eq!(to_ports([80]), Some(range(80)));
        let both = MatchSet { rules: vec![range(80), range(90)] };
        assert_eq!(to_ports([80, 90]), Some(predicate(Rule::OrMatch(both))));
    }
}
