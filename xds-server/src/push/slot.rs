//! The one place where a connection's next push waits: a second push merges into the first, so that a slow client
//! costs O(1) (istiod: `pilot/pkg/xds/pushqueue.go`).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use xdslab_protocol::NameSet;

use super::PushRequest;

/// A connection's slot. Clones are ends of the same.
///
/// istiod keeps one queue of all connections, and a connection that waits in it keeps its place when a push is merged.
/// Here the order is that of the connections' turns at the throttle, which are first come, first served.
#[derive(Clone, Debug, Default)]
pub struct Slot(Arc<(Mutex<Waiting>, Notify)>);

/// What waits for a connection.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// The push, merged of all that came.
    pub push: Option<Arc<PushRequest>>,
    /// Clusters that the same client was sent on another stream, and that wait there for their endpoints.
    pub warming: NameSet,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.push.is_none() && self.warming.is_empty()
    }
}

impl Slot {
    /// Puts a push in, merged with the one that waits.
    pub fn put(&self, push: Arc<PushRequest>) {
        {
            let mut waiting = self.lock();
            waiting.push = Some(match waiting.push.take() {
                Some(older) => Arc::new(older.merged(&push)),
                None => push,
            });
        }
        self.0.1.notify_one();
    }

    /// Clusters of these names were sent on another stream of the client.
    pub fn warm(&self, clusters: &NameSet) {
        {
            let mut waiting = self.lock();
            waiting.warming = waiting.warming.union(clusters);
        }
        self.0.1.notify_one();
    }

    /// Waits until there is something. Taking it is a step of its own, so that it goes on merging until then.
    pub async fn ready(&self) {
        while self.is_empty() {
            self.0.1.notified().await;
        }
    }

    /// Takes what waits.
    pub fn take(&self) -> Waiting {
        std::mem::take(&mut self.lock())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use arcstr::ArcStr;
    use tokio::sync::{Semaphore, mpsc};
    use tokio::time::timeout;
    use xdslab_mesh::{ConfigKey, ConfigKind, Effects, Mesh, Reason};

    use super::*;

    fn push(name: &'static str, version: &'static str, forced: bool) -> Arc<PushRequest> {
        let key = ConfigKey { kind: ConfigKind::Sidecar, name: name.into(), namespace: ArcStr::new() };
        let effects = Effects {
            keys: [key].into(),
            reasons: [(Reason::Config, 1)].into(),
            forced,
            ..Effects::default()
        };
        Arc::new(PushRequest::new(effects, version.into(), Mesh::new().snapshot()))
    }

    #[tokio::test]
    async fn pushes_that_wait_are_one() {
        let slot = Slot::default();
        assert!(slot.take().push.is_none());
        let first = push("a", "1", true);
        let started = first.started;
        slot.put(first);
        slot.put(push("b", "2", false));
        slot.put(push("b", "3", false));
        slot.ready().await;
        let merged = slot.take().push.expect("a push waits");
        assert_eq!((merged.keys.len(), merged.version.as_str(), merged.forced), (2, "3", true));
        assert_eq!(merged.reasons.get(&Reason::Config), Some(&3));
        assert_eq!(merged.started, started, "the clock of the oldest runs");
        assert!(slot.is_empty());
    }

    #[tokio::test]
    async fn what_is_shared_is_not_changed_by_merging() {
        let (one, other) = (Slot::default(), Slot::default());
        let (first, second) = (push("a", "1", false), push("b", "2", false));
        one.put(first.clone());
        one.put(second.clone());
        other.put(second.clone());
        assert_eq!(one.take().push.expect("a push").keys.len(), 2);
        let alone = other.take().push.expect("a push");
        assert!(Arc::ptr_eq(&alone, &second), "what is not merged is not copied");
        assert_eq!((first.keys.len(), second.keys.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_push_that_comes_while_one_is_at_work_waits_for_the_next_turn() {
        let slot = Slot::default();
        slot.put(push("a", "1", false));
        let at_work = slot.take().push.expect("a push");
        slot.put(push("b", "2", false));
        slot.put(push("c", "3", false));
        assert_eq!(at_work.version, "1", "what is at work stays as it is");
        slot.ready().await;
        let next = slot.take().push.expect("the next turn");
        assert_eq!((next.version.as_str(), next.keys.len()), ("3", 2));
    }

    #[tokio::test]
    async fn an_empty_slot_is_waited_for() {
        let slot = Slot::default();
        let waiting = tokio::spawn({
            let slot = slot.clone();
            async move { slot.ready().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        slot.warm(&["outbound|80||a".into()].into_iter().collect());
        timeout(Duration::from_secs(5), waiting).await.expect("it wakes up").expect("it does not panic");
        slot.warm(&["outbound|80||b".into()].into_iter().collect());
        let taken = slot.take();
        assert_eq!((taken.push.is_none(), taken.warming.len()), (true, 2));
    }

    /// istiod's `TestPushQueue`: in order, each once, and the turn is kept when more is merged.
    #[tokio::test]
    async fn turns_at_the_throttle_are_first_come_first_served() {
        let throttle = Arc::new(Semaphore::new(1));
        let held = throttle.clone().acquire_owned().await.expect("open");
        let (done, mut order) = mpsc::channel(8);
        let mut slots = BTreeMap::new();
        for name in ["c", "a", "b"] {
            let slot = Slot::default();
            slots.insert(name, slot.clone());
            slot.put(push("first", "1", false));
            let (throttle, done) = (throttle.clone(), done.clone());
            tokio::spawn(async move {
                slot.ready().await;
                let _room = throttle.acquire_owned().await.expect("open");
                let keys = slot.take().push.expect("a push").keys.len();
                done.send((name, keys)).await.expect("somebody listens");
            });
            tokio::task::yield_now().await;
        }
        slots["c"].put(push("second", "2", false));
        drop(held);
        for expected in [("c", 2), ("a", 1), ("b", 1)] {
            let turn = timeout(Duration::from_secs(5), order.recv()).await.expect("a turn");
            assert_eq!(turn, Some(expected));
        }
    }
}
