//! Addresses of the web, as Go's `net/url` takes them.

use std::net::Ipv6Addr;

/// Why `uri` is no address by HTTP or HTTPS, if it is none.
pub(super) fn http_fault(uri: &str) -> Option<String> {
    let (before, fragment) = uri.split_once('#').unwrap_or((uri, ""));
    if before.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Some("it has a control character".into());
    }
    let scheme = before.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
    let Some((scheme, rest)) = scheme else { return Some("it has no scheme".into()) };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some(format!("{scheme:?} is neither http nor https"));
    }
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    // Without slashes what follows is opaque, and taken as it is.
    let Some(rest) = rest.strip_prefix("//") else {
        let path = if rest.starts_with('/') { rest } else { "" };
        return escapes_fault(path).or_else(|| escapes_fault(fragment));
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    authority_fault(authority).or_else(|| escapes_fault(path)).or_else(|| escapes_fault(fragment))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn escapes_fault(text: &str) -> Option<String> {
    let broken = |rest: &str| !rest.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let at = text.match_indices('%').map(|(i, _)| &text[i + 1..]).find(|rest| broken(rest))?;
    Some(format!("\"%{}\" is not an escaped character", at.chars().take(2).collect::<String>()))
}

fn authority_fault(authority: &str) -> Option<String> {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b)) {
        return Some("its user name has characters that need escaping".into());
    }
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        match rest.rsplit_once(']') {
            Some((name, port)) if is_ipv6(name) => (None, port),
            _ => return Some(format!("{host:?} is not an IPv6 address")),
        }
    } else {
        let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
        (Some(name), port)
    };
    let digits = port.strip_prefix(':').unwrap_or_default();
    let number =
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits.is_empty() || digits.parse::<i64>().is_ok());
    if !number || (digits.is_empty() && !matches!(port, "" | ":")) {
        return Some(format!("{port:?} is not a port"));
    }
    name.and_then(host_fault).or_else(|| escapes_fault(user))
}

/// Whether `name` is an IPv6 address, with the zone after `%25` if it has one.
fn is_ipv6(name: &str) -> bool {
    let (address, zone) =
        name.split_once("%25").map_or((name, None), |(address, zone)| (address, Some(zone)));
    zone != Some("") && address.parse::<Ipv6Addr>().is_ok()
}

fn host_fault(name: &str) -> Option<String> {
    let allowed = |b: u8| b >= 0x80 || b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=]<>\"%".contains(&b);
    // An escape stands for a byte that is not ASCII, or for the percent sign itself.
    let bad_escape = name.match_indices('%').any(|(i, _)| {
        let code = name.get(i + 1..i + 3).unwrap_or_default();
        code != "25" && !code.starts_with(|c: char| c.is_ascii_hexdigit() && !matches!(c, '0'..='7'))
    });
    if bad_escape || !name.bytes().all(allowed) {
        return Some(format!("{name:?} is not a host"));
    }
    escapes_fault(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_keys() {
        for (uri, good) in [
            ("https://example.com/keys.json", true),
            ("HTTP://example.com:8080", true),
            ("http://[::1]:80/a%20b?c=%zz", true),
            ("http://user:secret@example.com:/", true),
            ("http:opaque", true),
            ("http://a.b#\t", true),
            ("http://a%25b.com", true),
            ("http://[fe80::1%25eth0]", true),
            ("http://a:1:2", false),
            ("http://a[b]", false),
            ("http://[10.0.0.1]", false),
            ("https://", true),
            ("ftp://example.com", false),
            ("example.com/keys", false),
            ("/keys", false),
            ("http://example.com:port", false),
            ("http://exa mple.com", false),
            ("http://example.com/a%2", false),
            ("http://example.com/\n", false),
            ("http://[::1", false),
            ("http://a^b.com", false),
            ("http://a%41.com", false),
            ("://x", false),
        ] {
            assert_eq!(http_fault(uri).is_none(), good, "{uri:?}: {:?}", http_fault(uri));
        }
    }
}
