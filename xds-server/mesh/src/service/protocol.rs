//! What is spoken on a port (istiod: `pkg/config/kube/conversion.go`, `pkg/config/protocol/instance.go`).

/// A port's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names of the protocols
pub enum Protocol {
    Tcp,
    Udp,
    Grpc,
    GrpcWeb,
    Http,
    HttpProxy,
    Http2,
    Https,
    Tls,
    Mongo,
    Redis,
    MySql,
    /// Nothing known is said: proxies sniff it.
    Unsupported,
}

impl Protocol {
    /// One of the API's words, in any case; else [`Protocol::Unsupported`].
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "grpc" => Self::Grpc,
            "grpc-web" => Self::GrpcWeb,
            "http" => Self::Http,
            "http_proxy" => Self::HttpProxy,
            "http2" => Self::Http2,
            "https" => Self::Https,
            "tls" => Self::Tls,
            "mongo" => Self::Mongo,
            "redis" => Self::Redis,
            "mysql" => Self::MySql,
            _ => Self::Unsupported,
        }
    }

    /// istiod's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Grpc => "GRPC",
            Self::GrpcWeb => "GRPC-Web",
            Self::Http => "HTTP",
            Self::HttpProxy => "HTTP_PROXY",
            Self::Http2 => "HTTP2",
            Self::Https => "HTTPS",
            Self::Tls => "TLS",
            Self::Mongo => "Mongo",
            Self::Redis => "Redis",
            Self::MySql => "MySQL",
            Self::Unsupported => "UnsupportedProtocol",
        }
    }

    /// The protocol of a Kubernetes Service's port: its `appProtocol`, else the prefix of its name.
    pub fn of_service_port(number: u32, name: &str, transport: &str, app_protocol: Option<&str>) -> Self {
        if transport == "UDP" {
            return Self::Udp;
        }
        let said = match app_protocol {
            Some("kubernetes.io/h2c") => return Self::Http2,
            Some("kubernetes.io/ws") => return Self::Http,
            Some("kubernetes.io/wss") => return Self::Https,
            Some(said) => said,
            None => name,
        };
        if said.get(..8).is_some_and(|s| s.eq_ignore_ascii_case("grpc-web")) {
            return Self::GrpcWeb;
        }
        match Self::from_word(said.split('-').next().unwrap_or_default()) {
            // Ports of protocols in which the server speaks first: sniffing would wait for ever.
            Self::Unsupported if matches!(number, 25 | 53 | 3306 | 27017) => Self::Tcp,
            protocol => protocol,
        }
    }

    /// HTTP in any version.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::HttpProxy | Self::Grpc | Self::GrpcWeb)
    }

    /// HTTP/2, gRPC included.
    pub const fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc | Self::GrpcWeb)
    }

    /// Opaque to HTTP: TCP, or TLS that is passed on.
    pub const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Https | Self::Tls | Self::Mongo | Self::Redis | Self::MySql)
    }

    /// Known only by looking at the first bytes.
    pub const fn is_sniffed(self) -> bool {
        matches!(self, Self::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_service_ports() {
        for (number, name, transport, app, want) in [
            (80, "http-web", "TCP", None, Protocol::Http),
            (80, "HTTP2", "TCP", None, Protocol::Http2),
            (80, "grpc-web-x", "TCP", None, Protocol::GrpcWeb),
            (80, "web", "TCP", None, Protocol::Unsupported),
            (3306, "db", "TCP", None, Protocol::Tcp),
            (80, "http", "UDP", None, Protocol::Udp),
            (80, "tcp", "TCP", Some("kubernetes.io/h2c"), Protocol::Http2),
            (80, "tcp", "", Some("https"), Protocol::Https),
            (80, "http", "TCP", Some("x"), Protocol::Unsupported),
        ] {
            assert_eq!(Protocol::of_service_port(number, name, transport, app), want, "{name} {app:?}");
        }
    }
}
