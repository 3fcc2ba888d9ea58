//! `AuthorizationPolicy` (istiod: `ValidateAuthorizationPolicy`, `pkg/config/security/security.go`).

use arcstr::ArcStr;

use super::authorization_values as values;
use super::faults::Faults;
use super::policy_target;
use crate::object::istio::{
    AuthorizationAction, AuthorizationCondition, AuthorizationOperation, AuthorizationPolicy,
    AuthorizationSource,
};

/// Refuses what is wrong with a policy.
pub(super) fn check(policy: &AuthorizationPolicy, f: Faults<'_>) {
    let AuthorizationPolicy { action, rules, provider, .. } = policy;
    policy_target::check(policy.selector.as_ref(), policy.target_ref.as_ref(), &policy.target_refs, f);
    let custom = *action == AuthorizationAction::Custom;
    if rules.is_empty() && (custom || *action == AuthorizationAction::Deny) {
        let what = format!("without rules, {} never does anything", action.word());
        f.at("rules").push(what, "write at least one; rules: [{}] is for every request");
    } else if custom && provider.as_ref().is_none_or(|p| p.name.is_empty()) {
        let hint = "name one of the mesh configuration's extensionProviders: provider: {name: my-authorizer}";
        f.at("provider").missing("the provider's name", hint);
    }
    if provider.is_some() && !custom {
        let what = format!("{} asks no provider", action.word());
        f.at("provider").push(what, "leave out provider, or write action: CUSTOM");
    }
    for (f, rule) in f.each("rules", rules) {
        // An empty list of sources or operations is as good as none to protobuf.
        for (f, from) in f.each("from", rule.from.as_deref().unwrap_or_default()) {
            match &from.source {
                Some(given) => source(given, custom, f.at("source")),
                None => f.at("source").missing("the source", "say where from: source: {namespaces: [front]}"),
            }
        }
        for (f, to) in f.each("to", rule.to.as_deref().unwrap_or_default()) {
            match &to.operation {
                Some(given) => operation(given, f.at("operation")),
                None => f.at("operation").missing("the operation", "say what: operation: {methods: [GET]}"),
            }
        }
        for (f, when) in f.each("when", &rule.when) {
            condition(when, custom, f);
        }
    }
}

/// What looks at the values of a field.
type Check<'c> = &'c dyn Fn(&[ArcStr], Faults<'_>);

fn source(source: &AuthorizationSource, custom: bool, f: Faults<'_>) {
    let names = |list: &[ArcStr], f: Faults<'_>| values::not_empty(list, f);
    let fields: [(&str, &[ArcStr], Check<'_>, bool); 14] = [
        ("principals", &source.principals, &names, true),
        ("notPrincipals", &source.not_principals, &names, true),
        ("requestPrincipals", &source.request_principals, &names, true),
        ("notRequestPrincipals", &source.not_request_principals, &names, true),
        ("namespaces", &source.namespaces, &names, true),
        ("notNamespaces", &source.not_namespaces, &names, true),
        ("serviceAccounts", &source.service_accounts, &values::service_accounts, true),
        ("notServiceAccounts", &source.not_service_accounts, &values::service_accounts, true),
        ("trustDomains", &source.trust_domains, &values::trust_domains, true),
        ("notTrustDomains", &source.not_trust_domains, &values::trust_domains, true),
        ("ipBlocks", &source.ip_blocks, &values::addresses, false),
        ("notIpBlocks", &source.not_ip_blocks, &values::addresses, false),
        ("remoteIpBlocks", &source.remote_ip_blocks, &values::addresses, false),
        ("notRemoteIpBlocks", &source.not_remote_ip_blocks, &values::addresses, false),
    ];
    for (name, list, check, identity) in fields {
        check(list, f.at(name));
        if custom && identity && !list.is_empty() {
            let hint = format!("leave out {name}; CUSTOM knows no peers or tokens");
            f.at(name).push(format!("{name} is not supported with action CUSTOM"), hint);
        }
    }
    if fields.iter().all(|(_, list, ..)| list.is_empty()) {
        f.push(
            "the source is empty",
            "give at least one of its fields, such as namespaces, or leave out from",
        );
    }
    let [principals, not_principals, _, _, namespaces, not_namespaces, accounts, not_accounts, ..] =
        fields.map(|(_, list, ..)| !list.is_empty());
    if (accounts || not_accounts) && (principals || not_principals || namespaces || not_namespaces) {
        let what = "serviceAccounts stands beside principals or namespaces";
        f.push(what, "leave one of them out; a service account is written namespace/name");
    }
}

fn operation(operation: &AuthorizationOperation, f: Faults<'_>) {
    let fields = [
        ("hosts", &operation.hosts),
        ("notHosts", &operation.not_hosts),
        ("ports", &operation.ports),
        ("notPorts", &operation.not_ports),
        ("methods", &operation.methods),
        ("notMethods", &operation.not_methods),
        ("paths", &operation.paths),
        ("notPaths", &operation.not_paths),
    ];
    for (name, list) in fields {
        match name {
            "ports" | "notPorts" => values::ports(list, f.at(name)),
            "paths" | "notPaths" => {
                values::not_empty(list, f.at(name));
                values::paths(list, f.at(name));
            }
            _ => values::not_empty(list, f.at(name)),
        }
    }
    if fields.iter().all(|(_, list)| list.is_empty()) {
        f.push("the operation is empty", "give at least one of its fields, such as methods, or leave out to");
    }
}

fn condition(condition: &AuthorizationCondition, custom: bool, f: Faults<'_>) {
    let key = condition.key.as_str();
    if key.is_empty() {
        return f
            .at("key")
            .missing("the key", "name an attribute such as source.namespace or request.headers[x-user]");
    }
    let identity = ["source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"];
    if custom && (identity.contains(&key) || key.starts_with("request.auth.")) {
        let hint = "leave it out; CUSTOM knows no peers or tokens";
        f.at("key").push(format!("{key} is not supported with action CUSTOM"), hint);
    }
    if condition.values.is_empty() && condition.not_values.is_empty() {
        return f.push(format!("the condition on {key} has no values"), "give values or notValues");
    }
    values::attribute(key, f.at("key"));
    for (name, list) in [("values", &condition.values), ("notValues", &condition.not_values)] {
        values::of_attribute(key, list, f.at(name));
    }
}
