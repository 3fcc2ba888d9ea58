//! Ports: numbers, names, the words for what is spoken on them.

use super::faults::Faults;
use super::host::is_label;
use crate::service::Protocol;

/// The words of the API for what is spoken on a port.
pub(super) const PROTOCOLS: &str =
    "HTTP, HTTP2, HTTP_PROXY, GRPC, GRPC-WEB, HTTPS, TLS, TCP, UDP, MONGO, REDIS or MYSQL";

/// Refuses a number that no port has.
pub(super) fn number(number: impl Into<i64>, f: Faults<'_>) {
    let number = number.into();
    if !(1..=65535).contains(&number) {
        f.push(format!("{number} is not a port number"), "write a number from 1 to 65535");
    }
}

/// Refuses a name that is no DNS label.
pub(super) fn name(name: &str, f: Faults<'_>) {
    if !is_label(name) {
        let what = if name.is_empty() {
            "the port has no name".into()
        } else {
            format!("{name:?} is not a port name")
        };
        f.push(what, "write letters, digits and - (63 at most, no - at the ends), such as http-web");
    }
}

/// Refuses an unknown word; none at all is "find out by yourself".
pub(super) fn protocol(word: &str, f: Faults<'_>) {
    if !word.is_empty() && Protocol::from_word(word) == Protocol::Unsupported {
        f.push(format!("{word:?} is not a protocol"), format!("write {PROTOCOLS}"));
    }
}

/// Whether the port carries TLS.
pub(super) fn is_tls(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Https | Protocol::Tls)
}
