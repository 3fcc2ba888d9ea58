//! Which types a change touches, and whom it concerns (istiod: `pilot/pkg/xds/{cds,eds,lds,rds}.go`,
//! `pilot/pkg/xds/proxy_dependencies.go`).

use std::collections::BTreeSet;

use xdslab_mesh::{ConfigKey, ConfigKind, ProxyKind, Reason};
use xdslab_protocol::ResourceType;

use super::PushRequest;
use crate::generate::View;

const CDS: ResourceType = ResourceType::Cluster;
const EDS: ResourceType = ResourceType::Endpoint;
const LDS: ResourceType = ResourceType::Listener;
const RDS: ResourceType = ResourceType::Route;

/// What a push touches whose changes are of this kind, in push order. A type is pushed if one key touches it, which is
/// the same as istiod's lists of kinds that, alone, do not.
const TOUCHED: [(ConfigKind, &[ResourceType]); 11] = [
    (ConfigKind::AuthorizationPolicy, &[LDS]),
    (ConfigKind::DestinationRule, &[CDS, EDS, LDS, RDS]),
    (ConfigKind::DnsName, &[]),
    (ConfigKind::Endpoints, &[EDS]),
    (ConfigKind::Gateway, &[CDS, LDS, RDS]),
    (ConfigKind::PeerAuthentication, &[CDS, EDS, LDS]),
    (ConfigKind::RequestAuthentication, &[LDS]),
    (ConfigKind::ServiceEntry, &[CDS, EDS, LDS, RDS]),
    (ConfigKind::Sidecar, &[CDS, LDS, RDS]),
    (ConfigKind::Telemetry, &[LDS]),
    (ConfigKind::VirtualService, &[CDS, LDS, RDS]),
];

/// The types that the table knows, in push order.
const ALL: [ResourceType; 4] = [CDS, EDS, LDS, RDS];

/// Types that a push leaves out whose keys are services of which some is headless and got other endpoints, and none is
/// otherwise than before; a gateway has no listeners for them either.
const NOT_FOR_HEADLESS: [ResourceType; 2] = [CDS, RDS];

/// The keys of a push that concern a proxy: what its scope depends on, or depended on before, and its own services. A
/// gateway passes over Sidecars, and over services that it does not see and did not see before.
pub fn relevant(view: &View, push: &PushRequest) -> BTreeSet<ConfigKey> {
    let sidecar = view.proxy.kind == ProxyKind::Sidecar;
    let mine = |key: &ConfigKey| {
        let is_target = |host: &str, namespace: &str| key.name == host && key.namespace == namespace;
        let mut targets = view.workload.targets.iter().map(|target| &target.service);
        key.kind == ConfigKind::ServiceEntry && targets.any(|s| is_target(&s.hostname, &s.namespace))
    };
    let scopes = || [Some(&view.scope), view.previous_scope.as_ref()].into_iter().flatten();
    let kept = |key: &&ConfigKey| match key.kind {
        ConfigKind::Gateway => !sidecar,
        _ if sidecar => scopes().any(|scope| scope.depends_on(key)) || mine(key),
        ConfigKind::Sidecar => false,
        ConfigKind::ServiceEntry => scopes().any(|scope| scope.service(&key.name).is_some()) || mine(key),
        _ => true,
    };
    push.keys.iter().filter(kept).cloned().collect()
}

/// The types that a push of these keys touches for a proxy, in push order.
pub fn affected(view: &View, push: &PushRequest) -> Vec<ResourceType> {
    if push.forced {
        return ALL.into();
    }
    let headless_only = push.reasons.contains_key(&Reason::HeadlessEndpoint)
        && !push.reasons.contains_key(&Reason::Service)
        && push.keys.iter().all(|key| key.kind == ConfigKind::ServiceEntry);
    let root = &view.snapshot.mesh_config().root_namespace;
    let elsewhere = |key: &ConfigKey| {
        // Listeners mind the mode of their own namespace and the mesh's, no other.
        key.kind == ConfigKind::PeerAuthentication
            && key.namespace != *root
            && key.namespace != view.proxy.config_namespace
    };
    let sidecar = view.proxy.kind == ProxyKind::Sidecar;
    let touches = |kind: &ResourceType, key: &ConfigKey| match key.kind {
        ConfigKind::Gateway if sidecar => false,
        _ => {
            touched(key.kind).contains(kind)
                && !(headless_only && (NOT_FOR_HEADLESS.contains(kind) || (*kind == LDS && !sidecar)))
                && !(*kind == LDS && elsewhere(key))
        }
    };
    ALL.into_iter().filter(|kind| push.keys.iter().any(|key| touches(kind, key))).collect()
}

fn touched(kind: ConfigKind) -> &'static [ResourceType] {
    TOUCHED.iter().find(|(row, _)| *row == kind).map_or(&[], |(_, types)| types)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use xdslab_mesh::object::{Reading, read};
    use xdslab_mesh::{Change, Effects, Mesh, NodeIdentity, Proxy};

    use super::*;

    fn key(text: &str) -> ConfigKey {
        let [kind, namespace, name] = text.split('/').collect::<Vec<_>>()[..] else { panic!("{text:?}") };
        let (kind, _) = TOUCHED.iter().find(|(row, _)| row.word() == kind).expect("a kind");
        ConfigKey { kind: *kind, name: name.into(), namespace: namespace.into() }
    }

    fn push(keys: &[&str], reason: Reason, forced: bool, mesh: &mut Mesh) -> PushRequest {
        let keys = keys.iter().map(|text| key(text)).collect();
        let effects = Effects { keys, reasons: [(reason, 1)].into(), forced, ..Effects::default() };
        PushRequest::new(effects, "1".into(), mesh.snapshot())
    }

    fn view(mesh: &mut Mesh) -> View {
        view_of("sidecar", mesh)
    }

    fn view_of(kind: &str, mesh: &mut Mesh) -> View {
        let node = NodeIdentity {
            id: arcstr::format!("{kind}~10.0.0.1~web.front~front.svc.cluster.local"),
            metadata: json!({"NAMESPACE": "front"}),
            ..NodeIdentity::default()
        };
        View::new(mesh.snapshot(), Arc::new(Proxy::parse(node).expect("a good node")))
    }

    #[test]
    fn every_kind_has_its_types() {
        let mut mesh = Mesh::new();
        let view = view(&mut mesh);
        for (keys, expected) in [
            (&["Sidecar/front/a"][..], "cds lds rds"),
            (&["VirtualService/front/a"], "cds lds rds"),
            (&["DestinationRule/front/a"], "cds eds lds rds"),
            (&["ServiceEntry/front/a"], "cds eds lds rds"),
            (&["Endpoints/front/a"], "eds"),
            (&["PeerAuthentication/front/a"], "cds eds lds"),
            (&["PeerAuthentication/istio-system/a"], "cds eds lds"),
            (&["PeerAuthentication/back/a"], "cds eds"),
            (&["AuthorizationPolicy/front/a"], "lds"),
            (&["RequestAuthentication/front/a"], "lds"),
            (&["Telemetry/front/a"], "lds"),
            (&["Gateway/front/a"], ""),
            (&["DNSName/front/a"], ""),
            (&["DNSName/front/a", "Endpoints/front/a"], "eds"),
            (&["PeerAuthentication/back/a", "Sidecar/front/a"], "cds eds lds rds"),
        ] {
            let types = affected(&view, &push(keys, Reason::Config, false, &mut mesh));
            assert_eq!(
                types.iter().map(ResourceType::short).collect::<Vec<_>>().join(" "),
                expected,
                "{keys:?}"
            );
        }
    }

    #[test]
    fn gateways_touch_clusters_listeners_and_routes_of_gateways() {
        let gateway = |mode: &str| {
            let port = json!({"number": 443, "name": "tls", "protocol": "TLS"});
            let server = json!({"port": port, "hosts": ["*"], "tls": {"mode": mode}});
            let value = json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
                "metadata": {"name": "g", "namespace": "front"}, "spec": {"servers": [server]}});
            match read(value) {
                Ok(Reading::Object(object, _)) => Change::Apply(object),
                other => panic!("a good object, not {other:?}"),
            }
        };
        let mut mesh = Mesh::new();
        let mut view = view_of("router", &mut mesh);
        for mode in ["PASSTHROUGH", "AUTO_PASSTHROUGH"] {
            mesh.apply([gateway(mode)].into_iter().collect());
            let push = push(&["Gateway/front/g"], Reason::Config, false, &mut mesh);
            view = view.advance(mesh.snapshot(), &push);
            assert_eq!(affected(&view, &push), [CDS, LDS, RDS], "{mode}");
        }
        let headless = push(&["ServiceEntry/front/a"], Reason::HeadlessEndpoint, false, &mut mesh);
        assert_eq!(affected(&view, &headless), [EDS]);
    }

    #[test]
    fn reasons_count_too() {
        let mut mesh = Mesh::new();
        let view = view(&mut mesh);
        let headless = push(&["ServiceEntry/front/a"], Reason::HeadlessEndpoint, false, &mut mesh);
        assert_eq!(
            affected(&view, &headless),
            [EDS, LDS],
            "endpoints of a headless service are in its listeners"
        );
        let mut both = headless.clone();
        both.reasons.insert(Reason::Endpoint, 1);
        assert_eq!(affected(&view, &both), [EDS, LDS]);
        both.reasons.insert(Reason::Service, 1);
        assert_eq!(affected(&view, &both), ALL);
        let keys = ["ServiceEntry/front/a", "Endpoints/front/a"];
        let with_endpoints = push(&keys, Reason::HeadlessEndpoint, false, &mut mesh);
        assert_eq!(affected(&view, &with_endpoints), ALL);
        assert_eq!(affected(&view, &push(&[], Reason::Global, true, &mut mesh)), ALL);
        assert_eq!(affected(&view, &push(&[], Reason::Unknown, false, &mut mesh)), []);
    }

    #[test]
    fn what_came_into_view_or_left_it_is_relevant() {
        let sidecar = json!({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
            "metadata": {"name": "default", "namespace": "front"}, "spec": {"egress": [{"hosts": ["./*"]}]}});
        let service = |namespace: &str| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": namespace},
                   "spec": {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}})
        };
        let good = |value| match read(value) {
            Ok(Reading::Object(object, _)) => Change::Apply(object),
            other => panic!("a good object, not {other:?}"),
        };
        let mut mesh = Mesh::new();
        mesh.apply([service("front"), service("back")].map(good).into_iter().collect());
        let before = view(&mut mesh);
        let near = "ServiceEntry/front/a.front.svc.cluster.local";
        let far = "ServiceEntry/back/a.back.svc.cluster.local";
        let keys = ["Gateway/front/g", near, far];
        let words =
            |keys: BTreeSet<ConfigKey>| keys.into_iter().map(|k| k.namespace.to_string()).collect::<Vec<_>>();
        let request = push(&keys, Reason::Config, false, &mut mesh);
        assert_eq!(words(relevant(&before, &request)), ["back", "front"], "all but the gateway");

        mesh.apply([sidecar].map(good).into_iter().collect());
        let change = push(&["Sidecar/front/default"], Reason::Config, false, &mut mesh);
        let after = before.advance(mesh.snapshot(), &change);
        let request = push(&keys, Reason::Config, false, &mut mesh);
        assert_eq!(words(relevant(&after, &request)), ["back", "front"], "it has just left the view");
        let later = after.advance(mesh.snapshot(), &change);
        assert_eq!(words(relevant(&later, &request)), ["front"]);
    }
}
