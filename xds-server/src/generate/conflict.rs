//! What is left out because something else has its place (istiod: `AddMetric` in `push_context.go`, and who calls it).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arcstr::ArcStr;

use super::view::View;

/// What two things want that only one can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConflictKind {
    /// A port of the application, which two services lead to with different protocols.
    InboundListener,
    /// A match of a TCP listener's filter chain, which two services have alike.
    OutboundTcpListener,
    /// The name of a cluster.
    Cluster,
    /// A virtual host's name, or one of its domains.
    Domain,
}

/// One conflict. Who was first has won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What it is about.
    pub kind: ConflictKind,
    /// The listener, cluster or virtual host; for an inbound listener the proxy.
    pub name: String,
    /// istiod's words for it.
    pub message: String,
}

/// The conflicts of the mesh as it was last pushed, as far as somebody was sent what they are about.
#[derive(Debug, Default)]
pub struct Conflicts(Mutex<BTreeMap<(ConflictKind, String), Noted>>);

#[derive(Debug)]
struct Noted {
    proxy: ArcStr,
    message: String,
}

impl Conflicts {
    /// Notes what was left out for a proxy.
    pub fn note(&self, view: &View, found: &[Conflict]) {
        if found.is_empty() {
            return;
        }
        let mut all = self.lock();
        for Conflict { kind, name, message } in found {
            let noted = Noted { proxy: view.proxy.id.clone(), message: message.clone() };
            all.insert((*kind, name.clone()), noted);
        }
    }

    /// Each conflict once, with the proxy that it was last found for.
    pub fn all(&self) -> Vec<(Conflict, ArcStr)> {
        let one = |((kind, name), noted): (&(ConflictKind, String), &Noted)| {
            (
                Conflict { kind: *kind, name: name.clone(), message: noted.message.clone() },
                noted.proxy.clone(),
            )
        };
        self.lock().iter().map(one).collect()
    }

    /// Another mesh is pushed.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(ConflictKind, String), Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
