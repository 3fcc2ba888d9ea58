//! Listeners in the making: what happens when two services want one address and port (istiod:
//! `buildSidecarOutboundListener` and `mergeTCPFilterChains`, `mergeFilterChains` in `listener.go`).

use std::collections::{HashMap, HashSet};

use arcstr::ArcStr;
use xdslab_mesh::service::Protocol;
use xdslab_proto::core::TrafficDirection;
use xdslab_proto::listener::Listener;
use xdslab_proto::protobuf::{BoolValue, Duration};

use super::chain::{Chain, MatchKey, Scaffold};
use crate::generate::cluster::wire::uint32;
use crate::generate::conflict::{Conflict, ConflictKind};
use crate::generate::listener::address::Bind;
use crate::generate::listener::balance;
use crate::generate::listener::listener_filters;

/// All listeners in the making, in the order in which they were first wanted.
#[derive(Default)]
pub(super) struct Entries {
    all: Vec<Entry>,
    by_address: HashMap<(String, u32), usize>,
    conflicts: Vec<Conflict>,
}

/// One listener in the making.
pub(super) struct Entry {
    bind: Bind,
    port: u32,
    bind_to_port: bool,
    /// What it speaks: TCP, HTTP, or not settled.
    protocol: Protocol,
    chains: Vec<Chain>,
    /// What `chains` match; filled when a second service comes.
    taken: HashSet<MatchKey>,
    /// Whether no service may be added any more.
    locked: bool,
}

/// How a port is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Http,
    Tcp,
    /// Found out by looking.
    Auto,
}

impl Speech {
    /// That of a protocol; none for UDP, which has no listeners.
    pub fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Udp => None,
            p if p.is_http() => Some(Self::Http),
            p if p.is_tcp() => Some(Self::Tcp),
            _ => Some(Self::Auto),
        }
    }
}

/// What becomes of a service that wants an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It gets a listener of its own, in place of one that may be there.
    Own,
    /// Its chains are added to the listener that is there, those that match something new.
    Add,
    /// The same, and from then on it is found out by looking what is spoken there.
    Mix,
    /// Nothing.
    Ignored,
}

impl Entries {
    /// From now on no service joins the listeners that there are: egress listeners with ports have these for
    /// themselves.
    pub fn lock(&mut self) {
        self.all.iter_mut().for_each(|e| e.locked = true);
    }

    /// What becomes of a service that speaks `protocol` and wants an address.
    pub fn verdict(&self, bind: &Bind, port: u32, protocol: Protocol, speech: Speech) -> Verdict {
        let Some(there) = self.at(bind, port) else { return Verdict::Own };
        if there.locked {
            return Verdict::Ignored;
        }
        // A proxy that is asked for has the port for itself.
        if protocol == Protocol::HttpProxy {
            return Verdict::Own;
        }
        let verdict = match (Speech::of(there.protocol), speech) {
            (Some(Speech::Tcp | Speech::Auto), Speech::Tcp) => Verdict::Add,
            (Some(Speech::Tcp), Speech::Http | Speech::Auto) | (Some(Speech::Http), Speech::Tcp) => {
                Verdict::Mix
            }
            (Some(Speech::Http), Speech::Auto) => Verdict::Own,
            _ => return Verdict::Ignored,
        };
        // Protocols in which the server speaks first cannot be told from others by looking.
        let speaks_first = |p| matches!(p, Protocol::Mongo | Protocol::MySql);
        let mixes = (speaks_first(protocol) || speaks_first(there.protocol)) && protocol != there.protocol;
        if mixes { Verdict::Ignored } else { verdict }
    }

    fn at(&self, bind: &Bind, port: u32) -> Option<&Entry> {
        self.by_address.get(&(bind.primary.clone(), port)).map(|at| &self.all[*at])
    }

    /// Carries the verdict out for the service `host`.
    pub fn enter(&mut self, verdict: Verdict, entry: Entry, host: &ArcStr) {
        let address = (entry.bind.primary.clone(), entry.port);
        let Some(&at) = self.by_address.get(&address) else {
            self.by_address.insert(address, self.all.len());
            self.all.push(entry);
            return;
        };
        let there = &mut self.all[at];
        match verdict {
            Verdict::Ignored => {}
            Verdict::Own => *there = entry,
            Verdict::Add | Verdict::Mix => {
                let (accepted, rejected) = (there.protocol, entry.protocol);
                let left_out = there.add(entry);
                if verdict == Verdict::Mix {
                    there.protocol = Protocol::Unsupported;
                }
                if left_out {
                    let name = there.bind.name(there.port);
                    let [accepted, rejected] = [accepted, rejected].map(word);
                    let message = format!("Listener={name} Accepted={accepted} Rejected={rejected} ({host})");
                    self.conflicts.push(Conflict { kind: ConflictKind::OutboundTcpListener, name, message });
                }
            }
        }
    }
}

impl Entries {
    /// The listeners, and what was left out of them.
    pub fn into_parts(self) -> (Vec<Entry>, Vec<Conflict>) {
        (self.all, self.conflicts)
    }
}

/// istiod's word for how a protocol is spoken.
fn word(protocol: Protocol) -> &'static str {
    match Speech::of(protocol) {
        Some(Speech::Http) => "HTTP",
        Some(Speech::Tcp) => "TCP",
        Some(Speech::Auto) | None => "UNKNOWN",
    }
}

impl Entry {
    /// A listener with these chains.
    pub fn new(bind: Bind, port: u32, bind_to_port: bool, protocol: Protocol, chains: Vec<Chain>) -> Self {
        Self { bind, port, bind_to_port, protocol, chains, taken: HashSet::new(), locked: false }
    }

    /// Of two chains that match the same the first stays. Says whether one was left out.
    fn add(&mut self, other: Self) -> bool {
        if self.taken.is_empty() {
            self.taken.extend(self.chains.iter().map(Chain::key));
        }
        let mut left_out = false;
        for chain in other.chains {
            if self.taken.insert(chain.key()) {
                self.chains.push(chain);
            } else {
                left_out = true;
            }
        }
        left_out
    }

    /// The listener. A chain that matches everything takes what the others leave, or is alone; where there is none,
    /// what no chain matches falls through.
    pub fn listener(self, scaffold: &Scaffold<'_>) -> Listener {
        let name = self.bind.name(self.port);
        let several = self.chains.len() > 1;
        let mut listener = Listener {
            address: Some(self.bind.address(self.port)),
            additional_addresses: self.bind.additional(self.port),
            traffic_direction: TrafficDirection::Outbound.into(),
            continue_on_listener_filters_timeout: true,
            connection_balance_config: balance(scaffold.exact_balance),
            filter_chains: Vec::with_capacity(self.chains.len()),
            ..Default::default()
        };
        if self.bind_to_port {
            listener.max_connections_to_accept_per_socket_event = uint32(1);
        } else {
            listener.bind_to_port = Some(BoolValue { value: false });
        }
        let mut takes_all = false;
        for chain in self.chains {
            let chain = chain.build(scaffold.filters, &name);
            let is_first_for_all = chain.filter_chain_match.is_none() && !takes_all;
            takes_all |= is_first_for_all;
            if is_first_for_all && several {
                listener.default_filter_chain = Some(chain);
            } else {
                listener.filter_chains.push(chain);
            }
        }
        if !takes_all {
            listener.default_filter_chain = Some(scaffold.fall_through.clone());
        }
        listener.listener_filters = listener_filters::inspectors(&listener.filter_chains);
        // Only a listener that looks for HTTP waits (istiod: `ListenerFiltersTimeout`).
        let looks_for_http =
            listener.listener_filters.iter().any(|f| f.name == listener_filters::HTTP_INSPECTOR.name);
        listener.listener_filters_timeout =
            if looks_for_http { scaffold.inspection } else { Some(Duration::default()) };
        listener.name = name;
        listener
    }
}

#[cfg(test)]
mod tests {
    use arcstr::literal;

    use super::*;

    fn entries(protocol: Protocol) -> Entries {
        let mut entries = Entries::default();
        let entry = Entry::new(Bind::to("10.0.0.1"), 80, false, protocol, vec![Chain::default()]);
        entries.enter(Verdict::Own, entry, &literal!("first"));
        entries
    }

    #[test]
    fn collisions() {
        use Protocol::{Grpc, Http, HttpProxy, Mongo, MySql, Redis, Tcp, Tls, Unsupported};
        use Verdict::{Add, Ignored, Mix, Own};
        for (there, new, want) in [
            (Http, Grpc, Ignored),
            (Http, Tcp, Mix),
            (Http, Unsupported, Own),
            (Http, HttpProxy, Own),
            (HttpProxy, Tcp, Mix),
            (Mongo, HttpProxy, Own),
            (Unsupported, Http, Ignored),
            (Unsupported, HttpProxy, Own),
            (Unsupported, Tls, Add),
            (Unsupported, Unsupported, Ignored),
            (Tcp, Http, Mix),
            (Tcp, Redis, Add),
            (Tcp, Unsupported, Mix),
            (Mongo, Mongo, Add),
            (Mongo, Tcp, Ignored),
            (Tcp, MySql, Ignored),
            (Mongo, Http, Ignored),
            (Unsupported, Mongo, Ignored),
        ] {
            let speech = Speech::of(new).expect("not UDP");
            let mut entries = entries(there);
            let bind = Bind::to("10.0.0.1");
            assert_eq!(entries.verdict(&bind, 80, new, speech), want, "{new:?} over {there:?}");
            assert_eq!(entries.verdict(&bind, 81, new, speech), Own);
            entries.lock();
            assert_eq!(entries.verdict(&bind, 80, new, speech), Ignored);
        }
    }

    #[test]
    fn of_equal_matches_the_first_stays() {
        let mut entries = entries(Protocol::Tcp);
        let tls = Chain { server_names: vec!["a.b".into()], ..Chain::default() };
        let chains = vec![Chain::default(), tls.clone(), tls];
        let entry = Entry::new(Bind::to("10.0.0.1"), 80, false, Protocol::Tcp, chains);
        entries.enter(Verdict::Add, entry, &literal!("second"));
        assert_eq!(entries.all[0].chains.len(), 2);
        assert_eq!(entries.all[0].protocol, Protocol::Tcp);
        let [conflict] = &entries.conflicts[..] else { panic!("one: {:?}", entries.conflicts) };
        assert_eq!(conflict.name, "10.0.0.1_80");
        assert_eq!(conflict.message, "Listener=10.0.0.1_80 Accepted=TCP Rejected=TCP (second)");
    }

    #[test]
    fn http_and_tcp_stand_side_by_side_where_they_match_something_else() {
        for (chain, expected) in
            [(Chain { server_names: vec!["a.b".into()], ..Chain::default() }, 2), (Chain::default(), 1)]
        {
            let mut entries = entries(Protocol::Http);
            let entry = Entry::new(Bind::to("10.0.0.1"), 80, false, Protocol::Tls, vec![chain]);
            entries.enter(Verdict::Mix, entry, &literal!("second"));
            assert_eq!(entries.all[0].chains.len(), expected);
            assert_eq!(entries.all[0].protocol, Protocol::Unsupported);
        }
    }
}
