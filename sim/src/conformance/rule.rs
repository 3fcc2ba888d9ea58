//! The rules that servers are checked against.

use super::Protocol;

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `R1` to `R40`.
    pub number: &'static str,
    /// What it demands, in a few words.
    pub title: &'static str,
    /// Section of Envoy's page `xds_protocol` where it is written; empty where it is this project's own.
    pub section: &'static str,
    /// Where it can be checked.
    pub scope: Scope,
}

/// On which variants a rule can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On all four.
    All,
    /// On state-of-the-world streams.
    Sotw,
    /// On incremental streams.
    Delta,
    /// On streams of all types.
    Aggregated,
    /// On none: why a client cannot see it.
    Nowhere(&'static str),
}

impl Rule {
    /// Whether it can be checked on this variant.
    pub fn applies_to(&self, protocol: Protocol) -> bool {
        match self.scope {
            Scope::All => true,
            Scope::Sotw => protocol.is_sotw(),
            Scope::Delta => !protocol.is_sotw(),
            Scope::Aggregated => protocol.is_aggregated(),
            Scope::Nowhere(_) => false,
        }
    }

    /// Its number alone, to sort by.
    pub(super) fn order(&self) -> u32 {
        self.number.trim_start_matches('R').parse().unwrap_or(u32::MAX)
    }
}

/// The rule of this number, in upper or lower case.
pub fn rule(number: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.number.eq_ignore_ascii_case(number))
}

const fn new(number: &'static str, title: &'static str, section: &'static str, scope: Scope) -> Rule {
    Rule { number, title, section, scope }
}

const SPECIFIES: &str = "how-the-client-specifies-what-resources-to-return";
const VERSION: &str = "ack-nack-and-resource-type-instance-version";
const EVENTUAL: &str = "eventual-consistency-considerations";
const EXISTS: &str = "knowing-when-a-requested-resource-does-not-exist";

/// All rules, in order.
#[rustfmt::skip]
pub const RULES: [Rule; 40] = [
    new("R1", "the node is said once a stream", "basic-protocol-overview", Scope::All),
    new("R2", "every response has a nonce of its own", "basic-protocol-overview", Scope::All),
    new("R3", "ADS needs a type URL, other services do not", "rpc-services-and-methods-for-each-variant", Scope::All),
    new("R4", "types are independent of each other", "four-variants", Scope::All),
    new("R5", "an ACK gets no answer", "when-to-send-an-update", Scope::All),
    new("R6", "error_detail makes a NACK, not the version", "nack", Scope::Sotw),
    new("R7", "what was refused is not sent again until it changes", "when-to-send-an-update", Scope::All),
    new("R8", "names that come with a NACK count", VERSION, Scope::All),
    new("R9", "versions follow the content", VERSION, Scope::All),
    new("R10", "a request with a stale nonce gets no answer", "resource-updates", Scope::Sotw),
    new("R11", "a stale nonce does not void a subscription", "incremental-xds", Scope::Delta),
    new("R12", "no names at first: everything", SPECIFIES, Scope::All),
    new("R13", "no names after names: nothing", SPECIFIES, Scope::All),
    new("R14", "* comes and goes apart from names", SPECIFIES, Scope::All),
    new("R15", "clusters and listeners by name", "client-behavior", Scope::All),
    new("R16", "order and duplicates of names do not matter", SPECIFIES, Scope::All),
    new("R17", "newly named resources are sent", SPECIFIES, Scope::All),
    new("R18", "names subscribed to again are sent again", "subscribing-to-resources", Scope::Delta),
    new("R19", "clusters and listeners come as complete sets", "grouping-resources-into-responses", Scope::Sotw),
    new("R20", "missing names are remembered", EXISTS, Scope::All),
    new("R21", "missing names are told", EXISTS, Scope::Delta),
    new("R22", "deletions are told once, to those subscribed", "deleting-resources", Scope::Delta),
    new("R23", "unsubscribing gets no answer", "unsubscribing-from-resources", Scope::Delta),
    new("R24", "a name given up under a wildcard is answered", "unsubscribing-from-resources", Scope::Delta),
    new("R25", "only what changed, with name and version", "grouping-resources-into-responses", Scope::Delta),
    new("R26", "what a client still holds is not sent again", "incremental-xds", Scope::Delta),
    new("R27", "no name twice in a response", "duplicate-resource-names", Scope::All),
    new("R28", "a newer request supersedes an older one", "when-to-send-an-update", Scope::All),
    new("R29", "endpoints and routes: only what was asked for", SPECIFIES, Scope::All),
    new("R30", "make before break", EVENTUAL, Scope::Aggregated),
    new("R31", "endpoints again after their cluster", "resource-warming", Scope::All),
    new("R32", "endpoints of an unknown cluster are answered", "resource-warming", Scope::All),
    new("R33", "routes of new listeners are supplied", "resource-warming", Scope::All),
    new("R34", "routes do not point to absent clusters", EVENTUAL, Scope::Aggregated),
    new("R35", "no TTL, no wrapped resources unless asked for", "ttl", Scope::All),
    new("R36", "the error of a NACK is kept and shown", "nack", Scope::Nowhere("shown to people, not to clients")),
    new("R37", "resource_errors are optional", "", Scope::Nowhere("demands something of clients alone")),
    new("R38", "a slow client does not hold up others", "", Scope::All),
    new("R39", "more than 4 MiB in a response", "grouping-resources-into-responses", Scope::All),
    new("R40", "the end of a stream frees it", "", Scope::All),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order() {
        for (n, rule) in (1..).zip(&RULES) {
            assert_eq!(rule.order(), n);
        }
        assert_eq!(rule("r7").map(|rule| rule.number), Some("R7"));
        assert_eq!(rule("R41"), None);
    }
}
