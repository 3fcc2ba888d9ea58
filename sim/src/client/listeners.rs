//! The listeners of one proxy: active ones, those that warm, and what draining ones still hold.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arcstr::ArcStr;

use super::catalogue::Catalogue;
use super::listener::Listener;
use super::mux::Interest;
use super::table::{Changes, Table};

/// Envoy's `ListenerManagerImpl`, as far as the control plane can see it.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    active: Table<Arc<Listener>>,
    /// Wait for their routes.
    warming: BTreeMap<ArcStr, Arc<Listener>>,
    /// Replaced or removed; they hold their routes until then.
    draining: VecDeque<(Instant, Arc<Listener>)>,
    /// The workers run, so what is replaced has connections to drain.
    is_started: bool,
}

impl Listeners {
    /// Takes new and changed listeners, in this order, and then those that are gone. Nothing that is replaced is let go
    /// of yet. Returns the route configurations that are wanted more.
    pub(super) fn apply(
        &mut self,
        added: impl IntoIterator<Item = Arc<Listener>>,
        removed: impl IntoIterator<Item = ArcStr>,
        drained: Instant,
    ) -> Interest {
        let mut interest = Interest::new();
        let mut changes: Changes<Arc<Listener>> = Changes::new();
        for listener in added {
            let name = &listener.name;
            let is_known =
                |known: Option<&Arc<Listener>>| known.is_some_and(|l| l.content == listener.content);
            if is_known(self.active.get(name)) || is_known(self.warming.get(name)) {
                continue;
            }
            interest.extend(listener.routes.iter().map(|route| (route.clone(), 1)));
            if let Some(replaced) = self.warming.insert(name.clone(), listener) {
                release(&replaced, &mut interest);
            }
        }
        for name in removed {
            if let Some(warming) = self.warming.remove(&name) {
                release(&warming, &mut interest);
            }
            if let Some(active) = self.active.get(&name) {
                let active = active.clone();
                self.drain(active, drained, &mut interest);
                changes.insert(name, None);
            }
        }
        self.active.change(changes);
        interest
    }

    /// Makes active the listeners whose routes are all there. Returns the route configurations that are wanted less.
    pub(super) fn warm(&mut self, is_there: impl Fn(&str) -> bool, drained: Instant) -> Interest {
        let mut interest = Interest::new();
        let is_warm = |listener: &Listener| listener.routes.iter().all(|route| is_there(route));
        let warm: Vec<_> = self.warming.extract_if(.., |_, listener| is_warm(listener)).collect();
        for (name, _) in &warm {
            if let Some(replaced) = self.active.get(name) {
                let replaced = replaced.clone();
                self.drain(replaced, drained, &mut interest);
            }
        }
        self.active.change(warm.into_iter().map(|(name, listener)| (name, Some(listener))).collect());
        self.is_started |= self.warming.is_empty();
        interest
    }

    /// What has drained by now: each with the route configurations that are wanted less.
    pub(super) fn drained(&mut self, now: Instant) -> Option<Interest> {
        self.draining.front().filter(|(until, _)| *until <= now)?;
        let (_, listener) = self.draining.pop_front()?;
        let mut interest = Interest::new();
        release(&listener, &mut interest);
        Some(interest)
    }

    pub(super) fn next_drained(&self) -> Option<Instant> {
        self.draining.front().map(|(until, _)| *until)
    }

    /// Names of all, warming ones included, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = &ArcStr> {
        let active = self.active.iter().map(|(name, _)| name);
        active.chain(self.warming.keys().filter(|name| self.active.get(name).is_none()))
    }

    /// Active and warming ones.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.active.len(), self.warming.len())
    }

    pub(super) fn share(&mut self, catalogue: &Catalogue) {
        catalogue.share_listeners(&mut self.active);
    }

    fn drain(&mut self, listener: Arc<Listener>, until: Instant, interest: &mut Interest) {
        if !self.is_started {
            release(&listener, interest);
        } else if !listener.routes.is_empty() {
            // All drain equally long, so they end in the order in which they began.
            self.draining.push_back((until, listener));
        }
    }
}

/// Envoy's default is 600 s; Istio's agent starts it with this.
pub(super) const DRAIN: Duration = Duration::from_secs(45);

fn release(listener: &Listener, interest: &mut Interest) {
    interest.extend(listener.routes.iter().map(|route| (route.clone(), -1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(name: &str, content: u128, routes: &[&str]) -> Arc<Listener> {
        let routes = routes.iter().map(|route| ArcStr::from(*route)).collect();
        Arc::new(Listener { content, name: name.into(), routes })
    }

    fn shown(interest: &Interest) -> String {
        let words: Vec<_> = interest.iter().map(|(name, by)| format!("{name}{by:+}")).collect();
        words.join(" ")
    }

    #[test]
    fn a_replaced_listener_holds_its_routes_until_it_has_drained() {
        let (mut listeners, now) = (Listeners::default(), Instant::now());
        let drained = now + DRAIN;
        assert_eq!(shown(&listeners.apply([listener("a", 1, &["80"])], [], drained)), "80+1");
        assert_eq!(shown(&listeners.warm(|_| false, drained)), "");
        assert_eq!(listeners.count(), (0, 1));
        listeners.warm(|_| true, drained);
        assert_eq!(listeners.count(), (1, 0));

        assert_eq!(shown(&listeners.apply([listener("a", 1, &["80"])], [], drained)), "", "nothing new");
        assert_eq!(shown(&listeners.apply([listener("a", 2, &["81"])], [], drained)), "81+1");
        assert_eq!(shown(&listeners.warm(|_| true, drained)), "");
        assert_eq!(listeners.next_drained(), Some(drained));
        assert!(listeners.drained(now).is_none());
        assert_eq!(shown(&listeners.drained(drained).unwrap()), "80-1");
        assert!(listeners.drained(drained).is_none());
    }

    #[test]
    fn a_warming_listener_that_is_removed_lets_go_at_once() {
        let (mut listeners, now) = (Listeners::default(), Instant::now());
        listeners.apply([listener("a", 1, &["80"])], [], now);
        assert_eq!(shown(&listeners.apply([listener("a", 2, &["81"])], [], now)), "81+1 80-1");
        assert_eq!(shown(&listeners.apply([], ["a".into()], now)), "81-1");
        assert_eq!((listeners.count(), listeners.next_drained()), ((0, 0), None));
    }
}
