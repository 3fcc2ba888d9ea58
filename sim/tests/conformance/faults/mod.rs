//! Servers that each break one rule.

mod delta;
mod sotw;

use xdslab_sim::conformance::Protocol::{self, DeltaAggregated, DeltaSeparate, SotwAggregated, SotwSeparate};
use xdslab_sim::wire::{Delta, Sotw};

use crate::relay::{Act, Event, Fault, Memory};

/// A server that breaks a rule, on the variant where it does.
pub struct Case {
    pub rule: &'static str,
    pub protocol: Protocol,
    pub fault: Fault,
}

type SotwFault = fn(&mut Memory<Sotw>, Event<Sotw>) -> Vec<Act<Sotw>>;
type DeltaFault = fn(&mut Memory<Delta>, Event<Delta>) -> Vec<Act<Delta>>;

const fn on_sotw(rule: &'static str, protocol: Protocol, fault: SotwFault) -> Case {
    Case { rule, protocol, fault: Fault::Sotw(fault) }
}

const fn on_delta(rule: &'static str, protocol: Protocol, fault: DeltaFault) -> Case {
    Case { rule, protocol, fault: Fault::Delta(fault) }
}

/// At least one for each rule that is checked.
pub const CASES: [Case; 53] = [
    on_sotw("R1", SotwAggregated, sotw::node_every_time),
    on_sotw("R2", SotwSeparate, sotw::one_nonce),
    on_sotw("R2", SotwAggregated, sotw::knows_nonces_of_all),
    on_sotw("R3", SotwAggregated, sotw::guesses_type),
    on_sotw("R4", SotwAggregated, sotw::nack_stops_all),
    on_sotw("R5", SotwSeparate, sotw::answers_acks),
    on_delta("R5", DeltaAggregated, delta::answers_delta_acks),
    on_sotw("R6", SotwAggregated, sotw::nack_by_version),
    on_sotw("R7", SotwSeparate, sotw::answers_nacks),
    on_delta("R7", DeltaSeparate, delta::answers_delta_nacks),
    on_sotw("R7", SotwAggregated, sotw::gives_up_after_nack),
    on_sotw("R8", SotwAggregated, sotw::drops_nacks),
    on_sotw("R9", SotwSeparate, sotw::one_version),
    on_delta("R9", DeltaSeparate, delta::one_delta_version),
    on_sotw("R9", SotwAggregated, sotw::knows_versions),
    on_sotw("R10", SotwAggregated, sotw::honours_stale),
    on_sotw("R10", SotwSeparate, sotw::loses_stale_names),
    on_delta("R11", DeltaAggregated, delta::drops_stale),
    on_sotw("R12", SotwSeparate, sotw::wildcard_is_a),
    on_sotw("R13", SotwAggregated, sotw::empty_is_everything),
    on_delta("R13", DeltaSeparate, delta::empty_delta_is_everything),
    on_sotw("R14", SotwAggregated, sotw::star_stays),
    on_delta("R14", DeltaSeparate, delta::drops_unsubscribes),
    on_sotw("R15", SotwSeparate, sotw::no_named_clusters),
    on_sotw("R16", SotwAggregated, sotw::compares_lists),
    on_sotw("R17", SotwSeparate, sotw::never_twice),
    on_delta("R17", DeltaSeparate, delta::drops_known_names),
    on_delta("R18", DeltaAggregated, delta::drops_known_names),
    on_sotw("R19", SotwSeparate, sotw::never_twice),
    on_sotw("R20", SotwAggregated, sotw::forgets_missing),
    on_delta("R20", DeltaSeparate, delta::forgets_missing_delta),
    on_delta("R21", DeltaAggregated, delta::never_removes),
    on_delta("R22", DeltaSeparate, delta::removes_twice),
    on_delta("R22", DeltaAggregated, delta::never_removes),
    on_delta("R23", DeltaSeparate, delta::answers_unsubscribes),
    on_delta("R24", DeltaAggregated, delta::drops_unsubscribes),
    on_delta("R24", DeltaSeparate, delta::never_removes),
    on_delta("R25", DeltaSeparate, delta::no_names),
    on_delta("R25", DeltaAggregated, delta::no_versions),
    on_delta("R26", DeltaAggregated, delta::drops_initial_versions),
    on_delta("R26", DeltaSeparate, delta::never_removes),
    on_sotw("R27", SotwSeparate, sotw::everything_twice),
    on_sotw("R28", SotwAggregated, sotw::first_request_only),
    on_sotw("R29", SotwSeparate, sotw::unrequested),
    on_sotw("R30", SotwAggregated, sotw::clusters_last),
    on_sotw("R31", SotwAggregated, sotw::never_twice),
    on_sotw("R32", SotwSeparate, sotw::forgets_missing),
    on_sotw("R33", SotwAggregated, sotw::no_new_routes),
    on_sotw("R34", SotwAggregated, sotw::clusters_last),
    on_sotw("R35", SotwSeparate, sotw::wraps),
    on_sotw("R38", SotwSeparate, sotw::one_at_a_time),
    on_sotw("R39", SotwAggregated, sotw::four_mebibytes),
    on_sotw("R40", SotwSeparate, sotw::ignores_half_close),
];

/// Names that checks ask for before they exist.
const MISSING: [&str; 2] = ["late", "conformance-no-such-resource"];
