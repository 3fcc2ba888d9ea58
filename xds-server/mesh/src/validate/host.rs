//! Host names, addresses, and the labels that names are made of (istiod: `pkg/config/validation/agent/validation.go`).

use std::net::{IpAddr, Ipv6Addr};

use super::faults::Faults;
use crate::service::host_is_subset;

const LONGEST_NAME: usize = 255;
const LONGEST_LABEL: usize = 63;
const NAME_HINT: &str = "write a DNS name such as api.back.svc.cluster.local";
const WILD_HINT: &str =
    "write a DNS name such as api.back.svc.cluster.local, or *.example.com for all below it";

/// Whether `text` is a DNS label: at most 63 letters, digits and `-`, which neither begins nor ends with `-`.
pub(super) fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= LONGEST_LABEL
        && alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Whether `text` is a DNS label, `*`, or a label behind `*` or `*-`.
fn is_wild_label(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('*') else { return is_label(text) };
    text.len() <= LONGEST_LABEL
        && (rest.is_empty() || is_label(rest) || rest.strip_prefix('-').is_some_and(is_label))
}

/// Why `name` is no DNS name, if it is none. One label is enough.
pub(super) fn fqdn_fault(name: &str) -> Option<String> {
    length_fault(name).or_else(|| labels_fault(name, name))
}

/// Why `name` is no DNS name whose first label may be a wildcard, if it is none.
pub(super) fn wild_fault(name: &str) -> Option<String> {
    if let Some(fault) = length_fault(name) {
        return Some(fault);
    }
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    if !is_wild_label(first) {
        return Some(label_fault(name, first));
    }
    rest.and_then(|rest| labels_fault(name, rest))
}

fn length_fault(name: &str) -> Option<String> {
    match name.len() {
        0 => Some("the host name is empty".into()),
        n if n > LONGEST_NAME => {
            Some(format!("the host name has {n} characters, {LONGEST_NAME} at most are allowed"))
        }
        _ => None,
    }
}

fn labels_fault(name: &str, part: &str) -> Option<String> {
    let (before, last) = part.rsplit_once('.').map_or((None, part), |(before, last)| (Some(before), last));
    if last.parse::<i64>().is_ok() {
        return Some(format!("{name:?} is not a host name: its last part {last:?} is a number"));
    }
    let last = Some(last).filter(|l| !l.is_empty());
    let mut labels = before.into_iter().flat_map(|b| b.split('.')).chain(last);
    labels.find(|l| !is_label(l)).map(|l| label_fault(name, l))
}

fn label_fault(name: &str, label: &str) -> String {
    if label.contains('*') {
        return format!("{name:?} is not a host name: a * may only stand at its very beginning");
    }
    format!(
        "{name:?} is not a host name: {label:?} must be 1 to 63 letters, digits and -, with a letter or digit at both ends"
    )
}

/// Refuses what is no DNS name.
pub(super) fn fqdn(name: &str, f: Faults<'_>) {
    if let Some(fault) = fqdn_fault(name) {
        f.push(fault, NAME_HINT);
    }
}

/// Refuses what is neither a DNS name nor one with a wildcard in front.
pub(super) fn wild(name: &str, f: Faults<'_>) {
    if let Some(fault) = wild_fault(name) {
        f.push(fault, WILD_HINT);
    }
}

/// Refuses `*foo.com`: a wildcard must stand for whole labels.
pub(super) fn whole_wildcard(name: &str, f: Faults<'_>) {
    if name.contains('*') && name.len() > 1 && !name.starts_with("*.") {
        let what = format!("{name:?} has a wildcard for a part of a label");
        f.push(what, "write *.example.com for everything below example.com, or * alone");
    }
}

/// Whether `text` is an IP address as Go reads it: IPv6 may have a zone.
pub(super) fn is_ip(text: &str) -> bool {
    match text.split_once('%') {
        Some((address, zone)) => !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok(),
        None => text.parse::<IpAddr>().is_ok(),
    }
}

/// Refuses what is no IP address.
pub(super) fn ip(text: &str, f: Faults<'_>) {
    if !is_ip(text) {
        f.push(format!("{text:?} is not an IP address"), "write an address such as 10.0.0.1 or 2001:db8::1");
    }
}

/// Whether `text` is an address and the length of a prefix of it.
pub(super) fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let plain = bits == "0" || !bits.starts_with(['0', '+']);
    plain && bits.parse::<u8>().is_ok_and(|n| n <= most)
}

/// Refuses what is neither an IP address nor a CIDR block.
pub(super) fn subnet(text: &str, f: Faults<'_>) {
    let good = if text.matches('/').count() == 1 { is_cidr(text) } else { is_ip(text) };
    if !good {
        f.push(
            format!("{text:?} is neither an IP address nor a CIDR block"),
            "write 10.0.0.1 or 10.1.0.0/16",
        );
    }
}

/// Refuses what is no absolute path of a socket, nor the name of an abstract one (`@name`).
pub(super) fn unix_path(path: &str, f: Faults<'_>) {
    if !path.starts_with('@') && (!path.starts_with('/') || path.ends_with('/')) {
        let what = format!("{path:?} is not the absolute path of a socket");
        f.push(what, "write unix:///path/to/socket, or unix://@name for an abstract socket");
    }
}

/// The prefix of the address of a Unix domain socket.
pub(super) const UNIX: &str = "unix://";

/// Splits `host:port`, as Go's `net.SplitHostPort`: an IPv6 host stands in brackets.
pub(super) fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        rest.split_once("]:")?
    } else {
        text.rsplit_once(':').filter(|(host, _)| !host.contains(':'))?
    };
    let stray = |part: &str| part.contains(['[', ']']);
    (!stray(host) && !stray(port) && !port.contains(':')).then_some((host, port))
}

/// Whether one of `hosts` covers all that `name` covers.
pub(super) fn is_covered(name: &str, mut hosts: impl Iterator<Item = impl AsRef<str>>) -> bool {
    hosts.any(|host| host_is_subset(name, host.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        let long = "a".repeat(63);
        let longer = "a".repeat(64);
        for (text, good) in [
            ("a", true),
            ("A-1", true),
            ("1a", true),
            (long.as_str(), true),
            (longer.as_str(), false),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a_b", false),
            ("a.b", false),
            ("ä", false),
        ] {
            assert_eq!(is_label(text), good, "{text:?}");
        }
    }

    #[test]
    fn names() {
        let long = format!("{}.a", ["a"; 127].join("."));
        // the name, whether it is an FQDN, whether it is one with a wildcard
        for (name, full, wildcard) in [
            ("api", true, true),
            ("api.back.svc.cluster.local", true, true),
            ("example.com.", true, true),
            ("1.example.com", true, true),
            ("a.123", false, false),
            ("123", false, true),
            ("a.99999999999999999999", true, true),
            ("10.0.0.1", false, false),
            ("", false, false),
            (".", false, false),
            (".com", false, false),
            ("a..b", false, false),
            ("*", false, true),
            ("*.com", false, true),
            ("*-a.com", false, true),
            ("*a.com", false, true),
            ("*.5", false, false),
            ("a*.com", false, false),
            ("a.*.com", false, false),
            ("*.*.com", false, false),
            ("a_b.com", false, false),
            ("not a host", false, false),
            (long.as_str(), true, true),
            (&format!("{long}.b"), false, false),
        ] {
            assert_eq!(fqdn_fault(name).is_none(), full, "FQDN {name:?}: {:?}", fqdn_fault(name));
            assert_eq!(wild_fault(name).is_none(), wildcard, "wild {name:?}: {:?}", wild_fault(name));
        }
    }

    #[test]
    fn addresses() {
        for (text, address, block) in [
            ("10.0.0.1", true, false),
            ("2001:db8::1", true, false),
            ("fe80::1%eth0", true, false),
            ("fe80::1%", false, false),
            ("10.0.0.1%eth0", false, false),
            ("010.0.0.1", false, false),
            ("300.1.1.1", false, false),
            ("10.0.0", false, false),
            ("", false, false),
            ("10.0.0.0/8", false, true),
            ("10.0.0.1/32", false, true),
            ("10.0.0.0/0", false, true),
            ("2001:db8::/32", false, true),
            ("10.0.0.0/33", false, false),
            ("10.0.0.0/08", false, false),
            ("10.0.0.0/", false, false),
            ("fe80::1%eth0/64", true, false),
        ] {
            assert_eq!((is_ip(text), is_cidr(text)), (address, block), "{text:?}");
        }
    }

    #[test]
    fn ports_are_split_off_as_go_does() {
        for (text, parts) in [
            ("127.0.0.1:80", Some(("127.0.0.1", "80"))),
            (":80", Some(("", "80"))),
            ("[::1]:80", Some(("::1", "80"))),
            ("localhost:", Some(("localhost", ""))),
            ("127.0.0.1", None),
            ("::1:80", None),
            ("[::1]", None),
            ("a]:80", None),
        ] {
            assert_eq!(split_port(text), parts, "{text:?}");
        }
    }
}
