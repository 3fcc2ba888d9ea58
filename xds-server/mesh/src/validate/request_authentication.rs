//! `RequestAuthentication` (istiod: `ValidateRequestAuthentication`).

use super::faults::Faults;
use super::{duration, jwks, policy_target, uri};
use crate::object::istio::{JwtRule, RequestAuthentication};

/// Refuses what is wrong with a policy.
pub(super) fn check(policy: &RequestAuthentication, f: Faults<'_>) {
    policy_target::check(policy.selector.as_ref(), policy.target_ref.as_ref(), &policy.target_refs, f);
    for (f, rule) in f.each("jwtRules", &policy.jwt_rules) {
        jwt_rule(rule, f);
    }
}

fn jwt_rule(rule: &JwtRule, f: Faults<'_>) {
    if rule.issuer.is_empty() && rule.jwks_uri.is_empty() {
        f.push(
            "neither issuer nor jwksUri is given",
            "write the issuer of the tokens, as their claim iss has it",
        );
    }
    if let Some(fault) =
        Some(&rule.jwks_uri).filter(|uri| !uri.is_empty()).and_then(|uri| uri::http_fault(uri))
    {
        let what = format!("{:?} is not an HTTP address: {fault}", rule.jwks_uri);
        f.at("jwksUri")
            .push(what, "write where the keys are found, such as https://example.com/.well-known/jwks.json");
    }
    if let Err(fault) = jwks::check(&rule.jwks) {
        let hint = "write a JSON Web Key Set (RFC 7517) such as {\"keys\": [{\"kty\": \"RSA\", \"e\": ..., \"n\": ...}]}";
        f.at("jwks").push(format!("the keys are not a JWK set: {fault}"), hint);
    }
    for (field, list, what) in [
        ("audiences", &rule.audiences, "audience"),
        ("fromParams", &rule.from_params, "parameter's name"),
        ("fromCookies", &rule.from_cookies, "cookie's name"),
    ] {
        for (f, _) in f.each(field, list).filter(|(_, value)| value.is_empty()) {
            f.push(format!("the {what} is empty"), "write it, or leave the entry out");
        }
    }
    for (f, _) in f.each("fromHeaders", &rule.from_headers).filter(|(_, header)| header.name.is_empty()) {
        f.at("name").missing("the header's name", "name the header that has the token, such as x-jwt");
    }
    for (f, claim) in f.each("outputClaimToHeaders", &rule.output_claim_to_headers) {
        if claim.header.is_empty() || claim.claim.is_empty() {
            f.push("both header and claim are needed", "write header: x-jwt-group and claim: group, say");
        } else if !claim.header.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            let what = format!("{:?} is not a header's name", claim.header);
            f.at("header").push(what, "write letters, digits, - and _");
        }
    }
    duration::optional(rule.timeout, f.at("timeout"));
}
