//! Which chains servers without HTTP get.

use xdslab_proto::filter::network::tcp_proxy::TcpProxy;
use xdslab_proto::filter::network::tcp_proxy::tcp_proxy::ClusterSpecifier;
use xdslab_proto::listener::filter::ConfigType;
use xdslab_proto::listener::{Filter, FilterChain};

use super::*;
use crate::generate::filter::Filters;

/// A virtual service of the gateway `g`: its routes are `tcp` or `tls` lists as they are written.
fn rule(name: &str, namespace: &str, hosts: &[&str], routes: &Value) -> Value {
    let mut spec = routes.clone();
    spec["hosts"] = json!(hosts);
    spec["gateways"] = json!(["edge/g", "other/g"]);
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn to(host: &str) -> Value {
    json!([{"destination": {"host": host, "port": {"number": 1}}}])
}

fn target(filters: &[Filter]) -> String {
    let Some(ConfigType::TypedConfig(config)) = filters.last().and_then(|f| f.config_type.clone()) else {
        panic!("a configuration")
    };
    let proxy = TcpProxy::decode(&*config.value).expect("a TCP proxy");
    match proxy.cluster_specifier.expect("clusters") {
        ClusterSpecifier::Cluster(name) => name.replace("outbound|", ""),
        ClusterSpecifier::WeightedClusters(all) => {
            let shares =
                all.clusters.iter().map(|c| format!("{}*{}", c.name.replace("outbound|", ""), c.weight));
            format!("{}: {}", proxy.stat_prefix, shares.collect::<Vec<_>>().join(" "))
        }
    }
}

/// Each chain: names of servers, `tls` where TLS ends, and where it leads.
fn chains(view: &View) -> Vec<String> {
    let text = |chain: FilterChain| {
        let names = chain.filter_chain_match.map(|m| m.server_names.join(",")).unwrap_or_default();
        let tls = if chain.transport_socket.is_some() { " tls" } else { "" };
        format!("{names}{tls} > {}", target(&chain.filters))
    };
    listeners(&Filters::new(view)).into_iter().flat_map(|l| l.filter_chains).map(text).collect()
}

#[test]
fn the_first_tcp_route_that_fits() {
    let any = json!({"tcp": [{"route": to("a.x")}]});
    let elsewhere = json!({"tcp": [{"match": [{"port": 81}], "route": to("no.x")},
        {"match": [{"gateways": ["other/g"]}], "route": to("no.x")}]});
    let here = json!({"tcp": [{"match": [{"port": 81}, {"port": 80, "gateways": ["edge/g"],
        "sourceLabels": {"does": "not-count"}}], "route": to("b.x")}]});
    let shares = json!({"tcp": [{"route": [
        {"destination": {"host": "a.x", "port": {"number": 1}}, "weight": 30},
        {"destination": {"host": "b.x"}, "weight": 70},
        {"destination": {"host": "c.x"}, "weight": 0}]}]});
    for (server, rules, want) in [
        ("80 TCP *", vec![("edge", &any)], " > 1||a.x"),
        ("80 TCP *", vec![("edge", &elsewhere)], ""),
        ("80 TCP *", vec![("edge", &elsewhere), ("edge", &here), ("edge", &any)], " > 1||b.x"),
        ("80 TCP *", vec![("edge", &shares)], " > v0.edge: 1||a.x*30 80||b.x*70"),
        ("80 TCP other/*", vec![("edge", &any), ("other", &here)], " > 1||b.x"),
        ("80 TLS b.org,*.x.org SIMPLE", vec![("edge", &any)], "*.x.org,b.org tls > 1||a.x"),
        ("80 TLS a.com SIMPLE", vec![("edge", &any)], ""),
    ] {
        let rules = rules.iter().enumerate();
        let rules =
            rules.map(|(at, (namespace, spec))| rule(&format!("v{at}"), namespace, &["a.x.org"], spec));
        let view = view([gateway("g", &[server])].into_iter().chain(rules).collect());
        assert_eq!(chains(&view).join(";"), want, "{server}");
    }
}

#[test]
fn passed_through_tls() {
    let matched = |hosts: &[&str]| json!({"port": 443, "sniHosts": hosts});
    let first = json!({"tls": [
        {"match": [matched(&["b.x.org", "a.x.org"]), matched(&["c.x.org"])], "route": to("a.x")},
        {"match": [{"port": 444, "sniHosts": ["d.x.org"]}], "route": to("no.x")}]});
    let second = json!({"tls": [{"match": [matched(&["e.x.org", "a.x.org"]), matched(&["e.x.org"])],
        "route": to("b.x")}]});
    let all = json!({"tls": [{"match": [{"sniHosts": ["*"]}], "route": to("c.x")}]});
    let other = json!({"tls": [{"match": [matched(&["y.org"])], "route": to("no.x")}]});
    let view = view(vec![
        gateway("g", &["443 TLS *.x.org PASSTHROUGH"]),
        rule("v0", "edge", &["*.x.org"], &first),
        rule("v1", "edge", &["a.x.org", "e.x.org"], &second),
        rule("v2", "edge", &["*"], &all),
        rule("v3", "edge", &["y.org"], &other),
    ]);
    let want = ["a.x.org,b.x.org > 1||a.x", "c.x.org > 1||a.x", "e.x.org > 1||b.x", " > 1||c.x"];
    assert_eq!(chains(&view), want);
    assert_eq!(listeners(&Filters::new(&view))[0].listener_filters.len(), 1);
}

#[test]
fn mutual_tls_that_ends_here_tells_who_is_there() {
    let route = json!({"tcp": [{"route": to("a.x")}]});
    for (extensions, mode, want) in [
        (&[][..], "ISTIO_MUTUAL", &["istio.metadata_exchange", "envoy.filters.network.tcp_proxy"][..]),
        (&["envoy.filters.network.tcp_proxy"], "ISTIO_MUTUAL", &["envoy.filters.network.tcp_proxy"]),
        (&[], "SIMPLE", &["envoy.filters.network.tcp_proxy"]),
    ] {
        let gateway = gateway("g", &[&format!("443 TLS * {mode}")]);
        let view = view_of(extensions, vec![gateway, rule("v", "edge", &["a.org"], &route)]);
        let listeners = listeners(&Filters::new(&view));
        let names: Vec<&str> =
            listeners[0].filter_chains[0].filters.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, want, "{mode}");
    }
}

#[test]
fn clusters_by_sni() {
    let service = |namespace: &str, ports: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": namespace},
            "spec": {"clusterIP": "10.1.0.1", "ports": ports}})
    };
    let both = json!([{"name": "tcp", "port": 1}, {"name": "udp", "port": 2, "protocol": "UDP"}]);
    let outside = json!({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": "out", "namespace": "near"},
        "spec": {"hosts": ["a.near.example"], "ports": [{"number": 1, "name": "tcp", "protocol": "TCP"}]}});
    let rule = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "a", "namespace": "near"},
        "spec": {"host": "a", "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
            "trafficPolicy": {"tunnel": {"targetHost": "t.x", "targetPort": 1}}}});
    let view = view(vec![
        gateway("g", &["443 TLS *.near.svc.cluster.local,*.near.example AUTO_PASSTHROUGH"]),
        service("near", both),
        service("far", json!([{"name": "tcp", "port": 1}])),
        outside,
        rule,
    ]);
    let names = ["outbound_.1_._.a.near.svc.cluster.local", "outbound_.1_.v1_.a.near.svc.cluster.local"];
    assert_eq!(chains(&view), names.map(|n| format!("{n} > {n}")));
    let clusters = crate::generate::Generator::new().clusters(&view);
    let by_sni: Vec<&str> =
        clusters.iter().map(|c| c.name.as_str()).filter(|n| n.starts_with("outbound_.")).collect();
    assert_eq!(by_sni.len(), 3, "those of services in other places too: {by_sni:?}");
}
