//! What one field or condition of a rule asks for (istiod: `pilot/pkg/security/authz/model/generator.go`).

use arcstr::ArcStr;
use xdslab_proto::core::TypedExtensionConfig;
use xdslab_proto::pack_any;
use xdslab_proto::path::UriTemplateMatchConfig;
use xdslab_proto::rbac::{Permission, Principal, permission, principal};

use super::logic::{Term, permission as rule, principal as id};
use super::matcher;
use super::trust_domain::TrustDomains;

/// What a rule is made for.
pub(super) struct Context<'a> {
    /// The policy's namespace, which service accounts without one are in.
    pub namespace: &'a str,
    /// The mesh's trust domains.
    pub trust_domains: &'a TrustDomains,
}

/// An attribute of a request by its key in `when`, or the field that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute<'a> {
    Hosts,
    Methods,
    Paths,
    Ports,
    DestinationIp,
    Sni,
    EnvoyFilter(&'a str),
    Principal,
    RequestPrincipal,
    ServiceAccount,
    TrustDomain,
    Namespace,
    RemoteIp,
    SourceIp,
    Header(&'a str),
    Claim(&'a str),
}

/// A term of either side of a policy.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// What is done.
    Permission(Permission),
    /// Who does it.
    Principal(Principal),
}

impl<'a> Attribute<'a> {
    /// The attribute of a condition's key; validation lets no other pass.
    pub fn of_key(key: &'a str) -> Option<Self> {
        let in_brackets = |prefix: &str| key.strip_prefix(prefix);
        Some(match key {
            "destination.ip" => Self::DestinationIp,
            "destination.port" => Self::Ports,
            "connection.sni" => Self::Sni,
            "source.principal" => Self::Principal,
            "source.namespace" => Self::Namespace,
            "source.serviceAccount" => Self::ServiceAccount,
            "source.trustDomain" => Self::TrustDomain,
            "source.ip" => Self::SourceIp,
            "remote.ip" => Self::RemoteIp,
            "request.auth.principal" => Self::RequestPrincipal,
            "request.auth.audiences" => Self::Claim("[aud]"),
            "request.auth.presenter" => Self::Claim("[azp]"),
            _ => {
                if let Some(name) = in_brackets("request.headers[") {
                    Self::Header(name.strip_suffix(']')?)
                } else if let Some(claims) = in_brackets("request.auth.claims") {
                    Self::Claim(claims)
                } else {
                    Self::EnvoyFilter(in_brackets("experimental.")?)
                }
            }
        })
    }

    /// Whether only HTTP has it.
    pub fn is_http_only(self) -> bool {
        matches!(
            self,
            Self::Hosts
                | Self::Methods
                | Self::Paths
                | Self::RequestPrincipal
                | Self::Header(_)
                | Self::Claim(_)
        )
    }

    /// The term that asks for one of `values`; none for no value.
    pub fn asked(self, context: &Context<'_>, values: &[ArcStr]) -> Option<Asked> {
        if values.is_empty() {
            return None;
        }
        if self.is_permission() {
            return self.permission(values).map(Asked::Permission);
        }
        self.principal(context, values).map(Asked::Principal)
    }

    fn is_permission(self) -> bool {
        use Attribute as A;
        matches!(
            self,
            A::Hosts | A::Methods | A::Paths | A::Ports | A::DestinationIp | A::Sni | A::EnvoyFilter(_)
        )
    }

    fn permission(self, values: &[ArcStr]) -> Option<Permission> {
        use permission::Rule;
        if let Self::EnvoyFilter(key) = self {
            return envoy_filter(key, values);
        }
        let one = |value: &ArcStr| -> Option<Rule> {
            Some(match self {
                Self::Hosts => Rule::Header(matcher::header(":authority", value, true)),
                Self::Methods => Rule::Header(matcher::header(":method", value, false)),
                Self::Paths if value.contains("{*}") || value.contains("{**}") => template(value),
                Self::Paths => Rule::UrlPath(matcher::path(value)),
                Self::Ports => Rule::DestinationPort(value.parse().ok()?),
                Self::DestinationIp => Rule::DestinationIp(matcher::cidr(value)?),
                Self::Sni => Rule::RequestedServerName(matcher::text(value)),
                _ => return None,
            })
        };
        Some(Permission::one_of(values.iter().filter_map(one).map(rule).collect()))
    }

    fn principal(self, context: &Context<'_>, values: &[ArcStr]) -> Option<Principal> {
        use principal::Identifier as Id;
        if let Self::Claim(key) = self {
            let values: Vec<&str> = values.iter().map(ArcStr::as_str).collect();
            return matcher::claim(&claims(key), &values).map(|m| id(metadata(m)));
        }
        if self == Self::RequestPrincipal {
            let one = |value: &ArcStr| {
                let both = matcher::request_principal(value).map(|m| id(metadata(m)));
                Principal::all_of(both.into())
            };
            let mut all: Vec<_> = values.iter().map(one).collect();
            return if all.len() < 2 { all.pop() } else { Some(Principal::one_of(all)) };
        }
        let one = |value: &str| -> Option<Id> {
            Some(match self {
                Self::Principal => authenticated(spiffe(value)),
                Self::Namespace => {
                    let parts: Vec<_> = value.split('*').map(matcher::quoted).collect();
                    authenticated(matcher::regex(format!(".*/ns/{}/.*", parts.join(".*"))))
                }
                Self::ServiceAccount => {
                    let (namespace, account) = value.split_once('/').unwrap_or((context.namespace, value));
                    let (namespace, account) = (matcher::quoted(namespace), matcher::quoted(account));
                    authenticated(matcher::regex(format!(
                        "spiffe://.+/ns/{namespace}/(.+/|)sa/{account}(/.+)?"
                    )))
                }
                Self::TrustDomain => authenticated(trust_domain(value)),
                Self::SourceIp => Id::DirectRemoteIp(matcher::cidr(value)?),
                Self::RemoteIp => Id::RemoteIp(matcher::cidr(value)?),
                Self::Header(name) => Id::Header(matcher::header(name, value, false)),
                _ => return None,
            })
        };
        let values: Vec<String> = match self {
            Self::Principal => values.iter().flat_map(|v| context.trust_domains.principals(v)).collect(),
            Self::TrustDomain => context.trust_domains.domains(values),
            _ => values.iter().map(ToString::to_string).collect(),
        };
        Some(Principal::one_of(values.iter().filter_map(|v| one(v)).map(id).collect()))
    }
}

fn authenticated(name: xdslab_proto::matcher::StringMatcher) -> principal::Identifier {
    principal::Identifier::Authenticated(principal::Authenticated { principal_name: Some(name) })
}

#[expect(deprecated, reason = "istiod sends this form")]
fn metadata(matcher: xdslab_proto::matcher::MetadataMatcher) -> principal::Identifier {
    principal::Identifier::Metadata(matcher)
}

/// A principal as it stands in a certificate.
fn spiffe(value: &str) -> xdslab_proto::matcher::StringMatcher {
    if value == "*" {
        matcher::regex(".+")
    } else if let Some(end) = value.strip_prefix('*') {
        matcher::regex(format!("spiffe://.*{}", matcher::quoted(end)))
    } else if let Some(begin) = value.strip_suffix('*') {
        matcher::prefix(format!("spiffe://{begin}"))
    } else {
        matcher::exact(format!("spiffe://{value}"))
    }
}

fn trust_domain(value: &str) -> xdslab_proto::matcher::StringMatcher {
    match value.split_once('*') {
        Some(("", "")) => matcher::prefix("spiffe://"),
        Some((before, after)) => {
            let (before, after) = (matcher::quoted(before), matcher::quoted(after));
            matcher::regex(format!("spiffe://{before}[^/]*{after}/.*"))
        }
        None => matcher::prefix(format!("spiffe://{value}/")),
    }
}

fn template(value: &str) -> permission::Rule {
    let path_template = value.replace("{**}", "**").replace("{*}", "*");
    permission::Rule::UriTemplate(TypedExtensionConfig {
        name: "uri-template".to_owned(),
        typed_config: Some(pack_any(UriTemplateMatchConfig { path_template })),
    })
}

/// Metadata of any filter: `envoy.filters.a.b[c]`. A value in brackets is an item of a list.
#[expect(deprecated, reason = "istiod sends this form")]
fn envoy_filter(key: &str, values: &[ArcStr]) -> Option<Permission> {
    let (filter, rest) = key.split_once('[')?;
    let name = rest.strip_suffix(']').unwrap_or(rest);
    let value = |text: &ArcStr| match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        Some(item) => matcher::list_value(matcher::string_value(matcher::text(item))),
        None => matcher::string_value(matcher::text(text)),
    };
    let one = matcher::one_value_of(values.iter().map(value).collect())?;
    Some(rule(permission::Rule::Metadata(matcher::metadata(filter, &[name], one))))
}

/// Names of nested claims out of `[a][b]`; brackets that are not in pairs belong to one name.
fn claims(key: &str) -> Vec<&str> {
    let inner = key.strip_prefix('[').and_then(|k| k.strip_suffix(']')).unwrap_or(key);
    let parts: Vec<&str> = inner.split("][").collect();
    if parts.iter().any(|part| part.contains(['[', ']'])) { vec![inner] } else { parts }
}
