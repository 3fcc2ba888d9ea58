//! What a check works with: clients, names that exist, and the adapter.

use super::Protocol;
use super::adapter::{Adapter, Edit};
use super::discover::Found;
use super::outcome::Stop;
use super::session::{FENCE, Session, Target};
use super::transcript::Transcript;
use crate::wire::Kind;

/// A name that no server has.
pub(super) const MISSING: &str = "conformance-no-such-resource";
/// What every type has at first, where there is an adapter.
const NAMES: [&str; 4] = ["a", "b", "c", FENCE];

/// A check's surroundings.
pub(super) struct Lab {
    target: Target,
    adapter: Option<Adapter>,
    found: Found,
    pub log: Transcript,
}

impl Lab {
    pub(super) fn new(target: Target, adapter: Option<Adapter>, found: Found, log: Transcript) -> Self {
        Self { target, adapter, found, log }
    }

    /// Sets what the check begins with.
    pub(super) async fn prepare(&mut self) -> Result<(), Stop> {
        if self.adapter.is_some() { self.set(&NAMES, &NAMES).await } else { Ok(()) }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.target.protocol
    }

    pub(super) fn is_sotw(&self) -> bool {
        self.target.protocol.is_sotw()
    }

    /// A new client of the check's node.
    pub(super) fn client(&self) -> Session {
        Session::new(self.target.clone(), self.log.clone())
    }

    /// Names that exist, in order.
    pub(super) fn names<const N: usize>(&self, kind: Kind) -> Result<[String; N], Stop> {
        let mut names: Vec<String> = match &self.adapter {
            Some(_) => NAMES.map(str::to_owned).to_vec(),
            None => self.found.get(&kind).map(|names| names.iter().cloned().collect()).unwrap_or_default(),
        };
        names.truncate(N);
        let few = |names: Vec<String>| {
            Stop::Skipped(format!("needs {N} of {kind}, the server has {}", names.len()))
        };
        names.try_into().map_err(few)
    }

    /// Everything that exists, as far as it is known.
    pub(super) fn all(&self, kind: Kind) -> Vec<String> {
        match &self.adapter {
            Some(_) => NAMES.map(str::to_owned).to_vec(),
            None => self.found.get(&kind).map(|names| names.iter().cloned().collect()).unwrap_or_default(),
        }
    }

    /// Whether the check can change what exists.
    pub(super) fn has_adapter(&self) -> bool {
        self.adapter.is_some()
    }

    /// Sets the same names for clusters and endpoints, and for listeners and routes.
    pub(super) async fn set(&mut self, clusters: &[&str], listeners: &[&str]) -> Result<(), Stop> {
        let state = [
            (Kind::Cluster, clusters),
            (Kind::Endpoint, clusters),
            (Kind::Listener, listeners),
            (Kind::Route, listeners),
        ];
        self.adapter()?.set(&state).await
    }

    /// Sets exactly this.
    pub(super) async fn set_types(&mut self, state: &[(Kind, &[&str])]) -> Result<(), Stop> {
        self.adapter()?.set(state).await
    }

    pub(super) async fn add(&mut self, kind: Kind, name: &str) -> Result<(), Stop> {
        self.adapter()?.edit(Edit::Add, kind, name).await
    }

    pub(super) async fn update(&mut self, kind: Kind, name: &str) -> Result<(), Stop> {
        self.adapter()?.edit(Edit::Update, kind, name).await
    }

    pub(super) async fn remove(&mut self, kind: Kind, name: &str) -> Result<(), Stop> {
        self.adapter()?.edit(Edit::Remove, kind, name).await
    }

    fn adapter(&mut self) -> Result<&mut Adapter, Stop> {
        self.adapter.as_mut().ok_or_else(|| Stop::Skipped("needs --adapter: it changes resources".to_owned()))
    }
}
