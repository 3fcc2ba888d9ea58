//! A mesh whose services differ from each other as those of a real one do, drawn from a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::manifest::{self, Port};

/// Namespaces `team-1`, `team-2` and so on, each with services `app-1`, `app-2` and so on, of 1 to 3 ports and 1 to 3
/// pods each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Namespaces.
    pub namespaces: u32,
    /// Services in each.
    pub services: u32,
    /// What the ports and the numbers of pods are drawn from.
    pub seed: u64,
}

/// A service's first port: most speak HTTP.
const FIRST: [Port; 10] = [
    Port { protocol: "http", number: 8080 },
    Port { protocol: "http", number: 8080 },
    Port { protocol: "http", number: 8080 },
    Port { protocol: "http", number: 80 },
    Port { protocol: "http", number: 80 },
    Port { protocol: "http2", number: 8081 },
    Port { protocol: "grpc", number: 9000 },
    Port { protocol: "grpc", number: 9000 },
    Port { protocol: "tcp", number: 5432 },
    Port { protocol: "https", number: 8443 },
];

/// What comes beside it.
const MORE: [Port; 2] =
    [Port { protocol: "http-metrics", number: 9090 }, Port { protocol: "tcp-admin", number: 7000 }];

impl Seeded {
    /// The mesh as YAML.
    ///
    /// What is drawn for a service depends on nothing but the seed and its place, so a larger mesh contains the
    /// smaller one.
    pub fn yaml(&self) -> String {
        let mut out = String::new();
        for namespace in 1..=self.namespaces {
            let name = format!("team-{namespace}");
            manifest::namespace(&mut out, &name);
            for service in 1..=self.services {
                let mut draw = ChaCha8Rng::seed_from_u64(self.seed);
                draw.set_stream(u64::from(namespace) << 32 | u64::from(service));
                let ports = ports(&mut draw);
                let replicas = 1 + draw.next_u32() % 3;
                manifest::application(&mut out, &name, &format!("app-{service}"), &ports, replicas);
            }
        }
        out
    }
}

fn ports(draw: &mut ChaCha8Rng) -> Vec<Port> {
    let first = FIRST[draw.next_u32() as usize % FIRST.len()];
    let more = match draw.next_u32() % 10 {
        0..5 => 0,
        5..9 => 1,
        _ => 2,
    };
    [first].into_iter().chain(MORE.into_iter().take(more)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_mesh_again() {
        let mesh = Seeded { namespaces: 3, services: 4, seed: 7 };
        assert_eq!(mesh.yaml(), mesh.yaml());
        assert_ne!(mesh.yaml(), Seeded { seed: 8, ..mesh }.yaml());
        // The text itself must not change from release to release.
        assert!(mesh.yaml().contains("name: app-4\n  namespace: team-3\n"));
    }

    #[test]
    fn a_larger_mesh_contains_the_smaller_one() {
        let small = Seeded { namespaces: 2, services: 2, seed: 1 };
        let large = Seeded { namespaces: 3, services: 5, seed: 1 };
        let large = large.yaml();
        assert!(small.yaml().split("---\n").all(|document| large.contains(document)));
    }
}
