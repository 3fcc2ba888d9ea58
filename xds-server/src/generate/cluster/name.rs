//! Names of clusters (istiod: `pilot/pkg/model/push_context.go`, `BuildSubsetKey`).

use arcstr::{ArcStr, format};

/// `outbound|<port>|<subset>|<hostname>`.
pub fn outbound(port: u32, subset: &str, hostname: &str) -> ArcStr {
    format!("outbound|{port}|{subset}|{hostname}")
}

/// `inbound|<port>||`.
pub fn inbound(port: u32) -> ArcStr {
    format!("inbound|{port}||")
}

/// The SNI of mutual TLS to a cluster: `outbound_.<port>_.<subset>_.<hostname>`.
pub fn sni(port: u32, subset: &str, hostname: &str) -> String {
    std::format!("outbound_.{port}_.{subset}_.{hostname}")
}

/// The parts of an outbound cluster's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound<'a> {
    /// The service's port.
    pub port: u32,
    /// Subset, empty for the whole service.
    pub subset: &'a str,
    /// Host name.
    pub hostname: &'a str,
}

/// Reads the name of an outbound cluster; other names have no parts.
pub fn parse_outbound(name: &str) -> Option<Outbound<'_>> {
    let mut parts = name.split('|');
    let (direction, port, subset, hostname) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (direction == "outbound" && parts.next().is_none())
        .then(|| Some(Outbound { port: port.parse().ok()?, subset, hostname }))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let name = outbound(80, "v1", "a.b.svc.cluster.local");
        let want = Outbound { port: 80, subset: "v1", hostname: "a.b.svc.cluster.local" };
        assert_eq!(parse_outbound(&name), Some(want));
        assert_eq!(parse_outbound("inbound|80||"), None);
        assert_eq!(parse_outbound("outbound|80|a"), None);
        assert_eq!(parse_outbound("outbound|80||a|b"), None);
        assert_eq!(sni(80, "", "a.b"), "outbound_.80_._.a.b");
        assert_eq!(sni(80, "v1", "a.b"), "outbound_.80_.v1_.a.b");
    }
}
