//! What the fields and conditions of an `AuthorizationPolicy` are compared with.

use arcstr::ArcStr;

use super::faults::Faults;
use super::host;

const MOST_ACCOUNTS: usize = 16;
const LONGEST_ACCOUNT: usize = 320;

/// Refuses empty values.
pub(super) fn not_empty(list: &[ArcStr], f: Faults<'_>) {
    for (f, _) in f.each("", list).filter(|(_, value)| value.is_empty()) {
        f.push("the value is empty", "write a value, or leave the entry out");
    }
}

/// Refuses what is neither an IP address nor a CIDR block.
pub(super) fn addresses(list: &[ArcStr], f: Faults<'_>) {
    for (f, address) in f.each("", list) {
        host::subnet(address, f);
    }
}

/// Refuses what is no port; 0 is one here.
pub(super) fn ports(list: &[ArcStr], f: Faults<'_>) {
    for (f, port) in f.each("", list) {
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if !digits || port.parse::<u32>().is_ok_and(|p| p > 65535) || port.parse::<u32>().is_err() {
            f.push(format!("{port:?} is not a port number"), "write a number up to 65535, in quotes");
        }
    }
}

/// Refuses what is neither `name` nor `namespace/name`.
pub(super) fn service_accounts(list: &[ArcStr], f: Faults<'_>) {
    const HINT: &str = "write name (of this namespace) or namespace/name";
    if list.len() > MOST_ACCOUNTS {
        f.push(
            format!("there are {} service accounts", list.len()),
            format!("write {MOST_ACCOUNTS} at most"),
        );
    }
    for (f, account) in f.each("", list) {
        let empty_part = account.split('/').any(str::is_empty);
        if account.contains('*') {
            f.push(format!("{account:?} has a wildcard"), HINT);
        } else if empty_part || account.matches('/').count() > 1 {
            f.push(format!("{account:?} is not a service account"), HINT);
        } else if account.len() > LONGEST_ACCOUNT {
            f.push(format!("{account:?} has more than {LONGEST_ACCOUNT} characters"), HINT);
        }
    }
}

/// Refuses what is no trust domain, with a wildcard at one end or without.
pub(super) fn trust_domains(list: &[ArcStr], f: Faults<'_>) {
    wildcards(list, f);
    for (f, domain) in f.each("", list).filter(|(_, domain)| domain.contains('/')) {
        f.push(format!("{domain:?} is more than a trust domain"), "write the part before the first /");
    }
}

fn wildcards(list: &[ArcStr], f: Faults<'_>) {
    not_empty(list, f);
    for (f, value) in f.each("", list) {
        let stars = value.matches('*').count();
        if stars > 1 || (stars == 1 && !value.starts_with('*') && !value.ends_with('*')) {
            f.push(
                format!("{value:?} has a * in its middle, or two"),
                "write one * at one end: prefix* or *suffix",
            );
        }
    }
}

/// Refuses path templates that Envoy would not take: `{*}` stands for one segment, `{**}` for all that follow.
pub(super) fn paths(list: &[ArcStr], f: Faults<'_>) {
    const HINT: &str =
        "write {*} for one whole segment and {**}, last, for any number, such as /api/{*}/status/{**}";
    for (f, path) in f.each("", list) {
        let is_template = path.contains("{*}") || path.contains("{**}");
        let mut rest_taken = false;
        for segment in path.trim_matches('/').split('/') {
            let fault = match segment {
                "{*}" | "{**}" if rest_taken => format!("{path:?} goes on after {{**}}"),
                "{*}" | "{**}" => {
                    rest_taken = segment == "{**}";
                    continue;
                }
                _ if segment.contains(['{', '}']) => format!("{segment:?} in {path:?} is not a template"),
                _ if is_template && !is_path_literal(segment) => {
                    format!("{segment:?} in {path:?} has characters that a template cannot have")
                }
                _ => continue,
            };
            f.push(fault, HINT);
            break;
        }
    }
}

/// Whether the segment has path characters only (RFC 3986, `pchar`) but for `*`.
fn is_path_literal(segment: &str) -> bool {
    !segment.is_empty()
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&b))
}

/// An attribute that a condition can be about.
enum Attribute {
    /// Values are taken as they are.
    Text,
    Accounts,
    TrustDomains,
    Addresses,
    Ports,
    /// One entry of a map, named in brackets.
    Entry,
    /// It was once; what there is instead.
    Retired(&'static str),
    Unknown,
}

fn attribute_of(key: &str) -> Attribute {
    match key {
        _ if key.starts_with("request.headers") => Attribute::Entry,
        "source.ip" | "remote.ip" | "destination.ip" => Attribute::Addresses,
        "source.namespace"
        | "source.principal"
        | "connection.sni"
        | "request.auth.principal"
        | "request.auth.audiences"
        | "request.auth.presenter" => Attribute::Text,
        "source.serviceAccount" => Attribute::Accounts,
        "source.trustDomain" => Attribute::TrustDomains,
        "destination.port" => Attribute::Ports,
        _ if key.starts_with("request.auth.claims") => Attribute::Entry,
        _ if key.starts_with("experimental.envoy.filters.") => Attribute::Entry,
        "destination.namespace" => Attribute::Retired("a policy is for the workloads of its own namespace"),
        "destination.name" | "destination.user" => Attribute::Retired("name the workloads in selector"),
        _ if key.starts_with("destination.labels") => {
            Attribute::Retired("name the workloads' labels in selector")
        }
        _ => Attribute::Unknown,
    }
}

/// Refuses a key that is no attribute, or that lacks the entry of a map.
pub(super) fn attribute(key: &str, f: Faults<'_>) {
    match attribute_of(key) {
        Attribute::Entry => {
            let entry = key.strip_suffix(']').and_then(|k| k.split_once('['));
            if entry.is_none_or(|(map, entry)| map.is_empty() || entry.is_empty()) {
                f.push(
                    format!("{key} does not say which entry"),
                    "name it in brackets, such as request.headers[x-user]",
                );
            }
        }
        Attribute::Retired(instead) => f.push(format!("{key} is no longer supported"), instead),
        Attribute::Unknown => {
            let hint = "write one such as request.headers[x-user], source.ip, remote.ip, source.namespace, \
                        source.principal, request.auth.claims[iss], destination.ip, destination.port or connection.sni";
            f.push(format!("{key} is not an attribute"), hint);
        }
        _ => {}
    }
}

/// Refuses what the attribute `key` cannot be compared with.
pub(super) fn of_attribute(key: &str, list: &[ArcStr], f: Faults<'_>) {
    match attribute_of(key) {
        Attribute::Accounts => service_accounts(list, f),
        Attribute::TrustDomains => wildcards(list, f),
        Attribute::Addresses => addresses(list, f),
        Attribute::Ports => ports(list, f),
        _ => not_empty(list, f),
    }
}
