//! Secrets over real gRPC: who gets a certificate, for which identity, and how long.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{DataSource, Node, data_source::Specifier};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{Secret, secret::Type};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::secret::v3::secret_discovery_service_client::SecretDiscoveryServiceClient;
use envoy_types::pb::google::protobuf as pb;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status, Streaming};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::identity::IdentityOptions;
use xdslab_server::observe::Happening;
use xdslab_server::{Config, Server, StartError};

const DEADLINE: Duration = Duration::from_secs(10);

struct Client<Q, S> {
    requests: mpsc::Sender<Q>,
    responses: Streaming<S>,
}

impl<Q, S> Client<Q, S> {
    async fn say(&self, request: Q) {
        self.requests.send(request).await.expect("the stream is open");
    }

    async fn hear(&mut self) -> Result<S, Status> {
        let message = timeout(DEADLINE, self.responses.message()).await.expect("an answer in time")?;
        message.ok_or_else(|| Status::ok("end"))
    }
}

async fn connect(server: &Server) -> SecretDiscoveryServiceClient<tonic::transport::Channel> {
    let address = format!("http://{}", server.grpc_addr());
    SecretDiscoveryServiceClient::connect(address).await.expect("the server listens")
}

async fn sotw(server: &Server, token: Option<&str>) -> Client<DiscoveryRequest, DiscoveryResponse> {
    let (requests, stream) = mpsc::channel(8);
    let mut call = Request::new(ReceiverStream::new(stream));
    if let Some(token) = token {
        let value: AsciiMetadataValue = format!("Bearer {token}").parse().expect("ASCII");
        call.metadata_mut().insert("authorization", value);
    }
    let responses = connect(server).await.stream_secrets(call).await.expect("a stream");
    Client { requests, responses: responses.into_inner() }
}

async fn delta(server: &Server) -> Client<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
    let (requests, stream) = mpsc::channel(8);
    let responses = connect(server).await.delta_secrets(ReceiverStream::new(stream)).await.expect("a stream");
    Client { requests, responses: responses.into_inner() }
}

fn node(name: &str, account: &str) -> Option<Node> {
    let id = format!("sidecar~127.0.0.9~{name}.front~front.svc.cluster.local");
    let text = |value: &str| pb::Value { kind: Some(pb::value::Kind::StringValue(value.to_owned())) };
    let fields = [("NAMESPACE", "front"), ("SERVICE_ACCOUNT", account)];
    let fields = fields.map(|(key, value)| (key.to_owned(), text(value))).into();
    Some(Node { id, metadata: Some(pb::Struct { fields }), ..Node::default() })
}

fn ask(node: Option<Node>, names: &[&str]) -> DiscoveryRequest {
    let resource_names = names.iter().map(|name| (*name).to_owned()).collect();
    DiscoveryRequest { node, resource_names, ..Default::default() }
}

/// The next request after `response`: its ACK, for `names`.
fn ack(response: &DiscoveryResponse, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: response.version_info.clone(),
        response_nonce: response.nonce.clone(),
        ..ask(None, names)
    }
}

fn secrets(response: &DiscoveryResponse) -> Vec<Secret> {
    response.resources.iter().map(|any| Secret::decode(any.value.as_slice()).expect("a secret")).collect()
}

fn bytes(source: Option<&DataSource>) -> Vec<u8> {
    match source.and_then(|source| source.specifier.as_ref()) {
        Some(Specifier::InlineBytes(bytes)) => bytes.clone(),
        other => panic!("inline, not {other:?}"),
    }
}

/// The chain and the key of the only secret.
fn certificate(response: &DiscoveryResponse) -> (Vec<u8>, Vec<u8>) {
    match &secrets(response)[..] {
        [Secret { name, r#type: Some(Type::TlsCertificate(own)) }] if name == "default" => {
            (bytes(own.certificate_chain.as_ref()), bytes(own.private_key.as_ref()))
        }
        other => panic!("one certificate, not {other:?}"),
    }
}

fn roots(response: &DiscoveryResponse) -> Vec<u8> {
    match &secrets(response)[..] {
        [Secret { name, r#type: Some(Type::ValidationContext(context)) }] if name == "ROOTCA" => {
            bytes(context.trusted_ca.as_ref())
        }
        other => panic!("one validation context, not {other:?}"),
    }
}

/// The identity of a chain whose last certificate `roots` signed.
fn verified(chain: &[u8], roots: &[u8]) -> String {
    let (chain, root) = (pem::parse_many(chain).unwrap(), pem::parse(roots).unwrap());
    let parsed = |block: &pem::Pem| block.contents().to_vec();
    let all: Vec<_> = chain.iter().chain([&root]).map(parsed).collect();
    let all: Vec<_> = all.iter().map(|der| X509Certificate::from_der(der).unwrap().1).collect();
    for pair in all.windows(2) {
        pair[0].verify_signature(Some(pair[1].public_key())).expect("signed by the next");
    }
    match &all[0].subject_alternative_name().unwrap().unwrap().value.general_names[..] {
        [GeneralName::URI(identity)] => (*identity).to_owned(),
        other => panic!("one identity, not {other:?}"),
    }
}

fn pod(name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "front"},
        "spec": {"serviceAccountName": account, "containers": []},
        "status": {"podIP": "127.0.0.9", "phase": "Running"},
    })
}

fn mesh_config(trust_domain: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": format!("trustDomain: {trust_domain}\n")},
    })
}

fn apply(values: impl IntoIterator<Item = Value>) -> ChangeSet {
    let object = |value| match read(value) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    values.into_iter().map(object).collect()
}

async fn start(identity: IdentityOptions) -> Server {
    Server::start(Config { identity, ..Config::default() }).await.expect("the server starts")
}

fn ttl(seconds: u64) -> IdentityOptions {
    IdentityOptions { ttl: Duration::from_secs(seconds), ..Default::default() }
}

#[tokio::test]
async fn a_certificate_and_the_roots_that_verify_it() {
    let server = start(IdentityOptions::default()).await;
    let mut own = sotw(&server, None).await;
    own.say(ask(node("sleep-1", "sleep"), &["default"])).await;
    let (chain, key) = certificate(&own.hear().await.expect("a certificate"));
    assert!(key.starts_with(b"-----BEGIN PRIVATE KEY-----"));
    let mut other = sotw(&server, None).await;
    other.say(ask(node("sleep-1", "sleep"), &["ROOTCA"])).await;
    let roots = roots(&other.hear().await.expect("roots"));
    assert_eq!(verified(&chain, &roots), "spiffe://cluster.local/ns/front/sa/sleep");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_new_one_comes_before_the_old_one_ends_and_only_to_who_holds_one() {
    let server = start(ttl(2)).await;
    let (mut own, mut rooted) = (sotw(&server, None).await, sotw(&server, None).await);
    rooted.say(ask(node("sleep-1", "sleep"), &["ROOTCA"])).await;
    let root = rooted.hear().await.expect("roots");
    rooted.say(ack(&root, &["ROOTCA"])).await;
    own.say(ask(node("sleep-1", "sleep"), &["default"])).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let response = own.hear().await.expect("a certificate");
        let (chain, key) = certificate(&response);
        assert_eq!(verified(&chain, &roots(&root)), "spiffe://cluster.local/ns/front/sa/sleep");
        assert!(!seen.contains(&key), "a new key each time");
        seen.push(key);
        own.say(ack(&response, &["default"])).await;
    }
    let more = timeout(Duration::from_millis(100), rooted.responses.message()).await;
    assert!(more.is_err(), "the roots stay: {more:?}");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_new_trust_domain_is_a_new_identity() {
    let server = start(IdentityOptions::default()).await;
    let mut own = sotw(&server, None).await;
    own.say(ask(node("sleep-1", "sleep"), &["default"])).await;
    let first = own.hear().await.expect("a certificate");
    own.say(ack(&first, &["default"])).await;
    server.apply(apply([mesh_config("mesh.example")])).await;
    let second = own.hear().await.expect("another");
    let mut rooted = sotw(&server, None).await;
    rooted.say(ask(node("sleep-1", "sleep"), &["ROOTCA"])).await;
    let roots = roots(&rooted.hear().await.expect("roots"));
    for (response, want) in [(first, "cluster.local"), (second, "mesh.example")] {
        let identity = verified(&certificate(&response).0, &roots);
        assert_eq!(identity, format!("spiffe://{want}/ns/front/sa/sleep"));
    }
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_pod_has_its_own_service_account_and_no_other() {
    let server = start(IdentityOptions::default()).await;
    server.apply(apply([pod("sleep-1", "sleep")])).await;
    timeout(DEADLINE, server.synced()).await.expect("pushed");
    let mut events = server.events();
    let mut liar = sotw(&server, None).await;
    liar.say(ask(node("sleep-1", "other"), &["default"])).await;
    let status = liar.hear().await.expect_err("refused");
    assert_eq!(status.code(), Code::PermissionDenied);
    let told = "pod front/sleep-1 runs as service account \"sleep\", its proxy claims \"other\"";
    assert_eq!(status.message(), told);
    let event = timeout(DEADLINE, events.recv()).await.expect("in time").expect("an event");
    assert!(matches!(event.what, Happening::Unproven { reason } if reason == told));
    let mut honest = sotw(&server, None).await;
    honest.say(ask(node("sleep-1", "sleep"), &["default"])).await;
    certificate(&honest.hear().await.expect("a certificate"));
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn what_is_not_there_is_told_once_and_not_answered() {
    let server = start(IdentityOptions::default()).await;
    let mut events = server.events();
    let mut client = sotw(&server, None).await;
    client.say(ask(node("sleep-1", "sleep"), &["kubernetes://web"])).await;
    client.say(ask(None, &["kubernetes://web", "default"])).await;
    let response = client.hear().await.expect("what there is");
    certificate(&response);
    client.say(ack(&response, &["default", "kubernetes://web"])).await;
    client.say(ask(None, &["kubernetes://web", "default", "other"])).await;
    let mut missed = Vec::new();
    while missed.len() < 2 {
        let event = timeout(DEADLINE, events.recv()).await.expect("in time").expect("an event");
        if let Happening::NoSecret { name } = event.what {
            missed.push(name);
        }
    }
    assert_eq!(missed, ["kubernetes://web", "other"]);

    let mut client = delta(&server).await;
    let asked = DeltaDiscoveryRequest {
        node: node("sleep-1", "sleep"),
        resource_names_subscribe: vec!["default".into(), "other".into()],
        ..Default::default()
    };
    client.say(asked).await;
    let response = client.hear().await.expect("an answer");
    assert_eq!(response.resources[0].name, "default");
    assert_eq!(response.removed_resources, ["other"]);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn files_of_this_host_are_named_to_who_is_on_it() {
    let server = start(IdentityOptions::default()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let name = format!("file-root:{path}");
    let mut client = sotw(&server, None).await;
    client.say(ask(node("sleep-1", "sleep"), &[&name, "file-root:/missing"])).await;
    let told = secrets(&client.hear().await.expect("a secret"));
    let [Secret { name: of, r#type: Some(Type::ValidationContext(context)) }] = &told[..] else {
        panic!("one validation context, not {told:?}");
    };
    let trusted = context.trusted_ca.as_ref().and_then(|ca| ca.specifier.clone());
    assert_eq!((of, trusted), (&name, Some(Specifier::Filename(path))));
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn what_a_client_refuses_is_told_and_not_sent_again() {
    let server = start(IdentityOptions::default()).await;
    let mut events = server.events();
    let mut client = sotw(&server, None).await;
    client.say(ask(node("sleep-1", "sleep"), &["default"])).await;
    let response = client.hear().await.expect("a certificate");
    let error = RpcStatus { code: 13, message: "bad key".into(), details: Vec::new() };
    client.say(DiscoveryRequest { error_detail: Some(error), ..ack(&response, &["default"]) }).await;
    let told = async {
        loop {
            if let Happening::Nacked { message, .. } = events.recv().await.expect("an event").what {
                return message;
            }
        }
    };
    assert_eq!(timeout(DEADLINE, told).await.expect("in time"), "bad key");
    let more = timeout(Duration::from_millis(100), client.responses.message()).await;
    assert!(more.is_err(), "not again: {more:?}");
    server.shutdown().await.expect("it ends");
}

/// A certificate authority in files: a root, and an authority below it that signs.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn make() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let folder = tempfile::tempdir().unwrap();
        let parameters = |name: &str, ca: bool| {
            let mut parameters = CertificateParams::default();
            parameters.distinguished_name.push(DnType::CommonName, name);
            if ca {
                parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            parameters
        };
        let [root_key, key] = [(); 2].map(|()| KeyPair::generate().unwrap());
        let root = parameters("root", true).self_signed(&root_key).unwrap().pem();
        let issuer = Issuer::new(parameters("root", true), root_key);
        let own = parameters("authority", true).signed_by(&key, &issuer).unwrap().pem();
        let leaf = parameters("leaf", false).signed_by(&key, &issuer).unwrap().pem();
        for (name, content) in [
            ("authority.pem", format!("{own}{root}")),
            ("reversed.pem", format!("{root}{own}")),
            ("key.pem", key.serialize_pem()),
            ("leaf.pem", leaf),
            ("other.pem", KeyPair::generate().unwrap().serialize_pem()),
            ("empty.pem", String::new()),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self, certificate: &str, key: &str) -> IdentityOptions {
        IdentityOptions { authority: Some((self.path(certificate), self.path(key))), ..Default::default() }
    }
}

#[tokio::test]
async fn an_authority_from_files_signs_and_tokens_of_its_key_are_taken() {
    let files = Files::make();
    let options = IdentityOptions { require_tokens: true, ..files.options("authority.pem", "key.pem") };
    let server = start(options).await;
    let token = |key: &str, account: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xds-server"));
        let out = command.args(["token", account, "--ca-key"]).arg(files.path(key)).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let mut chains = Vec::new();
    for name in ["default", "ROOTCA"] {
        let mut client = sotw(&server, Some(&token("key.pem", "front/sleep"))).await;
        client.say(ask(node("sleep-1", "sleep"), &[name])).await;
        chains.push(client.hear().await.expect("a secret"));
    }
    let (chain, _) = certificate(&chains[0]);
    assert_eq!(pem::parse_many(&chain).unwrap().len(), 2, "its own and the authority's");
    assert_eq!(verified(&chain, &roots(&chains[1])), "spiffe://cluster.local/ns/front/sa/sleep");

    let other = token("other.pem", "front/sleep");
    let another = token("key.pem", "front/other");
    for (token, code, said) in [
        (None, Code::PermissionDenied, "without a token: send one made with xds-server token"),
        (Some(other), Code::Unauthenticated, "the token was not issued with this authority's key"),
        (Some(another), Code::PermissionDenied, "the token is for front/other, the node claims front/sleep"),
    ] {
        let mut client = sotw(&server, token.as_deref()).await;
        client.say(ask(node("sleep-1", "sleep"), &["default"])).await;
        let status = client.hear().await.expect_err("refused");
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(said), "{status}");
    }
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_is_told() {
    let files = Files::make();
    for (certificate, key, want) in [
        ("missing.pem", "key.pem", "cannot read"),
        ("empty.pem", "key.pem", "holds no PEM certificate"),
        ("key.pem", "key.pem", "holds no PEM certificate"),
        ("leaf.pem", "key.pem", "is no authority's"),
        ("reversed.pem", "key.pem", "certificate 1 was not issued by the one after it"),
        ("authority.pem", "other.pem", "is not the private key of"),
        ("authority.pem", "authority.pem", "holds no private key that can be used"),
        ("authority.pem", "empty.pem", "holds no private key that can be used"),
    ] {
        let config = Config { identity: files.options(certificate, key), ..Config::default() };
        let error = Server::start(config).await.expect_err(want);
        assert!(matches!(error, StartError::Identity(_)), "{error}");
        assert!(error.to_string().contains(want), "{certificate}, {key}: {error}");
    }
    let error = Server::start(Config { identity: ttl(0), ..Config::default() }).await.expect_err("no time");
    assert!(error.to_string().contains("give at least 1s"), "{error}");
}
