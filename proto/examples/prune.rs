//! Makes `descriptors.bin`: of a `FileDescriptorSet` the files that the given roots need, without comments.
//!
//! `cargo run -p xdslab-proto --example prune -- .../envoy-types-*/src/generated/types.bin proto/descriptors.bin`

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;

/// Packages whose files are kept, with everything that they import.
const ROOTS: [&str; 25] = [
    "envoy/config/cluster/v3/",
    "envoy/config/endpoint/v3/",
    "envoy/config/listener/v3/",
    "envoy/config/route/v3/",
    "envoy/service/cluster/v3/",
    "envoy/service/discovery/v3/",
    "envoy/service/endpoint/v3/",
    "envoy/service/listener/v3/",
    "envoy/service/route/v3/",
    "envoy/service/secret/v3/",
    "envoy/service/status/v3/",
    "envoy/admin/v3/",
    "envoy/extensions/filters/",
    "envoy/extensions/transport_sockets/",
    "envoy/extensions/upstreams/http/v3/",
    "envoy/extensions/clusters/",
    "envoy/extensions/access_loggers/",
    "envoy/extensions/network/dns_resolver/",
    "envoy/extensions/http/header_formatters/",
    "envoy/extensions/request_id/",
    "envoy/extensions/retry/",
    "envoy/extensions/tracers/opentelemetry/",
    "envoy/extensions/formatter/req_without_query/",
    "envoy/config/trace/v3/",
    "envoy/extensions/path/match/",
];

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else { panic!("usage: prune FROM TO") };
    let bytes = std::fs::read(from).expect("the descriptor set can be read");
    let all = FileDescriptorSet::decode(&*bytes).expect("a FileDescriptorSet");
    let by_name: BTreeMap<_, _> = all.file.iter().map(|f| (f.name().to_owned(), f)).collect();
    let mut kept = BTreeSet::new();
    let rooted = by_name.keys().filter(|n| ROOTS.iter().any(|r| n.starts_with(r)));
    let mut open: Vec<_> = rooted.cloned().collect();
    while let Some(name) = open.pop() {
        if let Some(file) = by_name.get(&name)
            && kept.insert(name)
        {
            open.extend(file.dependency.iter().cloned());
        }
    }
    let mut file: Vec<_> = all.file.iter().filter(|f| kept.contains(f.name())).cloned().collect();
    file.iter_mut().for_each(|f| f.source_code_info = None);
    let pruned = FileDescriptorSet { file }.encode_to_vec();
    std::fs::write(to, pruned).expect("the result can be written");
}
