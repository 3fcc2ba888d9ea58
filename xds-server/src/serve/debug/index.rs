//! The pages that there are.

use std::fmt::Write;

use super::{Page, Visit};

/// Name after `/debug/`, and what is there; in order of name.
pub(super) const PAGES: [(&str, &str); 18] = [
    ("adsz", "Status and debug interface for ADS"),
    ("adsz?push=true", "Initiates push of the current state to all connected endpoints"),
    ("config_dump", "ConfigDump in the form of the Envoy admin config dump API for passed in proxyID"),
    ("configz", "Debug support for config"),
    ("connections", "Info about the connected XDS clients"),
    ("ecdsz", "Status and debug interface for ECDS"),
    ("edsz", "Status and debug interface for EDS"),
    ("endpointShardz", "Info about the endpoint shards"),
    ("endpointz", "Obsolete, use endpointShardz"),
    ("instancesz", "Debug support for service instances"),
    ("list", "List all supported debug commands in json"),
    ("mesh", "Active mesh config"),
    ("ndsz", "Status and debug interface for NDS"),
    ("push_status", "Last PushContext Details"),
    ("registryz", "Debug support for registry"),
    ("resourcesz", "Debug support for watched resources"),
    ("sidecarz", "Debug sidecar scope for a proxy"),
    ("syncz", "Synchronization status of all Envoys connected to this Pilot instance"),
];

/// The names, without this page's own.
pub(super) fn list(visit: &Visit<'_>) -> Page {
    visit.json(&PAGES.iter().map(|(name, _)| *name).filter(|name| *name != "list").collect())
}

/// A table of links.
pub(super) fn html() -> Page {
    let mut body = String::from(
        "<html>\n<head>\n<title>Pilot Debug Console</title>\n</head>\n<body>\n\
         <p>Add <b>pretty</b> to the query (<b>debug/configz?pretty</b>) to see JSON indented.</p>\n\
         <table id=\"endpoints\">\n<tr><th>Endpoint</th><th>Description</th></tr>\n",
    );
    for (name, help) in PAGES {
        let link = format!("<a href='/debug/{name}'>/debug/{name}</a>");
        // Writing to a String does not fail.
        let _ = writeln!(body, "<tr><td>{link}</td><td>{help}</td></tr>");
    }
    body.push_str("</table>\n</body>\n</html>\n");
    Page::html(body)
}
