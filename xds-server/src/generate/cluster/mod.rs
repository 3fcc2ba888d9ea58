//! Clusters of one proxy (istiod: `pilot/pkg/networking/core/cluster.go`).

pub(super) mod balance;
mod inbound;
mod metadata;
mod mutual;
pub mod name;
mod outbound;
pub(super) mod policy;
mod pool;
pub(super) mod protocol;
pub(super) mod secret;
pub(super) mod special;
pub(super) mod stats;
pub(super) mod tls;
pub(super) mod wire;

use std::collections::HashSet;

use xdslab_mesh::ProxyKind;
use xdslab_protocol::Resource;

pub(super) use outbound::{Outbound, identities};

use super::conflict::{Conflict, ConflictKind};
use super::view::View;
use outbound::encode_plain;

/// Clusters that are the proxy's own: where unknown traffic goes, and its application's ports. A gateway has no
/// application, and passes nothing on that it does not know.
pub fn own(view: &View) -> Vec<Resource> {
    let (mesh, proxy) = (view.snapshot.mesh_config(), &view.proxy);
    if proxy.kind != ProxyKind::Sidecar {
        return vec![encode_plain(&special::black_hole(mesh))];
    }
    let mut clusters = vec![
        encode_plain(&special::black_hole(mesh)),
        encode_plain(&special::passthrough(mesh, proxy, view.preserve_case())),
    ];
    clusters.extend(special::allow_any_dynamic_dns(mesh, proxy).map(|c| encode_plain(&c)));
    clusters.extend(inbound::clusters(view));
    clusters.push(encode_plain(&special::inbound_passthrough(mesh, proxy, view.preserve_case())));
    clusters
}

/// Clusters whose names others before them have: they are left out (istiod: `normalizeClusters`).
pub fn conflicts(clusters: &[Resource]) -> Vec<Conflict> {
    let mut names = HashSet::with_capacity(clusters.len());
    let twice = clusters.iter().filter(|cluster| !names.insert(&cluster.name));
    let conflict = |cluster: &Resource| Conflict {
        kind: ConflictKind::Cluster,
        name: cluster.name.to_string(),
        message: format!("Duplicate cluster {} found while pushing CDS", cluster.name),
    };
    twice.map(conflict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_clusters_with_one_name_the_second_is_a_conflict() {
        let clusters = ["a", "b", "a"].map(|name| Resource::new(name, "x"));
        let [conflict] = &conflicts(&clusters)[..] else { panic!("one") };
        assert_eq!((conflict.kind, conflict.name.as_str()), (ConflictKind::Cluster, "a"));
        assert!(conflicts(&clusters[..2]).is_empty());
    }
}
