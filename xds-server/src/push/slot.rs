//! The one place where a connection's next push waits: a second push merges into the first.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::PushRequest;

/// A connection's slot. Both ends share it.
#[derive(Clone, Debug, Default)]
pub struct Slot(Arc<(Mutex<Option<PushRequest>>, Notify)>);

/// A new, empty slot.
pub fn slot() -> Slot {
    Slot::default()
}

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

    /// Waits for a push and takes it.
    pub async fn take(&self) -> PushRequest {
        loop {
            if let Some(push) = self.lock().take() {
                return push;
            }
            self.0.1.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<PushRequest>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
