//! What a change concerns: istiod's push request (`pilot/pkg/model/push_context.go`).

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;

use crate::endpoint::EndpointSet;
use crate::object::ObjectKey;
use crate::rules::{ConfigKey, ConfigKind};
use crate::service::Service;

/// Why a push is made; the words are istiod's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the words of istiod's metric pilot_push_triggers
pub enum Reason {
    Endpoint,
    HeadlessEndpoint,
    Config,
    Service,
    Proxy,
    Global,
    Unknown,
    Debug,
    ProxyRequest,
    DependentResource,
    Namespace,
}

impl Reason {
    /// istiod's word, its misspelling included.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::HeadlessEndpoint => "headlessendpoint",
            Self::Config => "config",
            Self::Service => "service",
            Self::Proxy => "proxy",
            Self::Global => "global",
            Self::Unknown => "unknown",
            Self::Debug => "debug",
            Self::ProxyRequest => "proxyrequest",
            Self::DependentResource => "depdendentresource",
            Self::Namespace => "namespace",
        }
    }
}

/// What one set of changes concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Configuration that changed.
    pub keys: BTreeSet<ConfigKey>,
    /// Whether every proxy must be served anew, whatever it depends on.
    pub forced: bool,
    /// Why, and how many times.
    pub reasons: BTreeMap<Reason, u32>,
    /// Pods that changed, by namespace and name: a proxy that is one of them must be looked at again.
    pub proxies: BTreeSet<(ArcStr, ArcStr)>,
}

impl Effects {
    /// Whether nobody need be told.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.forced
    }

    /// Both as one: all keys, the sum of the reasons, forced if either is.
    pub fn merge(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.forced |= other.forced;
        self.proxies.extend(other.proxies);
        for (reason, times) in other.reasons {
            *self.reasons.entry(reason).or_default() += times;
        }
    }

    pub(super) fn add(&mut self, kind: ConfigKind, name: ArcStr, namespace: ArcStr, reason: Reason) {
        self.keys.insert(ConfigKey { kind, name, namespace });
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// A rule of that kind changed.
    pub(super) fn config(&mut self, kind: ConfigKind, key: &ObjectKey) {
        self.add(kind, key.name.clone(), key.namespace.clone(), Reason::Config);
    }

    /// A service changed, if that is not known yet.
    pub(super) fn service(&mut self, hostname: ArcStr, namespace: ArcStr) {
        let key = ConfigKey { kind: ConfigKind::ServiceEntry, name: hostname, namespace };
        if !self.keys.contains(&key) {
            self.add(ConfigKind::ServiceEntry, key.name, key.namespace, Reason::Service);
        }
    }

    pub(super) fn force(&mut self, reason: Reason) {
        self.forced = true;
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Endpoints of a host became `after`: a new host or a new set of accounts concerns its clusters too, for
    /// they name the accounts (istiod: `UpdateServiceEndpoints`).
    pub(super) fn endpoints(
        &mut self,
        hostname: ArcStr,
        namespace: ArcStr,
        before: Option<&EndpointSet>,
        after: &EndpointSet,
        headless: Option<Headless>,
    ) {
        let full = before.is_none_or(|b| b.accounts != after.accounts && !after.endpoints.is_empty());
        let kind = if full { ConfigKind::ServiceEntry } else { ConfigKind::Endpoints };
        self.add(kind, hostname.clone(), namespace.clone(), Reason::Endpoint);
        match headless {
            Some(Headless::Http) => {
                self.add(ConfigKind::DnsName, hostname, namespace, Reason::HeadlessEndpoint);
            }
            Some(Headless::Tcp) => {
                self.add(ConfigKind::ServiceEntry, hostname, namespace, Reason::HeadlessEndpoint);
            }
            None => {}
        }
    }
}

/// A headless Service: each of its endpoints shows in more than EDS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headless {
    /// All ports are HTTP: only names change.
    Http,
    /// Some port has a listener of its own for each endpoint.
    Tcp,
}

impl Headless {
    pub(super) fn of(service: &Service) -> Self {
        if service.ports.iter().all(|p| p.protocol.is_http()) { Self::Http } else { Self::Tcp }
    }
}
