//! Endpoints right after their clusters, changed or not (Envoy docs: `xds_protocol#resource-warming`).

use super::subscription::Reply;
use super::{Semantics, Stream, Variant};
use crate::{NameSet, ResourceType};

impl Stream {
    /// Clusters go out that the client will warm until it gets their endpoints.
    pub(super) fn warm(&mut self, clusters: &NameSet) {
        if clusters.is_empty() {
            return;
        }
        if let Some(at) = self.find(&ResourceType::Endpoint) {
            let endpoints = &mut self.subscriptions[at];
            let due = clusters.intersection(&endpoints.names);
            if due.is_empty() {
                return;
            }
            if self.variant == Variant::Sotw && endpoints.endpoints == Reply::Silent {
                endpoints.endpoints = Reply::IfRepeated;
            }
            self.warming = self.warming.union(&due);
        } else if self.variant == Variant::Delta && self.semantics == Semantics::Spec {
            // The client may be about to say that it still holds their endpoints; that will not do.
            self.warming = self.warming.union(clusters);
        }
    }

    /// Endpoints go out, or their absence is told.
    pub(super) fn warmed(&mut self, names: &NameSet) {
        self.warming = self.warming.difference(names);
    }

    /// The endpoints among the subscribed ones that clusters wait for.
    pub(super) fn warming_due(&self, at: usize) -> NameSet {
        let subscription = &self.subscriptions[at];
        if subscription.resource_type != ResourceType::Endpoint || self.warming.is_empty() {
            return NameSet::EMPTY;
        }
        self.warming.intersection(&subscription.names)
    }

    /// Whether the client is in the middle of warming clusters, on a stream that it has just opened.
    ///
    /// Envoy asks for nothing about clusters while any of them warms (`ClusterManagerImpl::updateClusterCounts` pauses
    /// them), so its request for endpoints comes first. It names the endpoints that it holds, and yet waits for them.
    pub(super) fn has_warming_client(&self, asked: &ResourceType) -> bool {
        *asked == ResourceType::Endpoint && self.only.is_none() && self.find(&ResourceType::Cluster).is_none()
    }
}
