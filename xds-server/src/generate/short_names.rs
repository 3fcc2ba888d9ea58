//! The short names by which a proxy's application may call a host (istiod: `GenerateAltVirtualHosts` in
//! `pilot/pkg/networking/core/httproute.go`).

/// The short names of `host` for a proxy of `domain`, without ports.
///
/// Where the domain is Kubernetes' (`<namespace>.svc.<suffix>`), only hosts of that form and suffix have any: those
/// of the proxy's namespace one more. Elsewhere a host is cut by what it shares with the domain.
pub(super) fn short_names(host: &str, domain: &str) -> Vec<String> {
    if let Some((namespace, suffix)) = domain.split_once(".svc.") {
        let Some(at) = host.find(".svc.").filter(|_| host.ends_with(&format!(".svc.{suffix}"))) else {
            return Vec::new();
        };
        let qualified = &host[..at];
        let Some((name, of)) = qualified.split_once('.') else { return Vec::new() };
        let with_svc = format!("{qualified}.svc");
        return if of == namespace {
            vec![name.to_owned(), with_svc, qualified.to_owned()]
        } else {
            vec![qualified.to_owned(), with_svc]
        };
    }
    let (labels, of_domain): (Vec<_>, Vec<_>) = (host.split('.').collect(), domain.split('.').collect());
    let shared = labels.iter().rev().zip(of_domain.iter().rev()).take_while(|(a, b)| a == b).count();
    let unique = labels.len() - shared;
    if shared == 0 || unique == 0 {
        return Vec::new();
    }
    let longer = (unique == 2).then(|| labels[..=unique].join("."));
    std::iter::once(labels[..unique].join(".")).chain(longer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_domain() {
        for (host, domain, want) in [
            ("a.b.svc.cluster.local", "b.svc.cluster.local", &["a", "a.b.svc", "a.b"][..]),
            ("a.b.svc.cluster.local", "c.svc.cluster.local", &["a.b", "a.b.svc"]),
            ("a.b.svc.other.local", "b.svc.cluster.local", &[]),
            ("a.example.com", "b.svc.cluster.local", &[]),
            ("a.local", "campus.net", &[]),
            ("foo.local.campus.net", "foo.local.campus.net", &[]),
            ("foo.local.campus.net", "local.campus.net", &["foo"]),
            ("foo.local.campus.net", "remote.campus.net", &["foo.local", "foo.local.campus"]),
        ] {
            assert_eq!(short_names(host, domain), want, "{host} in {domain}");
        }
    }
}
