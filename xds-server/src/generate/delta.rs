//! Only the clusters that a push can have changed (istiod: `BuildDeltaClusters`).

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;
use xdslab_mesh::service::{host_matches, is_wildcard};
use xdslab_mesh::{ConfigKey, ConfigKind, Scope};

use super::cluster::name::{may_be_of, parse_outbound};
use super::view::View;
use crate::push::PushRequest;

/// Which services' clusters are made anew, and which names may be gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Hosts whose clusters are made anew.
    pub build: BTreeSet<ArcStr>,
    /// Names that are gone unless they are among the clusters that are made.
    pub doubtful: BTreeSet<ArcStr>,
}

/// The clusters that a client holds, by host and port.
struct Held<'n> {
    by_host: BTreeMap<&'n str, Vec<(u32, bool, &'n ArcStr)>>,
    inbound: Vec<&'n ArcStr>,
}

impl<'n> Held<'n> {
    /// Of outbound clusters only those that matter.
    fn new(names: impl Iterator<Item = &'n ArcStr>, matters: impl Fn(&str) -> bool) -> Self {
        let mut held = Self { by_host: BTreeMap::new(), inbound: Vec::new() };
        for name in names {
            if name.starts_with("inbound|") {
                held.inbound.push(name);
            } else if matters(name)
                && let Some(parts) = parse_outbound(name)
            {
                let of_host = held.by_host.entry(parts.hostname).or_default();
                of_host.push((parts.port, parts.subset.is_empty(), name));
            }
        }
        held
    }

    fn of(&self, host: &str) -> &[(u32, bool, &'n ArcStr)] {
        self.by_host.get(host).map_or(&[], Vec::as_slice)
    }
}

impl Plan {
    /// What a push asks of a client that holds the clusters `held`; none where everything must be made.
    pub fn of<'n>(view: &View, push: &PushRequest, held: impl Iterator<Item = &'n ArcStr>) -> Option<Self> {
        let root = &view.snapshot.mesh_config().root_namespace;
        if push.forced || !push.keys.iter().all(|key| is_told_apart(key, root)) {
            return None;
        }
        let of_kind = |kind| push.keys.iter().filter(move |key| key.kind == kind);
        let services: BTreeSet<&str> =
            of_kind(ConfigKind::ServiceEntry).map(|key| key.name.as_str()).collect();
        let every_host = push.keys.iter().any(asks_by_scope);
        let held = Held::new(held, |name| every_host || may_be_of(name, &services));
        let mut plan = Self::default();
        plan.doubtful.extend(held.inbound.iter().copied().cloned());
        for key in &push.keys {
            match key.kind {
                ConfigKind::ServiceEntry => plan.service(&view.scope, &held, &key.name),
                ConfigKind::DestinationRule => plan.rule(view, &held, key),
                ConfigKind::PeerAuthentication => {
                    let of_namespace = view.scope.services().iter().filter(|s| s.namespace == key.namespace);
                    plan.build.extend(of_namespace.map(|s| s.hostname.clone()));
                }
                _ => {}
            }
        }
        let reselects = |k: &ConfigKey| matches!(k.kind, ConfigKind::VirtualService | ConfigKind::Sidecar);
        if push.keys.iter().any(reselects) {
            plan.reselect(&view.scope, &held);
        }
        Some(plan)
    }

    fn service(&mut self, scope: &Scope, held: &Held<'_>, host: &ArcStr) {
        let service = scope.service(host);
        if let Some(service) = service {
            self.build.insert(service.hostname.clone());
        }
        let gone = |port: u32| service.is_none_or(|s| s.port(port).is_none());
        let names =
            held.of(host).iter().filter(|(port, _, _)| gone(*port)).map(|(_, _, name)| (*name).clone());
        self.doubtful.extend(names);
    }

    /// Services that a rule's host covers, as it is and as it was, if the rule shapes some service of the scope: those
    /// among them that another rule shapes are made anew too.
    fn rule(&mut self, view: &View, held: &Held<'_>, key: &ConfigKey) {
        let scopes = [Some(&view.scope), view.previous_scope.as_ref()];
        let rules = scopes
            .into_iter()
            .flatten()
            .flat_map(|scope| scope.services().iter().flat_map(|service| scope.rules(&service.hostname)));
        let hosts: BTreeSet<_> =
            rules.filter(|rule| rule.from.contains(key)).map(|rule| &rule.spec.host).collect();
        if hosts.is_empty() {
            return;
        }
        let covers = |rule: &str, host: &str| rule == host || (is_wildcard(rule) && host_matches(rule, host));
        for service in view.scope.services() {
            let host = &service.hostname;
            if hosts.iter().any(|rule| covers(rule, host)) {
                self.build.insert(host.clone());
                let subsets = held.of(host).iter().filter(|(_, whole, _)| !whole);
                self.doubtful.extend(subsets.map(|(_, _, name)| (*name).clone()));
            }
        }
    }

    /// Hosts that came into sight are made, those that went are gone; hosts that stay are not made anew.
    fn reselect(&mut self, scope: &Scope, held: &Held<'_>) {
        let fresh =
            scope.services().iter().filter(|s| !held.of(&s.hostname).iter().any(|(_, whole, _)| *whole));
        self.build.extend(fresh.map(|s| s.hostname.clone()));
        for (host, names) in &held.by_host {
            if scope.service(host).is_none() {
                self.doubtful.extend(names.iter().map(|(_, _, name)| (*name).clone()));
            }
        }
    }
}

/// Whether a change can touch clusters of any host.
fn asks_by_scope(key: &ConfigKey) -> bool {
    matches!(key.kind, ConfigKind::DestinationRule | ConfigKind::VirtualService | ConfigKind::Sidecar)
}

/// Whether a change of this kind says which clusters it touches. Kinds that touch none do not matter.
fn is_told_apart(key: &ConfigKey, root: &ArcStr) -> bool {
    match key.kind {
        ConfigKind::PeerAuthentication => key.namespace != *root,
        ConfigKind::ServiceEntry
        | ConfigKind::DestinationRule
        | ConfigKind::VirtualService
        | ConfigKind::Sidecar
        | ConfigKind::Endpoints
        | ConfigKind::AuthorizationPolicy
        | ConfigKind::RequestAuthentication
        | ConfigKind::Telemetry
        | ConfigKind::DnsName => true,
        ConfigKind::Gateway => false,
    }
}
