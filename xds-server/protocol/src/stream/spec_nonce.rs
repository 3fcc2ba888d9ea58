//! ACKs and NACKs as the protocol defines them.

use super::flight::Flight;
use super::{Stream, Variant};
use crate::{EventKind, NackDetail, NameSet, Rule};
use arcstr::ArcStr;

/// What a request's nonce says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No nonce: it answers nothing.
    Spontaneous,
    /// It accepts or refuses the last response.
    Current,
    /// It names the last response, which was accepted or refused before.
    Repeated,
    /// It names an older response, or one of another stream.
    Stale,
}

impl Stream {
    /// Keeps the books of ACKs and NACKs. Neither is ever answered.
    ///
    /// A NACK is one by `error_detail` (Envoy docs: `xds_protocol#nack`). In delta each response is accepted or refused by
    /// itself; a SotW request with an older nonce is just old.
    pub(super) fn spec_nonce(
        &mut self,
        at: usize,
        nonce: &ArcStr,
        error: Option<NackDetail>,
        each: bool,
    ) -> Standing {
        let subscription = &mut self.subscriptions[at];
        let last = subscription.last_nonce() == Some(nonce);
        let known = subscription.flights.contains(nonce);
        if let Some(detail) = error {
            let landed = subscription.flights.land(nonce);
            if let Some(refused) = landed.last() {
                // What newer responses have brought since has changed or gone: their ACK frees the rest.
                let resent = subscription.flights.retry_after(&refused.names);
                subscription.refused = subscription.refused.union(&refused.names.difference(&resent));
            }
            subscription.error = Some(detail.clone());
            subscription.nacked = Some(nonce.clone());
            self.forget_refused(at);
            self.tell_at(at, Rule::NackByErrorDetail, EventKind::Nacked { nonce: nonce.clone(), detail });
            return match (nonce.is_empty(), last) {
                (true, _) => Standing::Spontaneous,
                (_, true) => Standing::Current,
                _ => Standing::Stale,
            };
        }
        if nonce.is_empty() {
            return Standing::Spontaneous;
        }
        if (each && known) || last {
            let landed = subscription.flights.land(nonce);
            // Its verdict is known: a client that refused it and now changes its names does not accept it by that.
            if landed.is_empty() {
                self.tell_at(at, Rule::AckIsSilent, EventKind::Ignored);
                return if last { Standing::Repeated } else { Standing::Stale };
            }
            if !each && subscription.resource_type.wildcard_capable() {
                // The newest complete set is all that there is.
                subscription.refused = NameSet::EMPTY;
            } else if landed.iter().any(|Flight { retry, .. }| *retry) && !subscription.refused.is_empty() {
                subscription.debt.retry = true;
            }
            subscription.error = None;
            subscription.acked = Some(nonce.clone());
            self.tell_at(at, Rule::AckIsSilent, EventKind::Acked { nonce: nonce.clone() });
            return if last { Standing::Current } else { Standing::Stale };
        }
        Standing::Stale
    }

    /// What was refused among the names that the client has given up is settled; the rest may be tried again. So is what
    /// is gone, where SotW has no word for that: nothing is sent whose ACK would say that all is well.
    pub(super) fn forget_refused(&mut self, at: usize) {
        let subscription = &mut self.subscriptions[at];
        let untold = self.variant == Variant::Sotw && !subscription.resource_type.wildcard_capable();
        let stands = |name: &&ArcStr| !untold || subscription.held.contains(name);
        let wanted = |name: &&ArcStr| subscription.covers(name) && stands(name);
        let rest = NameSet::from_sorted(subscription.refused.iter().filter(wanted).cloned().collect());
        if rest.len() < subscription.refused.len() {
            subscription.debt.retry |= !rest.is_empty();
            subscription.refused = rest;
        }
    }
}
