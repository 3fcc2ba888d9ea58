//! Addresses of the web, as Go's `net/url` takes them.

/// Why `uri` is no address by HTTP or HTTPS, if it is none.
pub(super) fn http_fault(uri: &str) -> Option<String> {
    if uri.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Some("it has a control character".into());
    }
    let (before, fragment) = uri.split_once('#').unwrap_or((uri, ""));
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
    let escaped = escapes_fault(user);
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.rsplit_once(']') {
            Some((name, port)) => (name, port),
            None => return Some("a [ is not closed".into()),
        },
        None => host.split_at(host.rfind(':').unwrap_or(host.len())),
    };
    let good_port = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    if !good_port || port.get(1..).is_some_and(|p| !p.is_empty() && p.parse::<i64>().is_err()) {
        return Some(format!("{port:?} is not a port"));
    }
    let in_host = |b: u8| b >= 0x80 || b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]<>\"%".contains(&b);
    if !name.bytes().all(in_host) {
        return Some(format!("{name:?} is not a host"));
    }
    escaped.or_else(|| {
        // An escape in a host name stands for a byte that is not ASCII; in an IPv6 address %25 begins the zone.
        let bad = !host.starts_with('[') && name.match_indices('%').any(|(i, _)| !matches!(name.as_bytes().get(i + 1), Some(b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F')));
        bad.then(|| format!("{name:?} is not a host")).or_else(|| escapes_fault(name))
    })
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
