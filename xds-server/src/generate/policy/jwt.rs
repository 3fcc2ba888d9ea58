//! `RequestAuthentications` as a filter (istiod: `pilot/pkg/security/authn/policy_applier.go`,
//! `convertToEnvoyJwtConfig`).

use std::collections::{BTreeMap, BTreeSet};

use xdslab_mesh::ProxyKind;
use xdslab_mesh::object::istio::{JwtRule, RequestAuthentication};
use xdslab_proto::core::{DataSource, data_source};
use xdslab_proto::filter::http::jwt_authn::jwt_provider::{JwksSourceSpecifier, NormalizePayload};
use xdslab_proto::filter::http::jwt_authn::jwt_requirement::RequiresType;
use xdslab_proto::filter::http::jwt_authn::requirement_rule::RequirementType;
use xdslab_proto::filter::http::jwt_authn::{
    JwtAuthentication as Original, JwtClaimToHeader, JwtHeader, JwtProvider, JwtRequirement,
    JwtRequirementAndList, JwtRequirementOrList, RequirementRule,
};
use xdslab_proto::filter::network::http_connection_manager::HttpFilter;
use xdslab_proto::ordered::JwtAuthentication;
use xdslab_proto::protobuf::{Any, Empty};
use xdslab_proto::route::{RouteMatch, route_match::PathSpecifier};
use xdslab_proto::{Message, Name};

use super::{Target, for_workload};
use crate::generate::filter::http_filter;
use crate::generate::view::View;

/// Claims whose values are separated by blanks, whatever the rules say.
const SPACED: [&str; 2] = ["permission", "scope"];

/// What istiod sends where it cannot fetch a server's keys, and here none is fetched: a key whose other half nobody has,
/// so that every token fails.
const NO_KEY: &str = concat!(
    "{\n  \"keys\": [\n    {\n      \"kty\": \"RSA\",\n      \"e\": \"AQAB\",\n      \"n\": \"",
    "0xObjM0UvS_oaazjpEYlAbwctEJ4L8pH3OuTb7qth7gUwqet-EzQB4dgFdvSdMgrLnSncQGRjpEYz3F3viIb",
    "H-3EN3TxSlPNviHxeOdyiBVfumN8dMxbLvVJUpfNOnvmMxJcl-8NNjAwcOjk4otSALaYgYYyOPyvKtgVdrQr",
    "-FoubWX4yrjxW-MJ2-7OBeepUUNOsVwGV23YX03sVkkyvY3otRflkBcY3_HKpBxJl9wk2GyOShN4_PNUF9-v",
    "wfnvOXMbCDX-w4PTef4geeb_GiT40YCKHTKMSPVanGRn5GExIWmki-mmqh94-mPTJyBR74ShspL3BxPZitDL",
    "574T1w",
    "\"\n    }\n  ]\n}",
);

/// The filter that checks tokens; none where no object is for the workload.
pub(super) fn filter(view: &View) -> Option<HttpFilter> {
    let mut all = for_workload(view, view.snapshot.request_authentications(), target);
    // Those of the proxy's namespace go before those of the root's.
    all.sort_by_key(|config| config.meta.namespace != view.proxy.config_namespace);
    let mut rules: Vec<&JwtRule> = all.iter().flat_map(|config| &config.spec.jwt_rules).collect();
    if rules.is_empty() {
        return None;
    }
    rules.sort_by(|a, b| a.issuer.cmp(&b.issuer));
    let is_gateway = view.proxy.kind == ProxyKind::Router;
    let names: Vec<String> = (0..rules.len()).map(|at| format!("origins-{at}")).collect();
    let providers: BTreeMap<_, _> =
        names.iter().cloned().zip(rules.iter().map(|rule| provider(rule, is_gateway))).collect();
    let everything =
        RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() };
    let config = JwtAuthentication {
        providers,
        rules: vec![RequirementRule {
            r#match: Some(everything),
            requirement_type: Some(RequirementType::Requires(requirement(&names))),
        }],
        bypass_cors_preflight: true,
    };
    let config = Any { type_url: Original::type_url(), value: config.encode_to_vec() };
    Some(http_filter("envoy.filters.http.jwt_authn", config))
}

fn target(spec: &RequestAuthentication) -> Target<'_> {
    Target { selector: spec.selector.as_ref(), one: spec.target_ref.as_ref(), several: &spec.target_refs }
}

fn provider(rule: &JwtRule, is_gateway: bool) -> JwtProvider {
    let texts = |list: &[arcstr::ArcStr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let spaced: BTreeSet<&str> =
        SPACED.into_iter().chain(rule.space_delimited_claims.iter().map(arcstr::ArcStr::as_str)).collect();
    let keys = if rule.jwks.is_empty() { NO_KEY } else { rule.jwks.as_str() };
    let keys = DataSource {
        specifier: Some(data_source::Specifier::InlineString(keys.to_owned())),
        ..Default::default()
    };
    JwtProvider {
        issuer: rule.issuer.to_string(),
        audiences: texts(&rule.audiences),
        forward: rule.forward_original_token,
        from_headers: rule
            .from_headers
            .iter()
            .map(|h| JwtHeader { name: h.name.to_string(), value_prefix: h.prefix.to_string() })
            .collect(),
        from_params: texts(&rule.from_params),
        from_cookies: texts(&rule.from_cookies),
        forward_payload_header: rule.output_payload_to_header.to_string(),
        payload_in_metadata: "payload".to_owned(),
        normalize_payload_in_metadata: Some(NormalizePayload {
            space_delimited_claims: spaced.into_iter().map(str::to_owned).collect(),
        }),
        claim_to_headers: rule
            .output_claim_to_headers
            .iter()
            .map(|c| JwtClaimToHeader {
                header_name: c.header.to_string(),
                claim_name: c.claim.to_string(),
                ..Default::default()
            })
            .collect(),
        clear_route_cache: is_gateway,
        jwks_source_specifier: Some(JwksSourceSpecifier::LocalJwks(keys)),
        ..Default::default()
    }
}

/// A good token of one of the issuers, or no token at all; never a bad one.
fn requirement(names: &[String]) -> JwtRequirement {
    let by = |name: &String| of(RequiresType::ProviderName(name.clone()));
    let any = |requirements| of(RequiresType::RequiresAny(JwtRequirementOrList { requirements }));
    let optional = |name: &String| any(vec![by(name), of(RequiresType::AllowMissing(Empty::default()))]);
    if let [only] = names {
        return optional(only);
    }
    let all = JwtRequirementAndList { requirements: names.iter().map(optional).collect() };
    any(names.iter().map(by).chain([of(RequiresType::RequiresAll(all))]).collect())
}

fn of(requires: RequiresType) -> JwtRequirement {
    JwtRequirement { requires_type: Some(requires) }
}
