//! One push, as a connection gets it (istiod: `model.PushRequest`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arcstr::ArcStr;
use xdslab_mesh::{ConfigKey, ConfigKind, Effects, Reason, Snapshot};

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
        let Effects { keys, forced, reasons, addresses: _, objects: _ } = effects;
        Self { keys, forced, reasons, version, started: Instant::now(), snapshot }
    }

    /// The push to a proxy whose own pod changed, under the version of the push before.
    pub fn of_proxy(version: ArcStr, snapshot: Arc<Snapshot>) -> Self {
        let effects = Effects { forced: true, reasons: [(Reason::Proxy, 1)].into(), ..Effects::default() };
        Self::new(effects, version, snapshot)
    }

    /// A push of the mesh as it is to everybody, because somebody asked for it (istiod: `AdsPushAll` in `ads.go`).
    pub fn on_demand(version: ArcStr, snapshot: Arc<Snapshot>) -> Self {
        let effects = Effects { forced: true, reasons: [(Reason::Debug, 1)].into(), ..Effects::default() };
        Self::new(effects, version, snapshot)
    }

    /// Both pushes as one: the mesh of the newer, the start of the older.
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        let mut merged = newer.clone();
        merged.keys.extend(self.keys.iter().cloned());
        merged.forced |= self.forced;
        for (reason, times) in &self.reasons {
            *merged.reasons.entry(*reason).or_default() += times;
        }
        Self { started: self.started, ..merged }
    }

    /// Whether endpoints alone changed: then the rest of what a proxy knows of the mesh stays that of the push before.
    pub fn is_endpoints_only(&self) -> bool {
        let all = self.keys.iter().all(|key| key.kind == ConfigKind::Endpoints);
        all && !self.keys.is_empty() && !self.forced
    }
}
