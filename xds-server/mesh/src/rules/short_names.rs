//! Short names in a `VirtualService` become full ones (istiod: `ResolveVirtualServiceShortnames` in
//! `virtualservice.go`).

use arcstr::{ArcStr, format};

use super::MESH;
use crate::mesh::DOMAIN;
use crate::object::istio::{Destination, VirtualService};
use crate::service::qualify;

/// The spec with full host names and with gateways as `namespace/name`, read as one of `namespace`.
pub(super) fn resolve(spec: &VirtualService, namespace: &str) -> VirtualService {
    let mut spec = spec.clone();
    let host = |host: &mut ArcStr| *host = qualify(host, namespace, DOMAIN);
    let destination = |d: &mut Destination| host(&mut d.host);
    let gateways = |all: &mut Vec<ArcStr>| all.iter_mut().for_each(|g| *g = gateway(g, namespace));
    spec.hosts.iter_mut().for_each(host);
    gateways(&mut spec.gateways);
    for route in &mut spec.http {
        route.matches.iter_mut().for_each(|m| gateways(&mut m.gateways));
        route.route.iter_mut().filter_map(|r| r.destination.as_mut()).for_each(destination);
        route.mirror.iter_mut().for_each(destination);
        route.mirrors.iter_mut().filter_map(|m| m.destination.as_mut()).for_each(destination);
    }
    for route in &mut spec.tcp {
        route.matches.iter_mut().for_each(|m| gateways(&mut m.gateways));
        route.route.iter_mut().filter_map(|r| r.destination.as_mut()).for_each(destination);
    }
    for route in &mut spec.tls {
        route.matches.iter_mut().for_each(|m| gateways(&mut m.gateways));
        route.route.iter_mut().filter_map(|r| r.destination.as_mut()).for_each(destination);
    }
    spec
}

/// `namespace/name` of a gateway: `name`, `./name`, `namespace/name` and the old `name.namespace...` are allowed.
fn gateway(name: &ArcStr, namespace: &str) -> ArcStr {
    if name == MESH {
        return name.clone();
    }
    match (name.split_once('/'), name.split_once('.')) {
        (Some((".", name)), _) => format!("{namespace}/{name}"),
        (Some(_), _) => name.clone(),
        (None, Some((name, rest))) => format!("{}/{name}", rest.split('.').next().unwrap_or_default()),
        (None, None) => format!("{namespace}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways() {
        for (name, want) in [
            ("mesh", "mesh"),
            ("web", "ns/web"),
            ("./web", "ns/web"),
            ("other/web", "other/web"),
            ("web.other", "other/web"),
            ("web.other.svc.cluster.local", "other/web"),
        ] {
            assert_eq!(gateway(&name.into(), "ns"), want, "{name}");
        }
    }
}
