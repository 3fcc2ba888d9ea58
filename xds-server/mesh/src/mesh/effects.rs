//! What a change concerns: istiod's push request (`pilot/pkg/model/push_context.go`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arcstr::ArcStr;

use crate::endpoint::{Endpoint, EndpointSet};
use crate::object::{Kind, ObjectKey};
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

/// What happened to an object; the words are istiod's (`pilot_k8s_reg_events`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// It is new.
    Add,
    /// It changed.
    Update,
    /// It came again as it was.
    UpdateSame,
    /// It is gone.
    Delete,
}

impl Turn {
    /// istiod's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::UpdateSame => "updatesame",
            Self::Delete => "delete",
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
    /// Addresses of Pods that became ready, have other labels or stand otherwise behind `ServiceEntries`, and of
    /// `WorkloadEntries` that are new or have other labels: a proxy of such an address is served anew, and at once.
    pub addresses: BTreeSet<ArcStr>,
    /// What happened to how many objects of each kind.
    pub objects: BTreeMap<(Kind, Turn), u32>,
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
        self.addresses.extend(other.addresses);
        for (turn, times) in other.objects {
            *self.objects.entry(turn).or_default() += times;
        }
        for (reason, times) in other.reasons {
            *self.reasons.entry(reason).or_default() += times;
        }
    }

    /// One more object of that kind took that turn.
    pub(super) fn turn(&mut self, kind: Kind, turn: Turn) {
        *self.objects.entry((kind, turn)).or_default() += 1;
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

    /// Whether a service is told to have changed.
    pub(super) fn tells_of(&self, hostname: &ArcStr, namespace: &ArcStr) -> bool {
        let (name, namespace) = (hostname.clone(), namespace.clone());
        self.keys.contains(&ConfigKey { kind: ConfigKind::ServiceEntry, name, namespace })
    }

    pub(super) fn force(&mut self, reason: Reason) {
        self.forced = true;
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Endpoints of a host changed by so much.
    pub(super) fn endpoints(
        &mut self,
        hostname: ArcStr,
        namespace: ArcStr,
        extent: Extent,
        headless: Option<Headless>,
    ) {
        let kind = match extent {
            Extent::Nothing => None,
            Extent::Endpoints => Some(ConfigKind::Endpoints),
            Extent::Service => Some(ConfigKind::ServiceEntry),
        };
        if let Some(kind) = kind {
            self.add(kind, hostname.clone(), namespace.clone(), Reason::Endpoint);
        }
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

/// How much a change of a host's endpoints concerns (istiod: `UpdateServiceEndpoints` in `endpointshards.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Nobody.
    Nothing,
    /// Those that have the endpoints.
    Endpoints,
    /// Its clusters too: they name the accounts, and they are sent with the first endpoints that there ever are.
    Service,
}

impl Extent {
    /// The endpoints became `after`. `accounts` are those of the last that there were; none, if there never were any.
    pub(super) fn of(before: Option<&EndpointSet>, after: &EndpointSet, accounts: Option<&[ArcStr]>) -> Self {
        let Some(accounts) = accounts.filter(|_| !after.endpoints.is_empty()) else {
            return if after.endpoints.is_empty() { Self::Endpoints } else { Self::Service };
        };
        if *accounts != *after.accounts {
            return Self::Service;
        }
        let Some(before) = before.filter(|set| !set.endpoints.is_empty()) else { return Self::Endpoints };
        let by_place = |set: &EndpointSet| -> HashMap<_, _> {
            let place = |e: &Endpoint| (e.address.clone(), e.port, e.service_port_name.clone());
            set.endpoints.iter().map(|e| (place(e), e.clone())).collect()
        };
        if by_place(before) == by_place(after) { Self::Nothing } else { Self::Endpoints }
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
