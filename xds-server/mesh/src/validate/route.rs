//! Where routes lead to, and what routes of all protocols match on.

use arcstr::ArcStr;

use super::destination_rule::subset_name;
use super::faults::Faults;
use super::{host, labels, port};
use crate::object::Labels;
use crate::object::istio::{Destination, RouteDestination};

const DESTINATION_HINT: &str = "say where to: destination: {host: api.back.svc.cluster.local}";

/// Refuses what is wrong with a destination.
pub(super) fn destination(destination: &Destination, f: Faults<'_>) {
    if destination.host == "*" {
        f.at("host").push("* is no destination", "name one host, such as api.back.svc.cluster.local");
    } else {
        host::wild(&destination.host, f.at("host"));
    }
    subset_and_port(destination, f);
}

/// Refuses what is wrong with a destination but for its host.
pub(super) fn subset_and_port(destination: &Destination, f: Faults<'_>) {
    if !destination.subset.is_empty() {
        subset_name(&destination.subset, f.at("subset"));
    }
    if let Some(selector) = destination.port {
        let f = f.at("port");
        port::number(selector.number, f.at("number"));
    }
}

/// Refuses a destination that is needed and wrong or missing.
pub(super) fn required(given: Option<&Destination>, f: Faults<'_>) {
    match given {
        Some(given) => destination(given, f.at("destination")),
        None => f.at("destination").missing("the destination", DESTINATION_HINT),
    }
}

/// Refuses negative weights, and several destinations that come to nothing.
pub(super) fn weights(weights: impl ExactSizeIterator<Item = i32> + Clone, f: Faults<'_>) {
    let several = weights.len() > 1;
    let total: i64 = weights.clone().map(i64::from).sum();
    for (i, weight) in weights.enumerate().filter(|(_, weight)| *weight < 0) {
        f.push(format!("destination {i} has the weight {weight}"), "write 0 or more");
    }
    if several && total == 0 {
        f.push("the weights come to 0", "give at least one destination a weight above 0");
    }
}

/// Refuses what is wrong with the destinations of a TCP or TLS route.
pub(super) fn destinations(list: &[RouteDestination], f: Faults<'_>) {
    if list.is_empty() {
        f.at("route")
            .missing("the route", "say where to: route: [{destination: {host: api.back.svc.cluster.local}}]");
    }
    for (f, to) in f.each("route", list) {
        required(to.destination.as_ref(), f);
    }
    weights(list.iter().map(|to| to.weight), f.at("route"));
}

/// Refuses what a match on the traffic's source and port cannot be.
pub(super) fn source(port: u32, labels: &Labels, gateways: &[ArcStr], f: Faults<'_>) {
    if port != 0 {
        port::number(port, f.at("port"));
    }
    labels::check(labels, f.at("sourceLabels"));
    gateway_names(gateways, f);
}

/// Refuses what names no gateway. After a name without namespace the others are not looked at, as in istiod.
pub(super) fn gateway_names(gateways: &[ArcStr], f: Faults<'_>) {
    const HINT: &str = "write mesh, a Gateway's name, or namespace/name";
    for (f, gateway) in f.each("gateways", gateways) {
        let Some((namespace, name)) = gateway.split_once('/') else {
            if host::fqdn_fault(gateway).is_some() {
                f.push(format!("{gateway:?} is not a Gateway's name"), HINT);
            }
            return;
        };
        for (what, part) in [("namespace", namespace), ("Gateway's name", name)] {
            if !host::is_label(part) {
                f.push(format!("{part:?} in {gateway:?} is not a {what}"), HINT);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways() {
        for (list, bad) in [
            (&["mesh"][..], false),
            (&["front/shop", "mesh"], false),
            (&["shop.front.svc.cluster.local"], false),
            (&["mesh", "not a gateway"], false),
            (&["not a gateway"], true),
            (&["front/shop", "not a gateway"], true),
            (&["front/"], true),
            (&["/shop"], true),
            (&["front/shop/x"], true),
            (&["front.x/shop"], true),
            (&[""], true),
        ] {
            let list: Vec<ArcStr> = list.iter().map(|g| ArcStr::from(*g)).collect();
            assert_eq!(!Faults::collect(|f| gateway_names(&list, f)).is_empty(), bad, "{list:?}");
        }
    }
}
