//! Hash policies: which request goes to which host (istiod: `consistentHashToHashPolicy` in `core/route/route.go`).

use xdslab_mesh::object::istio::{
    ConsistentHash, Destination, HttpCookie, LoadBalancer, Subset, TrafficPolicy,
};
use xdslab_proto::route::route_action::HashPolicy;
use xdslab_proto::route::route_action::hash_policy::{
    ConnectionProperties, Cookie, CookieAttribute, Header, PolicySpecifier, QueryParameter,
};

use crate::generate::cluster::policy::port_level;
use crate::generate::cluster::wire::duration;
use crate::generate::view::View;

/// What the rule for a virtual service's destination says of hashing: the subset's before the whole rule's, and in each
/// the port's, where the destination names one, before the rest.
pub(super) fn of_destination<'v>(view: &'v View, destination: &Destination) -> Option<&'v ConsistentHash> {
    let rule = view.scope.outbound_rule(&destination.host, &view.workload.labels)?;
    let named = |s: &&Subset| !s.name.is_empty() && s.name == destination.subset;
    let subset = rule.spec.subsets.iter().find(named).and_then(|s| s.traffic_policy.as_ref());
    let of = |policy: Option<&'v TrafficPolicy>| {
        let at_port = || port_level(policy?, destination.port?.number)?.load_balancer.as_ref();
        let whole = || policy?.load_balancer.as_ref();
        at_port().and_then(consistent).or_else(|| whole().and_then(consistent))
    };
    of(subset).or_else(|| of(rule.spec.traffic_policy.as_ref()))
}

/// The policy for a service without virtual service: the port's before the whole rule's.
pub(super) fn of_service(view: &View, hostname: &str, port: u32) -> Option<HashPolicy> {
    let rule = view.scope.outbound_rule(hostname, &view.workload.labels)?;
    let top = rule.spec.traffic_policy.as_ref()?;
    let at_port = port_level(top, port).and_then(|p| p.load_balancer.as_ref()).and_then(consistent);
    at_port.or_else(|| top.load_balancer.as_ref().and_then(consistent)).and_then(policy)
}

fn consistent(balancer: &LoadBalancer) -> Option<&ConsistentHash> {
    balancer.consistent_hash.as_ref()
}

/// Envoy's form; none where only the ring is described. Of several keys the last that the API lists counts, as protobuf
/// reads a `oneof`.
pub(super) fn policy(hash: &ConsistentHash) -> Option<HashPolicy> {
    let specifier = match hash {
        ConsistentHash { http_query_parameter_name: Some(name), .. } => {
            PolicySpecifier::QueryParameter(QueryParameter { name: name.to_string() })
        }
        ConsistentHash { use_source_ip: Some(source_ip), .. } => {
            PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: *source_ip })
        }
        ConsistentHash { http_cookie: Some(cookie), .. } => PolicySpecifier::Cookie(self::cookie(cookie)),
        ConsistentHash { http_header_name: Some(name), .. } => {
            PolicySpecifier::Header(Header { header_name: name.to_string(), ..Default::default() })
        }
        _ => return None,
    };
    Some(HashPolicy { policy_specifier: Some(specifier), ..Default::default() })
}

fn cookie(cookie: &HttpCookie) -> Cookie {
    let attributes = cookie.attributes.iter();
    Cookie {
        name: cookie.name.to_string(),
        ttl: cookie.ttl.and_then(duration),
        path: cookie.path.to_string(),
        attributes: attributes
            .map(|a| CookieAttribute { name: a.name.to_string(), value: a.value.to_string() })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let by_header = ConsistentHash { http_header_name: Some("x".into()), ..Default::default() };
        let header = Header { header_name: "x".into(), ..Default::default() };
        assert_eq!(specifier(&by_header), Some(PolicySpecifier::Header(header)));
        let by_cookie = ConsistentHash { http_cookie: Some(HttpCookie::default()), ..by_header };
        assert_eq!(specifier(&by_cookie), Some(PolicySpecifier::Cookie(Cookie::default())));
        let by_source = ConsistentHash { use_source_ip: Some(true), ..by_cookie };
        let source = ConnectionProperties { source_ip: true };
        assert_eq!(specifier(&by_source), Some(PolicySpecifier::ConnectionProperties(source)));
        let by_query = ConsistentHash { http_query_parameter_name: Some("q".into()), ..by_source };
        let query = QueryParameter { name: "q".into() };
        assert_eq!(specifier(&by_query), Some(PolicySpecifier::QueryParameter(query)));
        assert_eq!(specifier(&ConsistentHash::default()), None);
    }

    fn specifier(hash: &ConsistentHash) -> Option<PolicySpecifier> {
        policy(hash).and_then(|p| p.policy_specifier)
    }
}
