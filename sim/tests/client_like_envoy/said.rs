//! What a client said, in a line, and what a server says, from a line.

use prost::Message;
use xdslab_proto::discovery::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use xdslab_proto::protobuf::Any;
use xdslab_sim::client::Variant;
use xdslab_sim::wire::Kind;

use super::resources::{cluster, endpoints, listener, route};

/// `CDS v1/n1 [a b] node`. A refusal says `NACK`: messages differ from release to release.
pub(super) fn sotw(request: &DiscoveryRequest) -> String {
    let mut names = request.resource_names.clone();
    names.sort_unstable();
    let mut line = format!(
        "{} {}/{} [{}]",
        kind(&request.type_url),
        request.version_info,
        request.response_nonce,
        names.join(" ")
    );
    finish(&mut line, request.node.is_some(), request.error_detail.is_some());
    line
}

/// `EDS n1 +a -b c=1 node`: the nonce, names wanted and no longer wanted, versions from an earlier stream.
pub(super) fn delta(request: &DeltaDiscoveryRequest) -> String {
    let mut line = kind(&request.type_url).to_owned();
    let sorted = |names: &[String], sign: &str| {
        let mut names: Vec<_> = names.iter().map(|name| format!(" {sign}{name}")).collect();
        names.sort_unstable();
        names.concat()
    };
    if !request.response_nonce.is_empty() {
        line += &format!(" {}", request.response_nonce);
    }
    line += &sorted(&request.resource_names_subscribe, "+");
    line += &sorted(&request.resource_names_unsubscribe, "-");
    let held = request.initial_resource_versions.iter().map(|(name, version)| format!("{name}={version}"));
    line += &sorted(&held.collect::<Vec<_>>(), "");
    finish(&mut line, request.node.is_some(), request.error_detail.is_some());
    line
}

fn kind(url: &str) -> &str {
    Kind::from_type_url(url).map_or(url, |kind| kind.short())
}

fn finish(line: &mut String, has_node: bool, is_refusal: bool) {
    if has_node {
        line.push_str(" node");
    }
    if is_refusal {
        line.push_str(" NACK");
    }
}

/// The bytes of a response from `CDS n1 eds:a static:b -c`: type, nonce, resources, and names that are gone. The nonce is
/// the version too, of the response and its resources.
pub(super) fn response(variant: Variant, line: &str) -> Vec<u8> {
    let mut words = line.split(' ');
    let short = words.next().unwrap();
    let kind = Kind::ALL.into_iter().find(|kind| kind.short() == short).unwrap();
    let nonce = words.next().unwrap();
    let (removed, resources): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('-'));
    let resources = resources.into_iter().map(|word| {
        let (name, value) = match kind {
            Kind::Cluster => cluster(word),
            Kind::Endpoint => endpoints(word),
            Kind::Listener => listener(word),
            Kind::Route => route(word),
        };
        (name, Any { type_url: kind.type_url().into(), value })
    });
    match variant {
        Variant::Sotw => DiscoveryResponse {
            version_info: nonce.into(),
            nonce: nonce.into(),
            type_url: kind.type_url().into(),
            resources: resources.map(|(_, any)| any).collect(),
            ..DiscoveryResponse::default()
        }
        .encode_to_vec(),
        Variant::Delta => DeltaDiscoveryResponse {
            nonce: nonce.into(),
            type_url: kind.type_url().into(),
            resources: resources
                .map(|(name, any)| Resource {
                    name,
                    version: nonce.into(),
                    resource: Some(any),
                    ..Resource::default()
                })
                .collect(),
            removed_resources: removed.into_iter().map(|word| word[1..].to_owned()).collect(),
            ..DeltaDiscoveryResponse::default()
        }
        .encode_to_vec(),
    }
}
