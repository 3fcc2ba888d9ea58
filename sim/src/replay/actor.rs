//! A client of one stream, in either variant.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;
use tonic::Status;
use xdslab_server::observe::transcript::{Dialect, Request, Response};

use super::speech::{Dictionary, Heard, Speech};
use super::{Message, Role};
use crate::wire::{Delta, Sotw, Stream, connect};

/// Plays a role.
pub(super) enum Actor {
    Sotw(Part<Sotw>),
    Delta(Part<Delta>),
}

/// One stream, once its first request is known.
pub(super) struct Part<V: Speech> {
    stream: Option<Stream<V>>,
    words: Dictionary,
}

impl Actor {
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sotw => Self::Sotw(Part::new()),
            Dialect::Delta => Self::Delta(Part::new()),
        }
    }

    /// Says it; opens the stream if it is the first.
    pub async fn say(&mut self, server: &str, role: &Role, request: &Request) -> Result<(), PlayError> {
        match self {
            Self::Sotw(part) => part.say(server, role, request).await,
            Self::Delta(part) => part.say(server, role, request).await,
        }
    }

    /// What the server says next; else what happens in its place. Where it is as recorded, its nonce and version stand for
    /// the recorded ones from now on.
    pub async fn hear(&mut self, recorded: &Response, wait: Duration) -> Result<Message, String> {
        match self {
            Self::Sotw(part) => part.hear(recorded, wait).await,
            Self::Delta(part) => part.hear(recorded, wait).await,
        }
    }

    /// What the server has said already.
    pub async fn has_heard(&mut self) -> Option<Message> {
        match self {
            Self::Sotw(part) => part.has_heard().await,
            Self::Delta(part) => part.has_heard().await,
        }
    }
}

/// Why a script cannot be played at all.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Nobody listens.
    #[error("nobody serves xDS on {server}; start a server there")]
    Connect {
        /// The address.
        server: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The server takes no such stream.
    #[error("{server} refuses the stream: {}", status.message())]
    Refused {
        /// The address.
        server: String,
        /// How.
        status: Status,
    },
}

impl<V: Speech> Part<V> {
    fn new() -> Self {
        Self { stream: None, words: Dictionary::default() }
    }

    async fn say(&mut self, server: &str, role: &Role, request: &Request) -> Result<(), PlayError> {
        if let Some(stream) = &self.stream {
            stream.say(V::request(request, None, &self.words)).await;
            return Ok(());
        }
        let first = V::request(request, Some(&role.node), &self.words);
        let channel = connect(server)
            .await
            .map_err(|source| PlayError::Connect { server: server.to_owned(), source })?;
        let opened = Stream::open(channel, role.service, first).await;
        let stream = opened.map_err(|status| PlayError::Refused { server: server.to_owned(), status })?;
        self.stream = Some(stream);
        Ok(())
    }

    async fn hear(&mut self, recorded: &Response, wait: Duration) -> Result<Message, String> {
        let Some(stream) = &mut self.stream else { return Err("no stream".to_owned()) };
        let heard = match timeout(wait, stream.hear()).await {
            Err(_) => return Err(format!("nothing within {wait:?}")),
            Ok(Ok(None)) => return Err("the end of the stream".to_owned()),
            Ok(Err(status)) => return Err(format!("the end of the stream: {}", status.message())),
            Ok(Ok(Some(response))) => V::heard(response),
        };
        let Heard { message, nonce, version } = heard;
        self.words.learn(&recorded.nonce, &nonce);
        self.words.learn(&recorded.version, &version);
        Ok(message)
    }

    async fn has_heard(&mut self) -> Option<Message> {
        let stream = self.stream.as_mut()?;
        let mut next = pin!(stream.hear());
        let now = poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(Ok(response)) => Poll::Ready(response),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
        });
        now.await.map(|response| V::heard(response).message)
    }
}
