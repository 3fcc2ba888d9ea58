//! One push, as a connection gets it (istiod: `model.PushRequest`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arcstr::ArcStr;
use xdslab_mesh::{ConfigKey, Effects, Reason, Snapshot};

/// What changed, and the mesh after it.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// What changed.
    pub keys: BTreeSet<ConfigKey>,
    /// Whether everybody is served anew, whatever they depend on.
    pub forced: bool,
    /// Why, and how many times.
    pub reasons: BTreeMap<Reason, u32>,
    /// Version of the push.
    pub version: ArcStr,
    /// When the snapshot was ready.
    pub started: Instant,
    /// The mesh.
    pub snapshot: Arc<Snapshot>,
}

impl PushRequest {
    /// The push of `effects`, with the mesh as it is after them.
    pub fn new(effects: Effects, version: ArcStr, snapshot: Arc<Snapshot>) -> Self {
        let Effects { keys, forced, reasons, proxies: _ } = effects;
        Self { keys, forced, reasons, version, started: Instant::now(), snapshot }
    }

    /// Both pushes as one: the mesh of the newer, the start of the older.
    #[must_use]
    pub fn merged(self, newer: Self) -> Self {
        let mut merged = newer;
        merged.keys.extend(self.keys);
        merged.forced |= self.forced;
        for (reason, times) in self.reasons {
            *merged.reasons.entry(reason).or_default() += times;
        }
        Self { started: self.started, ..merged }
    }
}
