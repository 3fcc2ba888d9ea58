//! Gives a proxy its connection: takes what comes, hands it over, sends what is to be said.

use std::future::pending;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::codec::Raw;
use super::mux::Variant;
use super::proxy::Proxy;
use crate::wire::{Delta, Service, Sotw, Variant as _, connect};

/// Requests that may wait for the connection before the proxy stops reading.
const WAITING: usize = 16;

/// How a proxy reaches its server.
#[derive(Clone, Debug)]
pub enum Dial<'a> {
    /// A connection of its own, made anew for every stream. `server` is `HOST:PORT`; no more than `attempts` has permits
    /// are under way at a time.
    Own {
        /// The server.
        server: &'a str,
        /// Attempts under way.
        attempts: &'a Semaphore,
    },
    /// A stream on a connection that others use too.
    Shared(Channel),
}

/// What happens to a proxy.
#[derive(Debug)]
pub enum Moment<'a> {
    /// It starts to connect.
    Dialling,
    /// Its stream is open; the first request is under way.
    Connected,
    /// It has taken a response, and said what it has to say to it.
    Heard {
        /// When it came.
        came: Instant,
    },
    /// It has no stream any more, or got none.
    Lost(&'a Status),
}

/// Who listens to a proxy.
pub trait Ear {
    /// Something has happened.
    fn hear(&mut self, proxy: &Proxy, moment: Moment<'_>, now: Instant);
}

/// Runs a proxy until `stop`. `node` is the encoded node that it names itself with; before it takes a response it waits
/// for `slowness`.
pub async fn drive(
    mut proxy: Proxy,
    node: &[u8],
    dial: Dial<'_>,
    slowness: Duration,
    stop: CancellationToken,
    ear: &mut impl Ear,
) -> Proxy {
    let running = async {
        loop {
            if let Some(until) = proxy.connect_at() {
                tokio::time::sleep_until(until.into()).await;
            }
            ear.hear(&proxy, Moment::Dialling, now());
            let status = match stream(&mut proxy, node, &dial, slowness, ear).await {
                Ok(()) => Status::unavailable("the server has ended the stream"),
                Err(status) => status,
            };
            proxy.handle_disconnected(now());
            ear.hear(&proxy, Moment::Lost(&status), now());
        }
    };
    tokio::select! {
        () = running => {}
        () = stop.cancelled() => {}
    }
    proxy
}

/// One stream, to its end.
async fn stream(
    proxy: &mut Proxy,
    node: &[u8],
    dial: &Dial<'_>,
    slowness: Duration,
    ear: &mut impl Ear,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(dial.channel().await?).max_decoding_message_size(usize::MAX);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let (requests, waiting) = mpsc::channel::<Bytes>(WAITING);
    proxy.handle_connected();
    // Some servers do not open a stream before they have seen a request.
    while requests.capacity() > 0
        && let Some(request) = proxy.poll_request()
    {
        // There is room.
        let _ = requests.try_send(request.encode(node));
    }
    ear.hear(proxy, Moment::Connected, now());
    let path = match proxy.variant() {
        Variant::Delta => Delta::path(Service::Aggregated),
        Variant::Sotw => Sotw::path(Service::Aggregated),
    };
    let path = PathAndQuery::from_static(path);
    let opened = grpc.streaming(Request::new(ReceiverStream::new(waiting)), path, Raw).await?;
    let mut responses = opened.into_inner();
    let mut next: Option<Bytes> = None;
    let mut readable = tokio::time::Instant::now() + slowness;
    loop {
        next = next.or_else(|| Some(proxy.poll_request()?.encode(node)));
        let sending = async {
            match &next {
                Some(_) => requests.reserve().await.ok(),
                None => pending().await,
            }
        };
        let reading = async {
            if !slowness.is_zero() {
                tokio::time::sleep_until(readable).await;
            }
            responses.message().await
        };
        let timeout = async {
            match proxy.poll_timeout() {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            permit = sending => {
                // Without a receiver the stream has ended; reading tells why.
                let request = next.take();
                if let (Some(permit), Some(request)) = (permit, request) {
                    permit.send(request);
                }
            }
            response = reading, if next.is_none() => {
                let Some(response) = response? else { return Ok(()) };
                let came = now();
                proxy.handle_response(&response, came).map_err(|e| Status::internal(e.to_string()))?;
                readable = tokio::time::Instant::now() + slowness;
                while requests.capacity() > 0
                    && let Some(request) = proxy.poll_request()
                {
                    let _ = requests.try_send(request.encode(node));
                }
                ear.hear(proxy, Moment::Heard { came }, now());
            }
            () = timeout => proxy.handle_timeout(now()),
        }
    }
}

impl Dial<'_> {
    async fn channel(&self) -> Result<Channel, Status> {
        match self {
            Self::Own { server, attempts } => {
                let _permit = attempts.acquire().await.map_err(|e| Status::cancelled(e.to_string()))?;
                connect(server).await.map_err(|error| Status::unavailable(chain(&error)))
            }
            Self::Shared(channel) => Ok(channel.clone()),
        }
    }
}

/// On the runtime's clock, which tests may stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// An error and all that it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
