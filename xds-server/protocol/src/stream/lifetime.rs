//! Resources with a lifetime (Envoy docs: `xds_protocol#ttl`). The machine has no clock: its driver says when to renew.

use super::flight::Flight;
use super::{Semantics, Stream, Variant};
use crate::{EventKind, Heartbeat, NameSet, ResourceSet, ResourceType, Response, Rule};
use std::time::Duration;

/// `Node.client_features`: `Resource.ttl` means something to the client.
const TTL: &str = "xds.config.supports-resource-ttl";
/// The client can read `Resource` in SotW responses. Envoy's pages have both spellings.
const WRAPPED: [&str; 2] = ["xds.config.supports-resource-in-sotw", "xds.config.resource-in-sotw"];

impl Stream {
    /// What the client declared in `Node.client_features`. Without it no lifetime is ever sent; features that are not
    /// known here change nothing. istiod knows of no lifetimes.
    #[must_use]
    pub fn with_client_features<'f>(self, features: impl IntoIterator<Item = &'f str>) -> Self {
        let (mut ttl, mut wrapped) = (false, self.variant == Variant::Delta);
        for feature in features {
            ttl |= feature == TTL;
            wrapped |= WRAPPED.contains(&feature);
        }
        Self { lifetimes: ttl && wrapped && self.semantics == Semantics::Spec, ..self }
    }

    /// The shortest lifetime of what the client was sent, of any type: renew well within it. `None`: nothing expires.
    pub fn shortest_ttl(&self) -> Option<Duration> {
        self.subscriptions.iter().flat_map(|s| s.lifetimes.values().map(|(_, ttl)| *ttl)).min()
    }

    /// Renews the lifetimes of what the client holds of a type: one response of heartbeats, or none if nothing expires.
    /// It is no update: it has the version of the last response, and changes nothing.
    pub fn handle_heartbeat(&mut self, resource_type: &ResourceType) {
        let Some(at) = self.find(resource_type) else { return };
        let delta = self.variant == Variant::Delta;
        let subscription = &self.subscriptions[at];
        let Some(sent) = subscription.sent.clone() else { return };
        let held = subscription
            .lifetimes
            .iter()
            .filter(|(name, (version, _))| subscription.held.get(name) == Some(*version));
        let heartbeats: Vec<Heartbeat> = held
            .map(|(name, (version, ttl))| {
                let version = if delta { arcstr::format!("{version:016x}") } else { sent.version.clone() };
                Heartbeat { name: name.clone(), version, ttl: *ttl }
            })
            .collect();
        if heartbeats.is_empty() {
            return;
        }
        let nonce = self.next_nonce(&sent.version);
        let subscription = &mut self.subscriptions[at];
        if let Some(sent) = &mut subscription.sent {
            sent.nonce = nonce.clone();
        }
        subscription.flights.depart(Flight { nonce: nonce.clone(), names: NameSet::EMPTY, retry: false });
        let (resource_type, count) = (resource_type.clone(), heartbeats.len());
        self.tell_at(at, Rule::Heartbeat, EventKind::Renewed { nonce: nonce.clone(), resources: count });
        self.responses.push_back(Response {
            resource_type,
            version_info: sent.version,
            nonce,
            resources: ResourceSet::empty(),
            removed: NameSet::EMPTY,
            versioned: self.versioned(),
            timed: true,
            heartbeats,
        });
    }

    /// Remembers which of these expire, and says whether any does.
    pub(super) fn note_lifetimes(&mut self, at: usize, resources: &ResourceSet) -> bool {
        if !self.lifetimes {
            return false;
        }
        let subscription = &mut self.subscriptions[at];
        // What is no longer held is of no interest; what is sent now was held before, or not at all.
        subscription.lifetimes.retain(|name, _| subscription.held.contains(name));
        for resource in resources {
            match resource.ttl {
                Some(ttl) => {
                    subscription.lifetimes.insert(resource.name.clone(), (resource.version, ttl));
                }
                None => {
                    subscription.lifetimes.remove(&resource.name);
                }
            }
        }
        resources.expires()
    }
}
