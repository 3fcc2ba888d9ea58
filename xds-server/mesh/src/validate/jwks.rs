//! Sets of public keys (RFC 7517, RFC 7518).

use serde_json::{Map, Value};

use super::base64;

/// Reads a set of keys, or one key alone; empty text stands for none.
///
/// # Errors
/// What is no key.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let set: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    let Value::Object(fields) = &set else { return Err("not a JSON object".into()) };
    match fields.get("keys") {
        None => key(&set),
        Some(Value::Null) => Ok(()),
        Some(Value::Array(keys)) => {
            keys.iter().enumerate().try_for_each(|(i, k)| key(k).map_err(|e| format!("key {i}: {e}")))
        }
        Some(_) => Err("its \"keys\" are not a list".into()),
    }
}

fn key(key: &Value) -> Result<(), String> {
    let Value::Object(fields) = key else { return Err("not a JSON object".into()) };
    let kind = fields.get("kty").and_then(Value::as_str).unwrap_or_default();
    let private = fields.contains_key("d");
    let numbers: &[&str] = match (kind, private) {
        ("RSA", false) => &["e", "n"],
        ("RSA", true) => &["d", "e", "n"],
        ("EC", false) => &["x", "y"],
        ("EC", true) => &["d", "x", "y"],
        ("oct", _) => &["k"],
        ("OKP", false) => &["x"],
        ("OKP", true) => &["d", "x"],
        _ => return Err(format!("its kty {kind:?} is none of RSA, EC, OKP and oct")),
    };
    let curve: &[&str] = if matches!(kind, "EC" | "OKP") { &["crv"] } else { &[] };
    if let Some(name) = curve.iter().chain(numbers).find(|name| !fields.contains_key(**name)) {
        return Err(format!("its {name} is missing"));
    }
    let more: &[&str] = if kind == "RSA" && private { &["dp", "dq", "p", "q", "qi"] } else { &[] };
    for name in numbers.iter().chain(more) {
        if text(fields, name)?.is_some_and(|number| base64::any(number).is_none()) {
            return Err(format!("its {name} is not in base64url"));
        }
    }
    for name in curve.iter().chain(&["alg", "kid", "use", "x5t", "x5t#S256"]) {
        text(fields, name)?;
    }
    texts(fields, "key_ops")?;
    for certificate in texts(fields, "x5c")? {
        let bytes = base64::any(certificate).ok_or("a certificate in its x5c is not in base64")?;
        if !is_der(&bytes) {
            return Err("a certificate in its x5c is none".into());
        }
    }
    Ok(())
}

/// The text of a field, if it is there; null is as good as none.
fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<Option<&'f str>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its {name} is not text")),
    }
}

/// The texts of a field, if it is there.
fn texts<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<Vec<&'f str>, String> {
    let not = || format!("its {name} is not a list of texts");
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| if item.is_null() { Some("") } else { item.as_str() }.ok_or_else(not))
            .collect(),
        Some(_) => Err(not()),
    }
}

/// Whether the bytes have the frame of an ASN.1 sequence, as a certificate has.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, length @ 0..=0x7f, rest @ ..] | [0x30, 0x81, length, rest @ ..] => {
            rest.len() == usize::from(*length)
        }
        [0x30, 0x82, high, low, rest @ ..] => rest.len() == usize::from(u16::from_be_bytes([*high, *low])),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        for (text, good) in [
            ("", true),
            (r#"{"keys": []}"#, true),
            (r#"{"keys": [], "other": 1}"#, true),
            (r#"{"keys": [{"kty": "RSA", "e": "AQAB", "n": "xAE7eB6q", "kid": "a", "alg": "RS256"}]}"#, true),
            (r#"{"kty": "RSA", "e": "AQAB", "n": "xAE7eB6q"}"#, true),
            (r#"{"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}"#, true),
            (r#"{"kty": "oct", "k": "AQAB"}"#, true),
            (r#"{"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}"#, true),
            ("nonsense", false),
            ("{}", false),
            ("[]", false),
            ("null", false),
            ("\"keys\"", false),
            (r#"{"keys": {}}"#, false),
            (r#"{"keys": [{}]}"#, false),
            (r#"{"keys": [null]}"#, false),
            (r#"{"keys": [{"kty": "XYZ"}]}"#, false),
            (r#"{"keys": [{"kty": "RSA", "e": "AQAB"}]}"#, false),
            (r#"{"keys": [{"kty": "RSA", "e": "AQAB", "n": "???"}]}"#, false),
            (r#"{"keys": [{"kty": "RSA", "e": "AQAB", "n": 1}]}"#, false),
            (r#"{"keys": [{"kty": "RSA", "e": "AQAB", "n": "xAE7eB6q", "kid": 1}]}"#, false),
            (r#"{"kty": "EC", "x": "AQAB", "y": "AQAB"}"#, false),
            (r#"{"kty": "EC", "crv": 1, "x": "AQAB", "y": "AQAB"}"#, false),
            (
                r#"{"kty": "EC", "crv": "P-1", "x": null, "y": "", "key_ops": ["any"], "x5c": [], "x5u": 1}"#,
                true,
            ),
            (r#"{"kty": "oct", "k": "AQAB", "key_ops": "sign"}"#, false),
            (r#"{"kty": "oct", "k": "AQAB", "x5c": ["AQAB"]}"#, false),
            (r#"{"kty": "RSA", "e": "AQAB", "n": "AQAB", "d": "AQAB", "p": 1}"#, false),
            (r#"{"keys": []"#, false),
        ] {
            assert_eq!(check(text).is_ok(), good, "{text}: {:?}", check(text));
        }
    }
}
