//! A response as a client reads it: borrowed from the bytes that came.

use super::mux::Variant;
use super::scan::{Fields, Malformed, Value, each, name, text};

/// `DiscoveryResponse` or `DeltaDiscoveryResponse`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response<'a> {
    /// URL of the type of its resources.
    pub type_url: &'a str,
    /// Version of the whole.
    pub version: &'a str,
    /// What an ACK or NACK names.
    pub nonce: &'a str,
    /// The resources, in order.
    pub resources: Vec<Resource<'a>>,
    /// Delta: names of those that are gone.
    pub removed: Vec<&'a str>,
}

/// One resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    /// Its name.
    pub name: &'a str,
    /// Delta: its version.
    pub version: &'a str,
    /// The encoded message.
    pub body: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads a response of this variant.
    ///
    /// # Errors
    /// When the bytes are no message. Messages of resources are not looked into, but for the name in those of the state
    /// of the world.
    pub fn scan(variant: Variant, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut response = Self::default();
        for field in Fields::of(bytes) {
            let (number, Value::Bytes(bytes)) = field? else { continue };
            match number {
                1 => response.version = text(bytes)?,
                2 => response.resources.push(match variant {
                    Variant::Sotw => unwrapped(bytes)?,
                    Variant::Delta => wrapped(bytes)?,
                }),
                4 => response.type_url = text(bytes)?,
                5 => response.nonce = text(bytes)?,
                6 if variant == Variant::Delta => response.removed.push(text(bytes)?),
                _ => {}
            }
        }
        Ok(response)
    }
}

/// `google.protobuf.Any`.
fn unwrapped(any: &[u8]) -> Result<Resource<'_>, Malformed> {
    let body = body(any)?;
    Ok(Resource { name: name(body)?, version: "", body })
}

/// `envoy.service.discovery.v3.Resource`.
fn wrapped(envelope: &[u8]) -> Result<Resource<'_>, Malformed> {
    let mut resource = Resource::default();
    for field in Fields::of(envelope) {
        match field? {
            (1, Value::Bytes(bytes)) => resource.version = text(bytes)?,
            (2, Value::Bytes(bytes)) => resource.body = body(bytes)?,
            (3, Value::Bytes(bytes)) => resource.name = text(bytes)?,
            _ => {}
        }
    }
    Ok(resource)
}

fn body(any: &[u8]) -> Result<&[u8], Malformed> {
    let mut body: &[u8] = b"";
    each(any, 2, |bytes| {
        body = bytes;
        Ok(())
    })?;
    Ok(body)
}
