//! Rules that the golden files do not show, on whole filter lists.

use std::sync::Arc;

use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, Mesh, NodeIdentity, Proxy};
use xdslab_proto::json::message_to_json;

use super::*;

/// A client of namespace `front` in a mesh of that configuration; `extensions`: what it says it knows.
fn view(kind: &str, extensions: &[&str], metadata: Value, mesh: &Value) -> View {
    view_among(&[], kind, extensions, metadata, mesh)
}

fn view_among(objects: &[Value], kind: &str, extensions: &[&str], metadata: Value, mesh: &Value) -> View {
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": mesh.to_string()}});
    let change = |value: &Value| match read(value.clone()) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    let mut snapshots = Mesh::new();
    snapshots.apply(objects.iter().chain([&config]).map(change).collect());
    let node = NodeIdentity {
        id: arcstr::format!("{kind}~10.0.0.1~web.front~front.svc.cluster.local"),
        metadata,
        extensions: extensions.iter().map(|e| (*e).into()).collect(),
        ..NodeIdentity::default()
    };
    View::new(snapshots.snapshot(), Arc::new(Proxy::parse(node).expect("a node")))
}

fn sidecar(mesh: &Value) -> View {
    view("sidecar", &[], json!({"NAMESPACE": "front"}), mesh)
}

fn shown(filters: &[Filter]) -> Vec<Value> {
    filters.iter().map(|f| message_to_json(f).expect("known types")).collect()
}

fn names(filters: &[Value]) -> Vec<&str> {
    filters.iter().map(|f| f["name"].as_str().expect("a name")).collect()
}

/// The connection manager of a chain, as JSON.
fn manager(view: &View, class: Class, connection: HttpConnection) -> Value {
    let mut filters = shown(&Filters::new(view).http(class, connection));
    filters.pop().expect("a connection manager")["typed_config"].take()
}

fn tcp(view: &View, class: Class, connection: TcpConnection) -> Vec<Value> {
    shown(&Filters::new(view).tcp(class, connection))
}

fn to_cluster() -> TcpConnection {
    TcpConnection { clusters: vec![("c".to_owned(), 0)], ..TcpConnection::default() }
}

fn counting() -> Value {
    json!({"defaultProviders": {"metrics": ["prometheus"]}, "accessLogFile": "/dev/stdout"})
}

#[test]
fn a_stock_envoy_gets_nothing_of_istios() {
    for (extensions, istio) in [(&[][..], true), (&["istio.metadata_exchange"], true), (&["other"], false)] {
        let view = view("sidecar", extensions, json!({"NAMESPACE": "front"}), &counting());
        for class in [Class::Inbound, Class::Outbound] {
            let filters = Filters::new(&view);
            let http = shown(&filters.http(class, HttpConnection::default()));
            let tcp = shown(&filters.tcp(class, to_cluster()));
            let text = json!([http, tcp]).to_string();
            for name in ["istio.metadata_exchange", "istio.stats"] {
                assert_eq!(text.contains(name), istio, "{name} {class:?} {extensions:?}");
            }
            assert_eq!(text.contains("istio.alpn"), istio && class == Class::Outbound);
        }
    }
}

#[test]
fn a_grpc_web_port_is_answered_after_policies() {
    let connection = || HttpConnection { grpc_web: true, ..HttpConnection::default() };
    let manager = manager(&sidecar(&json!({})), Class::Outbound, connection());
    let filters = manager["http_filters"].as_array().expect("filters");
    let first = ["istio.metadata_exchange", "envoy.filters.http.grpc_web", "envoy.filters.http.grpc_stats"];
    assert_eq!(names(filters)[..3], first);
    assert_eq!(filters.len(), 7);
}

#[test]
fn options_of_http_1_add_up() {
    let metadata = json!({"NAMESPACE": "front", "HTTP10": "1", "IDLE_TIMEOUT": "1m30s",
        "PROXY_CONFIG": {"proxyHeaders": {"preserveHttp1HeaderCase": true}}});
    let of = |metadata: &Value, absolute_urls| {
        let view = view("sidecar", &[], metadata.clone(), &json!({}));
        let connection = HttpConnection { absolute_urls, http2: true, ..HttpConnection::default() };
        manager(&view, Class::Outbound, connection)
    };
    let all = of(&metadata, true);
    let http1 = &all["http_protocol_options"];
    assert_eq!((&http1["accept_http_10"], &http1["allow_absolute_url"]), (&json!(true), &json!(true)));
    assert_eq!(http1["header_key_format"]["stateful_formatter"]["name"], "preserve_case");
    assert_eq!(all["common_http_protocol_options"], json!({"idle_timeout": "90s"}));
    assert_eq!(all["http2_protocol_options"], json!({}));
    let odd = json!({"NAMESPACE": "front", "HTTP10": "true", "IDLE_TIMEOUT": "soon"});
    let plain = of(&odd, false);
    assert_eq!((plain.get("http_protocol_options"), plain.get("common_http_protocol_options")), (None, None));
}

#[test]
fn headers_of_a_proxy() {
    let of = |headers: Value, class| {
        let metadata = json!({"NAMESPACE": "front", "PROXY_CONFIG": {"proxyHeaders": headers}});
        manager(&view("sidecar", &[], metadata, &json!({})), class, HttpConnection::default())
    };
    let server = |manager: &Value| {
        let text = |key: &str| manager.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("server_name"), text("server_header_transformation"))
    };
    for (given, inbound, outbound) in [
        (json!({}), ("istio-envoy", ""), ("", "")),
        (json!({"value": "me"}), ("me", ""), ("me", "")),
        (json!({"disabled": true, "value": "me"}), ("", "PASS_THROUGH"), ("", "PASS_THROUGH")),
        (json!({"disabled": false}), ("istio-envoy", ""), ("", "")),
    ] {
        for (class, (name, fate)) in [(Class::Inbound, inbound), (Class::Outbound, outbound)] {
            let got = server(&of(json!({"server": given}), class));
            assert_eq!(got, (name.to_owned(), fate.to_owned()), "{given} {class:?}");
        }
    }
    let told = of(
        json!({"forwardedClientCert": "ALWAYS_FORWARD_ONLY",
            "setCurrentClientCertDetails": {"subject": false, "cert": true, "uri": false}}),
        Class::Inbound,
    );
    assert_eq!(told["forward_client_cert_details"], "ALWAYS_FORWARD_ONLY");
    assert_eq!(told["set_current_client_cert_details"], json!({"subject": false, "cert": true, "dns": true}));
    let port = of(json!({"xForwardedPort": {"enabled": true}}), Class::Outbound);
    assert_eq!(port["append_x_forwarded_port"], true);
}

#[test]
fn what_stands_before_a_gateway() {
    let of = |config: Value| {
        let metadata = json!({"NAMESPACE": "front", "PROXY_CONFIG": config});
        manager(&view("router", &[], metadata, &json!({})), Class::Gateway, HttpConnection::default())
    };
    let plain = of(json!({}));
    assert_eq!((&plain["use_remote_address"], &plain["http_protocol_options"]), (&json!(true), &json!({})));
    assert_eq!((plain.get("xff_num_trusted_hops"), &plain["server_name"]), (None, &json!("istio-envoy")));
    for (word, told) in [("APPEND_FORWARD", true), ("SANITIZE_SET", true), ("SANITIZE", false)] {
        let topology = json!({"gatewayTopology": {"numTrustedProxies": 2, "forwardClientCertDetails": word}});
        let manager = of(topology);
        assert_eq!(manager["xff_num_trusted_hops"], 2);
        assert_eq!(manager.get("set_current_client_cert_details").is_some(), told, "{word}");
    }
    let edge = of(json!({"connectionSettings": {"profile": "EDGE", "httpMaxConcurrentStreams": 7}}));
    assert_eq!(edge["http2_protocol_options"]["max_concurrent_streams"], 7);
    assert_eq!(edge["path_with_escaped_slashes_action"], "UNESCAPE_AND_REDIRECT");
    assert_eq!(edge["stream_idle_timeout"], "300s");
}

#[test]
fn connection_settings_fall_back_to_the_meshs() {
    let mesh = json!({"defaultConfig": {"connectionSettings": {"httpDrainTimeout": "3s"},
        "proxyHeaders": {"server": {"value": "mesh"}}}});
    for (own, drain) in
        [(json!({}), json!("3s")), (json!({"connectionSettings": {"httpRequestTimeout": "1s"}}), Value::Null)]
    {
        let metadata = json!({"NAMESPACE": "front", "PROXY_CONFIG": own});
        let view = view("sidecar", &[], metadata, &mesh);
        let manager = manager(&view, Class::Outbound, HttpConnection::default());
        assert_eq!((&manager["drain_timeout"], &manager["server_name"]), (&drain, &Value::Null), "{own}");
    }
    let of_mesh = manager(&sidecar(&mesh), Class::Outbound, HttpConnection::default());
    assert_eq!((&of_mesh["drain_timeout"], &of_mesh["server_name"]), (&json!("3s"), &json!("mesh")));
}

#[test]
fn paths_are_normalized_as_the_mesh_says() {
    for (word, normalized, merged, slashes) in [
        ("DEFAULT", true, false, "KEEP_UNCHANGED"),
        ("NONE", false, false, "KEEP_UNCHANGED"),
        ("BASE", true, false, "KEEP_UNCHANGED"),
        ("MERGE_SLASHES", true, true, "KEEP_UNCHANGED"),
        ("DECODE_AND_MERGE_SLASHES", true, true, "UNESCAPE_AND_FORWARD"),
    ] {
        let view = sidecar(&json!({"pathNormalization": {"normalization": word}}));
        let manager = manager(&view, Class::Inbound, HttpConnection::default());
        assert_eq!(manager["normalize_path"], normalized, "{word}");
        assert_eq!(manager.get("merge_slashes").is_some(), merged, "{word}");
        assert_eq!(manager["path_with_escaped_slashes_action"], slashes, "{word}");
    }
}

#[test]
fn tracing_that_is_switched_off_is_not_there() {
    let of = |mesh| manager(&sidecar(&mesh), Class::Outbound, HttpConnection::default());
    let (on, off) = (of(json!({})), of(json!({"enableTracing": false})));
    assert_eq!((on["tracing"]["custom_tags"].as_array().map(Vec::len), off.get("tracing")), (Some(9), None));
    let by_id = "use_request_id_for_trace_sampling";
    assert_eq!(off["request_id_extension"]["typed_config"][by_id], true);
    let tags = of(json!({"defaultConfig": {"tracing": {"enableIstioTags": false, "maxPathTagLength": 9,
        "customTags": {"b": {"literal": {"value": "1"}}, "a": {"environment": {"name": "E"}}}}}}));
    let wanted = json!([{"tag": "a", "environment": {"name": "E"}}, {"tag": "b", "literal": {"value": "1"}}]);
    assert_eq!(
        (&tags["tracing"]["custom_tags"], &tags["tracing"]["max_path_tag_length"]),
        (&wanted, &json!(9))
    );
}

#[test]
fn formatted_tags_are_for_proxies_that_know_them() {
    let telemetry = json!({"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry",
        "metadata": {"name": "t", "namespace": "front"},
        "spec": {"tracing": [{"customTags": {"a": {"formatter": {"value": "%REQ(X)%"}}}, "enableIstioTags": false}]}});
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "zipkin", "namespace": "front"}, "spec": {"ports": [{"port": 9411}]}});
    let mesh = json!({"defaultProviders": {"tracing": ["z"]},
        "extensionProviders": [{"name": "z", "zipkin": {"service": "zipkin.front.svc.cluster.local", "port": 9411}}]});
    for (version, wanted) in [
        ("1.28.9", Value::Null),
        ("1.29.0", json!([{"tag": "a", "value": "%REQ(X)%"}])),
        ("", json!([{"tag": "a", "value": "%REQ(X)%"}])),
    ] {
        let metadata = json!({"NAMESPACE": "front", "ISTIO_VERSION": version});
        let objects = [telemetry.clone(), service.clone()];
        let view = view_among(&objects, "sidecar", &[], metadata, &mesh);
        let tracing = manager(&view, Class::Outbound, HttpConnection::default())["tracing"].take();
        assert_eq!(tracing["provider"]["name"], "envoy.tracers.zipkin");
        assert_eq!(tracing["custom_tags"], wanted, "{version}");
    }
}

#[test]
fn a_chain_that_drops_writes_nothing_and_waits_for_nothing() {
    let metadata = json!({"NAMESPACE": "front", "IDLE_TIMEOUT": "77s"});
    let view = view("sidecar", &[], metadata, &counting());
    let drops = tcp(&view, Class::Inbound, TcpConnection { black_hole: true, ..to_cluster() });
    assert_eq!(names(&drops), ["istio.metadata_exchange", "istio.stats", "envoy.filters.network.tcp_proxy"]);
    assert_eq!(drops[2]["typed_config"].get("access_log"), None);
    assert_eq!(drops[2]["typed_config"].get("idle_timeout"), None);
    let own = TcpPolicy {
        idle_timeout: Some(xdslab_proto::protobuf::Duration { seconds: 5, nanos: 0 }),
        tunnel: Some(("t:1".to_owned(), true)),
        hash_source_ip: true,
        ..TcpPolicy::default()
    };
    let ruled = tcp(&view, Class::Outbound, TcpConnection { policy: own, mongo: true, ..to_cluster() });
    let order = ["istio.stats", "envoy.filters.network.mongo_proxy", "envoy.filters.network.tcp_proxy"];
    assert_eq!(names(&ruled), order);
    let proxy = &ruled[2]["typed_config"];
    assert_eq!((&proxy["idle_timeout"], &proxy["cluster"]), (&json!("5s"), &json!("c")));
    assert_eq!(proxy["tunneling_config"], json!({"hostname": "t:1", "use_post": true}));
    assert_eq!(proxy["hash_policy"], json!([{"source_ip": {}}]));
    assert_eq!(proxy["access_log"].as_array().map(Vec::len), Some(1));
}

#[test]
fn shares_make_weighted_clusters_even_of_one() {
    let view = sidecar(&json!({}));
    for clusters in [vec![("a".to_owned(), 3)], vec![("a".to_owned(), 1), ("b".to_owned(), 2)]] {
        let filters =
            tcp(&view, Class::Outbound, TcpConnection { clusters: clusters.clone(), ..to_cluster() });
        let weighted = &filters[0]["typed_config"]["weighted_clusters"]["clusters"];
        assert_eq!(weighted.as_array().map(Vec::len), Some(clusters.len()));
        assert_eq!((&weighted[0]["name"], &weighted[0]["weight"]), (&json!("a"), &json!(clusters[0].1)));
    }
}

#[test]
fn gateways_exchange_metadata_under_mutual_tls_only() {
    let view = view("router", &[], json!({"NAMESPACE": "front"}), &json!({}));
    for (exchanges_metadata, wanted) in [(false, 1), (true, 2)] {
        let filters = tcp(&view, Class::Gateway, TcpConnection { exchanges_metadata, ..to_cluster() });
        assert_eq!(filters.len(), wanted);
    }
}

#[test]
fn listeners_write_what_no_chain_takes() {
    let logs = |mesh: &Value| Filters::new(&sidecar(mesh)).listener_access_log(Class::Inbound);
    let mut mesh = counting();
    let [log] = &logs(&mesh)[..] else { panic!("one log") };
    let shown = message_to_json(log).expect("known types");
    assert_eq!(shown["filter"], json!({"response_flag_filter": {"flags": ["NR"]}}));
    mesh["enableEnvoyAccessLogService"] = json!(true);
    let names: Vec<_> = logs(&mesh).into_iter().map(|l| l.name).collect();
    assert_eq!(names, ["envoy.access_loggers.file", "envoy.tcp_grpc_access_log"]);
    mesh["disableEnvoyListenerLog"] = json!(true);
    assert_eq!(logs(&mesh), []);
}

#[test]
fn which_telemetry_concerns_a_proxy() {
    let telemetry = |name: &str, namespace: &str, target: Value| {
        let mut spec = json!({"metrics": [{"providers": [{"name": "prometheus"}]}]});
        for (key, value) in target.as_object().expect("fields") {
            spec[key] = value.clone();
        }
        json!({"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec})
    };
    let gateway = |name: &str| json!({"targetRefs": [{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": name}]});
    let label = |value: &str| json!({"selector": {"matchLabels": {"app": value}}});
    let of_gateway = json!({"gateway.networking.k8s.io/gateway-name": "gw"});
    for (namespace, target, labels, counts) in [
        ("front", json!({}), json!({}), true),
        ("front", json!({"selector": {}}), json!({}), true),
        ("istio-system", json!({}), json!({}), true),
        ("back", json!({}), json!({}), false),
        ("front", label("web"), json!({"app": "web"}), true),
        ("front", label("api"), json!({"app": "web"}), false),
        ("istio-system", label("web"), json!({"app": "web"}), false),
        ("front", gateway("gw"), json!({}), false),
        ("front", gateway("gw"), of_gateway.clone(), true),
        ("front", gateway("other"), of_gateway.clone(), false),
        ("istio-system", gateway("gw"), of_gateway, false),
    ] {
        let objects = [telemetry("t", namespace, target.clone())];
        let metadata = json!({"NAMESPACE": "front", "LABELS": labels});
        let view = view_among(&objects, "router", &[], metadata, &json!({}));
        let filters = tcp(&view, Class::Gateway, to_cluster());
        assert_eq!(filters.len() == 2, counts, "{namespace} {target} {labels}");
    }
    // The second that selects everything counts for nothing, not even where the first says nothing.
    let first = json!({"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry",
        "metadata": {"name": "a", "namespace": "front"}, "spec": {}});
    let objects = [first, telemetry("b", "front", json!({}))];
    let view = view_among(&objects, "sidecar", &[], json!({"NAMESPACE": "front"}), &json!({}));
    assert_eq!(tcp(&view, Class::Outbound, to_cluster()).len(), 1);
}
