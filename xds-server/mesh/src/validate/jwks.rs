//! Sets of public keys (RFC 7517, RFC 7518).

use serde_json::{Map, Value};

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
    if matches!(kind, "EC" | "OKP") {
        curve(fields)?;
    }
    for name in numbers.iter().filter(|name| !fields.contains_key(**name)) {
        return Err(format!("its {name} is missing"));
    }
    for name in OPTIONAL_NUMBERS.iter().filter(|(k, _)| *k == kind).flat_map(|(_, names)| *names).chain(numbers) {
        if let Some(number) = fields.get(*name) {
            base64(number).ok_or_else(|| format!("its {name} is not in base64url"))?;
        }
    }
    for name in ["alg", "kid", "use", "x5t", "x5t#S256", "x5u"] {
        if fields.get(name).is_some_and(|v| !v.is_string()) {
            return Err(format!("its {name} is not text"));
        }
    }
    operations(fields)
}

/// Numbers of a private RSA key that may lack.
const OPTIONAL_NUMBERS: [(&str, &[&str]); 1] = [("RSA", &["dp", "dq", "p", "q", "qi"])];

fn curve(fields: &Map<String, Value>) -> Result<(), String> {
    const CURVES: [&str; 7] = ["P-256", "P-384", "P-521", "Ed25519", "Ed448", "X25519", "X448"];
    match fields.get("crv") {
        None => Err("its crv is missing".into()),
        Some(Value::String(crv)) if CURVES.contains(&crv.as_str()) => Ok(()),
        Some(crv) => Err(format!("its crv {crv} is none of {}", CURVES.join(", "))),
    }
}

fn operations(fields: &Map<String, Value>) -> Result<(), String> {
    const OPERATIONS: [&str; 8] =
        ["sign", "verify", "encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];
    let Some(operations) = fields.get("key_ops") else { return Ok(()) };
    let known = |op: &Value| op.as_str().is_some_and(|op| OPERATIONS.contains(&op));
    if operations.as_array().is_some_and(|ops| ops.iter().all(known)) {
        Ok(())
    } else {
        Err(format!("its key_ops are not a list of {}", OPERATIONS.join(", ")))
    }
}

/// Whether the value is text in base64: of either alphabet, padded or not.
fn base64(value: &Value) -> Option<()> {
    let text = value.as_str()?;
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let url = !text.contains(['+', '/']);
    let plain = digits.bytes().all(|b| {
        b.is_ascii_alphanumeric() || if url { matches!(b, b'-' | b'_') } else { matches!(b, b'+' | b'/') }
    });
    let padded = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
    (plain && padded && digits.len() % 4 != 1).then_some(())
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
            (r#"{"kty": "EC", "crv": "P-1", "x": "AQAB", "y": "AQAB"}"#, false),
            (r#"{"keys": []"#, false),
        ] {
            assert_eq!(check(text).is_ok(), good, "{text}: {:?}", check(text));
        }
    }
}
