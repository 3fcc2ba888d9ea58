//! The least control plane: as many static clusters as it is told, to whoever asks, in both forms of ADS.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address, Node, SocketAddress, address};
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use envoy_types::pb::google::protobuf::Any;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

pub struct ControlPlane {
    address: SocketAddr,
    number: watch::Sender<usize>,
    node: Arc<Mutex<Node>>,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Service {
    number: watch::Receiver<usize>,
    node: Arc<Mutex<Node>>,
}

impl ControlPlane {
    pub async fn start(number: usize) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), number).await
    }

    pub async fn start_at(address: SocketAddr, number: usize) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (number, receiver) = watch::channel(number);
        let (end, ended) = oneshot::channel::<()>();
        let node = Arc::<Mutex<Node>>::default();
        let service = AggregatedDiscoveryServiceServer::new(Service { number: receiver, node: node.clone() });
        let serving = tonic::transport::Server::builder().add_service(service);
        let serving = serving.serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
            let _ = ended.await;
        });
        let task = tokio::spawn(async { serving.await.unwrap() });
        Self { address, number, node, end, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this many clusters, also to those who are connected.
    pub fn serve(&self, number: usize) {
        self.number.send_replace(number);
    }

    /// Who connected last.
    pub fn node(&self) -> Node {
        self.node.lock().unwrap().clone()
    }

    pub async fn stop(self) {
        self.end.send(()).unwrap();
        self.task.await.unwrap();
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Answers<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Answers<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let (mut requests, node) = (request.into_inner(), self.node.clone());
        Ok(self.answer(
            move |number, _| DiscoveryResponse {
                version_info: number.to_string(),
                nonce: number.to_string(),
                type_url: CLUSTER.into(),
                resources: (0..number).map(cluster).collect(),
                ..DiscoveryResponse::default()
            },
            async move |other| {
                while let Ok(Some(request)) = requests.message().await {
                    note(&node, request.node);
                    if request.type_url != CLUSTER && request.response_nonce.is_empty() {
                        let type_url = request.type_url;
                        let answer = DiscoveryResponse {
                            version_info: "0".into(),
                            nonce: "0".into(),
                            type_url,
                            ..DiscoveryResponse::default()
                        };
                        let _ = other.send(Ok(answer)).await;
                    }
                }
            },
        ))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let (mut requests, node) = (request.into_inner(), self.node.clone());
        Ok(self.answer(
            |number, before| DeltaDiscoveryResponse {
                nonce: number.to_string(),
                type_url: CLUSTER.into(),
                resources: (before..number).map(resource).collect(),
                removed_resources: (number..before).map(name).collect(),
                ..DeltaDiscoveryResponse::default()
            },
            async move |other| {
                while let Ok(Some(request)) = requests.message().await {
                    note(&node, request.node);
                    if request.type_url != CLUSTER && request.response_nonce.is_empty() {
                        let answer = DeltaDiscoveryResponse {
                            nonce: "0".into(),
                            type_url: request.type_url,
                            ..DeltaDiscoveryResponse::default()
                        };
                        let _ = other.send(Ok(answer)).await;
                    }
                }
            },
        ))
    }
}

impl Service {
    /// Sends the clusters now and at each change of their number, and what `listen` sends, while `listen` goes on.
    fn answer<T: Send + 'static, L>(
        &self,
        mut clusters: impl FnMut(usize, usize) -> T + Send + 'static,
        listen: impl FnOnce(mpsc::Sender<Result<T, Status>>) -> L,
    ) -> Response<Answers<T>>
    where
        L: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(8);
        let mut number = self.number.clone();
        let listening = listen(sender.clone());
        tokio::spawn(async move {
            let pushing = async {
                let mut before = 0;
                loop {
                    let now = *number.borrow_and_update();
                    let _ = sender.send(Ok(clusters(now, before))).await;
                    before = now;
                    if number.changed().await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = pushing => {}
                () = listening => {}
            }
        });
        Response::new(Box::pin(ReceiverStream::new(receiver)))
    }
}

fn note(last: &Mutex<Node>, node: Option<Node>) {
    if let Some(node) = node {
        *last.lock().unwrap() = node;
    }
}

fn name(number: usize) -> String {
    format!("outbound|80||svc-{number}.default.svc.cluster.local")
}

fn resource(number: usize) -> Resource {
    Resource {
        name: name(number),
        version: "1".into(),
        resource: Some(cluster(number)),
        ..Resource::default()
    }
}

fn cluster(number: usize) -> Any {
    let socket = SocketAddress {
        address: "127.0.0.1".into(),
        port_specifier: Some(PortSpecifier::PortValue(9)),
        ..SocketAddress::default()
    };
    let address = Address { address: Some(address::Address::SocketAddress(socket)) };
    let endpoint = Endpoint { address: Some(address), ..Endpoint::default() };
    let endpoint =
        LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..LocalityLbEndpoints::default() };
    let cluster = Cluster {
        name: name(number),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: name(number),
            endpoints: vec![locality],
            ..ClusterLoadAssignment::default()
        }),
        ..Cluster::default()
    };
    Any { type_url: CLUSTER.into(), value: cluster.encode_to_vec() }
}
