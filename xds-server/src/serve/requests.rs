//! The messages of a client, out of the body of its gRPC request.
//!
//! tonic's own reader keeps a buffer as large as the largest message it has read for as long as the stream lives. A
//! proxy names a thousand endpoints once and says next to nothing afterwards: here a buffer lives as long as a message.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Body;
use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use prost::Message;
use tonic::Status;

/// Length of gRPC's own prefix: a flag and the message's length.
const PREFIX: usize = 5;

/// What a stream receives.
pub struct Requests<W> {
    body: Body,
    limit: usize,
    /// What has come of the next message, or of the next few.
    buffer: BytesMut,
    message: PhantomData<fn() -> W>,
}

impl<W: Message + Default> Requests<W> {
    /// The messages in `body`; one of more than `limit` bytes ends the stream.
    pub fn new(body: Body, limit: usize) -> Self {
        Self { body, limit, buffer: BytesMut::new(), message: PhantomData }
    }

    /// The next message; `None` when the client has closed its side. May be dropped and called again while it waits.
    ///
    /// # Errors
    /// When the client breaks off, or sends what is no message, is compressed, or is too long.
    pub async fn message(&mut self) -> Result<Option<W>, Status> {
        loop {
            if let Some(message) = self.decode()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(frame) => {
                    let frame = frame.map_err(|error| Status::from_error(error.into()))?;
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::internal("the client ended in the middle of a message")),
            }
        }
    }

    /// The first message of the buffer, if all of it has come.
    fn decode(&mut self) -> Result<Option<W>, Status> {
        let Some((&[flag, length @ ..], _)) = self.buffer.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        if flag != 0 {
            return Err(Status::unimplemented("compressed requests are not supported"));
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > self.limit {
            let limit = self.limit;
            return Err(Status::out_of_range(format!(
                "a request of {length} bytes; at most {limit} are taken"
            )));
        }
        let missing = (PREFIX + length).saturating_sub(self.buffer.len());
        if missing > 0 {
            self.buffer.reserve(missing);
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let decoded = W::decode(self.buffer.split_to(length));
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        decoded.map(Some).map_err(|error| Status::internal(format!("not a message: {error}")))
    }
}

impl<W> fmt::Debug for Requests<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("waiting", &self.buffer.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest;
    use http_body_util::StreamBody;
    use tonic::Code;

    use super::*;

    fn request(names: usize) -> DiscoveryRequest {
        let resource_names = (0..names).map(|n| format!("outbound|80||service-{n}")).collect();
        DiscoveryRequest { resource_names, ..Default::default() }
    }

    fn framed(message: &DiscoveryRequest) -> Vec<u8> {
        let body = message.encode_to_vec();
        let length = u32::try_from(body.len()).expect("short");
        [&[0], &length.to_be_bytes()[..], &body].concat()
    }

    /// Messages that come in pieces of `size` bytes.
    fn requests(bytes: &[u8], size: usize) -> Requests<DiscoveryRequest> {
        let frame = |piece: &[u8]| {
            Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::copy_from_slice(piece)))
        };
        let pieces: Vec<_> = bytes.chunks(size).map(frame).collect();
        Requests::new(Body::new(StreamBody::new(tokio_stream::iter(pieces))), 1 << 20)
    }

    #[tokio::test]
    async fn messages_come_whole_however_they_are_cut() {
        let sent = [request(0), request(1000), request(3)];
        let bytes: Vec<u8> = sent.iter().flat_map(framed).collect();
        for size in [1, 5, 7, 100, bytes.len()] {
            let mut requests = requests(&bytes, size);
            for message in &sent {
                assert_eq!(requests.message().await.expect("a message").as_ref(), Some(message));
            }
            assert_eq!(requests.message().await.expect("the end"), None);
            assert_eq!(requests.buffer.capacity(), 0, "no buffer outlives its message");
        }
    }

    #[tokio::test]
    async fn what_is_no_message_ends_the_stream() {
        let message = framed(&request(3));
        let mut compressed = message.clone();
        compressed[0] = 1;
        let long = [0, 0xff, 0xff, 0xff, 0xff];
        let garbage = [0, 0, 0, 0, 2, 0xff, 0xff];
        for (bytes, code) in [
            (&compressed[..], Code::Unimplemented),
            (&long, Code::OutOfRange),
            (&garbage, Code::Internal),
            (&message[..10], Code::Internal),
        ] {
            let error = requests(bytes, 4).message().await.expect_err("refused");
            assert_eq!(error.code(), code, "{error}");
        }
    }
}
