//! The pages under `/debug`, and the same over xDS.

mod common;

use common::{CDS, CLUSTER, Client, DEADLINE, EDS, LDS, get, get_with, page, server, server_of};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use envoy_types::pb::envoy::service::status::v3::{ClientConfig, ConfigStatus};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::Config;
use xdslab_server::identity::IdentityOptions;
use xdslab_server::observe::Happening;

#[tokio::test]
async fn the_index_and_the_list_name_every_page() {
    let server = server().await;
    let _client = Client::in_sync(&server).await;
    let (status, index) = get(&server, "/debug").await;
    assert_eq!(status, 200);
    let list = page(&server, "/debug/list").await;
    let names: Vec<&str> = list.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(names.contains(&"syncz") && names.is_sorted() && !names.contains(&"list"), "{names:?}");
    for name in names {
        assert!(index.contains(&format!("href='/debug/{name}'")), "{name}");
        let (joint, proxy) = (if name.contains('?') { '&' } else { '?' }, "proxyID=a-1.default");
        let (status, body) = get(&server, &format!("/debug/{name}{joint}{proxy}")).await;
        assert_eq!(status, 200, "{name}: {body}");
    }
    assert_eq!(get(&server, "/debug/nothing").await.0, 404);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn syncz_has_nonces_and_what_went_wrong() {
    let server = server().await;
    let mut client = Client::in_sync(&server).await;
    let listeners = client.ask(LDS, &[]).await;
    let mut events = server.events();
    client
        .say(DiscoveryRequest {
            type_url: LDS.into(),
            response_nonce: listeners.nonce.clone(),
            error_detail: Some(RpcStatus {
                code: 3,
                message: "no <such> thing".into(),
                ..Default::default()
            }),
            ..Default::default()
        })
        .await;
    let refused = async {
        while !matches!(events.recv().await.expect("events").what, Happening::Nacked { code: 3, .. }) {}
    };
    timeout(DEADLINE, refused).await.expect("the refusal is seen");
    let all = page(&server, "/debug/syncz").await;
    let one = &all[0];
    assert_eq!(one["proxy"], "a-1.default");
    assert_eq!((&one["cluster_id"], &one["proxy_type"]), (&json!("Kubernetes"), &json!("sidecar")));
    assert_eq!(one["istio_version"], "1.31.0");
    assert!(one["cluster_sent"].is_string());
    assert_eq!(one["cluster_sent"], one["cluster_acked"]);
    assert_eq!(one["endpoint_sent"], one["resources"][EDS]["acked"]);
    assert_eq!(one["listener_sent"], listeners.nonce);
    assert!(
        one.get("listener_acked").is_none() && one.get("route_sent").is_none(),
        "what is empty is left out"
    );
    assert_eq!(one["resources"][LDS]["lastError"], "no <such> thing");
    let time = one["resources"][CDS]["sentTime"].as_str().expect("a time");
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    let (_, raw) = get(&server, "/debug/syncz").await;
    assert!(raw.contains("no \\u003csuch\\u003e thing") && !raw.contains('\n'), "as Go writes it: {raw}");
    assert!(get(&server, "/debug/syncz?pretty").await.1.starts_with("[\n    {\n        \""));
    assert_eq!(page(&server, "/debug/syncz?namespace=other").await, json!([]));
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_dump_is_what_the_client_would_be_sent() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    let clusters = client.ask(CDS, &[]).await;
    let dump = page(&server, "/debug/config_dump?proxyID=a-1.default").await;
    let configs = dump["configs"].as_array().expect("parts");
    let kinds: Vec<_> = configs
        .iter()
        .map(|part| part["@type"].as_str().unwrap_or_default().rsplit('.').next().unwrap_or_default())
        .collect();
    let expected = [
        "BootstrapConfigDump",
        "ClustersConfigDump",
        "ListenersConfigDump",
        "ScopedRoutesConfigDump",
        "RoutesConfigDump",
        "SecretsConfigDump",
        "EcdsConfigDump",
    ];
    assert_eq!(kinds, expected);
    let dumped = configs[1]["dynamicActiveClusters"].as_array().expect("clusters");
    assert_eq!(dumped.len(), clusters.resources.len());
    let a = dumped.iter().find(|c| c["cluster"]["name"] == CLUSTER).expect("the cluster");
    assert_eq!(a["cluster"]["circuitBreakers"]["thresholds"][0]["maxConnections"], 7);
    assert_eq!(configs[1]["versionInfo"], clusters.version_info);
    assert!(configs[2].get("dynamicListeners").is_none(), "nobody asked for listeners");
    // Names cannot be seen through: endpoints are those of the subscription.
    client.ack(&clusters, &[]).await;
    client.ask(EDS, &[CLUSTER]).await;
    let endpoints = page(&server, "/debug/edsz?proxyID=a-1.default").await;
    assert_eq!(endpoints["configs"][0]["clusterName"], CLUSTER);
    let with = page(&server, "/debug/config_dump?proxyID=a-1.default&include_eds").await;
    assert_eq!(with["configs"].as_array().map(Vec::len), Some(8));
    let typed = page(&server, "/debug/config_dump?proxyID=a-1.default&types=cds,eds").await;
    assert_eq!(typed["configs"].as_array().map(Vec::len), Some(clusters.resources.len() + 1));
    assert_eq!(page(&server, "/debug/ndsz?proxyID=a-1").await, json!({}));
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn proxies_are_looked_up_as_istiod_does() {
    let server = server().await;
    let _client = Client::in_sync(&server).await;
    for path in ["config_dump", "edsz", "sidecarz"] {
        let (status, body) = get(&server, &format!("/debug/{path}")).await;
        assert_eq!((status, &*body), (400, "You must provide a proxyID in the query string\n"), "{path}");
        let (status, body) = get(&server, &format!("/debug/{path}?proxyID=b.default")).await;
        let text = "Proxy not connected to this Pilot instance. It may be connected to another instance.\n";
        assert_eq!((status, &*body), (404, text), "{path}");
    }
    assert_eq!(get(&server, "/debug/sidecarz?proxyID=1.def").await.0, 200, "any part of the id will do");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn the_registry_and_its_endpoints() {
    let server = server().await;
    let mut client = Client::in_sync(&server).await;
    let services = page(&server, "/debug/registryz").await;
    let a = &services[0];
    assert_eq!(a["hostname"], "a.default.svc.cluster.local");
    assert_eq!(a["Attributes"]["LabelSelectors"], json!({"app": "a"}));
    assert_eq!(a["Attributes"]["ServiceRegistry"], "Kubernetes");
    assert_eq!(a["ports"], json!([{"name": "http", "port": 80, "protocol": "HTTP"}]));
    assert_eq!(a["clusterVIPs"], json!({"Addresses": {"Kubernetes": ["10.1.0.1"]}}));
    let shards = page(&server, "/debug/endpointShardz").await;
    let of_a = &shards["a.default.svc.cluster.local"]["default"];
    let endpoint = &of_a["Shards"]["Kubernetes/Kubernetes"][0];
    assert_eq!((&endpoint["Addresses"], &endpoint["EndpointPort"]), (&json!(["10.0.0.9"]), &json!(80)));
    let account = "spiffe://cluster.local/ns/default/sa/sa";
    assert_eq!(
        (&endpoint["ServiceAccount"], &of_a["ServiceAccounts"]),
        (&json!(account), &json!({account: {}}))
    );
    assert_eq!(page(&server, "/debug/endpointz").await, shards);
    let instances = page(&server, "/debug/instancesz").await;
    let target = &instances["a-1.default"][0];
    assert_eq!(target["Service"]["hostname"], "a.default.svc.cluster.local");
    assert_eq!(target["Port"], json!({"name": "http", "port": 80, "protocol": "HTTP", "TargetPort": 80}));
    let status = page(&server, "/debug/push_status").await;
    let empty = "outbound|80||empty.default.svc.cluster.local";
    assert_eq!(status, json!({"pilot_eds_no_instances": {empty: {}}}));
    let rule = |name: &str| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": name, "namespace": "default"},
               "spec": {"host": "empty", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}})
    };
    server.apply(common::apply([rule("x"), rule("y")])).await;
    client.hear().await.expect("a push");
    let status = page(&server, "/debug/push_status").await;
    let host = "empty.default.svc.cluster.local";
    let message = format!("Duplicate subset v1 found while merging destination rules for {host}");
    assert_eq!(status["pilot_destrule_subsets"], json!({host: {"message": message}}));
    server.shutdown().await.expect("it ends");
}

/// Keys and messages: istiod 1.31.0-rc.0's.
#[tokio::test]
async fn what_another_one_has_already() {
    const RDS: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
    let server = server().await;
    let mut client = Client::in_sync(&server).await;
    let entry = |name: &str| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": name, "namespace": "default"},
               "spec": {"hosts": [format!("{name}.com")], "resolution": "DNS", "ports": [{"name": "tcp", "number": 9000, "protocol": "TCP"}]}})
    };
    let rule = |name: &str| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": "default"},
               "spec": {"hosts": ["wanted.com"], "http": [{"route": [{"destination": {"host": "a"}}]}]}})
    };
    let same_port = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "z", "namespace": "default"},
        "spec": {"clusterIP": "10.1.0.9", "selector": {"app": "a"}, "ports": [{"name": "tcp", "port": 81, "targetPort": 80}]}});
    let objects = [entry("x"), entry("y"), rule("v"), rule("w"), same_port];
    server.apply(common::apply(objects)).await;
    client.hear().await.expect("a push");
    client.ask(LDS, &[]).await;
    let mut answer = client.ask(RDS, &["80"]).await;
    while answer.type_url != RDS {
        answer = client.hear().await.expect("the routes");
    }
    let status = page(&server, "/debug/push_status").await;
    let amiss = |message: &str| json!({"proxy": "a-1.default", "message": message});
    assert_eq!(
        status["pilot_conflict_outbound_listener_tcp_over_current_tcp"],
        json!({"0.0.0.0_9000": amiss("Listener=0.0.0.0_9000 Accepted=TCP Rejected=TCP (y.com)")})
    );
    let inbound = "Conflicting inbound listener:80. existing: a.default.svc.cluster.local, incoming: z.default.svc.cluster.local";
    assert_eq!(status["pilot_conflict_inbound_listener"], json!({"a-1.default": amiss(inbound)}));
    // The services of this mesh have one address between them, which is a domain too.
    let empty = "empty.default.svc.cluster.local:80";
    assert_eq!(
        status["pilot_vservice_dup_domain"],
        json!({
            "wanted.com:80": amiss("duplicate domain from virtual service: wanted.com:80"),
            empty: amiss(&format!("duplicate domain from service: {empty}")),
        })
    );
    let (_, metrics) = get(&server, "/metrics").await;
    assert!(metrics.contains("\npilot_vservice_dup_domain 2\n"), "{metrics}");
    assert!(metrics.contains("\npilot_duplicate_envoy_clusters 0\n"), "{metrics}");
    let key = xdslab_mesh::object::Identity::of(&rule("w")).key().expect("a known kind");
    server.apply(ChangeSet { changes: vec![Change::Delete(key)] }).await;
    client.hear().await.expect("a push");
    let status = page(&server, "/debug/push_status").await;
    assert_eq!(status["pilot_vservice_dup_domain"].get("wanted.com:80"), None, "{status}");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn objects_scopes_and_the_mesh() {
    let server = server().await;
    let _client = Client::in_sync(&server).await;
    let configs = page(&server, "/debug/configz").await;
    let kinds: Vec<_> = configs.as_array().expect("objects").iter().map(|c| c["kind"].clone()).collect();
    assert_eq!(kinds, ["DestinationRule", "PeerAuthentication", "VirtualService"]);
    assert_eq!(configs[0]["apiVersion"], "networking.istio.io/v1");
    assert_eq!(configs[0]["metadata"]["namespace"], "default");
    assert_eq!(configs[0]["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 7);
    assert_eq!(configs[1]["spec"]["mtls"]["mode"], "STRICT");
    let mesh = page(&server, "/debug/mesh").await;
    assert_eq!(
        (&mesh["rootNamespace"], &mesh["trustDomain"]),
        (&json!("istio-system"), &json!("cluster.local"))
    );
    let kinds = page(&server, "/debug/resourcesz").await;
    let sidecar = json!({"group": "networking.istio.io", "version": "v1", "kind": "Sidecar"});
    assert!(kinds.as_array().is_some_and(|kinds| kinds.contains(&sidecar)), "{kinds}");
    let watched = page(&server, "/debug/resourcesz?proxyID=a-1").await;
    assert_eq!(watched, json!({CDS: [], EDS: [CLUSTER]}));
    let scope = page(&server, "/debug/sidecarz?proxyID=a-1").await;
    assert_eq!((&scope["name"], &scope["namespace"]), (&json!("default-sidecar"), &json!("default")));
    assert_eq!(scope["outboundTrafficPolicy"], json!({"mode": "ALLOW_ANY"}));
    assert!(scope["servicesByHostname"]["a.default.svc.cluster.local"].is_object());
    assert_eq!(
        scope["destinationRules"],
        json!({"a.default.svc.cluster.local": [{"from": ["default/one"]}]})
    );
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn connections_and_a_push_on_demand() {
    let server = server().await;
    let mut client = Client::in_sync(&server).await;
    let all = page(&server, "/debug/connections").await;
    assert_eq!(
        (&all["totalClients"], &all["clients"][0]["connectionId"]),
        (&json!(1), &json!("a-1.default-1"))
    );
    assert!(all["clients"][0]["address"].as_str().is_some_and(|a| a.starts_with("127.0.0.1:")));
    assert!(all["clients"][0].get("metadata").is_none());
    let one = page(&server, "/debug/adsz?proxyID=a-1").await["clients"][0].clone();
    assert_eq!(one["watches"], json!({CDS: [], EDS: [CLUSTER]}));
    assert_eq!((&one["labels"]["app"], &one["metadata"]["NAMESPACE"]), (&json!("a"), &json!("default")));
    assert_eq!(get(&server, "/debug/adsz?proxyID=b").await.0, 404);

    let (status, body) = get(&server, "/debug/adsz?push=true").await;
    assert_eq!((status, &*body), (200, "Pushed to 1 servers\n"));
    let again = client.hear().await.expect("a push");
    assert_eq!(again.type_url, CDS);
    let version = one["watches"].is_object().then_some(again.version_info).expect("a version");
    assert!(version.ends_with("/2"), "the mesh is the same, and so is its version: {version}");
    let metrics = get(&server, "/metrics").await.1;
    assert!(metrics.contains("pilot_push_triggers{type=\"debug\"} 1\n"), "{metrics}");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn strangers_are_refused_and_namespaces_see_their_own() {
    let identity = IdentityOptions { require_tokens: true, ..IdentityOptions::default() };
    let server = server_of(Config { identity, ..Config::default() }).await;
    let _client = Client::in_sync(&server).await;
    let token = |account: &str| server.token(&account.parse().expect("an account"), DEADLINE);
    let (own, other, root) = (token("default/sa"), token("other/sa"), token("istio-system/istiod"));
    let dump = "/debug/config_dump?proxyID=a-1.default";
    for (path, token, status) in [
        ("/debug/syncz", None, 401),
        ("/debug/syncz", Some("default/sa~1~00"), 401),
        ("/debug/syncz", Some(&*own), 403),
        ("/debug/syncz", Some(&*root), 200),
        (dump, None, 401),
        (dump, Some(&*own), 200),
        (dump, Some(&*other), 404),
        (dump, Some(&*root), 200),
    ] {
        let (found, body) = get_with(&server, path, token).await;
        assert_eq!(found, status, "{path}, {token:?}: {body}");
        assert!(status < 401 || status == 404 || body.is_empty(), "{body}");
    }
    // The same over xDS.
    for (token, type_url, name, code) in [
        (None, "istio.io/debug", "syncz", Some(Code::Unauthenticated)),
        (None, "istio.io/debug/syncz", "", Some(Code::Unauthenticated)),
        (Some(&*own), "istio.io/debug", "syncz", Some(Code::PermissionDenied)),
        (Some(&*root), "istio.io/debug", "syncz", None),
    ] {
        let mut client = Client::connect_with(&server, token).await.expect("a stream");
        let names = if name.is_empty() { vec![] } else { vec![name.to_owned()] };
        let node = common::node();
        client
            .say(DiscoveryRequest {
                node,
                type_url: type_url.into(),
                resource_names: names,
                ..Default::default()
            })
            .await;
        let heard = client.hear().await;
        assert_eq!(heard.as_ref().err().map(tonic::Status::code), code, "{type_url}: {heard:?}");
    }
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn pages_over_delta_xds() {
    let server = server().await;
    let _client = Client::in_sync(&server).await;
    let address = format!("http://{}", server.grpc_addr());
    let mut client = AggregatedDiscoveryServiceClient::connect(address).await.expect("the server listens");
    let ask = |type_url: &str, names: &[&str]| DeltaDiscoveryRequest {
        node: common::node(),
        type_url: type_url.to_owned(),
        resource_names_subscribe: names.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    };
    let questions = [
        ask("istio.io/debug", &["syncz?namespace=none"]),
        ask("istio.io/debug/syncz", &[]),
        ask("istio.io/debug", &["config_dump"]),
    ];
    let (requests, stream) = mpsc::channel(questions.len());
    let answers = client.delta_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    let mut answers = answers.into_inner();
    let mut bodies = Vec::new();
    for question in questions {
        requests.send(question).await.expect("open");
        let answer = timeout(DEADLINE, answers.message()).await.expect("in time").expect("no error");
        let resource = answer.expect("an answer").resources.remove(0);
        let any = resource.resource.expect("a body");
        bodies.push((resource.name, any.type_url, any.value));
    }
    assert_eq!(bodies[0], ("syncz?namespace=none".into(), "istio.io/debug".into(), b"[]".to_vec()));
    assert_eq!((&*bodies[1].0, ClientConfig::decode(&*bodies[1].2).is_ok()), ("a-1.default", true));
    let text = String::from_utf8_lossy(&bodies[2].2);
    assert_eq!(text, "{\"statusCode\":\"400\"}You must provide a proxyID in the query string\n");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn istioctl_asks_over_xds() {
    let server = server().await;
    let _client = Client::in_sync(&server).await;
    let mut asking = Client::connect(&server).await;
    let answer = asking.ask("istio.io/debug", &["connections"]).await;
    assert_eq!((answer.resources.len(), &*answer.resources[0].type_url), (1, "istio.io/debug"));
    let body: Value = serde_json::from_slice(&answer.resources[0].value).expect("JSON");
    assert_eq!(body["totalClients"], 2);
    let sync = asking.ask("istio.io/debug/syncz", &[]).await;
    let control_plane = sync.control_plane.expect("the control plane's name").identifier;
    let control_plane: Value = serde_json::from_str(&control_plane).expect("JSON");
    assert_eq!(control_plane["Component"], "istiod");
    let configs: Vec<ClientConfig> =
        sync.resources.iter().map(|any| ClientConfig::decode(&*any.value).expect("a ClientConfig")).collect();
    let config = &configs[0];
    assert_eq!(config.node.as_ref().expect("a node").id, "a-1.default");
    let types: Vec<_> =
        config.generic_xds_configs.iter().map(|c| (&*c.type_url, c.config_status())).collect();
    assert_eq!(types, [(CDS, ConfigStatus::Synced), (EDS, ConfigStatus::Synced)]);
    let dump = asking.ask("istio.io/debug/config_dump", &["a-1.default"]).await;
    assert_eq!(dump.resources.len(), 7);
    assert!(dump.control_plane.is_none());
    let watched = page(&server, "/debug/resourcesz?proxyID=a-1.default-2").await;
    assert_eq!(watched, json!({}), "questions are no subscriptions");
    assert!(server.is_synced(), "and need no ACK");
    asking.say(DiscoveryRequest { type_url: "istio.io/debug".into(), ..Default::default() }).await;
    assert_eq!(asking.hear().await.expect_err("no page named").code(), Code::InvalidArgument);
    server.shutdown().await.expect("it ends");
}
