//! What status pages show of a subscription.

use super::subscription::Subscription;
use crate::{NackDetail, Names, ResourceType};

/// The state of one subscription, as `syncz` shows it: in sync when `acked_nonce` equals `sent_nonce`.
#[derive(Debug, Clone)]
pub struct SubscriptionStatus<'a> {
    /// The type.
    pub resource_type: &'a ResourceType,
    /// What the client is subscribed to.
    pub names: Names,
    /// Nonce of the last response.
    pub sent_nonce: Option<&'a str>,
    /// Version of the last response.
    pub sent_version: Option<&'a str>,
    /// How many resources the last response held.
    pub resources: usize,
    /// The bodies' bytes in the last response.
    pub bytes: usize,
    /// Nonce of the last response that was accepted.
    pub acked_nonce: Option<&'a str>,
    /// What the client found wrong, until it accepts something.
    pub error: Option<&'a NackDetail>,
    /// The nonce that came with `error`: the response that was refused.
    pub nacked_nonce: Option<&'a str>,
}

impl<'a> SubscriptionStatus<'a> {
    pub(super) fn new(subscription: &'a Subscription) -> Self {
        let sent = subscription.sent.as_ref();
        Self {
            resource_type: &subscription.resource_type,
            names: subscription.subscribed(),
            sent_nonce: sent.map(|s| s.nonce.as_str()),
            sent_version: sent.map(|s| s.version.as_str()),
            resources: sent.map_or(0, |s| s.resources),
            bytes: sent.map_or(0, |s| s.bytes),
            acked_nonce: subscription.acked.as_deref(),
            error: subscription.error.as_ref(),
            nacked_nonce: subscription.error.as_ref().and(subscription.nacked.as_deref()),
        }
    }
}
