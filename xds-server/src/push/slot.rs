//! The one place where a connection's next push waits: a second push merges into the first, so that a slow client
//! costs O(1) (istiod: `pilot/pkg/xds/pushqueue.go`).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::PushRequest;

/// A connection's slot. Clones are ends of the same.
#[derive(Clone, Debug, Default)]
pub struct Slot(Arc<(Mutex<Option<PushRequest>>, Notify)>);

impl Slot {
    /// Puts a push in, merged with the one that waits.
    pub fn put(&self, push: PushRequest) {
        {
            let mut waiting = self.lock();
            *waiting = Some(match waiting.take() {
                Some(older) => older.merged(push),
                None => push,
            });
        }
        self.0.1.notify_one();
    }

    /// Waits until there is a push. Taking it is a step of its own, so that it goes on merging until then.
    pub async fn ready(&self) {
        while self.lock().is_none() {
            self.0.1.notified().await;
        }
    }

    /// Takes the push that waits.
    pub fn take(&self) -> Option<PushRequest> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<PushRequest>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use arcstr::ArcStr;
    use xdslab_mesh::{ConfigKey, ConfigKind, Effects, Mesh, Reason};

    use super::*;

    fn push(name: &'static str, version: &'static str, forced: bool) -> PushRequest {
        let key = ConfigKey { kind: ConfigKind::Sidecar, name: name.into(), namespace: ArcStr::new() };
        let effects = Effects {
            keys: [key].into(),
            reasons: [(Reason::Config, 1)].into(),
            forced,
            ..Effects::default()
        };
        PushRequest::new(effects, version.into(), Mesh::new().snapshot())
    }

    #[tokio::test]
    async fn pushes_that_wait_are_one() {
        let slot = Slot::default();
        assert!(slot.take().is_none());
        let first = push("a", "1", true);
        let started = first.started;
        slot.put(first);
        slot.put(push("b", "2", false));
        slot.put(push("b", "3", false));
        slot.ready().await;
        let merged = slot.take().expect("a push waits");
        assert_eq!((merged.keys.len(), merged.version.as_str(), merged.forced), (2, "3", true));
        assert_eq!(merged.reasons.get(&Reason::Config), Some(&3));
        assert_eq!(merged.started, started, "the clock of the oldest runs");
        assert!(slot.take().is_none());
    }
}
