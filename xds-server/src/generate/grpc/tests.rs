//! Rules of gRPC clients and servers that look at the mesh, each as a small mesh and what one client gets.

use std::sync::Arc;

use arcstr::ArcStr;
use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet, Mesh, NodeIdentity, Proxy};
use xdslab_proto::json::to_json;
use xdslab_protocol::{Names, ResourceSet, ResourceType};

use super::{all_clusters, answer};
use crate::generate::view::View;

const ECHO: &str = "outbound|70||echo.front.svc.cluster.local";

/// The client `echo` of the namespace `front`, a Pod of the service `echo`, in a mesh with these objects too.
fn view(objects: &[Value]) -> View {
    let own = [
        object(
            "v1",
            "Service",
            "echo",
            json!({"clusterIP": "10.9.0.1", "selector": {"app": "echo"},
            "clusterIPs": ["10.9.0.1", "fd00::1"], "ports": [{"name": "grpc", "port": 70}, {"name": "tcp", "port": 71}]}),
        ),
        object(
            "v1",
            "Service",
            "nowhere",
            json!({"clusterIP": "None", "ports": [{"name": "grpc", "port": 70}]}),
        ),
    ];
    let changes = own.iter().chain(objects).map(|value| match read(value.clone()) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}: {value}"),
    });
    let mut mesh = Mesh::new();
    mesh.apply(changes.collect::<ChangeSet>());
    let metadata = json!({"NAMESPACE": "front", "CLUSTER_ID": "Kubernetes", "GENERATOR": "grpc",
                          "LABELS": {"app": "echo"}});
    let id = "sidecar~10.0.0.1~echo.front~front.svc.cluster.local".into();
    let proxy = Proxy::parse(NodeIdentity { id, metadata, ..NodeIdentity::default() }).unwrap();
    View::new(mesh.snapshot(), Arc::new(proxy))
}

fn object(version: &str, kind: &str, name: &str, spec: impl Into<Value>) -> Value {
    json!({"apiVersion": version, "kind": kind, "spec": spec.into(),
           "metadata": {"name": name, "namespace": "front", "creationTimestamp": "2026-01-01T00:00:00Z"}})
}

fn rule(spec: Value) -> Value {
    object("networking.istio.io/v1", "DestinationRule", "echo", spec)
}

/// What is answered to these names, as JSON by name.
fn asked(view: &View, kind: &ResourceType, names: &[&str]) -> Vec<Value> {
    let names = Names::Named(names.iter().map(|n| ArcStr::from(*n)).collect());
    json_of(kind, &answer(view, kind, &names))
}

fn json_of(kind: &ResourceType, set: &ResourceSet) -> Vec<Value> {
    set.iter().map(|r| to_json(kind.type_url(), &r.body).unwrap()).collect()
}

fn names(resources: &[Value]) -> Vec<&str> {
    resources.iter().map(|r| r["name"].as_str().unwrap()).collect()
}

#[test]
fn destination_rules() {
    let balancer = |balancer: Value| json!({"host": "echo", "trafficPolicy": {"loadBalancer": balancer}});
    let tls = |mode: &str| json!({"host": "echo", "trafficPolicy": {"tls": {"mode": mode}}});
    let pool = |limit: u32| json!({"connectionPool": {"http": {"http2MaxRequests": limit}, "tcp": {"maxConnections": 9}}});
    for (spec, want) in [
        (balancer(json!({"simple": "LEAST_REQUEST"})), json!({"lb_policy": "LEAST_REQUEST"})),
        (balancer(json!({"simple": "LEAST_CONN"})), json!({})),
        (balancer(json!({"simple": "ROUND_ROBIN"})), json!({})),
        (balancer(json!({"simple": "RANDOM"})), json!({})),
        (balancer(json!({"simple": "PASSTHROUGH"})), json!({})),
        (
            balancer(json!({"consistentHash": {"useSourceIp": true, "minimumRingSize": 5}})),
            json!({"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": "5"}}),
        ),
        (
            balancer(json!({"consistentHash": {"httpHeaderName": "x", "maglev": {"tableSize": 7}}})),
            json!({"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": "7"}}),
        ),
        (tls("SIMPLE"), json!({})),
        (tls("DISABLE"), json!({})),
        (
            json!({"host": "echo", "trafficPolicy": pool(3)}),
            json!({"circuit_breakers": {"thresholds": [{"max_requests": 3}]}}),
        ),
        // A port's own entry stands for all of the policy.
        (
            json!({"host": "echo", "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}, "portLevelSettings": [
                {"port": {"number": 70}, "connectionPool": pool(4)["connectionPool"]}]}}),
            json!({"circuit_breakers": {"thresholds": [{"max_requests": 4}]}}),
        ),
        (
            json!({"host": "echo", "trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 1}}}),
            json!({}),
        ),
    ] {
        let got = asked(&view(&[rule(spec.clone())]), &ResourceType::Cluster, &[ECHO]);
        let mut want = want;
        want["name"] = ECHO.into();
        want["alt_stat_name"] = format!("{ECHO};").into();
        want["type"] = "EDS".into();
        want["eds_cluster_config"] = json!({"service_name": ECHO, "eds_config": {"ads": {}}});
        assert_eq!(got, [want], "{spec}");
    }
}

#[test]
fn a_subset_lays_its_policy_over_the_rules() {
    let spec = json!({"host": "echo", "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}}, "subsets": [
        {"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}]});
    let view = view(&[rule(spec)]);
    let v1 = "outbound|70|v1|echo.front.svc.cluster.local";
    let got = asked(&view, &ResourceType::Cluster, &[v1, "outbound|70|v2|echo.front.svc.cluster.local"]);
    assert_eq!(names(&got), [v1], "no such subset");
    assert_eq!(
        (&got[0]["lb_policy"], &got[0]["transport_socket"]["name"]),
        (&json!("LEAST_REQUEST"), &json!("envoy.transport_sockets.tls"))
    );
    let all = json_of(&ResourceType::Cluster, &ResourceSet::new(all_clusters(&view)));
    assert_eq!(
        names(&all),
        [
            v1,
            ECHO,
            "outbound|70||nowhere.front.svc.cluster.local",
            "outbound|71|v1|echo.front.svc.cluster.local",
            "outbound|71||echo.front.svc.cluster.local",
        ]
    );
}

/// Domains of the virtual hosts of these route configurations.
fn domains(view: &View, routes: &[&str]) -> Vec<Vec<Vec<String>>> {
    let texts = |list: &Value| serde_json::from_value::<Vec<String>>(list.clone()).unwrap();
    let of = |r: &Value| {
        let hosts = r.get("virtual_hosts").and_then(Value::as_array).into_iter().flatten();
        hosts.map(|h| texts(&h["domains"])).collect()
    };
    asked(view, &ResourceType::Route, routes).iter().map(of).collect()
}

#[test]
fn a_route_configuration_has_the_virtual_host_of_its_host() {
    let both = |hosts: &[&str], port: u32| -> Vec<String> {
        hosts.iter().flat_map(|host| [(*host).to_owned(), format!("{host}:{port}")]).collect()
    };
    let names = |name: &str| {
        let of = format!("{name}.front");
        [
            format!("{of}.svc.cluster.local"),
            format!("{of}.svc.cluster.local."),
            name.to_owned(),
            format!("{of}.svc"),
            of,
        ]
    };
    let with = |name: &str, last: &[&str]| {
        let all = names(name);
        both(&all.iter().map(String::as_str).chain(last.iter().copied()).collect::<Vec<_>>(), 70)
    };
    let wild: Vec<_> = names("nowhere").iter().map(|n| format!("*.{n}")).collect();
    let wild: Vec<_> = wild.iter().map(String::as_str).collect();
    let entry = |name: &str, host: &str| {
        let spec = json!({"hosts": [host], "resolution": "NONE", "ports": [{"number": 70, "name": "g", "protocol": "GRPC"}]});
        object("networking.istio.io/v1", "ServiceEntry", name, spec)
    };
    let rule = |name: &str, host: &str, to: &str| {
        let http = json!([{"route": [{"destination": {"host": to}}]}]);
        object("networking.istio.io/v1", "VirtualService", name, json!({"hosts": [host], "http": http}))
    };
    let view = view(&[
        entry("a", "a.example.com"),
        entry("all", "*.example.com"),
        // A service that is called what another's short name is.
        entry("short", "echo.front"),
        rule("made-up", "made.up", "echo"),
        rule("on-80", "made.up", "web"),
        object(
            "v1",
            "Service",
            "web",
            json!({"clusterIP": "10.9.0.9", "ports": [{"name": "http", "port": 80}]}),
        ),
    ]);
    let upper = "outbound|70||Echo.Front";
    let dotted = |host: &str| both(&[host, &format!("{host}.")], 70);
    for (route, want) in [
        (
            ECHO,
            vec![
                with("echo", &["10.9.0.1"])
                    .into_iter()
                    .filter(|d| !matches!(d.as_str(), "echo.front" | "echo.front:70"))
                    .collect(),
            ],
        ),
        ("outbound|70||nowhere.front.svc.cluster.local", vec![with("nowhere", &wild)]),
        ("outbound|71||echo.front.svc.cluster.local", vec![]),
        ("outbound|72||echo.front.svc.cluster.local", vec![]),
        ("outbound|70||nobody.front.svc.cluster.local", vec![]),
        ("outbound|70|v1|echo.front", vec![dotted("echo.front")]),
        (upper, vec![dotted("echo.front")]),
        ("outbound|70||*.example.com", vec![dotted("*.example.com")]),
        ("outbound|70||a.example.com", vec![dotted("*.example.com"), dotted("a.example.com")]),
        ("outbound|70||b.example.com", vec![dotted("*.example.com")]),
        ("outbound|70||made.up", vec![]),
        ("outbound|80||made.up", vec![both(&["made.up"], 80)]),
    ] {
        assert_eq!(domains(&view, &[route]), [want], "{route}");
    }
}

#[test]
fn a_virtual_services_time_limit_is_in_grpcs_field() {
    let http = json!([{"match": [{"uri": {"prefix": "/a"}}], "timeout": "2s", "route": [{"destination": {"host": "echo"}}]},
                      {"route": [{"destination": {"host": "echo"}}]}]);
    let rule =
        object("networking.istio.io/v1", "VirtualService", "echo", json!({"hosts": ["echo"], "http": http}));
    for (objects, want) in [
        (vec![rule], vec![(json!("2s"), json!("2s"), Value::Null), (json!("0s"), json!("0s"), Value::Null)]),
        (vec![], vec![(json!("0s"), Value::Null, json!("0s"))]),
    ] {
        let got = asked(&view(&objects), &ResourceType::Route, &[ECHO]);
        let limits = |route: &Value| {
            let of = |field: &str| route["route"].get(field).cloned().unwrap_or_default();
            let stream = of("max_stream_duration").get("max_stream_duration").cloned().unwrap_or_default();
            (of("timeout"), stream, of("max_grpc_timeout"))
        };
        let routes = got[0]["virtual_hosts"][0]["routes"].as_array().unwrap();
        assert_eq!(routes.iter().map(limits).collect::<Vec<_>>(), want);
        assert_eq!(got[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "virtual_hosts"]);
    }
}

#[test]
fn names_that_stand_for_nothing_are_left_out() {
    let view = view(&[]);
    let headless = "outbound|70||nowhere.front.svc.cluster.local";
    for (kind, wanted, want) in [
        (
            ResourceType::Cluster,
            &[ECHO, headless, "outbound|9||echo.front.svc.cluster.local", "BlackHoleCluster"][..],
            &[ECHO, headless][..],
        ),
        (ResourceType::Cluster, &["outbound|70||echo.back.svc.cluster.local", "inbound|70||"], &[]),
        (ResourceType::Cluster, &[], &[]),
        (
            ResourceType::Listener,
            &["echo:70", "echo:72", "nobody:70", "nowhere:70"],
            &["echo:70", "nowhere:70"],
        ),
        (ResourceType::Listener, &[], &[]),
        (ResourceType::Route, &["outbound|70|", "80", "outbound|0||nobody", "outbound|70||", ""], &[]),
    ] {
        assert_eq!(names(&asked(&view, &kind, wanted)), want, "{wanted:?}");
    }
    let everything =
        json_of(&ResourceType::Listener, &answer(&view, &ResourceType::Listener, &Names::Wildcard));
    assert_eq!(
        names(&everything),
        [
            "echo.front.svc.cluster.local:70",
            "echo.front.svc.cluster.local:71",
            "nowhere.front.svc.cluster.local:70",
        ]
    );
    assert!(answer(&view, &ResourceType::Cluster, &Names::Wildcard).is_empty());
}

#[test]
fn a_server_takes_tls_or_plaintext_and_never_both() {
    let own = "xds.istio.io/grpc/lds/inbound/0.0.0.0:70";
    for (mode, label, want) in [
        ("STRICT", None, "inbound-mtls"),
        ("STRICT", Some("disabled"), "inbound-mtls"),
        ("PERMISSIVE", Some("istio"), "inbound-mtls"),
        ("PERMISSIVE", Some("disabled"), "inbound-plaintext"),
        ("PERMISSIVE", None, "inbound-plaintext"),
        ("DISABLE", Some("istio"), "inbound-plaintext"),
    ] {
        let mut pod = object("v1", "Pod", "echo", json!({"containers": []}));
        pod["metadata"]["labels"] = json!({"app": "echo"});
        pod["status"] = json!({"podIP": "10.0.0.1", "phase": "Running"});
        if let Some(label) = label {
            pod["metadata"]["labels"]["security.istio.io/tlsMode"] = label.into();
        }
        let policy =
            object("security.istio.io/v1", "PeerAuthentication", "all", json!({"mtls": {"mode": mode}}));
        let got = asked(&view(&[pod, policy]), &ResourceType::Listener, &[own]);
        let chain = &got[0]["filter_chains"][0];
        assert_eq!(chain["name"], want, "{mode} {label:?}");
        assert_eq!(chain.get("transport_socket").is_some(), want == "inbound-mtls", "{mode} {label:?}");
        assert_eq!(got[0]["address"]["socket_address"], json!({"address": "0.0.0.0", "port_value": 70}));
    }
}

#[test]
fn a_server_enforces_every_rule_as_it_is_written() {
    let policy = |name: &str, spec: Value| object("security.istio.io/v1", "AuthorizationPolicy", name, spec);
    let caller = "cluster.local/ns/front/sa/caller";
    let from = json!({"from": [{"source": {"principals": [caller]}}]});
    let mut tried_out = policy("dry", json!({"action": "DENY", "rules": [from, from]}));
    tried_out["metadata"]["annotations"] = json!({"istio.io/dry-run": "true"});
    let mut aliases = object("v1", "ConfigMap", "istio", Value::Null);
    aliases["metadata"]["namespace"] = "istio-system".into();
    aliases["data"] = json!({"mesh": "trustDomain: td1\ntrustDomainAliases: [td2]\n"});
    let audit = policy("audit", json!({"action": "AUDIT", "rules": [{}]}));
    let own = "xds.istio.io/grpc/lds/inbound/0.0.0.0:70";
    let filters = |objects: &[Value]| {
        let got = asked(&view(objects), &ResourceType::Listener, &[own]);
        got[0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"].as_array().unwrap().clone()
    };
    let got = filters(&[aliases, tried_out, policy("nobody", json!({})), audit]);
    assert_eq!(names(&got), ["envoy.filters.http.rbac.DENY", "envoy.filters.http.router"]);
    let rules = &got[0]["typed_config"]["rules"];
    assert_eq!(rules["action"], "DENY");
    let of =
        |rule: &str| rules["policies"][rule]["principals"][0]["and_ids"]["ids"][0]["or_ids"]["ids"].clone();
    let exact = json!([{"authenticated": {"principal_name": {"exact": format!("spiffe://{caller}")}}}]);
    assert_eq!([of("front-dry-0"), of("front-dry-1")], [exact.clone(), exact]);
    assert_eq!(names(&filters(&[])), ["envoy.filters.http.router"]);
}
