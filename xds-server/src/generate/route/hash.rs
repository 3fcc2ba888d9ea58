//! Hash policies: which request goes to which host (istiod: `consistentHashToHashPolicy` in `core/route/route.go`).

use xdslab_mesh::object::istio::{ConsistentHash, Destination, LoadBalancer, TrafficPolicy};
use xdslab_proto::route::route_action::HashPolicy;
use xdslab_proto::route::route_action::hash_policy::{
    ConnectionProperties, Cookie, CookieAttribute, Header, PolicySpecifier, QueryParameter,
};

use crate::generate::cluster::policy::port_level;
use crate::generate::cluster::wire::duration;
use crate::generate::view::View;

/// The policy for a virtual service's destination: of the rule for its host, the subset's before the whole rule's, and
/// in each the port's, where the destination names one, before the rest.
pub(super) fn of_destination(view: &View, destination: &Destination) -> Option<HashPolicy> {
    let rule = view.scope.outbound_rule(&destination.host, &view.workload.labels)?;
    let named = |s: &&_| subset_name(s) == destination.subset.as_str() && !destination.subset.is_empty();
    let subset = rule.spec.subsets.iter().find(named).and_then(|s| s.traffic_policy.as_ref());
    let top = rule.spec.traffic_policy.as_ref();
    let at_port = |policy: Option<&'_ TrafficPolicy>| {
        let port = destination.port.map(|p| p.number)?;
        port_level(policy?, port)?.load_balancer.as_ref().and_then(consistent).cloned()
    };
    let whole = |policy: Option<&TrafficPolicy>| policy?.load_balancer.as_ref().and_then(consistent).cloned();
    let hash = at_port(subset).or_else(|| whole(subset)).or_else(|| at_port(top)).or_else(|| whole(top));
    hash.as_ref().and_then(policy)
}

/// The policy for a service without virtual service.
pub(super) fn of_service(view: &View, hostname: &str, port: u32) -> Option<HashPolicy> {
    let rule = view.scope.outbound_rule(hostname, &view.workload.labels)?;
    let top = rule.spec.traffic_policy.as_ref()?;
    let at_port = port_level(top, port).and_then(|p| p.load_balancer.as_ref()).and_then(consistent);
    at_port.or_else(|| top.load_balancer.as_ref().and_then(consistent)).and_then(policy)
}

fn subset_name(subset: &xdslab_mesh::object::istio::Subset) -> &str {
    &subset.name
}

fn consistent(balancer: &LoadBalancer) -> Option<&ConsistentHash> {
    balancer.consistent_hash.as_ref()
}

fn policy(hash: &ConsistentHash) -> Option<HashPolicy> {
    let specifier = if let Some(name) = &hash.http_header_name {
        PolicySpecifier::Header(Header { header_name: name.to_string(), ..Default::default() })
    } else if let Some(cookie) = &hash.http_cookie {
        PolicySpecifier::Cookie(Cookie {
            name: cookie.name.to_string(),
            ttl: cookie.ttl.and_then(duration),
            path: cookie.path.to_string(),
            attributes: cookie
                .attributes
                .iter()
                .map(|a| CookieAttribute { name: a.name.to_string(), value: a.value.to_string() })
                .collect(),
        })
    } else if let Some(source_ip) = hash.use_source_ip {
        PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip })
    } else if let Some(name) = &hash.http_query_parameter_name {
        PolicySpecifier::QueryParameter(QueryParameter { name: name.to_string() })
    } else {
        return None;
    };
    Some(HashPolicy { policy_specifier: Some(specifier), ..Default::default() })
}
