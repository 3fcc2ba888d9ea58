//! One gRPC stream of either variant.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use hyper::body::Body as HttpBody;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codegen::StdError;
use tonic::transport::{Channel, Endpoint, Error};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};

use super::{DeltaResponse, Service, SotwResponse};

/// Requests that may wait for the connection before a sender waits too.
const WAITING: usize = 16;
/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Windows of HTTP/2, of a stream and of a connection: a response of the common size fits in.
const WINDOW: u32 = 1 << 20;

/// A protocol variant: state of the world, or delta.
pub trait Variant: Clone + Copy + Debug + Send + Sync + 'static {
    /// What clients say.
    type Request: Message + Default + Clone + 'static;
    /// What servers say.
    type Response: Message + Default + Clone + 'static;
    /// Path of the method.
    fn path(service: Service) -> &'static str;
}

/// State of the world.
#[derive(Clone, Copy, Debug)]
pub struct Sotw;

/// Incremental.
#[derive(Clone, Copy, Debug)]
pub struct Delta;

impl Variant for Sotw {
    type Request = DiscoveryRequest;
    type Response = SotwResponse;

    fn path(service: Service) -> &'static str {
        service.sotw_path()
    }
}

impl Variant for Delta {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaResponse;

    fn path(service: Service) -> &'static str {
        service.delta_path()
    }
}

/// Connects to a server, in plaintext. `server` is `HOST:PORT`.
///
/// # Errors
/// When `server` is no address, or nobody listens there.
pub async fn connect(server: &str) -> Result<Channel, Error> {
    let endpoint = Endpoint::from_shared(format!("http://{server}"))?.connect_timeout(CONNECT);
    endpoint.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW).connect().await
}

/// The sending half of a stream; the stream half-closes when the last clone is dropped.
pub type Requests<V> = mpsc::Sender<<V as Variant>::Request>;

/// One stream.
#[derive(Debug)]
pub struct Stream<V: Variant> {
    requests: Option<Requests<V>>,
    responses: Streaming<V::Response>,
}

impl<V: Variant> Stream<V> {
    /// Opens a stream with its first request: some servers do not answer before they have seen one. `server` is a
    /// connection, or the services themselves.
    ///
    /// # Errors
    /// The status with which the server refuses it.
    pub async fn open<S>(server: S, service: Service, first: V::Request) -> Result<Self, Status>
    where
        S: GrpcService<Body>,
        S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <S::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        let (requests, waiting) = mpsc::channel(WAITING);
        // The channel is new and holds more than one.
        let _ = requests.try_send(first);
        let stream = Self::listen(server, service, waiting).await?;
        Ok(Self { requests: Some(requests), ..stream })
    }

    /// Opens a stream that says whatever comes through `requests`, and half-closes at their end. Some servers do not let
    /// it open before they have something to say.
    ///
    /// # Errors
    /// The status with which the server refuses it.
    pub async fn listen<S>(
        server: S,
        service: Service,
        requests: mpsc::Receiver<V::Request>,
    ) -> Result<Self, Status>
    where
        S: GrpcService<Body>,
        S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <S::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        let mut grpc = Grpc::new(server).max_decoding_message_size(usize::MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(error.into().to_string()))?;
        let codec: ProstCodec<V::Request, V::Response> = ProstCodec::default();
        let path = PathAndQuery::from_static(V::path(service));
        let request = Request::new(ReceiverStream::new(requests));
        let responses = grpc.streaming(request, path, codec).await?.into_inner();
        Ok(Self { requests: None, responses })
    }

    /// Says something. Where the stream has ended nothing happens: [`Self::hear`] tells why.
    pub async fn say(&self, request: V::Request) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(request).await;
        }
    }

    /// Half-closes: nothing more is said.
    pub fn half_close(&mut self) {
        self.requests = None;
    }

    /// The next response; none at the end of the stream.
    ///
    /// # Errors
    /// The status with which the stream ended.
    pub async fn hear(&mut self) -> Result<Option<V::Response>, Status> {
        self.responses.message().await
    }
}
