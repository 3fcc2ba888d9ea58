//! Rules of virtual hosts and routes that a whole mesh shows, one small mesh each.

mod rules;
mod world;

use serde_json::json;

use world::{entry, hosts, made, object, rule, service, sidecar, to};

const REST: &str = "allow_any [*] allow_any=PassthroughCluster";

fn none() -> serde_json::Value {
    json!({})
}

#[test]
fn http_and_unknown_protocols_have_hosts() {
    let mesh = [service("a", 1, &[("http", 80), ("x", 7000)]), service("b", 2, &[("tcp", 80), ("grpc", 81)])];
    let a = "a.front.svc.cluster.local";
    assert_eq!(
        hosts(&mesh, none(), "80"),
        [&*format!("{a}:80 [{a} {a}. a a.front.svc a.front 10.0.0.1] outbound|80||{a}"), REST]
    );
    assert_eq!(hosts(&mesh, none(), &format!("{a}:7000")), [format!("{a}:7000 [*] outbound|7000||{a}")]);
    for nothing in [&*format!("{a}:80x"), "b.front.svc.cluster.local:80", "x.com:80"] {
        assert!(hosts(&mesh, none(), nothing).is_empty(), "{nothing}");
    }
    assert_eq!(hosts(&mesh, none(), "9"), [REST]);
    let unknown = made(&mesh, none(), "outbound|80||a");
    assert_eq!(unknown.max_direct_response_body_size_bytes, None);
    assert!(unknown.virtual_hosts.is_empty() && unknown.validate_clusters.is_some_and(|v| !v.value));
}

#[test]
fn a_form_gives_way_to_a_full_name_and_the_first_keeps_a_domain() {
    let mesh = [service("a", 1, &[("http", 80)]), entry("a.front", &["10.0.0.1"]), entry("A.com", &[])];
    let a = "a.front.svc.cluster.local";
    assert_eq!(
        hosts(&mesh, none(), "80")[..3],
        [
            "A.com:80 [A.com A.com.] outbound|80||A.com".to_owned(),
            format!("{a}:80 [{a} {a}. a a.front.svc 10.0.0.1] outbound|80||{a}"),
            "a.front:80 [a.front a.front.] outbound|80||a.front".to_owned(),
        ]
    );
}

#[test]
fn addresses_fit_the_proxys_families() {
    let dual = |ips: &[&str]| {
        let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        object("Service", "a", 0, &json!({"clusterIP": ips[0], "clusterIPs": ips, "ports": ports}))
    };
    let (v4, v6) = ("10.0.0.1", "fd00::1");
    for (service, proxy, want) in [
        (dual(&[v4, v6]), "10.1.0.1", Some(v4)),
        (dual(&[v4, v6]), "fd01::1", Some("[fd00::1]")),
        (dual(&[v4, v6]), "10.1.0.1,fd01::1", Some(v4)),
        (dual(&[v6, v4]), "10.1.0.1,fd01::1", Some("[fd00::1]")),
        (dual(&[v4]), "fd01::1", None),
        (entry("a.com", &["10.2.0.0/16"]), "10.1.0.1", Some("10.2.0.0/16")),
        (entry("a.com", &["fd02::1"]), "10.1.0.1", None),
    ] {
        let made = made(&[service], json!({"INSTANCE_IPS": proxy}), "80");
        let domains = &made.virtual_hosts[0].domains;
        let addresses: Vec<_> =
            domains.iter().filter(|d| !d.ends_with("local") && d.contains(['1', '2'])).collect();
        assert_eq!(addresses, Vec::from_iter(want), "{proxy}");
    }
}

#[test]
fn the_first_virtual_service_with_routes_has_a_host() {
    let other = json!([{"match": [{"sourceLabels": {"app": "other"}}], "route": to("b")}]);
    let mesh = [
        service("a", 1, &[("http", 80), ("x", 7000)]),
        service("b", 2, &[("http", 80)]),
        rule("none", 1, &["a"], &other),
        rule("first", 2, &["a", "beside.com"], &json!([{"name": "first", "route": to("b")}])),
        rule("second", 3, &["a"], &json!([{"name": "second", "route": to("b")}])),
    ];
    let (a, b) = ("a.front.svc.cluster.local", "b.front.svc.cluster.local");
    let made = hosts(&mesh, none(), "80");
    assert_eq!(made.len(), 4);
    assert!(made[0].ends_with(&format!("first=outbound|80||{b}")), "{}", made[0]);
    assert_eq!(made[2], format!("beside.com:80 [beside.com] first=outbound|80||{b}"));
    // The one host of a connection has its own routes alone, and no host beside it.
    let sniffed = hosts(&mesh, none(), &format!("{a}:7000"));
    assert_eq!(sniffed, [format!("{a}:7000 [*] first=outbound|7000||{b}")]);
    // Another name of a service is known there, too.
    let alias = json!({"type": "ExternalName", "externalName": "c.com",
                       "ports": [{"name": "x", "port": 7000, "protocol": "TCP"}]});
    let aliased = [mesh[0].clone(), object("Service", "b", 0, &alias), mesh[3].clone()];
    let sniffed = hosts(&aliased, none(), &format!("{a}:7000"));
    assert_eq!(sniffed, [format!("{a}:7000 [*] first=outbound|7000||c.com")]);
    // Without any that has routes: as if there were none.
    let sniffed = hosts(&mesh[..3], none(), &format!("{a}:7000"));
    assert_eq!(sniffed, [format!("{a}:7000 [*] outbound|7000||{a}")]);
}

#[test]
fn hosts_without_service_count_on_port_80() {
    let mesh =
        [service("a", 1, &[("http", 81)]), rule("r", 1, &["b.com", "*.c.com"], &json!([{"route": to("a")}]))];
    let a = "a.front.svc.cluster.local";
    assert_eq!(
        hosts(&mesh, none(), "80"),
        [
            &*format!("*.c.com:80 [*.c.com] outbound|80||{a}"),
            &*format!("b.com:80 [b.com] outbound|80||{a}"),
            REST
        ]
    );
    assert_eq!(hosts(&mesh, none(), "81").len(), 2);
}

#[test]
fn the_closest_wildcard_has_a_service() {
    let go = |name: &str| json!([{"name": name, "directResponse": {"status": 418}}]);
    let mesh = [
        entry("a.b.com", &[]),
        entry("x.com", &[]),
        rule("wide", 1, &["*.com"], &go("wide")),
        rule("close", 2, &["*.b.com"], &go("close")),
        rule("nobody", 3, &["*.a.b.com"], &go("nobody")),
        rule("later", 4, &["*.com"], &go("later")),
    ];
    assert_eq!(
        hosts(&mesh, none(), "80")[..3],
        [
            "*.a.b.com:80 [*.a.b.com] nobody=418",
            "a.b.com:80 [a.b.com a.b.com.] close=418",
            "x.com:80 [x.com x.com.] wide=418"
        ]
    );
}

#[test]
fn the_proxys_own_port_serves_all_ports() {
    let mesh = [
        service("a", 1, &[("http", 80), ("http", 81), ("tcp", 82)]),
        service("b", 2, &[("http", 90), ("http", 91)]),
        rule("r", 1, &["a"], &json!([{"match": [{"port": 80}], "route": to("a")}, {"route": to("b")}])),
    ];
    let made = hosts(&mesh, none(), "http_proxy");
    let (a, b) = ("a.front.svc.cluster.local", "b.front.svc.cluster.local");
    assert_eq!(made.len(), 5);
    assert!(made[0].starts_with(&format!("{a}:80 [{a} {a}:80 {a}. {a}.:80 a a:80")), "{}", made[0]);
    assert!(made[1].starts_with(&format!("{a}:81 [{a}:81 {a}.:81 a:81")), "{}", made[1]);
    // No port is matched, and of several ports none is the destination's.
    assert!(made[0].ends_with(&format!("] outbound|0||{b}")), "{}", made[0]);
    assert!(made[2].starts_with(&format!("{b}:90 [{b}:90")), "{}", made[2]);
}

#[test]
fn sidecars_say_which_listener_serves() {
    let listener = |protocol: &str| json!({"port": {"number": 8080, "protocol": protocol, "name": "p"}, "hosts": ["./*"]});
    let unix = json!({"port": {"number": 0, "protocol": "HTTP", "name": "u"}, "bind": "unix:///run/a", "hosts": ["./*.b.com"]});
    let mesh = |protocol: &str| {
        let egress = json!([listener(protocol), unix]);
        let policy = json!({"mode": "ALLOW_ANY", "egressProxy": {"host": "out.com", "subset": "s", "port": {"number": 3}}});
        [
            service("a", 1, &[("http", 80), ("http", 8080)]),
            sidecar(&json!({"egress": egress, "outboundTrafficPolicy": policy})),
        ]
    };
    let a = "a.front.svc.cluster.local";
    let rest = "allow_any [*] allow_any=outbound|3|s|out.com";
    let all = hosts(&mesh("HTTP"), none(), "8080");
    assert_eq!(all.len(), 2);
    assert!(all[0].starts_with(&format!("{a}:8080 [{a} {a}. a ")), "{}", all[0]);
    assert_eq!(all[1], rest);
    let all = hosts(&mesh("HTTP_PROXY"), none(), "8080");
    assert_eq!(all.len(), 3);
    assert!(all[0].starts_with(&format!("{a}:80 [{a} {a}:80 ")), "{}", all[0]);
    assert_eq!(hosts(&mesh("HTTP"), none(), "unix:///run/a"), [rest]);
    assert_eq!(hosts(&mesh("HTTP"), none(), "81"), [rest]);
}

#[test]
fn attempts_are_counted_unless_the_proxy_says_no() {
    let counts = |metadata| made(&[], metadata, "80").virtual_hosts[0].include_request_attempt_count;
    assert!(counts(none()));
    assert!(!counts(json!({"PROXY_CONFIG": {"proxyHeaders": {"attemptCount": {"disabled": true}}}})));
}
