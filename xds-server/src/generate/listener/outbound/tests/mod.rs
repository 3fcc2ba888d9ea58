//! Rules of outbound listeners, each as a small mesh and the listeners that one of its proxies gets.

mod destinations;
mod world;

use serde_json::{Value, json};
use xdslab_proto::listener::Listener;

use world::{egress, entry, made, object, outbound, service};

const THROUGH: &str = "-> PassthroughCluster";

#[test]
fn services_of_one_port() {
    let of = |ports: &[(&str, &[&str])]| {
        let entries = ports.iter().enumerate();
        let objects: Vec<_> = entries
            .map(|(i, (protocol, addresses))| entry(&format!("e{i}"), addresses, &[(protocol, 90)], "STATIC"))
            .collect();
        outbound(&objects, json!({}))
    };
    let vip = &["10.9.0.1"][..];
    let range = &["10.9.0.0/16"][..];
    for (title, ports, want) in [
        (
            "auto at a VIP",
            &[("", vip)][..],
            vec!["10.9.0.1_90: http raw -> routes e0.com:90 | -> outbound|90||e0.com".to_owned()],
        ),
        (
            "the first TCP service has the port",
            &[("TCP", &[]), ("TCP", &[])],
            vec!["0.0.0.0_90: -> outbound|90||e0.com".to_owned()],
        ),
        (
            "TLS is told apart by names",
            &[("TLS", &[]), ("HTTPS", &[])],
            vec![format!(
                "0.0.0.0_90: e0.com -> outbound|90||e0.com; e1.com -> outbound|90||e1.com | {THROUGH}"
            )],
        ),
        ("TLS at a VIP is not", &[("TLS", vip)], vec!["10.9.0.1_90: -> outbound|90||e0.com".to_owned()]),
        (
            "a range",
            &[("TCP", range)],
            vec![format!("0.0.0.0_90: 10.9.0.0/16 -> outbound|90||e0.com | {THROUGH}")],
        ),
        (
            "the same range, written otherwise",
            &[("TCP", range), ("TCP", &["10.9.1.0/16"])],
            vec![format!("0.0.0.0_90: 10.9.0.0/16 -> outbound|90||e0.com | {THROUGH}")],
        ),
        (
            "TLS in a range",
            &[("TLS", range)],
            vec![format!("0.0.0.0_90: e0.com 10.9.0.0/16 -> outbound|90||e0.com | {THROUGH}")],
        ),
        (
            "HTTP then TCP",
            &[("HTTP", &[]), ("TCP", &[])],
            vec!["0.0.0.0_90: http raw -> routes 90 | -> outbound|90||e1.com".to_owned()],
        ),
        (
            "TCP then HTTP",
            &[("TCP", &[]), ("HTTP", &[])],
            vec!["0.0.0.0_90: http raw -> routes 90 | -> outbound|90||e0.com".to_owned()],
        ),
        (
            "TLS then HTTP then TLS",
            &[("TLS", &[]), ("HTTP", &[]), ("TLS", &[])],
            vec![format!(
                "0.0.0.0_90: e0.com -> outbound|90||e0.com; http raw -> routes 90; \
                       e2.com -> outbound|90||e2.com | {THROUGH}"
            )],
        ),
        (
            "auto on all addresses uses the port's routes",
            &[("", &[])],
            vec!["0.0.0.0_90: http raw -> routes 90 | -> outbound|90||e0.com".to_owned()],
        ),
        (
            "TCP then auto",
            &[("TCP", &[]), ("", &[])],
            vec!["0.0.0.0_90: http raw -> routes 90 | -> outbound|90||e0.com".to_owned()],
        ),
        (
            "HTTP then auto",
            &[("HTTP", &[]), ("", &[])],
            vec![format!("0.0.0.0_90: http raw -> routes 90 | {THROUGH}")],
        ),
        (
            "Mongo does not mix",
            &[("MONGO", &[]), ("TCP", range), ("HTTP", &[])],
            vec!["0.0.0.0_90: -> outbound|90||e0.com".to_owned()],
        ),
    ] {
        assert_eq!(of(ports), want, "{title}");
    }
}

#[test]
fn egress_listeners() {
    let objects = |listeners: Value| {
        vec![
            service("a", "10.96.0.1", &[("http", 80), ("tcp", 90)]),
            service("b", "10.96.0.2", &[("http", 80), ("tcp", 91)]),
            egress(&listeners),
        ]
    };
    let a = "outbound|90||a.front.svc.cluster.local";
    let b = "outbound|91||b.front.svc.cluster.local";
    for (title, listeners, want) in [
        (
            "locked for the rest",
            json!([{"port": {"number": 90, "protocol": "TCP", "name": "x"}, "hosts": ["./*"]}, {"hosts": ["./*"]}]),
            vec![
                format!("0.0.0.0_80: http raw -> routes 80 | {THROUGH}"),
                format!("10.96.0.1_90: -> {a}"),
                format!("10.96.0.2_91: -> {b}"),
            ],
        ),
        (
            "a bind of its own",
            json!([{"port": {"number": 90, "protocol": "TCP", "name": "x"}, "bind": "1.1.1.1", "hosts": ["./*"]}]),
            vec![format!("1.1.1.1_90: -> {a}")],
        ),
        (
            "not captured",
            json!([{"port": {"number": 80, "protocol": "HTTP", "name": "x"}, "captureMode": "NONE", "hosts": ["./*"]}]),
            vec!["127.0.0.1_80 bound: -> routes 80".to_owned()],
        ),
        (
            "a Unix socket",
            json!([{"port": {"number": 0, "protocol": "HTTP", "name": "x"}, "bind": "unix:///run/a", "hosts": ["./*"]}]),
            vec!["unix:///run/a_0 bound: -> routes unix:///run/a".to_owned()],
        ),
        (
            "an HTTP proxy is for all ports",
            json!([{"port": {"number": 3128, "protocol": "HTTP_PROXY", "name": "x"}, "hosts": ["./a.front.svc.cluster.local"]}]),
            vec!["0.0.0.0_3128: -> routes 3128".to_owned()],
        ),
        (
            "nothing imported",
            json!([{"port": {"number": 70, "protocol": "HTTP", "name": "x"}, "hosts": ["./*"]}]),
            vec![],
        ),
        (
            "the rest, bound elsewhere",
            json!([{"bind": "1.1.1.1", "hosts": ["./*"]}]),
            vec![
                "1.1.1.1_80: -> routes 80".to_owned(),
                format!("1.1.1.1_90: -> {a}"),
                format!("1.1.1.1_91: -> {b}"),
            ],
        ),
    ] {
        assert_eq!(outbound(&objects(listeners), json!({})), want, "{title}");
    }
}

#[test]
fn without_redirection_all_bind_on_loopback() {
    let objects = [
        service("a", "10.96.0.1", &[("http", 80), ("tcp", 9000)]),
        service("b", "10.96.0.2", &[("tcp", 80), ("web", 9000)]),
        service("c", "None", &[("tcp", 9001)]),
    ];
    let got = outbound(&objects, json!({"INTERCEPTION_MODE": "NONE", "INSTANCE_IPS": "10.0.0.1,fd00::1"}));
    let of = |name: &str, port: u32| format!("outbound|{port}||{name}.front.svc.cluster.local");
    let want = [
        // One port of one address: what matches the same as the first is left out.
        "127.0.0.1_80+ bound: -> routes 80".to_owned(),
        format!(
            "127.0.0.1_9000+ bound: http raw -> routes b.front.svc.cluster.local:9000 | -> {}",
            of("a", 9000)
        ),
        format!("127.0.0.1_9001+ bound: -> {}", of("c", 9001)),
    ];
    assert_eq!(got, want);
}

#[test]
fn skipped_ports() {
    let ports = [("http", 80), ("http-a", 15001), ("http-b", 15006), ("http-c", 15021), ("http-d", 15090)];
    let objects = [service("a", "10.96.0.1", &ports), service("b", "10.96.0.2", &[("tcp", 15001)])];
    let names = |metadata| -> Vec<String> {
        let mut names: Vec<_> = made(&objects, metadata).into_iter().map(|l| l.name).collect();
        names.sort();
        names
    };
    let metadata = json!({"ENVOY_STATUS_PORT": 15021, "ENVOY_PROMETHEUS_PORT": "15090"});
    assert_eq!(names(metadata), ["0.0.0.0_80", "10.96.0.2_15001", "virtualOutbound"]);
    let unprivileged = json!({"UNPRIVILEGED_POD": "true"});
    assert!(names(unprivileged).contains(&"0.0.0.0_80".to_owned()), "nothing binds there");
    let bound = names(json!({"UNPRIVILEGED_POD": "true", "INTERCEPTION_MODE": "NONE"}));
    assert!(!bound.contains(&"127.0.0.1_80".to_owned()) && bound.contains(&"127.0.0.1_15001".to_owned()));
}

#[test]
fn families() {
    let objects = [
        service("a", "10.96.0.1", &[("http", 80), ("tcp", 90)]),
        entry("e", &[], &[("TCP", 91)], "STATIC"),
        entry("f", &["10.9.0.0/16"], &[("TCP", 92)], "STATIC"),
    ];
    let names = |ips: &str| -> Vec<String> {
        let listeners = made(&objects, json!({"INSTANCE_IPS": ips}));
        let shown = |l: Listener| format!("{}{}", l.name, "+".repeat(l.additional_addresses.len()));
        let mut names: Vec<_> = listeners.into_iter().map(shown).collect();
        names.sort();
        names
    };
    assert_eq!(
        names("10.0.0.1"),
        ["0.0.0.0_80", "0.0.0.0_91", "0.0.0.0_92", "10.96.0.1_90", "virtualOutbound"]
    );
    assert_eq!(names("fd00::1"), ["10.96.0.1_90", "::_80", "::_91", "::_92", "virtualOutbound"]);
    assert_eq!(
        names("fd00::1,10.0.0.1"),
        ["0.0.0.0_80+", "0.0.0.0_91+", "0.0.0.0_92+", "10.96.0.1_90", "virtualOutbound"]
    );
}

#[test]
fn tcp_routes() {
    let route = |port: u32, weight: u32| json!({"destination": {"host": "a", "port": {"number": port}}, "weight": weight});
    let of = |tcp: Value| {
        let rule = object("VirtualService", "v", &json!({"hosts": ["a"], "tcp": tcp}));
        let all = outbound(&[service("a", "10.96.0.1", &[("tcp", 90)]), rule], json!({}));
        all.into_iter().next().unwrap_or_default()
    };
    let to = |port: u32| format!("outbound|{port}||a.front.svc.cluster.local");
    for (title, tcp, want) in [
        (
            "no match takes all",
            json!([{"route": [route(1, 0)]}, {"route": [route(2, 0)]}]),
            format!("-> {}", to(1)),
        ),
        (
            "subnets, then the service",
            json!([{"match": [{"destinationSubnets": ["10.0.0.0/8"]}], "route": [route(1, 0)]}]),
            format!("10.0.0.0/8 -> {} | -> {}", to(1), to(90)),
        ),
        (
            "subnets of all counting matches, in order of text",
            json!([{"match": [{"destinationSubnets": ["9.0.0.0/8"]}, {"port": 91, "destinationSubnets": ["8.0.0.0/8"]},
                           {"sourceLabels": {"app": "web"}, "destinationSubnets": ["10.0.0.0/8"]}],
                 "route": [route(1, 0)]}]),
            format!("10.0.0.0/8 9.0.0.0/8 -> {} | -> {}", to(1), to(90)),
        ),
        (
            "others' labels",
            json!([{"match": [{"sourceLabels": {"app": "other"}}], "route": [route(1, 0)]}]),
            format!("-> {}", to(90)),
        ),
        (
            "others' namespace",
            json!([{"match": [{"sourceNamespace": "back"}], "route": [route(1, 0)]}]),
            format!("-> {}", to(90)),
        ),
        (
            "other gateways",
            json!([{"match": [{"gateways": ["front/x"]}], "route": [route(1, 0)]}]),
            format!("-> {}", to(90)),
        ),
        (
            "this and other gateways",
            json!([{"match": [{"gateways": ["x", "mesh"]}], "route": [route(1, 0)]}]),
            format!("-> {}", to(1)),
        ),
        (
            "shares",
            json!([{"route": [route(1, 30), route(2, 70), route(3, 0)]}]),
            format!("-> 30*{} 70*{}", to(1), to(2)),
        ),
        ("one share of two", json!([{"route": [route(1, 100), route(2, 0)]}]), format!("-> 100*{}", to(1))),
    ] {
        assert_eq!(of(tcp), format!("10.96.0.1_90: {want}"), "{title}");
    }
}

#[test]
fn tls_routes() {
    let to = |port: u32| json!([{"destination": {"host": "e.com", "port": {"number": port}}}]);
    let of = |tls: Value| {
        let rule = object("VirtualService", "v", &json!({"hosts": ["e.com", "*.e.com"], "tls": tls}));
        outbound(&[entry("e", &[], &[("TLS", 443)], "STATIC"), rule], json!({}))
    };
    for (title, tls, want) in [
        (
            "in order, each once",
            json!([{"match": [{"sniHosts": ["e.com", "a.e.com"]}], "route": to(1)},
                {"match": [{"sniHosts": ["e.com", "a.e.com"]}, {"sniHosts": ["e.com"], "port": 444}], "route": to(2)}]),
            format!("a.e.com e.com -> outbound|1||e.com | {THROUGH}"),
        ),
        (
            "subnets stay for what follows",
            json!([{"match": [{"sniHosts": ["e.com"], "destinationSubnets": ["10.0.0.0/8"]}, {"sniHosts": ["a.e.com"]}],
                 "route": to(1)}]),
            format!(
                "e.com 10.0.0.0/8 -> outbound|1||e.com; a.e.com 10.0.0.0/8 -> outbound|1||e.com | {THROUGH}"
            ),
        ),
        (
            "none for this proxy",
            json!([{"match": [{"sniHosts": ["e.com"], "sourceNamespace": "x"}], "route": to(1)}]),
            format!("e.com -> outbound|443||e.com | {THROUGH}"),
        ),
    ] {
        assert_eq!(of(tls), [format!("0.0.0.0_443: {want}")], "{title}");
    }
}

#[test]
fn headless_services() {
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "db-1", "namespace": "front", "labels": {"kubernetes.io/service-name": "db"}},
        "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
        "ports": [{"name": "tcp", "port": 5433, "protocol": "TCP"}, {"name": "http", "port": 8080, "protocol": "TCP"}]});
    let db = service("db", "None", &[("tcp", 5432), ("http", 80), ("tcp-other", 90)]);
    let want = [
        format!("0.0.0.0_80: http raw -> routes 80 | {THROUGH}"),
        "10.0.0.2_5432: -> outbound|5432||db.front.svc.cluster.local".to_owned(),
    ];
    assert_eq!(outbound(&[db, slice], json!({})), want, "not its own address, and no port without endpoints");
    let alone = [entry("e", &[], &[("TCP", 90)], "NONE")];
    assert_eq!(outbound(&alone, json!({})), ["0.0.0.0_90: -> outbound|90||e.com"]);
    let selects = json!({"hosts": ["e.com"], "ports": [{"name": "tcp", "number": 90, "protocol": "TCP"}],
                         "workloadSelector": {"labels": {"app": "e"}}, "resolution": "NONE"});
    let selecting = [object("ServiceEntry", "e", &selects)];
    assert_eq!(outbound(&selecting, json!({})), Vec::<String>::new(), "its endpoints may yet come");
}

#[test]
fn other_names_of_a_tls_host() {
    let alias = object("Service", "alias", &json!({"type": "ExternalName", "externalName": "e.com"}));
    let got = outbound(&[entry("e", &[], &[("TLS", 443)], "STATIC"), alias], json!({}));
    let names = "alias alias.front alias.front.svc alias.front.svc.cluster.local e.com";
    assert_eq!(got, [format!("0.0.0.0_443: {names} -> outbound|443||e.com | {THROUGH}")]);
}

#[test]
fn connections_by_turns() {
    let metadata = json!({"OUTBOUND_LISTENER_EXACT_BALANCE": "true", "HTTP_PROXY_PORT": "3128"});
    let all = made(&[service("a", "10.96.0.1", &[("http", 80), ("tcp", 90)])], metadata);
    let mut by_turns: Vec<_> = all.iter().filter(|l| l.connection_balance_config.is_some()).collect();
    by_turns.sort_by_key(|l| &l.name);
    let names: Vec<_> = by_turns.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["0.0.0.0_80", "10.96.0.1_90", "127.0.0.1_3128"], "all but virtualOutbound");
}
