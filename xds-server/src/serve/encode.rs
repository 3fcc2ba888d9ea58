//! Responses as bytes. What many clients are sent alike is encoded once, and all their streams share its bytes: a stream
//! adds a few fields before and after.
//!
//! The resources of a response are cut into runs. Where a run ends depends on the resources themselves, so that two sets
//! that differ in one resource have all other runs in common.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use tonic::Status;
use xdslab_protocol::{Resource, Response, Variant};
use xxhash_rust::xxh3::Xxh3;

/// A run holds at least so many bytes; shorter ones are not worth sharing.
const RUN_MIN: usize = 16 << 10;
/// A run ends here, whatever comes next.
const RUN_MAX: usize = 128 << 10;
/// From [`RUN_MIN`] on, one in so many resources ends a run.
const RUN_END: u64 = 4;
/// Pushes that a run outlives the last response that used it.
const LIFETIME: u64 = 8;
/// Length of gRPC's own prefix: a flag and the message's length.
const PREFIX: usize = 5;

/// One message with gRPC's prefix, in pieces that are sent one after the other.
pub type Pieces = VecDeque<Bytes>;

/// Encodes responses.
#[derive(Debug, Default)]
pub struct Encoder {
    runs: Mutex<HashMap<u128, Run>>,
    pushes: AtomicU64,
}

/// A run is kept from the second response on that holds it: what only one client is sent need not be kept.
#[derive(Debug)]
struct Run {
    bytes: Option<Bytes>,
    used: u64,
}

impl Encoder {
    /// A push begins. What none of the last ones needed is forgotten from time to time.
    pub fn next_push(&self) {
        let now = self.pushes.fetch_add(1, Ordering::Relaxed) + 1;
        if now.is_multiple_of(LIFETIME) {
            self.lock().retain(|_, run| run.used + LIFETIME >= now);
        }
    }

    /// The message of a response.
    ///
    /// # Errors
    /// When it is too long for gRPC (4 GiB).
    pub fn encode(&self, response: &Response, variant: Variant) -> Result<Pieces, Status> {
        let form =
            Form { variant, versioned: response.versioned, type_url: response.resource_type.type_url() };
        let mut message = Message::default();
        string(&mut message.tail, 1, &response.version_info);
        for mut rest in response.resources.parts() {
            while !rest.is_empty() {
                let (run, size);
                (run, rest, size) = form.cut(rest);
                if size < RUN_MIN {
                    message.tail.reserve(size);
                    run.iter().for_each(|resource| form.write(&mut message.tail, resource));
                } else {
                    message.share(self.run(&form, run, size));
                }
            }
        }
        string(&mut message.tail, 4, form.type_url);
        string(&mut message.tail, 5, &response.nonce);
        for name in &response.removed {
            string(&mut message.tail, 6, name);
        }
        message.finish()
    }

    fn run(&self, form: &Form<'_>, run: &[Resource], size: usize) -> Bytes {
        let key = form.key(run);
        let used = self.pushes.load(Ordering::Relaxed);
        let known = {
            let mut runs = self.lock();
            let known = runs.get_mut(&key);
            if let Some(bytes) = known.and_then(|run| {
                run.used = used;
                run.bytes.clone()
            }) {
                return bytes;
            }
            runs.insert(key, Run { bytes: None, used }).is_some()
        };
        let mut bytes = BytesMut::with_capacity(size);
        run.iter().for_each(|resource| form.write(&mut bytes, resource));
        let bytes = bytes.freeze();
        if known {
            self.lock().insert(key, Run { bytes: Some(bytes.clone()), used });
        }
        bytes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u128, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a resource is written: as an `Any`, or in delta as a `Resource` that holds one.
#[derive(Clone, Copy)]
struct Form<'u> {
    variant: Variant,
    versioned: bool,
    type_url: &'u str,
}

impl Form<'_> {
    /// The first run of `resources`, the rest, and the length of the first in bytes.
    fn cut<'r>(&self, resources: &'r [Resource]) -> (&'r [Resource], &'r [Resource], usize) {
        let mut size = 0;
        for (n, resource) in resources.iter().enumerate() {
            size += length_of_field(self.length(resource));
            if size >= RUN_MAX || (size >= RUN_MIN && resource.version.is_multiple_of(RUN_END)) {
                let (run, rest) = resources.split_at(n + 1);
                return (run, rest, size);
            }
        }
        (resources, &[], size)
    }

    fn key(&self, run: &[Resource]) -> u128 {
        let mut hash = Xxh3::new();
        hash.update(self.type_url.as_bytes());
        hash.update(&[u8::from(self.variant == Variant::Delta), u8::from(self.versioned)]);
        for resource in run {
            hash.update(resource.name.as_bytes());
            hash.update(&resource.version.to_le_bytes());
        }
        hash.digest128()
    }

    /// Field 2 of the response.
    fn write(&self, out: &mut BytesMut, resource: &Resource) {
        field(out, 2, self.length(resource));
        let any = self.length_of_any(resource);
        if self.variant == Variant::Delta {
            if self.versioned {
                string(out, 1, &resource.version_text());
            }
            field(out, 2, any);
        }
        string(out, 1, self.type_url);
        if !resource.body.is_empty() {
            field(out, 2, resource.body.len());
            out.put_slice(&resource.body);
        }
        if self.variant == Variant::Delta {
            string(out, 3, &resource.name);
        }
    }

    fn length(&self, resource: &Resource) -> usize {
        let any = self.length_of_any(resource);
        if self.variant == Variant::Sotw {
            return any;
        }
        let version = if self.versioned { length_of_string(&resource.version_text()) } else { 0 };
        version + length_of_field(any) + length_of_string(&resource.name)
    }

    fn length_of_any(&self, resource: &Resource) -> usize {
        let body = resource.body.len();
        length_of_string(self.type_url) + if body == 0 { 0 } else { length_of_field(body) }
    }
}

/// A message in the making: what is shared, and between it what is its own.
struct Message {
    head: Option<BytesMut>,
    shared: Pieces,
    tail: BytesMut,
}

impl Default for Message {
    fn default() -> Self {
        Self { head: None, shared: Pieces::new(), tail: BytesMut::zeroed(PREFIX) }
    }
}

impl Message {
    fn share(&mut self, bytes: Bytes) {
        let own = self.tail.split();
        if self.head.is_none() {
            self.head = Some(own);
        } else if !own.is_empty() {
            self.shared.push_back(own.freeze());
        }
        self.shared.push_back(bytes);
    }

    fn finish(mut self) -> Result<Pieces, Status> {
        let mut head = self.head.unwrap_or_else(|| std::mem::take(&mut self.tail));
        if !self.tail.is_empty() {
            self.shared.push_back(self.tail.freeze());
        }
        let length = head.len() - PREFIX + self.shared.iter().map(Bytes::len).sum::<usize>();
        let length =
            u32::try_from(length).map_err(|_| Status::out_of_range("a response of 4 GiB or more"))?;
        head[1..PREFIX].copy_from_slice(&length.to_be_bytes());
        self.shared.push_front(head.freeze());
        Ok(self.shared)
    }
}

/// A string field; an empty one is left out, as proto3 does.
fn string(out: &mut BytesMut, tag: u32, text: &str) {
    if !text.is_empty() {
        field(out, tag, text.len());
        out.put_slice(text.as_bytes());
    }
}

/// The beginning of a field that is `length` bytes long.
fn field(out: &mut BytesMut, tag: u32, length: usize) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn length_of_string(text: &str) -> usize {
    if text.is_empty() { 0 } else { length_of_field(text.len()) }
}

/// Length of a field with a tag below 16 that is `length` bytes long.
fn length_of_field(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::service::discovery::v3 as pb;
    use envoy_types::pb::google::protobuf::Any;
    use prost::Message as _;
    use xdslab_protocol::{NameSet, ResourceSet, ResourceType};

    use super::*;

    fn response(resources: ResourceSet, versioned: bool) -> Response {
        Response {
            resource_type: ResourceType::Cluster,
            version_info: "v1".into(),
            nonce: "n1".into(),
            resources,
            removed: ["gone".into()].into_iter().collect(),
            versioned,
            timed: false,
            heartbeats: Vec::new(),
        }
    }

    fn set(count: usize, changed: usize) -> ResourceSet {
        let body =
            |n: usize| vec![u8::try_from(n % 251).expect("small"); 1000 + n + usize::from(n == changed)];
        ResourceSet::new((0..count).map(|n| Resource::new(format!("cluster-{n:05}"), body(n))).collect())
    }

    fn joined(pieces: &Pieces) -> Vec<u8> {
        pieces.iter().flatten().copied().collect()
    }

    fn any(resource: &Resource) -> Any {
        Any { type_url: ResourceType::Cluster.type_url().to_owned(), value: resource.body.to_vec() }
    }

    fn with_prefix(message: &impl prost::Message) -> Vec<u8> {
        let body = message.encode_to_vec();
        let length = u32::try_from(body.len()).expect("short");
        [&[0], &length.to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn the_bytes_are_those_of_the_generated_types() {
        let encoder = Encoder::default();
        for resources in
            [ResourceSet::empty(), set(3, 0), set(200, 0), ResourceSet::new(vec![Resource::new("a", "")])]
        {
            let sotw = pb::DiscoveryResponse {
                version_info: "v1".into(),
                resources: resources.iter().map(any).collect(),
                type_url: ResourceType::Cluster.type_url().to_owned(),
                nonce: "n1".into(),
                ..Default::default()
            };
            let mut plain = response(resources.clone(), false);
            plain.removed = NameSet::EMPTY;
            for _ in 0..3 {
                let pieces = encoder.encode(&plain, Variant::Sotw).expect("short");
                assert_eq!(joined(&pieces), with_prefix(&sotw));
            }
            for versioned in [false, true] {
                let resource = |r: &Resource| pb::Resource {
                    name: r.name.to_string(),
                    version: if versioned { r.version_text().to_string() } else { String::new() },
                    resource: Some(any(r)),
                    ..Default::default()
                };
                let delta = pb::DeltaDiscoveryResponse {
                    system_version_info: "v1".into(),
                    resources: resources.iter().map(resource).collect(),
                    type_url: ResourceType::Cluster.type_url().to_owned(),
                    removed_resources: vec!["gone".into()],
                    nonce: "n1".into(),
                    ..Default::default()
                };
                // prost writes fields in order of declaration: compared as messages, and in length.
                let bytes = joined(
                    &encoder.encode(&response(resources.clone(), versioned), Variant::Delta).expect("short"),
                );
                let read = pb::DeltaDiscoveryResponse::decode(&bytes[PREFIX..]).expect("a message");
                assert_eq!(read, delta);
                assert_eq!(bytes.len(), with_prefix(&delta).len());
                assert_eq!(bytes[..PREFIX], with_prefix(&delta)[..PREFIX]);
            }
        }
    }

    #[test]
    fn sets_that_differ_in_one_resource_share_the_rest() {
        let encoder = Encoder::default();
        let encode =
            |set: &ResourceSet| encoder.encode(&response(set.clone(), false), Variant::Delta).expect("short");
        let (before, after) = (set(1000, 0), set(1000, 500));
        encode(&before);
        let kept = encode(&before);
        let again = encode(&before);
        let shared = |a: &Pieces, b: &Pieces| {
            let place = |piece: &Bytes| piece.as_ptr();
            let at: Vec<_> = a.iter().map(place).collect();
            b.iter().filter(|piece| at.contains(&place(piece))).map(Bytes::len).sum::<usize>()
        };
        let whole: usize = kept.iter().map(Bytes::len).sum();
        assert!(whole - shared(&kept, &again) < RUN_MIN + 200, "all but the ends is shared");
        let changed = encode(&after);
        assert!(whole - shared(&kept, &changed) < 4 * RUN_MAX, "one change touches the runs around it");
        assert!(shared(&kept, &changed) > whole / 2);
    }

    #[test]
    fn what_nobody_needs_is_forgotten() {
        let encoder = Encoder::default();
        for _ in 0..2 {
            encoder.encode(&response(set(200, 0), false), Variant::Sotw).expect("short");
        }
        assert!(encoder.lock().values().any(|run| run.bytes.is_some()));
        (0..3 * LIFETIME).for_each(|_| encoder.next_push());
        assert!(encoder.lock().is_empty());
    }
}
