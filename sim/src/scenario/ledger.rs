//! What a server's events say of each proxy: what it was sent, and whether it has ACKed all of it. Pure.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use tokio::time::Instant;
use xdslab_server::ResourceType;
use xdslab_server::observe::{Event, Happening};

/// The account of all proxies since the run began.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    proxies: BTreeMap<String, Account>,
    last: Option<Instant>,
    pushed: Option<Instant>,
    lost: u64,
}

#[derive(Debug, Default)]
struct Account {
    pushes: u64,
    bytes: u64,
    /// Open streams, by their id.
    streams: BTreeMap<ArcStr, BTreeMap<ResourceType, Exchange>>,
    acked: Option<Instant>,
}

/// The last response of a type on a stream.
#[derive(Debug)]
struct Exchange {
    nonce: ArcStr,
    is_acked: bool,
    refused: Option<String>,
}

impl Ledger {
    /// Enters an event that has happened now.
    pub(super) fn enter(&mut self, event: &Event, now: Instant) {
        self.last = Some(now);
        if matches!(event.what, Happening::PushStarted { .. }) {
            self.pushed = Some(now);
        }
        if event.proxy.is_empty() {
            return;
        }
        let account = self.proxies.entry(event.proxy.to_string()).or_default();
        let stream = &event.connection;
        match &event.what {
            Happening::Connected { .. } => {
                account.streams.insert(stream.clone(), BTreeMap::new());
            }
            Happening::Disconnected { .. } => {
                account.streams.remove(stream);
            }
            Happening::Sent { kind, bytes, nonce, .. } => {
                account.pushes += 1;
                account.bytes += u64::try_from(*bytes).unwrap_or(u64::MAX);
                let sent = Exchange { nonce: nonce.clone(), is_acked: false, refused: None };
                account.streams.entry(stream.clone()).or_default().insert(kind.clone(), sent);
            }
            Happening::Acked { kind, nonce } => {
                account.acked = Some(now);
                let exchange = account.streams.get_mut(stream).and_then(|types| types.get_mut(kind));
                if let Some(exchange) = exchange.filter(|exchange| exchange.nonce == *nonce) {
                    exchange.is_acked = true;
                }
            }
            Happening::Nacked { kind, nonce, message, .. } => {
                let exchange = account.streams.get_mut(stream).and_then(|types| types.get_mut(kind));
                if let Some(exchange) = exchange.filter(|exchange| exchange.nonce == *nonce) {
                    exchange.refused = Some(message.clone());
                }
            }
            _ => {}
        }
    }

    /// Notes that events were lost; from now on sums are not whole.
    pub(super) fn lose(&mut self, events: u64) {
        self.lost += events;
    }

    /// Whether no event was lost.
    pub(super) fn is_whole(&self) -> bool {
        self.lost == 0
    }

    /// When the last push began.
    pub(super) fn pushed_at(&self) -> Option<Instant> {
        self.pushed
    }

    /// When the last event came.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Responses and bytes that a proxy was sent; nothing if it never connected.
    pub(super) fn sent(&self, proxy: &str) -> Option<(u64, u64)> {
        self.proxies.get(proxy).map(|account| (account.pushes, account.bytes))
    }

    /// When a proxy ACKed last.
    pub(super) fn acked_at(&self, proxy: &str) -> Option<Instant> {
        self.proxies.get(proxy)?.acked
    }

    /// Whether a proxy is connected, has been sent clusters, and has ACKed the last response of every type.
    pub(super) fn is_in_sync(&self, proxy: &str) -> bool {
        self.missing(proxy).is_none()
    }

    /// What is missing until a proxy is in sync.
    pub(super) fn missing(&self, proxy: &str) -> Option<String> {
        let Some(stream) = self.proxies.get(proxy).and_then(|account| account.streams.values().next_back())
        else {
            return Some("not connected".to_owned());
        };
        if !stream.contains_key(&ResourceType::Cluster) {
            return Some("was sent no clusters".to_owned());
        }
        let (kind, exchange) = stream.iter().find(|(_, exchange)| !exchange.is_acked)?;
        Some(match &exchange.refused {
            Some(message) => format!("refused {}: {message}", kind.short().to_uppercase()),
            None => format!("has not ACKed {}", kind.short().to_uppercase()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn enter(ledger: &mut Ledger, connection: &str, what: Happening) {
        let event = Event { connection: connection.into(), proxy: "a.n".into(), what };
        ledger.enter(&event, Instant::now());
    }

    fn sent(kind: ResourceType, nonce: &'static str) -> Happening {
        Happening::Sent {
            kind,
            resources: 1,
            removed: 0,
            bytes: 10,
            nonce: nonce.into(),
            took: Duration::ZERO,
        }
    }

    fn acked(kind: ResourceType, nonce: &'static str) -> Happening {
        Happening::Acked { kind, nonce: nonce.into() }
    }

    #[test]
    fn a_proxy_is_in_sync_when_it_has_acked_the_last_of_every_type() {
        use ResourceType::{Cluster, Endpoint};
        let mut ledger = Ledger::default();
        let missing = |ledger: &Ledger| ledger.missing("a.n").unwrap_or_default();
        assert_eq!(missing(&ledger), "not connected");
        enter(&mut ledger, "a-1", Happening::Connected { istio_version: "".into() });
        assert_eq!(missing(&ledger), "was sent no clusters");
        enter(&mut ledger, "a-1", sent(Cluster, "1"));
        enter(&mut ledger, "a-1", sent(Endpoint, "2"));
        assert_eq!(missing(&ledger), "has not ACKed CDS");
        enter(&mut ledger, "a-1", acked(Endpoint, "2"));
        enter(&mut ledger, "a-1", acked(Cluster, "1"));
        assert!(ledger.is_in_sync("a.n"));
        assert_eq!(ledger.sent("a.n"), Some((2, 20)));

        enter(&mut ledger, "a-1", sent(Cluster, "3"));
        enter(&mut ledger, "a-1", sent(Cluster, "4"));
        enter(&mut ledger, "a-1", acked(Cluster, "3"));
        assert!(!ledger.is_in_sync("a.n"), "delta ACKs each nonce");
        let refusal =
            Happening::Nacked { kind: Cluster, nonce: "4".into(), code: 3, message: "bad".to_owned() };
        enter(&mut ledger, "a-1", refusal);
        assert_eq!(missing(&ledger), "refused CDS: bad");
        enter(&mut ledger, "a-1", Happening::Disconnected { istio_version: "".into() });
        assert_eq!(missing(&ledger), "not connected");
        enter(&mut ledger, "a-2", sent(Cluster, "5"));
        enter(&mut ledger, "a-2", acked(Cluster, "5"));
        assert!(ledger.is_in_sync("a.n"));
        assert_eq!(ledger.sent("a.n"), Some((5, 50)), "over all connections");
    }
}
