//! Where listeners bind, and how that names them (istiod: `pilot/pkg/networking/core/listener_address.go`,
//! `util.BuildAddress`).

use xdslab_mesh::IpMode;
use xdslab_proto::core;
use xdslab_proto::listener::AdditionalAddress;

use crate::generate::cluster::wire;

/// What marks a bind as a Unix socket's path.
const UNIX: &str = "unix://";

/// The addresses that one listener binds: the first names it, the others are additional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    /// The address that gives the name.
    pub primary: String,
    /// The other family's address of a dual-stack proxy.
    pub extra: Option<&'static str>,
}

impl Bind {
    /// One address, or a Unix socket's `unix:///path`.
    pub fn to(address: &str) -> Self {
        Self { primary: address.to_owned(), extra: None }
    }

    /// All addresses, of both families where the proxy has both.
    pub fn wildcard(mode: IpMode) -> Self {
        Self { primary: wildcard(mode).to_owned(), extra: (mode == IpMode::Dual).then_some("::") }
    }

    /// The loopback address, of both families where the proxy has both.
    pub fn loopback(mode: IpMode) -> Self {
        Self { primary: loopback(mode).to_owned(), extra: (mode == IpMode::Dual).then_some("::1") }
    }

    /// The listener's name: `<address>_<port>`.
    pub fn name(&self, port: u32) -> String {
        format!("{}_{port}", self.primary)
    }

    /// The listener's address: a socket's, or a Unix socket's path.
    pub fn address(&self, port: u32) -> core::Address {
        socket(&self.primary, port)
    }

    /// The listener's `additional_addresses`.
    pub fn additional(&self, port: u32) -> Vec<AdditionalAddress> {
        let additional = |a| AdditionalAddress { address: Some(socket(a, port)), ..Default::default() };
        self.extra.map(additional).into_iter().collect()
    }
}

/// The address that stands for all addresses; that of IPv4 where a proxy has both families.
pub(crate) const fn wildcard(mode: IpMode) -> &'static str {
    match mode {
        IpMode::V6 => "::",
        IpMode::V4 | IpMode::Dual => "0.0.0.0",
    }
}

/// The loopback address; that of IPv4 where a proxy has both families.
pub(crate) const fn loopback(mode: IpMode) -> &'static str {
    match mode {
        IpMode::V6 => "::1",
        IpMode::V4 | IpMode::Dual => "127.0.0.1",
    }
}

/// Whether a bind is a Unix socket, `unix:///path`.
pub(crate) fn is_unix(bind: &str) -> bool {
    bind.starts_with(UNIX)
}

/// The address of `bind`: a socket's, or the path of `unix:///path`.
pub(crate) fn socket(bind: &str, port: u32) -> core::Address {
    match bind.strip_prefix(UNIX) {
        Some(path) => wire::pipe(path),
        None => wire::address(wire::socket_address(bind, port)),
    }
}

/// Whether only a privileged process may bind the port. 0 is none: a Unix socket's, or any port.
pub(crate) const fn is_privileged(port: u32) -> bool {
    1 <= port && port < 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_by_family() {
        for (mode, wildcard, loopback, extra) in [
            (IpMode::V4, "0.0.0.0_80", "127.0.0.1_80", 0),
            (IpMode::V6, "::_80", "::1_80", 0),
            (IpMode::Dual, "0.0.0.0_80", "127.0.0.1_80", 1),
        ] {
            assert_eq!(Bind::wildcard(mode).name(80), wildcard);
            assert_eq!(Bind::loopback(mode).name(80), loopback);
            assert_eq!(Bind::wildcard(mode).additional(80).len(), extra, "{mode:?}");
            assert_eq!(Bind::loopback(mode).additional(80).len(), extra, "{mode:?}");
        }
    }

    #[test]
    fn unix_sockets_are_pipes() {
        let bind = Bind::to("unix:///run/a.sock");
        assert!(is_unix(&bind.primary));
        assert_eq!(bind.name(0), "unix:///run/a.sock_0");
        assert_eq!(bind.address(0), wire::pipe("/run/a.sock"));
    }

    #[test]
    fn privileged_ports() {
        assert_eq!([0, 1, 1023, 1024].map(is_privileged), [false, true, true, false]);
    }
}
