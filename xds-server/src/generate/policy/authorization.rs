//! `AuthorizationPolicies` as filters, one for each action (istiod: `pilot/pkg/security/authz/builder/builder.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::object::Config;
use xdslab_mesh::object::istio::{AuthorizationAction, AuthorizationPolicy};
use xdslab_proto::filter::network::http_connection_manager::HttpFilter;
use xdslab_proto::listener::Filter;
use xdslab_proto::ordered::{HttpRbac, NetworkRbac, Rbac};
use xdslab_proto::protobuf::Any;
use xdslab_proto::rbac::rbac::Action;
use xdslab_proto::{Message, Name, filter as pb};

use super::condition::Context;
use super::external::{Authorizer, Kind};
use super::rule::{self, Speech};
use super::trust_domain::TrustDomains;
use super::{Target, for_workload};
use crate::generate::filter::{filter, http_filter};
use crate::generate::view::View;

/// The annotation of a policy that is only to be told about.
const DRY_RUN: &str = "istio.io/dry-run";
const HTTP_RBAC: &str = "envoy.filters.http.rbac";
const NETWORK_RBAC: &str = "envoy.filters.network.rbac";
/// Prefix of statistics of network filters.
pub(super) const TCP: &str = "tcp.";
/// Prefix of what a custom action's rules leave in metadata.
const CUSTOM_PREFIX: &str = "istio_ext_authz_";
/// What is appended to the rules of a custom action that cannot be taken.
const BAD_CUSTOM: &str = "-deny-due-to-bad-CUSTOM-action";

/// The policies of one workload.
pub(super) struct Authorization<'v> {
    view: &'v View,
    policies: Vec<&'v Arc<Config<AuthorizationPolicy>>>,
    trust_domains: TrustDomains,
}

/// The rules of one action: those that are enforced, and those that are only told about.
#[derive(Debug, Default)]
struct Rules {
    enforced: Option<Rbac>,
    shadow: Option<Rbac>,
}

impl<'v> Authorization<'v> {
    /// Those that are for the proxy's workload.
    pub fn of(view: &'v View) -> Self {
        let policies = for_workload(view, view.snapshot.authorization_policies(), target);
        Self { view, policies, trust_domains: TrustDomains::of(view.snapshot.mesh_config()) }
    }

    /// The filters that audit, deny and allow, in this order, for HTTP and for anything else.
    pub fn by_action(&self) -> (Vec<HttpFilter>, Vec<Filter>) {
        use AuthorizationAction::{Allow, Audit, Deny};
        let (mut http, mut tcp) = (Vec::new(), Vec::new());
        for (action, envoys, speech, told) in [
            (Audit, Action::Log, Speech::TcpLax, ""),
            (Deny, Action::Deny, Speech::TcpLax, "istio_dry_run_deny_"),
            (Allow, Action::Allow, Speech::TcpStrict, "istio_dry_run_allow_"),
        ] {
            let of_action: Vec<_> = self.policies.iter().filter(|p| p.spec.action == action).collect();
            if of_action.is_empty() {
                continue;
            }
            let rules = |speech| self.rules(&of_action, envoys, speech, |name| name);
            let prefix = |rules: &Rules| {
                let prefix = if rules.shadow.is_some() { told } else { "istio_dry_run_allow_" };
                prefix.to_owned()
            };
            let of_http = rules(Speech::Http);
            http.push(http_rbac(HTTP_RBAC, prefix(&of_http), of_http));
            let of_tcp = rules(speech);
            tcp.push(network_rbac(prefix(&of_tcp), of_tcp));
        }
        (http, tcp)
    }

    /// The filters that let a provider decide, a pair for each; a provider that cannot be asked denies.
    pub fn custom(&self) -> (Vec<HttpFilter>, Vec<Filter>) {
        let mut by_provider: BTreeMap<ArcStr, Vec<_>> = BTreeMap::new();
        for policy in self.policies.iter().filter(|p| p.spec.action == AuthorizationAction::Custom) {
            let name = policy.spec.provider.as_ref().map(|p| p.name.clone()).unwrap_or_default();
            by_provider.entry(name).or_default().push(policy);
        }
        let (mut http, mut tcp) = (Vec::new(), Vec::new());
        let several = by_provider.len() > 1;
        for (name, policies) in &by_provider {
            let named = |policy: String| format!("istio-ext-authz-{name}-{policy}");
            let rules = |speech| self.rules(policies, Action::Deny, speech, named);
            let authorizer = Authorizer::find(self.view, name).filter(|_| !several);
            let Some(authorizer) = authorizer else {
                http.push(http_rbac(HTTP_RBAC, String::new(), broken(rules(Speech::Http))));
                tcp.push(network_rbac(String::new(), broken(rules(Speech::TcpLax))));
                continue;
            };
            http.push(http_rbac(HTTP_RBAC, CUSTOM_PREFIX.to_owned(), asked(rules(Speech::Http))));
            http.push(authorizer.http());
            if authorizer.kind() == Kind::Grpc {
                tcp.push(network_rbac(CUSTOM_PREFIX.to_owned(), asked(rules(Speech::TcpLax))));
                tcp.extend(authorizer.tcp());
            }
        }
        (http, tcp)
    }

    /// What a gRPC server denies, then what it allows: policies that are tried out are enforced too, and principals are
    /// not written for other trust domains (istiod: `buildRBAC` in `pilot/pkg/networking/grpcgen/lds.go`).
    pub fn for_grpc(self) -> Vec<HttpFilter> {
        use AuthorizationAction::{Allow, Deny};
        let this = Self { trust_domains: TrustDomains::unknown(), ..self };
        let filters =
            [(Deny, Action::Deny, "envoy.filters.http.rbac.DENY"), (Allow, Action::Allow, HTTP_RBAC)];
        let of_action = filters.into_iter().filter_map(|(action, envoys, name)| {
            let mut policies = BTreeMap::new();
            for policy in this.policies.iter().filter(|p| p.spec.action == action) {
                let (namespace, own) = (&policy.meta.namespace, &policy.meta.name);
                for (at, made) in this.made(policy, Speech::Http) {
                    policies.insert(format!("{namespace}-{own}-{at}"), made);
                }
            }
            let rules = Rbac { action: envoys.into(), policies };
            let rules = Rules { enforced: Some(rules), shadow: None };
            (!rules.enforced.as_ref()?.policies.is_empty()).then(|| http_rbac(name, String::new(), rules))
        });
        of_action.collect()
    }

    /// The rules of a policy, by their place in it.
    fn made(
        &self,
        policy: &Config<AuthorizationPolicy>,
        speech: Speech,
    ) -> Vec<(usize, xdslab_proto::rbac::Policy)> {
        let context = Context { namespace: &policy.meta.namespace, trust_domains: &self.trust_domains };
        let rules = policy.spec.rules.iter().enumerate();
        rules.filter_map(|(at, rule)| Some((at, rule::policy(&context, rule, speech)?))).collect()
    }

    fn rules(
        &self,
        policies: &[&&Arc<Config<AuthorizationPolicy>>],
        action: Action,
        speech: Speech,
        named: impl Fn(String) -> String,
    ) -> Rules {
        let mut rules = Rules::default();
        for policy in policies {
            let meta = &policy.meta;
            let place = if is_dry_run(policy) { &mut rules.shadow } else { &mut rules.enforced };
            let rbac = place.get_or_insert_with(|| Rbac { action: action.into(), policies: BTreeMap::new() });
            let mut add = |at: usize, made| {
                let name = format!("ns[{}]-policy[{}]-rule[{at}]", meta.namespace, meta.name);
                rbac.policies.insert(named(name), made);
            };
            if policy.spec.rules.is_empty() {
                add(0, rule::never());
            }
            self.made(policy, speech).into_iter().for_each(|(at, made)| add(at, made));
        }
        rules
    }
}

fn target(spec: &AuthorizationPolicy) -> Target<'_> {
    Target { selector: spec.selector.as_ref(), one: spec.target_ref.as_ref(), several: &spec.target_refs }
}

/// The annotation as Go reads a boolean.
fn is_dry_run(policy: &Config<AuthorizationPolicy>) -> bool {
    let value = policy.meta.annotations.get(DRY_RUN).map_or("", |v| v.as_str());
    matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True")
}

/// Rules whose outcome a provider is asked about: they are told, not enforced.
fn asked(rules: Rules) -> Rules {
    let none = || Rbac { action: Action::Deny.into(), policies: BTreeMap::new() };
    Rules { shadow: Some(rules.enforced.unwrap_or_else(none)), enforced: rules.shadow }
}

/// Rules that deny, for nobody can be asked.
fn broken(rules: Rules) -> Rules {
    let policies = rules.enforced.map(|r| r.policies).unwrap_or_default();
    let policies = policies.into_iter().map(|(name, policy)| (name + BAD_CUSTOM, policy)).collect();
    Rules { enforced: Some(Rbac { action: Action::Deny.into(), policies }), shadow: None }
}

fn any<T: Name>(body: Vec<u8>) -> Any {
    Any { type_url: T::type_url(), value: body }
}

fn http_rbac(name: &str, shadow_rules_stat_prefix: String, rules: Rules) -> HttpFilter {
    let rbac = HttpRbac { rules: rules.enforced, shadow_rules: rules.shadow, shadow_rules_stat_prefix };
    http_filter(name, any::<pb::http::rbac::Rbac>(rbac.encode_to_vec()))
}

fn network_rbac(shadow_rules_stat_prefix: String, rules: Rules) -> Filter {
    let rbac = NetworkRbac {
        rules: rules.enforced,
        shadow_rules: rules.shadow,
        stat_prefix: TCP.to_owned(),
        shadow_rules_stat_prefix,
    };
    filter(NETWORK_RBAC, any::<pb::network::rbac::Rbac>(rbac.encode_to_vec()))
}
