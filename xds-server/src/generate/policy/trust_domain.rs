//! Principals of one trust domain are those of its aliases too (istiod: `pilot/pkg/security/trustdomain`).

use arcstr::ArcStr;
use xdslab_mesh::object::istio::MeshConfig;

/// The domain that stands for the mesh's own, whatever that is.
const CLUSTER_LOCAL: &str = "cluster.local";

/// The mesh's trust domain and its aliases.
#[derive(Clone, Debug)]
pub(super) struct TrustDomains(Vec<ArcStr>);

impl TrustDomains {
    /// The domain first, then the aliases sorted.
    pub fn of(mesh: &MeshConfig) -> Self {
        let mut aliases = mesh.trust_domain_aliases.clone();
        aliases.sort();
        aliases.dedup();
        Self(std::iter::once(mesh.trust_domain.clone()).chain(aliases).collect())
    }

    /// None: principals are taken as they are written.
    pub const fn unknown() -> Self {
        Self(Vec::new())
    }

    /// A principal of one of the domains, in all of them.
    pub fn principals(&self, value: &str) -> Vec<String> {
        let parts: Vec<&str> = value.split('/').collect();
        let [domain, rest @ ..] = parts.as_slice() else { return vec![value.to_owned()] };
        let is_own = *domain == CLUSTER_LOCAL || self.0.iter().any(|own| covers(own, domain));
        if self.0.is_empty() || rest.len() != 4 || *domain == "*" || !is_own {
            return vec![value.to_owned()];
        }
        let mut all = Vec::new();
        for own in &self.0 {
            let ends_so = domain.strip_prefix('*').is_some_and(|end| own.ends_with(end));
            let one = if ends_so { value.to_owned() } else { format!("{own}/{}", rest.join("/")) };
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// Trust domains, each that is one of the mesh's replaced by all of them.
    pub fn domains(&self, values: &[ArcStr]) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for value in values {
            let own = self.0.contains(value);
            let these = if own { self.0.as_slice() } else { std::slice::from_ref(value) };
            for one in these {
                if !all.iter().any(|known| known == one.as_str()) {
                    all.push(one.to_string());
                }
            }
        }
        all
    }
}

/// Whether one is the other, or a pattern with a star at an end that covers it.
fn covers(own: &str, domain: &str) -> bool {
    let is_under = |pattern: &str, text: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (None, Some(begin)) => text.starts_with(begin),
        (None, None) => pattern == text,
    };
    is_under(own, domain) || is_under(domain, own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains() -> TrustDomains {
        let aliases = ["td2", "cluster.local", "td2"].map(ArcStr::from).into();
        TrustDomains::of(&MeshConfig {
            trust_domain: "td1".into(),
            trust_domain_aliases: aliases,
            ..MeshConfig::default()
        })
    }

    #[test]
    fn principals_of_one_domain_are_of_all() {
        for (value, want) in [
            ("td1/ns/a/sa/b", &["td1/ns/a/sa/b", "cluster.local/ns/a/sa/b", "td2/ns/a/sa/b"][..]),
            ("other/ns/a/sa/b", &["other/ns/a/sa/b"]),
            ("*/ns/a/sa/b", &["*/ns/a/sa/b"]),
            ("*1/ns/a/sa/b", &["*1/ns/a/sa/b", "cluster.local/ns/a/sa/b", "td2/ns/a/sa/b"]),
            ("td1/ns/a", &["td1/ns/a"]),
            ("*", &["*"]),
        ] {
            assert_eq!(domains().principals(value), want, "{value}");
        }
    }

    #[test]
    fn trust_domains_of_the_mesh_are_all_of_them() {
        let values = ["x", "td2", "x"].map(ArcStr::from);
        assert_eq!(domains().domains(&values), ["x", "td1", "cluster.local", "td2"]);
    }
}
