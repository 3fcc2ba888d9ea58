//! A server that stands before a good one and spoils what passes.

use std::collections::BTreeMap;
use std::future::ready;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::server::Grpc;
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;
use xdslab_sim::wire::{Delta, Kind, Service, Sotw, Stream, Variant};

/// What happens on a stream.
#[derive(Debug)]
pub enum Event<V: Variant> {
    /// The client says something.
    Said(V::Request),
    /// The good server answers.
    Answered(V::Response),
    /// The client half-closes.
    Closed,
}

/// What the relay does about it.
#[derive(Debug)]
pub enum Act<V: Variant> {
    /// Says it to the good server.
    Ask(V::Request),
    /// Says it to the client.
    Tell(V::Response),
    /// Half-closes towards the good server.
    Close,
    /// Ends the stream.
    End(Status),
}

/// What a fault remembers of a stream.
#[derive(Debug)]
pub struct Memory<V: Variant> {
    /// The last response by type URL.
    pub last: BTreeMap<String, V::Response>,
    /// Bodies by type URL and name.
    pub bodies: BTreeMap<(String, String), Bytes>,
    /// Names by type URL.
    pub names: BTreeMap<String, Vec<String>>,
    /// Responses that are held back.
    pub held: Vec<V::Response>,
    /// Something that must be known.
    pub note: String,
}

impl<V: Variant> Default for Memory<V> {
    fn default() -> Self {
        Self {
            last: BTreeMap::new(),
            bodies: BTreeMap::new(),
            names: BTreeMap::new(),
            held: Vec::new(),
            note: String::new(),
        }
    }
}

type Spoil<V> = fn(&mut Memory<V>, Event<V>) -> Vec<Act<V>>;

/// How the relay spoils what passes.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Not at all.
    None,
    /// State-of-the-world streams.
    Sotw(Spoil<Sotw>),
    /// Delta streams.
    Delta(Spoil<Delta>),
}

/// Passes everything on.
pub fn pass<V: Variant>(event: Event<V>) -> Vec<Act<V>> {
    vec![match event {
        Event::Said(request) => Act::Ask(request),
        Event::Answered(response) => Act::Tell(response),
        Event::Closed => Act::Close,
    }]
}

fn no_fault<V: Variant>(_: &mut Memory<V>, event: Event<V>) -> Vec<Act<V>> {
    pass(event)
}

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    pub async fn start(upstream: Channel, fault: Fault) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let sotw = if let Fault::Sotw(spoil) = fault { spoil } else { no_fault::<Sotw> };
        let delta = if let Fault::Delta(spoil) = fault { spoil } else { no_fault::<Delta> };
        let mut router = Router::new();
        let services = [Service::Aggregated].into_iter().chain(Kind::ALL.map(Service::Of));
        for service in services {
            router = route(router, &upstream, service, sotw);
            router = route(router, &upstream, service, delta);
        }
        let serve = tonic::transport::Server::builder()
            .add_routes(router.into())
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        let task = tokio::spawn(async { serve.await.expect("serves") });
        Self { address, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn route<V: Variant>(router: Router, upstream: &Channel, service: Service, spoil: Spoil<V>) -> Router {
    let upstream = upstream.clone();
    let method = post(async move |request: Request| {
        let begin = service_fn(move |request: tonic::Request<Streaming<V::Request>>| {
            let (told, tells) = mpsc::channel(64);
            tokio::spawn(relay::<V>(upstream.clone(), service, spoil, request.into_inner(), told));
            ready(Ok(Response::new(ReceiverStream::new(tells))))
        });
        let codec: ProstCodec<V::Response, V::Request> = ProstCodec::default();
        Grpc::new(codec).streaming(begin, request).await
    });
    router.route(V::path(service), method)
}

async fn relay<V: Variant>(
    upstream: Channel,
    service: Service,
    spoil: Spoil<V>,
    mut said: Streaming<V::Request>,
    told: mpsc::Sender<Result<V::Response, Status>>,
) {
    let (ask, asked) = mpsc::channel(64);
    let mut ask = Some(ask);
    let (answers, mut answered) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut stream = match Stream::<V>::listen(upstream, service, asked).await {
            Ok(stream) => stream,
            Err(status) => return drop(answers.send(Err(status)).await),
        };
        while let Some(answer) = stream.hear().await.transpose() {
            let is_end = answer.is_err();
            if answers.send(answer).await.is_err() || is_end {
                return;
            }
        }
    });
    let (mut memory, mut is_open) = (Memory::default(), true);
    loop {
        let event = tokio::select! {
            request = said.next(), if is_open => match request {
                Some(Ok(request)) => Event::Said(request),
                Some(Err(_)) => return,
                None => {
                    is_open = false;
                    Event::Closed
                }
            },
            answer = answered.recv() => match answer {
                Some(Ok(response)) => Event::Answered(response),
                Some(Err(status)) => return drop(told.send(Err(status)).await),
                None => return,
            },
            () = told.closed() => return,
        };
        for act in spoil(&mut memory, event) {
            match act {
                Act::Ask(request) => {
                    if let Some(ask) = &ask {
                        let _ = ask.send(request).await;
                    }
                }
                Act::Tell(response) => drop(told.send(Ok(response)).await),
                Act::Close => ask = None,
                Act::End(status) => return drop(told.send(Err(status)).await),
            }
        }
    }
}
