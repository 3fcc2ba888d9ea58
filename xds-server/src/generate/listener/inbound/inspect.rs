//! Listener filters, each switched off for the ports whose chains do not ask for it (istiod:
//! `populateListenerFilters` in `listener.go`).

use std::collections::BTreeMap;

use xdslab_proto::listener::{FilterChain, ListenerFilter};

use super::chain::PLAIN_HTTP;
use crate::generate::listener::listener_filters::{
    HTTP_INSPECTOR, ORIGINAL_DST, ORIGINAL_SRC, TLS_INSPECTOR, disabled_for, not, to_ports,
};

/// Those that find out where a connection was led from.
pub(super) fn first(transparent: bool) -> Vec<ListenerFilter> {
    let source = transparent.then(|| ORIGINAL_SRC.clone());
    std::iter::once(ORIGINAL_DST.clone()).chain(source).collect()
}

/// The inspectors that chains ask for. A chain for all ports counts as port 0.
pub(super) fn inspectors(chains: &[FilterChain]) -> Vec<ListenerFilter> {
    let mut ports: BTreeMap<u32, (bool, bool)> = BTreeMap::new();
    for matched in chains.iter().filter_map(|c| c.filter_chain_match.as_ref()) {
        let (tls, http) = ports.entry(matched.destination_port.map_or(0, |p| p.value)).or_default();
        *tls |= matched.transport_protocol == "tls";
        *http |= matched.application_protocols.iter().any(|p| PLAIN_HTTP.contains(&p.as_str()));
    }
    let with = |needs: fn(&(bool, bool)) -> bool, wanted: bool| {
        ports.iter().filter(move |(_, n)| needs(n) == wanted).map(|(port, _)| *port)
    };
    let (tls, http) = (|n: &(bool, bool)| n.0, |n: &(bool, bool)| n.1);
    let mut inspectors = Vec::new();
    if ports.values().any(tls) {
        let everywhere_else = ports.get(&0).is_some_and(tls);
        let disabled =
            if everywhere_else { to_ports(with(tls, false)) } else { to_ports(with(tls, true)).map(not) };
        inspectors.push(disabled_for(&TLS_INSPECTOR, disabled));
    }
    if ports.values().any(http) {
        inspectors.push(disabled_for(&HTTP_INSPECTOR, to_ports(with(http, false))));
    }
    inspectors
}
