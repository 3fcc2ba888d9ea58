//! Who the proxies are.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use xdslab_mesh::object::Object;
use xdslab_mesh::object::kubernetes::Pod;
use xdslab_server::source::{FileSource, SourceError, is_injected};

use crate::envoy::Node;
use crate::scenario::{Pattern, proxy_name, proxy_node};

/// The proxies of a run.
#[derive(Clone, Debug)]
pub struct Population {
    /// One for each proxy.
    pub nodes: Vec<Node>,
    /// Different ones among them: where the mesh has fewer pods than proxies are wanted, pods have several.
    pub distinct: usize,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum PopulationError {
    /// The mesh cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The mesh has no pod that is meant.
    #[error(
        "no pod with a sidecar in the mesh is called {0}; see them with: xds-server scope -f MESH --proxy NAME.NAMESPACE"
    )]
    NoPod(Pattern),
    /// A pod has no address.
    #[error("pod {name}: {reason}")]
    Unfit {
        /// `NAME.NAMESPACE`.
        name: String,
        /// Why it cannot be described.
        reason: String,
    },
}

impl Population {
    /// Pods that no mesh knows: `proxy-1.ns-1`, `proxy-2.ns-2` and so on, over so many namespaces in turn. `namespace` is
    /// their name with `*` for the number.
    pub fn made(proxies: usize, namespaces: usize, namespace: &str) -> Self {
        let one = |number: usize| {
            let home = namespace.replace('*', &(number % namespaces.max(1) + 1).to_string());
            // From 10.128.0.1 up: apart from the addresses that made-up pods of meshes get.
            let offset = u32::try_from(number + 1).unwrap_or(u32::MAX) & 0x007f_ffff;
            let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)) | offset);
            Node::sidecar(IpAddr::from(ip), format!("proxy-{}", number + 1), home)
        };
        Self { nodes: (0..proxies).map(one).collect(), distinct: proxies }
    }

    /// Pods of a mesh that have a sidecar and are meant, spread over its namespaces; in turn, where they are fewer.
    ///
    /// # Errors
    /// When the mesh cannot be read, or holds no such pod.
    pub fn of_mesh(proxies: usize, mesh: &[PathBuf], meant: &Pattern) -> Result<Self, PopulationError> {
        let (source, _) = FileSource::load(mesh)?;
        let pods = source.objects().filter_map(|object| match object {
            Object::Pod(pod) if is_injected(pod) && meant.is_match(&proxy_name(pod)) => Some(pod),
            _ => None,
        });
        let node = |pod: &Pod| {
            let told = |reason| PopulationError::Unfit { name: proxy_name(pod), reason };
            proxy_node(pod).map_err(told)
        };
        let mut known: Vec<Node> = pods.map(|pod| node(pod)).collect::<Result<_, _>>()?;
        if known.is_empty() {
            return Err(PopulationError::NoPod(meant.clone()));
        }
        // The first pods of all namespaces, then their second ones: any number is spread over all.
        known.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(known.len());
        for (at, node) in known.iter().enumerate() {
            let rank = match places.last() {
                Some((rank, before)) if known[*before].namespace == node.namespace => rank + 1,
                _ => 0,
            };
            places.push((rank, at));
        }
        places.sort_unstable();
        let nodes = places.iter().cycle().take(proxies).map(|(_, at)| known[*at].clone()).collect();
        Ok(Self { nodes, distinct: known.len().min(proxies) })
    }

    /// Namespaces that they live in.
    pub fn namespaces(&self) -> usize {
        let mut namespaces: Vec<_> = self.nodes.iter().map(|node| &node.namespace).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Crowd;

    #[test]
    fn made_ones_are_spread_over_namespaces() {
        let population = Population::made(5, 2, "team-*");
        let keys: Vec<_> = population.nodes.iter().map(Node::key).collect();
        let expected =
            ["proxy-1.team-1", "proxy-2.team-2", "proxy-3.team-1", "proxy-4.team-2", "proxy-5.team-1"];
        assert_eq!(keys, expected);
        assert_eq!(population.namespaces(), 2);
    }

    #[test]
    fn pods_of_a_mesh_in_turn() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mesh.yaml"), Crowd { services: 4, namespaces: 2 }.yaml()).unwrap();
        let mesh = [folder.path().to_owned()];
        let all = Pattern::try_from("*".to_owned()).unwrap();
        let population = Population::of_mesh(6, &mesh, &all).unwrap();
        assert_eq!((population.nodes.len(), population.distinct, population.namespaces()), (6, 4, 2));
        assert_ne!(population.nodes[0].namespace, population.nodes[1].namespace);
        let none = Pattern::try_from("*.nowhere".to_owned()).unwrap();
        assert!(matches!(Population::of_mesh(6, &mesh, &none), Err(PopulationError::NoPod(_))));
    }
}
