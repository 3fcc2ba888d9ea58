//! A server without a will: it says what the test tells it to, and hands over what it hears.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use xdslab_proto::discovery::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};

use super::said;

/// What it hears must come within this time.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Puppet {
    address: SocketAddr,
    heard: mpsc::Receiver<Heard>,
    /// To the stream that is open.
    say: Option<Mouth>,
    _serving: JoinHandle<()>,
}

/// Bytes of responses; dropped, it ends the stream.
type Mouth = mpsc::Sender<Vec<u8>>;

enum Heard {
    Opened(Mouth),
    Said(String),
}

struct Service {
    heard: mpsc::Sender<Heard>,
}

impl Puppet {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = mpsc::channel(64);
        let service = AggregatedDiscoveryServiceServer::new(Service { heard: sender });
        let serving = tonic::transport::Server::builder().add_service(service);
        let serving = serving.serve_with_incoming(TcpListenerStream::new(listener));
        let serving = tokio::spawn(async { serving.await.unwrap() });
        Self { address, heard, say: None, _serving: serving }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next thing that is said, on a stream that may be new.
    pub(super) async fn hear(&mut self) -> Result<String, &'static str> {
        loop {
            match timeout(LIMIT, self.heard.recv()).await {
                Ok(Some(Heard::Said(line))) => return Ok(line),
                Ok(Some(Heard::Opened(mouth))) => self.say = Some(mouth),
                Ok(None) | Err(_) => return Err("nothing was said"),
            }
        }
    }

    pub(super) async fn say(&mut self, response: Vec<u8>) {
        self.say.as_ref().unwrap().send(response).await.unwrap();
    }

    /// Ends the stream.
    pub(super) fn cut(&mut self) {
        self.say = None;
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    fn open<Q: Send + 'static, A: Message + Default>(
        &self,
        request: Request<Streaming<Q>>,
        said: fn(&Q) -> String,
    ) -> Response<Answers<A>> {
        let (mut requests, heard) = (request.into_inner(), self.heard.clone());
        let (mouth, answers) = mpsc::channel::<Vec<u8>>(8);
        tokio::spawn(async move {
            let _ = heard.send(Heard::Opened(mouth)).await;
            while let Ok(Some(request)) = requests.message().await {
                let _ = heard.send(Heard::Said(said(&request))).await;
            }
        });
        let answers = ReceiverStream::new(answers).map(|bytes| Ok(A::decode(&*bytes).unwrap()));
        Response::new(Box::pin(answers))
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Answers<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Answers<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(self.open(request, said::sotw))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(self.open(request, said::delta))
    }
}
