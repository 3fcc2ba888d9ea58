//! Which access logs are written, and what into them (istiod: `mergeLogs` in `pilot/pkg/model/telemetry.go`,
//! `pilot/pkg/networking/core/accesslog.go`).

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;
use xdslab_mesh::object::istio::{AccessLogging, Telemetry as Rule, WorkloadMode};
use xdslab_proto::access_log::access_log::ConfigType;
use xdslab_proto::access_log::access_log_filter::FilterSpecifier;
use xdslab_proto::access_log::extension_filter::ConfigType as FilterConfigType;
use xdslab_proto::access_log::{AccessLog, AccessLogFilter, AndFilter, ExtensionFilter, ResponseFlagFilter};
use xdslab_proto::access_loggers::filters::cel::v3::ExpressionFilter;
use xdslab_proto::pack_any;

use super::fits;
use super::logger::Logger;
use crate::generate::provider;
use crate::generate::view::View;

/// Where a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// By an HTTP connection manager.
    Http,
    /// By a TCP proxy.
    Tcp,
    /// By a listener, for connections that no chain takes.
    Listener,
}

/// The access logs of one end of a proxy's connections.
pub(super) struct Logs<'v> {
    view: &'v View,
    /// Of providers, with the expressions that filter them; none where the mesh configuration's own fields count.
    of_providers: Option<Vec<(Logger, Option<ArcStr>)>>,
}

impl<'v> Logs<'v> {
    /// Those of a mode.
    pub fn of(view: &'v View, mode: WorkloadMode, rules: &[&Rule]) -> Self {
        let mesh = view.snapshot.mesh_config();
        let levels: Vec<&[AccessLogging]> = rules.iter().map(|r| r.access_logging.as_slice()).collect();
        let merged = merge(&levels, &mesh.default_providers.access_logging, mode);
        let known = merged.into_iter().filter_map(|(name, state)| {
            let logger = Logger::of_provider(view, &provider::named(mesh, name)?)?;
            Some((logger, state))
        });
        let known: Vec<_> = known.collect();
        // What is switched off still tells that the mesh configuration's own fields do not count.
        let enabled = known.iter().filter(|(_, state)| !state.disabled);
        let enabled = enabled.map(|(logger, state)| (logger.clone(), state.filter.cloned()));
        let of_providers = (!known.is_empty()).then(|| enabled.collect());
        Self { view, of_providers }
    }

    /// The logs of a place.
    pub fn at(&self, place: Place) -> Vec<AccessLog> {
        let mesh = self.view.snapshot.mesh_config();
        if place == Place::Listener && mesh.disable_envoy_listener_log {
            return Vec::new();
        }
        if let Some(logs) = &self.of_providers {
            let log =
                |(logger, filter): &(Logger, Option<ArcStr>)| log(place, logger.clone(), filter.as_deref());
            return logs.iter().map(log).collect();
        }
        let path = &mesh.access_log_file;
        let file = (!path.is_empty()).then(|| Logger::file(mesh, path));
        let service = mesh.enable_envoy_access_log_service.then(|| Logger::service(place));
        file.into_iter().chain(service).map(|logger| log(place, logger, None)).collect()
    }
}

fn log(place: Place, logger: Logger, expression: Option<&str>) -> AccessLog {
    AccessLog {
        name: logger.name.to_owned(),
        filter: filter(place, expression),
        config_type: Some(ConfigType::TypedConfig(logger.config)),
    }
}

/// Of a listener only what no chain takes, and of that or of all what the expression wants.
fn filter(place: Place, expression: Option<&str>) -> Option<AccessLogFilter> {
    let unmatched = (place == Place::Listener)
        .then(|| FilterSpecifier::ResponseFlagFilter(ResponseFlagFilter { flags: vec!["NR".to_owned()] }));
    let wanted = expression.map(|expression| {
        let config = ExpressionFilter { expression: expression.to_owned(), ..Default::default() };
        FilterSpecifier::ExtensionFilter(ExtensionFilter {
            name: "envoy.access_loggers.extension_filters.cel".to_owned(),
            config_type: Some(FilterConfigType::TypedConfig(pack_any(config))),
        })
    });
    let filter = |specifier| AccessLogFilter { filter_specifier: Some(specifier) };
    match (unmatched, wanted) {
        (Some(a), Some(b)) => {
            let both = AndFilter { filters: [a, b].map(filter).into() };
            Some(filter(FilterSpecifier::AndFilter(both)))
        }
        (one, other) => one.or(other).map(filter),
    }
}

/// What is said of one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State<'r> {
    disabled: bool,
    filter: Option<&'r ArcStr>,
}

/// All providers that anything is said of for `mode`, by name.
fn merge<'r>(
    levels: &[&'r [AccessLogging]],
    defaults: &'r [ArcStr],
    mode: WorkloadMode,
) -> BTreeMap<&'r str, State<'r>> {
    let levels: Vec<&[AccessLogging]> = levels.iter().copied().filter(|l| !l.is_empty()).collect();
    if levels.is_empty() {
        return defaults.iter().map(|name| (name.as_str(), State::default())).collect();
    }
    let names = |entry: &'r AccessLogging| entry.providers.iter().map(|p| p.name.as_str());
    let fitting = |level: &'r [AccessLogging]| level.iter().filter(|e| fits(e.matches.as_ref(), mode));
    // The nearest level that names any decides which ones count.
    let of_levels = levels.iter().map(|level| fitting(level).flat_map(names).collect::<BTreeSet<_>>());
    let in_scope = of_levels.rev().find(|names| !names.is_empty());
    let in_scope = in_scope.unwrap_or_else(|| defaults.iter().map(ArcStr::as_str).collect());
    let mut filters: BTreeMap<&str, &ArcStr> = BTreeMap::new();
    for entry in levels.iter().flat_map(|level| fitting(level)) {
        for name in names(entry) {
            match &entry.filter {
                Some(filter) => filters.insert(name, &filter.expression),
                None => filters.remove(name),
            };
        }
    }
    let mut all = BTreeMap::new();
    let mut providers: Vec<&str> = defaults.iter().map(ArcStr::as_str).collect();
    for entry in levels.iter().flat_map(|level| level.iter()) {
        if !entry.providers.is_empty() {
            providers = names(entry).collect();
        }
        if !fits(entry.matches.as_ref(), mode) {
            continue;
        }
        let disabled = entry.disabled == Some(true);
        for name in providers.iter().copied().filter(|name| in_scope.contains(name)) {
            let filter = filters.get(name).copied().filter(|_| !disabled);
            all.insert(name, State { disabled, filter });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use WorkloadMode::{Client, ClientAndServer, Server};
    use xdslab_mesh::object::istio::{AccessLogFilter as Wanted, ModeMatch, ProviderRef};

    use super::*;

    fn entry(providers: &[&str], mode: WorkloadMode, disabled: bool, filter: &str) -> AccessLogging {
        AccessLogging {
            matches: Some(ModeMatch { mode }),
            providers: providers.iter().map(|p| ProviderRef { name: (*p).into() }).collect(),
            disabled: disabled.then_some(true),
            filter: (!filter.is_empty()).then(|| Wanted { expression: filter.into() }),
        }
    }

    #[test]
    fn levels_are_merged() {
        let both = |providers: &[&str], filter: &str| entry(providers, ClientAndServer, false, filter);
        let off = |providers: &[&str]| entry(providers, ClientAndServer, true, "");
        // Levels, then what clients write: `-` is switched off, `name:filter`.
        let table: [(Vec<Vec<AccessLogging>>, &str); 11] = [
            (vec![], "default"),
            (vec![vec![]], "default"),
            (vec![vec![off(&[])]], "-default"),
            (vec![vec![both(&["a"], "")], vec![both(&["b"], ""), both(&["c"], "x")]], "b c:x"),
            (vec![vec![both(&["a"], "x")], vec![off(&[])]], "-a"),
            (vec![vec![both(&["a"], "x")], vec![both(&["a"], "")]], "a"),
            (vec![vec![both(&["a"], "x")], vec![both(&[], "y")]], "a:x"),
            (vec![vec![entry(&["a"], Server, false, "")]], ""),
            (vec![vec![entry(&["a"], Server, false, ""), entry(&[], Client, false, "")]], ""),
            (vec![vec![entry(&["a"], Client, true, "x"), both(&["a"], "y")]], "a:y"),
            (vec![vec![both(&["b", "a"], "")], vec![entry(&["b"], Server, false, "")]], "a b"),
        ];
        for (levels, wanted) in table {
            let levels: Vec<&[AccessLogging]> = levels.iter().map(Vec::as_slice).collect();
            let defaults = ["default".into()];
            let merged = merge(&levels, &defaults, Client);
            let shown = merged.iter().map(|(name, state)| match (state.disabled, state.filter) {
                (true, _) => format!("-{name}"),
                (false, Some(filter)) => format!("{name}:{filter}"),
                (false, None) => (*name).to_owned(),
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), wanted, "{levels:?}");
        }
    }
}
