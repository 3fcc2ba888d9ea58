//! A request: what a client says, and its bytes.

use std::fmt;

use arcstr::ArcStr;
use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::wire::Kind;

/// `DiscoveryRequest` or `DeltaDiscoveryRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Type of resources.
    pub kind: Kind,
    /// Whether it says who asks: the first of a stream does.
    pub has_node: bool,
    /// The response that it answers; empty where it answers none.
    pub nonce: ArcStr,
    /// Why it refuses that response.
    pub error: Option<ArcStr>,
    /// What it asks for.
    pub names: Names,
}

/// What a request asks for, in the words of its variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// State of the world.
    Sotw {
        /// Of the last response that was accepted; empty where none was.
        version: ArcStr,
        /// All that are wanted; none for a wildcard.
        names: Vec<ArcStr>,
    },
    /// Delta.
    Delta {
        /// Wanted from now on.
        subscribe: Vec<ArcStr>,
        /// No longer wanted.
        unsubscribe: Vec<ArcStr>,
        /// Names and versions that are held from an earlier stream.
        initial_versions: Vec<(ArcStr, ArcStr)>,
    },
}

/// `google.rpc.Code.INTERNAL`, with which Envoy refuses.
const INTERNAL: u64 = 13;

impl Request {
    /// Whether it accepts or refuses a response.
    pub fn is_answer(&self) -> bool {
        !self.nonce.is_empty()
    }

    /// The message. `node` is the encoded `envoy.config.core.v3.Node`, which goes in where the request has one.
    pub fn encode(&self, node: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        let node = if self.has_node { node } else { b"" };
        match &self.names {
            Names::Sotw { version, names } => {
                put(&mut out, 1, version.as_bytes());
                put(&mut out, 2, node);
                for name in names {
                    put(&mut out, 3, name.as_bytes());
                }
                put(&mut out, 4, self.kind.type_url().as_bytes());
                put(&mut out, 5, self.nonce.as_bytes());
                self.put_error(&mut out, 6);
            }
            Names::Delta { subscribe, unsubscribe, initial_versions } => {
                put(&mut out, 1, node);
                put(&mut out, 2, self.kind.type_url().as_bytes());
                for name in subscribe {
                    put(&mut out, 3, name.as_bytes());
                }
                for name in unsubscribe {
                    put(&mut out, 4, name.as_bytes());
                }
                for (name, version) in initial_versions {
                    let length = field_length(name) + field_length(version);
                    encode_key(5, WireType::LengthDelimited, &mut out);
                    encode_varint(length as u64, &mut out);
                    put(&mut out, 1, name.as_bytes());
                    put(&mut out, 2, version.as_bytes());
                }
                put(&mut out, 6, self.nonce.as_bytes());
                self.put_error(&mut out, 7);
            }
        }
        out.freeze()
    }

    /// `error_detail`, a `google.rpc.Status`.
    fn put_error(&self, out: &mut BytesMut, number: u32) {
        let Some(error) = &self.error else { return };
        let mut status = BytesMut::new();
        encode_key(1, WireType::Varint, &mut status);
        encode_varint(INTERNAL, &mut status);
        put(&mut status, 2, error.as_bytes());
        put(out, number, &status);
    }
}

impl fmt::Display for Request {
    /// As the stories of the tests write it: `CDS v1/n1 [a b]`, `EDS n2 +a -b`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match &self.names {
            Names::Sotw { version, names } => {
                write!(f, " {version}/{}", self.nonce)?;
                let mut names: Vec<_> = names.iter().map(ArcStr::as_str).collect();
                names.sort_unstable();
                write!(f, " [{}]", names.join(" "))?;
            }
            Names::Delta { subscribe, unsubscribe, initial_versions } => {
                if self.is_answer() {
                    write!(f, " {}", self.nonce)?;
                }
                for name in subscribe {
                    write!(f, " +{name}")?;
                }
                for name in unsubscribe {
                    write!(f, " -{name}")?;
                }
                for (name, version) in initial_versions {
                    write!(f, " {name}={version}")?;
                }
            }
        }
        if self.has_node {
            f.write_str(" node")?;
        }
        self.error.as_ref().map_or(Ok(()), |error| write!(f, " error: {error}"))
    }
}

/// A field of text, bytes or a message. Empty ones are left out, as protobuf's default.
fn put(out: &mut BytesMut, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        encode_key(number, WireType::LengthDelimited, out);
        encode_varint(bytes.len() as u64, out);
        out.put_slice(bytes);
    }
}

fn field_length(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + encoded_len_varint(text.len() as u64) + text.len() }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use xdslab_proto::core::Node;
    use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};

    use super::*;

    fn node() -> Node {
        Node { id: "sidecar~10.1.0.7~a.b~b.svc.cluster.local".into(), ..Node::default() }
    }

    #[test]
    fn state_of_the_world() {
        let request = Request {
            kind: Kind::Endpoint,
            has_node: true,
            nonce: "n".into(),
            error: Some("bad".into()),
            names: Names::Sotw { version: "v".into(), names: vec!["a".into(), "b".into()] },
        };
        let read = DiscoveryRequest::decode(request.encode(&node().encode_to_vec())).unwrap();
        assert_eq!((read.version_info.as_str(), read.response_nonce.as_str()), ("v", "n"));
        assert_eq!((read.node, read.type_url.as_str()), (Some(node()), Kind::Endpoint.type_url()));
        assert_eq!(read.resource_names, ["a", "b"]);
        let status = read.error_detail.unwrap();
        assert_eq!((status.code, status.message.as_str()), (13, "bad"));
    }

    #[test]
    fn delta() {
        let request = Request {
            kind: Kind::Cluster,
            has_node: false,
            nonce: ArcStr::new(),
            error: None,
            names: Names::Delta {
                subscribe: vec!["a".into()],
                unsubscribe: vec!["b".into()],
                initial_versions: vec![("c".into(), "1".into()), ("d".into(), ArcStr::new())],
            },
        };
        let read = DeltaDiscoveryRequest::decode(request.encode(b"never seen")).unwrap();
        assert_eq!((read.node, read.response_nonce.as_str(), read.error_detail), (None, "", None));
        assert_eq!(
            (read.resource_names_subscribe, read.resource_names_unsubscribe),
            (vec!["a".into()], vec!["b".into()])
        );
        let versions = [("c".to_owned(), "1".to_owned()), ("d".to_owned(), String::new())];
        assert_eq!(read.initial_resource_versions, versions.into());
    }
}
