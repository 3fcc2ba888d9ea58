//! The checks: one function a rule, whatever the variant.

mod basics;
mod changes;
mod delta;
mod ends;
mod order;
mod subscriptions;
mod versions;
mod wildcard;

use futures::future::BoxFuture;

use super::lab::Lab;
use super::outcome::Stop;

/// How a check went.
pub(super) type Result = std::result::Result<(), Stop>;

/// A check at work.
pub(super) type Running<'l> = BoxFuture<'l, Result>;

/// The check of a rule, by its number.
pub(super) fn begin<'l>(number: &str, lab: &'l mut Lab) -> Option<Running<'l>> {
    Some(match number {
        "R1" => Box::pin(basics::node_once(lab)),
        "R2" => Box::pin(basics::nonces(lab)),
        "R3" => Box::pin(basics::type_url(lab)),
        "R4" => Box::pin(basics::independent_types(lab)),
        "R5" => Box::pin(basics::ack_is_silent(lab)),
        "R6" => Box::pin(basics::nack_by_error(lab)),
        "R7" => Box::pin(basics::nack_is_silent(lab)),
        "R8" => Box::pin(basics::nack_with_names(lab)),
        "R9" => Box::pin(versions::follow_content(lab)),
        "R10" => Box::pin(versions::stale_is_silent(lab)),
        "R11" => Box::pin(versions::stale_subscribes(lab)),
        "R12" => Box::pin(wildcard::legacy(lab)),
        "R13" => Box::pin(wildcard::empty_after_names(lab)),
        "R14" => Box::pin(wildcard::explicit(lab)),
        "R15" => Box::pin(subscriptions::by_name(lab)),
        "R16" => Box::pin(subscriptions::order_of_names(lab)),
        "R17" => Box::pin(subscriptions::new_names(lab)),
        "R18" => Box::pin(subscriptions::again(lab)),
        "R19" => Box::pin(changes::complete_sets(lab)),
        "R20" => Box::pin(changes::missing_remembered(lab)),
        "R21" => Box::pin(delta::missing_told(lab)),
        "R22" => Box::pin(delta::deletions(lab)),
        "R23" => Box::pin(delta::unsubscribe_is_silent(lab)),
        "R24" => Box::pin(delta::given_up_under_wildcard(lab)),
        "R25" => Box::pin(delta::only_what_changed(lab)),
        "R26" => Box::pin(delta::initial_versions(lab)),
        "R27" => Box::pin(subscriptions::no_duplicates(lab)),
        "R28" => Box::pin(subscriptions::newer_supersedes(lab)),
        "R29" => Box::pin(subscriptions::only_requested(lab)),
        "R30" => Box::pin(order::make_before_break(lab)),
        "R31" => Box::pin(order::endpoints_after_cluster(lab)),
        "R32" => Box::pin(order::unknown_cluster(lab)),
        "R33" => Box::pin(order::routes_of_new_listeners(lab)),
        "R34" => Box::pin(order::routes_to_present_clusters(lab)),
        "R35" => Box::pin(versions::no_ttl(lab)),
        "R38" => Box::pin(ends::slow_client(lab)),
        "R39" => Box::pin(ends::large_response(lab)),
        "R40" => Box::pin(ends::end_of_stream(lab)),
        _ => return None,
    })
}
