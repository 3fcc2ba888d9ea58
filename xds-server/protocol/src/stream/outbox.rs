//! Responses and events on their way out.

use super::subscription::Sent;
use super::{Semantics, Stream, Variant};
use crate::{Cause, Event, EventKind, NameSet, ResourceSet, ResourceType, Response, Rule};
use arcstr::{ArcStr, format};

/// A response without its nonce.
pub(super) struct Draft {
    pub cause: Cause,
    pub rule: Rule,
    pub version: ArcStr,
    pub resources: ResourceSet,
    pub removed: NameSet,
}

impl Stream {
    pub(super) fn tell(&mut self, resource_type: &ResourceType, rule: Rule, kind: EventKind) {
        self.events.push_back(Event { resource_type: resource_type.clone(), rule, kind });
    }

    pub(super) fn tell_at(&mut self, at: usize, rule: Rule, kind: EventKind) {
        let resource_type = self.subscriptions[at].resource_type.clone();
        self.events.push_back(Event { resource_type, rule, kind });
    }

    pub(super) fn silent(&mut self, at: usize, rule: Rule, cause: Cause) {
        self.tell_at(at, rule, EventKind::Silent { cause });
    }

    pub(super) fn next_nonce(&mut self, version: &ArcStr) -> ArcStr {
        self.sent += 1;
        match self.salt {
            0 => format!("{version}/{}", self.sent),
            salt => format!("{version}/{salt:x}-{}", self.sent),
        }
    }

    /// Sends, and returns the nonce.
    pub(super) fn respond(&mut self, at: usize, draft: Draft) -> ArcStr {
        let Draft { cause, rule, version, resources, removed } = draft;
        let nonce = self.next_nonce(&version);
        let timed = self.note_lifetimes(at, &resources);
        let subscription = &mut self.subscriptions[at];
        subscription.sent = Some(Sent {
            nonce: nonce.clone(),
            version: version.clone(),
            resources: resources.len(),
            bytes: resources.bytes(),
        });
        let resource_type = subscription.resource_type.clone();
        let kind = EventKind::Answered {
            cause,
            nonce: nonce.clone(),
            version: version.clone(),
            resources: resources.len(),
            removed: removed.len(),
            bytes: resources.bytes(),
        };
        self.events.push_back(Event { resource_type: resource_type.clone(), rule, kind });
        self.responses.push_back(Response {
            resource_type,
            version_info: version,
            nonce: nonce.clone(),
            resources,
            removed,
            versioned: self.versioned(),
            timed,
            heartbeats: Vec::new(),
        });
        nonce
    }

    /// istiod leaves `Resource.version` empty.
    pub(super) fn versioned(&self) -> bool {
        self.variant == Variant::Delta && self.semantics == Semantics::Spec
    }
}
