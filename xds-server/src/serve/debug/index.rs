//! The pages that there are.

use std::fmt::Write;

use super::{Page, Visit, amiss, config_dump, configs, connected, registry, sidecar, sync};

/// One page.
pub(super) struct Entry {
    /// Its name after `/debug/`.
    pub name: &'static str,
    help: &'static str,
    pub make: Make,
}

/// How a page is made.
#[derive(Clone, Copy)]
pub(super) enum Make {
    /// From what the hub has.
    Page(fn(&Visit) -> Page),
    /// As [`Make::Page`], or a push instead.
    Adsz,
    /// From the objects that only the writer of the mesh has.
    Configz,
}

const fn entry(name: &'static str, help: &'static str, make: Make) -> Entry {
    Entry { name, help, make }
}

/// In order of name. What they are for is said in istiod's words.
pub(super) const PAGES: [Entry; 17] = [
    entry("adsz", "Status and debug interface for ADS", Make::Adsz),
    entry(
        "config_dump",
        "ConfigDump in the form of the Envoy admin config dump API for passed in proxyID",
        Make::Page(config_dump::page),
    ),
    entry("configz", "Debug support for config", Make::Configz),
    entry("connections", "Info about the connected XDS clients", Make::Page(connected::connections)),
    entry("ecdsz", "Status and debug interface for ECDS", Make::Page(|v| config_dump::of_type(v, "ecds"))),
    entry("edsz", "Status and debug interface for EDS", Make::Page(|v| config_dump::of_type(v, "eds"))),
    entry("endpointShardz", "Info about the endpoint shards", Make::Page(registry::shards)),
    entry("endpointz", "Obsolete, use endpointShardz", Make::Page(registry::shards)),
    entry("instancesz", "Debug support for service instances", Make::Page(connected::instances)),
    entry("list", "List all supported debug commands in json", Make::Page(list)),
    entry("mesh", "Active mesh config", Make::Page(configs::mesh)),
    entry("ndsz", "Status and debug interface for NDS", Make::Page(|v| config_dump::of_type(v, "nds"))),
    entry("push_status", "Last PushContext Details", Make::Page(amiss::page)),
    entry("registryz", "Debug support for registry", Make::Page(registry::services)),
    entry("resourcesz", "Debug support for watched resources", Make::Page(configs::resources)),
    entry("sidecarz", "Debug sidecar scope for a proxy", Make::Page(sidecar::page)),
    entry(
        "syncz",
        "Synchronization status of all Envoys connected to this Pilot instance",
        Make::Page(sync::page),
    ),
];

/// The one page that does something, under the name that istiod lists it by.
const PUSH: (&str, &str) =
    ("adsz?push=true", "Initiates push of the current state to all connected endpoints");

/// Names and what they are for, in order of name.
fn listed() -> Vec<(&'static str, &'static str)> {
    let mut listed: Vec<_> = PAGES.iter().map(|page| (page.name, page.help)).chain([PUSH]).collect();
    listed.sort_unstable();
    listed
}

/// The names, without this page's own.
fn list(visit: &Visit) -> Page {
    visit.json(&listed().into_iter().map(|(name, _)| name).filter(|name| *name != "list").collect())
}

/// A table of links.
pub(super) fn html() -> Page {
    let mut body = String::from(
        "<html>\n<head>\n<title>Pilot Debug Console</title>\n</head>\n<body>\n\
         <p>Add <b>pretty</b> to the query (<b>debug/configz?pretty</b>) to see JSON indented.</p>\n\
         <table id=\"endpoints\">\n<tr><th>Endpoint</th><th>Description</th></tr>\n",
    );
    for (name, help) in listed() {
        let link = format!("<a href='/debug/{name}'>/debug/{name}</a>");
        // Writing to a String does not fail.
        let _ = writeln!(body, "<tr><td>{link}</td><td>{help}</td></tr>");
    }
    body.push_str("</table>\n</body>\n</html>\n");
    Page::html(body)
}
