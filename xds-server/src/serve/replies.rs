//! The body of a gRPC response: messages as pieces that are shared with other streams, then the status as trailers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::HeaderMap;
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tonic::{Code, Status};

use super::encode::Pieces;

/// What a stream sends.
#[derive(Debug)]
pub struct Replies {
    messages: mpsc::Receiver<Result<Pieces, Status>>,
    current: Pieces,
    ended: bool,
}

impl Replies {
    /// The messages that come through the channel, to its end or the first status.
    pub fn new(messages: mpsc::Receiver<Result<Pieces, Status>>) -> Self {
        Self { messages, current: Pieces::new(), ended: false }
    }
}

impl Body for Replies {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.current.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(self.messages.poll_recv(context)) {
                Some(Ok(pieces)) => self.current = pieces,
                end => {
                    self.ended = true;
                    let status = end.and_then(Result::err).unwrap_or_else(|| Status::new(Code::Ok, ""));
                    let mut trailers = HeaderMap::new();
                    return Poll::Ready(Some(
                        status.add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
                    ));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.current.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn messages_then_the_status() {
        for (status, code) in [(None, "0"), (Some(Status::unavailable("gone")), "14")] {
            let (messages, receiver) = mpsc::channel(4);
            let pieces =
                |parts: &[&'static str]| parts.iter().map(|p| Bytes::from_static(p.as_bytes())).collect();
            messages.send(Ok(pieces(&["a", "b"]))).await.expect("open");
            messages.send(Ok(pieces(&["c"]))).await.expect("open");
            if let Some(status) = status {
                messages.send(Err(status)).await.expect("open");
            }
            drop(messages);
            let all = Replies::new(receiver).collect().await.expect("no error");
            let trailers = all.trailers().expect("trailers").clone();
            assert_eq!(trailers["grpc-status"], code);
            assert_eq!(all.to_bytes(), "abc");
        }
    }
}
