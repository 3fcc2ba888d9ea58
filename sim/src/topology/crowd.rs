//! Many equal services that nobody calls: what fills the proxies of a mesh.

use super::manifest::{self, Port};

/// So many `sleep` services, dealt out to so many namespaces in turn. Each has one port (80, HTTP) and one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Services in all.
    pub services: u32,
    /// Namespaces that they are spread over.
    pub namespaces: u32,
}

impl Crowd {
    /// The mesh as YAML.
    ///
    /// Namespaces are `sleep-1`, `sleep-2` and so on; the services in each are `sleep`, `sleep-2` and so on.
    pub fn yaml(&self) -> String {
        let mut out = String::new();
        let namespaces = self.namespaces.max(1);
        for namespace in 0..namespaces {
            let name = format!("sleep-{}", namespace + 1);
            manifest::namespace(&mut out, &name);
            let here = (namespace..self.services).step_by(namespaces as usize).count();
            for service in 1..=here {
                let service = if service == 1 { "sleep".to_owned() } else { format!("sleep-{service}") };
                manifest::application(&mut out, &name, &service, &[Port { protocol: "http", number: 80 }], 1);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(crowd: Crowd, kind: &str) -> usize {
        crowd.yaml().lines().filter(|line| *line == format!("kind: {kind}")).count()
    }

    #[test]
    fn services_are_dealt_out_evenly() {
        for (services, namespaces) in [(50, 50), (7, 3), (2, 5), (0, 1)] {
            let crowd = Crowd { services, namespaces };
            assert_eq!(count(crowd, "Namespace"), namespaces as usize);
            assert_eq!(count(crowd, "Service"), services as usize);
            assert_eq!(count(crowd, "Deployment"), services as usize);
        }
        let text = Crowd { services: 7, namespaces: 3 }.yaml();
        assert_eq!(text.matches("name: sleep-3\n  namespace: sleep-1\n").count(), 2);
        assert!(!text.contains("name: sleep-3\n  namespace: sleep-2\n"));
    }

    #[test]
    fn the_example_holds_the_crowd_of_fifty() {
        let example = include_str!("../../../examples/sidecar-lab/sleep.yaml");
        let made = Crowd { services: 50, namespaces: 50 }.yaml();
        let without_comments = example.lines().skip_while(|l| l.starts_with('#'));
        assert!(
            without_comments.eq(made.lines()),
            "make it again: sim topology --crowd --no-bookinfo --namespaces 50 --services 1"
        );
    }
}
