//! A rule as a policy of Envoy's (istiod: `pilot/pkg/security/authz/model/model.go`).

use arcstr::ArcStr;
use xdslab_mesh::object::istio::{
    AuthorizationCondition, AuthorizationOperation, AuthorizationRule, AuthorizationSource,
};
use xdslab_proto::rbac::{Permission, Policy, Principal};

use super::condition::{Asked, Attribute, Context};
use super::logic::Term;

/// For which kind of chain a rule is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// HTTP: everything counts.
    Http,
    /// Anything else, where a rule that needs HTTP is left out as a whole: for rules that allow.
    TcpStrict,
    /// Anything else, where only what needs HTTP is left out: for rules that deny.
    TcpLax,
}

/// One field: its attribute, its values, and those that must not be.
type Field<'a> = (Attribute<'a>, &'a [ArcStr], &'a [ArcStr]);

/// The policy of a rule; none where the chain cannot tell whether it holds.
pub(super) fn policy(context: &Context<'_>, rule: &AuthorizationRule, speech: Speech) -> Option<Policy> {
    let sources = rule.from.iter().flatten().filter_map(|from| from.source.as_ref());
    let operations = rule.to.iter().flatten().filter_map(|to| to.operation.as_ref());
    let when: Vec<Field<'_>> = rule.when.iter().filter_map(condition).collect();
    let froms: Vec<Vec<Field<'_>>> = sources.map(source).collect();
    let tos: Vec<Vec<Field<'_>>> = operations.map(operation).collect();
    let needs_http = |fields: &[Field<'_>]| {
        fields.iter().any(|(attribute, values, not)| {
            attribute.is_http_only() && !(values.is_empty() && not.is_empty())
        })
    };
    if speech == Speech::TcpStrict && froms.iter().chain(&tos).chain([&when]).any(|f| needs_http(f)) {
        return None;
    }
    let terms = |fields: Vec<Vec<Field<'_>>>| -> Vec<Vec<Asked>> {
        let fields = if fields.is_empty() { vec![Vec::new()] } else { fields };
        let all =
            fields.into_iter().map(|own| own.into_iter().chain(when.iter().copied()).collect::<Vec<_>>());
        all.map(|fields| asked(context, &fields, speech)).collect()
    };
    let permissions = terms(tos).into_iter().map(|terms| {
        let own = terms.into_iter().filter_map(|t| match t {
            Asked::Permission(permission) => Some(permission),
            Asked::Principal(_) => None,
        });
        all_of(own.collect())
    });
    let principals = terms(froms).into_iter().map(|terms| {
        let own = terms.into_iter().filter_map(|t| match t {
            Asked::Principal(principal) => Some(principal),
            Asked::Permission(_) => None,
        });
        all_of(own.collect())
    });
    Some(Policy {
        permissions: permissions.collect(),
        principals: principals.collect(),
        ..Default::default()
    })
}

/// The policy that never holds: of an object without rules.
pub(super) fn never() -> Policy {
    Policy {
        permissions: vec![Permission::any().not()],
        principals: vec![Principal::any().not()],
        ..Default::default()
    }
}

fn all_of<T: Term>(terms: Vec<T>) -> T {
    T::all_of(if terms.is_empty() { vec![T::any()] } else { terms })
}

/// The terms of fields, for each first what must be, then what must not.
fn asked(context: &Context<'_>, fields: &[Field<'_>], speech: Speech) -> Vec<Asked> {
    let mut all = Vec::new();
    for (attribute, values, not) in fields {
        if speech != Speech::Http && attribute.is_http_only() {
            continue;
        }
        all.extend(attribute.asked(context, values));
        all.extend(attribute.asked(context, not).map(|asked| match asked {
            Asked::Permission(permission) => Asked::Permission(permission.not()),
            Asked::Principal(principal) => Asked::Principal(principal.not()),
        }));
    }
    all
}

fn condition(when: &AuthorizationCondition) -> Option<Field<'_>> {
    Some((Attribute::of_key(&when.key)?, &when.values, &when.not_values))
}

fn operation(of: &AuthorizationOperation) -> Vec<Field<'_>> {
    vec![
        (Attribute::Hosts, &of.hosts, &of.not_hosts),
        (Attribute::Methods, &of.methods, &of.not_methods),
        (Attribute::Paths, &of.paths, &of.not_paths),
        (Attribute::Ports, &of.ports, &of.not_ports),
    ]
}

fn source(of: &AuthorizationSource) -> Vec<Field<'_>> {
    vec![
        (Attribute::Principal, &of.principals, &of.not_principals),
        (Attribute::RequestPrincipal, &of.request_principals, &of.not_request_principals),
        (Attribute::ServiceAccount, &of.service_accounts, &of.not_service_accounts),
        (Attribute::TrustDomain, &of.trust_domains, &of.not_trust_domains),
        (Attribute::Namespace, &of.namespaces, &of.not_namespaces),
        (Attribute::RemoteIp, &of.remote_ip_blocks, &of.not_remote_ip_blocks),
        (Attribute::SourceIp, &of.ip_blocks, &of.not_ip_blocks),
    ]
}
