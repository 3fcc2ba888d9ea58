//! Where chains lead, and what rules say of it.

use serde_json::{Value, json};
use xdslab_proto::listener::Listener;

use super::world::{chain_text, made, object, service, tcp_proxy};

#[test]
fn wildcard_hosts_resolved_by_name() {
    let spec = json!({"hosts": ["*.e.com"], "ports": [{"name": "tls", "number": 443, "protocol": "TLS"}],
                      "resolution": "DYNAMIC_DNS", "location": "MESH_EXTERNAL"});
    let all = made(&[object("ServiceEntry", "e", &spec)], json!({}));
    let chain = all.iter().find(|l| l.name == "0.0.0.0_443").and_then(|l| l.filter_chains.first());
    let chain = chain.expect("a listener with a chain");
    assert_eq!(
        chain.filter_chain_match.as_ref().map(|m| &*m.server_names),
        Some(&["*.e.com".to_owned()][..])
    );
    let names: Vec<_> = chain.filters.iter().map(|f| f.name.as_str()).collect();
    let resolver = "envoy.extensions.filters.network.sni_dynamic_forward_proxy";
    assert_eq!(names, [resolver, "envoy.filters.network.tcp_proxy"]);
}

#[test]
fn unknown_destinations() {
    for (title, policy, want) in [
        ("an empty policy forbids", json!({}), "BlackHoleCluster"),
        ("any", json!({"mode": "ALLOW_ANY"}), "PassthroughCluster"),
        (
            "a proxy",
            json!({"mode": "ALLOW_ANY", "egressProxy": {"host": "p.com", "subset": "v1", "port": {"number": 1}}}),
            "outbound|1|v1|p.com",
        ),
    ] {
        let sidecar = json!({"outboundTrafficPolicy": policy});
        let all = made(
            &[object("Sidecar", "default", &sidecar), service("a", "10.96.0.1", &[("http", 80)])],
            json!({}),
        );
        let last = |l: &Listener| l.filter_chains.last().map(chain_text);
        let found = |name: &str| all.iter().find(|l| l.name == name);
        assert_eq!(found("virtualOutbound").and_then(last), Some(format!("-> {want}")), "{title}");
        let default = found("0.0.0.0_80").and_then(|l| l.default_filter_chain.as_ref());
        assert_eq!(default.map(chain_text), Some(format!("-> {want}")), "{title}");
    }
}

#[test]
fn statistics_by_the_meshs_pattern() {
    let mesh = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": "outboundClusterStatName: '%SERVICE%:%SERVICE_PORT%:%SERVICE_PORT_NAME%:%SUBSET_NAME%'"}});
    let routed =
        json!({"hosts": ["b"], "tcp": [{"route": [{"destination": {"host": "b", "subset": "v1"}}]}]});
    let objects = [
        mesh,
        service("a", "10.96.0.1", &[("tcp", 90)]),
        service("b", "10.96.0.2", &[("tcp", 91)]),
        object("VirtualService", "b", &routed),
    ];
    let all = made(&objects, json!({}));
    let prefix = |name: &str| {
        let chain = all.iter().find(|l| l.name == name).and_then(|l| l.filter_chains.first());
        tcp_proxy(chain.expect("a chain")).expect("a TCP proxy").stat_prefix
    };
    assert_eq!(prefix("10.96.0.1_90"), "a.front:90::", "without the port's name, as in istiod");
    assert_eq!(prefix("10.96.0.2_91"), "b.front:91:tcp:v1");
}

#[test]
fn rules_shape_tcp_proxies() {
    let of = |policy: Value, subset: Value, name: &str| {
        let rule = json!({"host": "a", "trafficPolicy": policy, "subsets": [{"name": "v1", "trafficPolicy": subset}]});
        let routed =
            json!({"hosts": ["a"], "tcp": [{"route": [{"destination": {"host": "a", "subset": name}}]}]});
        let objects = [
            service("a", "10.96.0.1", &[("tcp", 90)]),
            object("DestinationRule", "a", &rule),
            object("VirtualService", "a", &routed),
        ];
        let all = made(&objects, json!({}));
        let chain = all.iter().find(|l| l.name == "10.96.0.1_90").and_then(|l| l.filter_chains.first());
        tcp_proxy(chain.expect("a chain")).expect("a TCP proxy")
    };
    let by_source = json!({"loadBalancer": {"consistentHash": {"useSourceIp": true}}});
    let nothing = json!({"outlierDetection": {}});
    let simple = json!({"loadBalancer": {"simple": "RANDOM"}});
    for (title, policy, subset, name, want) in [
        ("the rule", by_source.clone(), nothing.clone(), "v1", 1),
        ("a subset's balancer alone decides", by_source.clone(), simple.clone(), "v1", 0),
        ("only the subset that is named", by_source.clone(), simple.clone(), "", 1),
        ("a subset's own", simple, by_source, "v1", 1),
    ] {
        assert_eq!(of(policy, subset, name).hash_policy.len(), want, "{title}");
    }
    let tunnel = |host: &str, protocol: &str| json!({"tunnel": {"targetHost": host, "targetPort": 443, "protocol": protocol}});
    let tunnelled = |proxy: xdslab_proto::filter::network::tcp_proxy::TcpProxy| {
        proxy.tunneling_config.map(|t| (t.hostname, t.use_post))
    };
    let got = tunnelled(of(tunnel("t.com", "POST"), nothing.clone(), "v1"));
    assert_eq!(got, Some(("t.com:443".to_owned(), true)));
    let got = tunnelled(of(tunnel("t.com", "POST"), tunnel("fd00::1", "CONNECT"), "v1"));
    assert_eq!(got, Some(("[fd00::1]:443".to_owned(), false)));
}
