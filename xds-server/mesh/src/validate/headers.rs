//! Header names and values, and what routes do to headers.

use super::faults::Faults;
use crate::object::istio::{HeaderOperations, Headers, HttpRewrite};

const CLAIMS: &str = "@request.auth.claims";
const PSEUDO: [&str; 5] = [":method", ":scheme", ":authority", ":path", ":status"];
const NAME_HINT: &str = "write a header's name, such as x-user";

/// Whether `name` may name a header: a token of RFC 7230. istiod lets a comma pass, too.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+,-.^_`|~".contains(&b))
}

/// Whether a match of this name is on a claim of the request's JWT, which only gateways can route by.
pub(super) fn is_claim(name: &str) -> bool {
    let named = name.get(..CLAIMS.len()).is_some_and(|start| start.eq_ignore_ascii_case(CLAIMS));
    let Some(claim) = name.get(CLAIMS.len()..).filter(|_| named) else { return false };
    let dotted = claim.starts_with('.') && claim.len() > 1;
    dotted || (claim.starts_with('[') && claim.ends_with(']') && claim.len() > 2)
}

/// Refuses what no header that is matched on is named.
pub(super) fn matched_name(name: &str, f: Faults<'_>) {
    if name.is_empty() {
        f.missing("the header's name", NAME_HINT);
    } else if !is_claim(name) && !PSEUDO.contains(&name) && !is_token(name) {
        f.push(format!("{name:?} is not a header's name"), NAME_HINT);
    }
}

/// Refuses what no header of a CORS policy is named.
pub(super) fn cors_name(name: &str, f: Faults<'_>) {
    if name != "*" && !is_token(name) {
        f.push(format!("{name:?} is not a header's name"), "write a header's name, such as x-user, or *");
    }
}

/// Refuses what is wrong with the changes that a route or a destination makes.
pub(super) fn check(headers: &Headers, f: Faults<'_>) {
    if let Some(request) = &headers.request {
        operations(request, true, f.at("request"));
    }
    if let Some(response) = &headers.response {
        operations(response, false, f.at("response"));
    }
}

fn operations(operations: &HeaderOperations, request: bool, f: Faults<'_>) {
    for (verb, headers) in [("set", &operations.set), ("add", &operations.add)] {
        let f = f.at(verb);
        for (name, value) in headers {
            let f = f.key(name);
            changed_name(name, request, f);
            if let Some(fault) = value_fault(value) {
                let hint = "write plain text, %% for a percent sign, or a variable such as %HOSTNAME%";
                f.push(format!("{value:?} is not a header's value: {fault}"), hint);
            }
        }
    }
    for (f, name) in f.each("remove", &operations.remove) {
        changed_name(name, false, f);
    }
}

fn changed_name(name: &str, authority_allowed: bool, f: Faults<'_>) {
    if name.is_empty() {
        f.missing("the header's name", NAME_HINT);
    } else if is_internal(name) && !(authority_allowed && is_authority(name)) {
        let hint = "leave it out; a request's :authority can be set, or rewritten by rewrite.authority";
        f.push(format!("the header {name:?} cannot be changed here"), hint);
    }
}

fn is_internal(name: &str) -> bool {
    name.starts_with(':') || name.eq_ignore_ascii_case("host")
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}

/// Refuses a route that changes a request's authority in more than one way.
pub(super) fn one_authority(rewrite: Option<&HttpRewrite>, headers: Option<&Headers>, f: Faults<'_>) {
    let Some(request) = headers.and_then(|h| h.request.as_ref()) else { return };
    let mut current = rewrite.map_or("", |r| r.authority.as_str());
    let (set, add) = (request.set.iter(), request.add.iter());
    let all = set.map(|header| ("set", header)).chain(add.map(|header| ("add", header)));
    for (verb, (name, value)) in all.filter(|(_, (name, _))| is_authority(name)) {
        if !current.is_empty() {
            let f = f.at("headers");
            let f = f.at("request");
            let f = f.at(verb);
            let what = format!("the authority is {current:?} already, and {value:?} by this header");
            return f.key(name).push(what, "leave one of rewrite.authority, :authority and host");
        }
        current = value;
    }
}

/// Why Envoy would refuse a value: control characters, or a `%` that is neither doubled nor around a variable
/// (Envoy: `source/common/router/header_parser.cc`).
fn value_fault(value: &str) -> Option<&'static str> {
    enum In {
        Text,
        Variable,
        Arguments,
        List,
        Quotes,
        AfterItem,
        AfterList,
        AfterArguments,
    }
    if value.chars().any(|c| matches!(c, '\0'..='\u{8}' | '\u{a}'..='\u{1f}' | '\u{7f}')) {
        return Some("it has a control character");
    }
    let mut state = In::Text;
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        state = match (state, byte) {
            (In::Text, b'%') => match bytes.clone().next() {
                None => return Some("it ends with a single %"),
                Some(b'%') => {
                    bytes.next();
                    In::Text
                }
                Some(_) => In::Variable,
            },
            (In::Variable | In::AfterArguments, b'%') => In::Text,
            (In::Variable, b'(') => In::Arguments,
            (In::Arguments, b'[') | (In::AfterItem, b',') => In::List,
            (In::Arguments, b) if b != b' ' => In::Quotes,
            (In::List, b'"') => In::Quotes,
            (In::Quotes, b'\\') => match bytes.next() {
                None => return Some("it ends with a \\"),
                Some(_) => In::Quotes,
            },
            (In::Quotes | In::AfterList, b')') => In::AfterArguments,
            (In::Quotes, b'"') => In::AfterItem,
            (In::AfterItem, b']') => In::AfterList,
            (state @ (In::Text | In::Variable | In::Quotes), _) | (state, b' ') => state,
            (In::List, _) => return Some("a list of arguments has something that is not in quotes"),
            (In::AfterItem, _) => return Some("items of a list of arguments are not parted by commas"),
            (In::AfterList, _) => return Some("the arguments of a variable are not closed by a )"),
            (In::Arguments | In::AfterArguments, _) => return Some("a variable is not closed by a %"),
        };
    }
    if matches!(state, In::Text) { None } else { Some("a variable is not closed by a %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (value, good) in [
            ("", true),
            ("plain text, (with) [things] \"in\" it", true),
            ("100%%", true),
            ("%HOSTNAME%", true),
            ("a %HOSTNAME% b", true),
            ("%START_TIME(%Y)%", true),
            ("%UPSTREAM_METADATA([\"a\", \"b\"])%", true),
            ("%UPSTREAM_METADATA( [ \"a\" ] ) %", true),
            ("tab\there", true),
            ("ä", true),
            ("abc%123", false),
            ("100%", false),
            ("%HOSTNAME%%", false),
            ("%A([\"a\" \"b\"])%", false),
            ("%A([a])%", false),
            ("%A([\"a\"]x)%", false),
            ("%A(b)c%", false),
            ("%A(b\\", false),
            ("line\nbreak", false),
            ("\u{7f}", false),
        ] {
            assert_eq!(value_fault(value).is_none(), good, "{value:?}: {:?}", value_fault(value));
        }
    }

    #[test]
    fn names() {
        for (name, matched, cors, set, response) in [
            ("x-user", true, true, true, true),
            ("", false, false, false, false),
            ("a b", false, false, true, true),
            (":authority", true, false, true, false),
            (":path", true, false, false, false),
            (":other", false, false, false, false),
            ("Host", true, true, true, false),
            ("*", true, true, true, true),
            ("@request.auth.claims.sub", true, false, true, true),
            ("@request.auth.claims[sub]", true, false, true, true),
            ("@request.auth.claims.", false, false, true, true),
        ] {
            let bad = |check: &dyn Fn(Faults<'_>)| Faults::collect(check).is_empty();
            assert_eq!(bad(&|f| matched_name(name, f)), matched, "matched {name:?}");
            assert_eq!(bad(&|f| cors_name(name, f)), cors, "CORS {name:?}");
            assert_eq!(bad(&|f| changed_name(name, true, f)), set, "set {name:?}");
            assert_eq!(bad(&|f| changed_name(name, false, f)), response, "response {name:?}");
        }
    }
}
