//! Rules of inbound listeners, each as a small mesh and the listeners that one of its proxies gets.

mod world;

use serde_json::{Value, json};
use xdslab_proto::Message;
use xdslab_proto::core::transport_socket::ConfigType;
use xdslab_proto::listener::Listener;
use xdslab_proto::matcher::string_matcher::MatchPattern;
use xdslab_proto::tls::DownstreamTlsContext;
use xdslab_proto::tls::common_tls_context::ValidationContextType;

use world::{inbound, ingress, inspection, mesh, modes, names, operations, service, tcp_proxies};

fn listener(port: u32, protocol: &str, more: &Value) -> Value {
    let mut listener = json!({"port": {"number": port, "protocol": protocol, "name": "p"}});
    let (Value::Object(fields), Value::Object(more)) = (&mut listener, more.clone()) else {
        panic!("objects")
    };
    fields.extend(more);
    listener
}

#[test]
fn who_binds_and_who_is_led_to() {
    let capture = |mode: &str| ingress("front", &json!([listener(90, "TCP", &json!({"captureMode": mode}))]));
    for (mode, interception, want) in [
        ("DEFAULT", "REDIRECT", vec!["virtualInbound: 10.0.0.1_90:90"]),
        ("DEFAULT", "NONE", vec!["10.0.0.1_90: 10.0.0.1_90:90"]),
        ("IPTABLES", "TPROXY", vec!["virtualInbound: 10.0.0.1_90:90"]),
        ("IPTABLES", "NONE", vec![]),
        ("NONE", "REDIRECT", vec!["virtualInbound: ", "10.0.0.1_90: 10.0.0.1_90:90"]),
        ("NONE", "NONE", vec!["10.0.0.1_90: 10.0.0.1_90:90"]),
    ] {
        let made = inbound(&[capture(mode)], json!({"INTERCEPTION_MODE": interception}));
        assert_eq!(names(&made), want, "{mode} {interception}");
    }
    let services = [service("web", &[("tcp", 80, 8080)])];
    assert!(inbound(&services, json!({"INTERCEPTION_MODE": "NONE"})).is_empty());
}

#[test]
fn only_what_is_led_to_is_transparent() {
    let own = ingress("front", &json!([listener(90, "TCP", &json!({"captureMode": "NONE"}))]));
    let made =
        inbound(&[own], json!({"INTERCEPTION_MODE": "TPROXY", "INBOUND_LISTENER_EXACT_BALANCE": "true"}));
    let transparent: Vec<_> = made.iter().map(|l| l.transparent.is_some_and(|t| t.value)).collect();
    assert_eq!(transparent, [true, false]);
    let filters = |l: &Listener| l.listener_filters.iter().map(inspection).collect::<Vec<_>>();
    assert_eq!(filters(&made[0])[..2], ["original_dst", "original_src"]);
    assert_eq!(filters(&made[1]), ["tls_inspector !(90)"]);
    assert!(made.iter().all(|l| l.connection_balance_config.is_some()));
}

#[test]
fn ports_that_the_proxy_has_for_itself() {
    let ports = [("tcp-a", 1, 15001), ("tcp-b", 2, 15006), ("tcp-c", 3, 15021), ("tcp-d", 4, 8080)];
    let agent = json!({"ENVOY_STATUS_PORT": 15021, "ENVOY_PROMETHEUS_PORT": 15090});
    let made = inbound(&[service("web", &ports)], agent.clone());
    assert_eq!(names(&made), ["virtualInbound: 0.0.0.0_8080:8080"]);
    let declared = |bind: &Value| {
        let listeners = [(15001, "HTTP"), (15021, "HTTP"), (15090, "TCP")];
        let listeners: Vec<_> = listeners.iter().map(|(port, p)| listener(*port, p, bind)).collect();
        names(&inbound(&[ingress("front", &json!(listeners))], agent.clone()))
    };
    let kept = "virtualInbound: 10.0.0.1_15001:15001 10.0.0.1_15090:15090";
    assert_eq!(declared(&json!({})), [kept], "HTTP without a bind is taken to be for all addresses");
    assert_eq!(declared(&json!({"bind": "0.0.0.0"})), ["virtualInbound: 0.0.0.0_15001:15001"]);
    let all = "virtualInbound: 10.0.0.9_15001:15001 10.0.0.9_15021:15021 10.0.0.9_15090:15090";
    assert_eq!(declared(&json!({"bind": "10.0.0.9"})), [all]);
}

#[test]
fn privileged_ports_are_bound_with_privileges() {
    let listeners = json!([
        listener(80, "TCP", &json!({"captureMode": "NONE"})),
        listener(81, "TCP", &json!({})),
        listener(8080, "TCP", &json!({"captureMode": "NONE"})),
    ]);
    let made = inbound(&[ingress("front", &listeners)], json!({"UNPRIVILEGED_POD": "true"}));
    assert_eq!(names(&made), ["virtualInbound: 10.0.0.1_81:81", "10.0.0.1_8080: 10.0.0.1_8080:8080"]);
}

#[test]
fn ports_of_which_only_a_policy_speaks_have_catch_alls() {
    let policy = modes(
        "STRICT",
        &json!({"90": {"mode": "DISABLE"}, "91": {"mode": "UNSET"}, "80": {"mode": "PERMISSIVE"}}),
    );
    let catch_alls = |port: u32| format!("virtualInbound-catchall-http:{port} virtualInbound:{port}");
    let made = inbound(&[policy.clone(), service("web", &[("http", 80, 80)])], json!({}));
    let want = format!("virtualInbound: {} {} 0.0.0.0_80:80", catch_alls(90), catch_alls(91));
    assert_eq!(names(&made), [want]);
    let own = ingress("front", &json!([listener(90, "HTTP", &json!({"captureMode": "NONE"}))]));
    let made = inbound(&[policy, service("web", &[("http", 80, 80)]), own], json!({}));
    let want = format!("virtualInbound: {} {}", catch_alls(80), catch_alls(91));
    assert_eq!(
        names(&made),
        [want.as_str(), "10.0.0.1_90: 10.0.0.1_90:90"],
        "90 is an ingress port that binds"
    );
}

#[test]
fn inspectors_are_off_where_nobody_asks() {
    let objects = |mode: &str, port: &str| {
        [modes(mode, &json!({"90": {"mode": port}})), service("web", &[("http", 80, 80), ("x", 90, 90)])]
    };
    for (mode, port, want) in [
        ("PERMISSIVE", "PERMISSIVE", vec!["tls_inspector 15006", "http_inspector 80|15006"]),
        ("STRICT", "STRICT", vec!["tls_inspector 15006"]),
        ("DISABLE", "DISABLE", vec!["http_inspector 80|15006"]),
        ("DISABLE", "STRICT", vec!["tls_inspector !(90)", "http_inspector 80|90|15006"]),
        ("STRICT", "DISABLE", vec!["tls_inspector 90|15006", "http_inspector 0|80|15006"]),
    ] {
        let made = inbound(&objects(mode, port), json!({}));
        let filters: Vec<_> = made[0].listener_filters.iter().skip(1).map(inspection).collect();
        assert_eq!(filters, want, "{mode} {port}");
    }
}

#[test]
fn the_root_sidecar_is_named_by_the_proxys_namespace() {
    let made = inbound(&[ingress("istio-system", &json!([listener(90, "HTTP", &json!({}))]))], json!({}));
    let of_port: Vec<_> = operations(&made[0]).into_iter().filter(|o| !o.starts_with(':')).collect();
    assert_eq!(of_port, ["in.front:90/*"; 2]);
}

#[test]
fn statistics_are_named_by_the_meshs_pattern() {
    let pattern = mesh(
        "inboundClusterStatName: '%SERVICE%/%SERVICE_NAME%/%SERVICE_FQDN%_%SERVICE_PORT%_%SERVICE_PORT_NAME%_%TARGET_PORT%'",
    );
    let prefixes = |object: Value| {
        let made = inbound(&[pattern.clone(), object], json!({}));
        let mut prefixes: Vec<_> = tcp_proxies(&made[0]).into_iter().map(|p| p.stat_prefix).collect();
        prefixes.dedup();
        prefixes
    };
    let catch_all = "//_0_virtualInbound_%TARGET_PORT%";
    let of_service = "web.front/web/web.front.svc.cluster.local_70_tcp-a_%TARGET_PORT%";
    assert_eq!(prefixes(service("web", &[("tcp-a", 70, 7070)])), ["BlackHoleCluster", catch_all, of_service]);
    let of_ingress = "in.front/in.front/in.front_90_p_%TARGET_PORT%";
    let declared = ingress("front", &json!([listener(90, "TCP", &json!({}))]));
    assert_eq!(prefixes(declared), ["BlackHoleCluster", catch_all, of_ingress]);
}

#[test]
fn addresses_of_both_families() {
    for (addresses, address, chain) in [
        ("fd00::1", "::", "virtualInbound: ::_80:80"),
        ("fd00::1,10.0.0.1", "0.0.0.0", "virtualInbound: 0.0.0.0_80:80"),
    ] {
        let made = inbound(&[service("web", &[("http", 80, 80)])], json!({"INSTANCE_IPS": addresses}));
        assert_eq!(names(&made), [chain]);
        assert!(made[0].additional_addresses.is_empty());
        let shown = format!("{:?}", made[0].address);
        assert!(shown.contains(&format!("address: {address:?}")), "{shown}");
    }
}

/// The first socket of a proxy's listeners.
fn context(objects: &[Value], metadata: Value) -> DownstreamTlsContext {
    let made = inbound(objects, metadata);
    let socket = made[0].filter_chains.iter().find_map(|c| c.transport_socket.clone()).expect("a socket");
    let Some(ConfigType::TypedConfig(config)) = socket.config_type else { panic!("a configuration") };
    DownstreamTlsContext::decode(&*config.value).unwrap()
}

#[test]
fn certificates_of_the_proxy_itself_are_files() {
    let all = json!({"TLS_SERVER_CERT_CHAIN": "/c", "TLS_SERVER_KEY": "/k", "TLS_SERVER_ROOT_CERT": "/r"});
    for (metadata, certificate, root) in [
        (json!({}), "default", "ROOTCA"),
        (all, "file-cert:/c~/k", "file-root:/r"),
        (json!({"TLS_SERVER_CERT_CHAIN": "/c", "TLS_SERVER_ROOT_CERT": "/r"}), "default", "file-root:/r"),
        (json!({"TLS_SERVER_CERT_CHAIN": "/c", "TLS_SERVER_KEY": "/k"}), "file-cert:/c~/k", "ROOTCA"),
    ] {
        let common = context(&[], metadata).common_tls_context.unwrap();
        assert_eq!(common.tls_certificate_sds_secret_configs[0].name, certificate);
        let Some(ValidationContextType::CombinedValidationContext(combined)) = common.validation_context_type
        else {
            panic!("a combined validation context")
        };
        assert_eq!(combined.validation_context_sds_secret_config.unwrap().name, root);
    }
}

#[test]
fn clients_of_all_trust_domains_are_taken() {
    let config = "trustDomain: own\ntrustDomainAliases: [old, cluster.local, own]\n\
                  caCertificates: [{pem: x, trustDomains: [far, old]}, {pem: z, trustDomains: [a]}]";
    let common = context(&[mesh(config)], json!({})).common_tls_context.unwrap();
    let Some(ValidationContextType::CombinedValidationContext(combined)) = common.validation_context_type
    else {
        panic!("a combined validation context")
    };
    #[allow(deprecated)] // the field that istiod still writes
    let matchers = combined.default_validation_context.unwrap().match_subject_alt_names;
    let prefixes = matchers.into_iter().map(|m| match m.match_pattern {
        Some(MatchPattern::Prefix(prefix)) => prefix.replace("spiffe://", ""),
        other => panic!("a prefix, not {other:?}"),
    });
    assert_eq!(prefixes.collect::<Vec<_>>(), ["own/", "cluster.local/", "old/", "far/", "a/"]);
}
