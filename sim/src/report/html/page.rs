//! The frame of the page, and what explains its words.

use std::fmt::Write;

use crate::report::markup::escaped;
use crate::report::record::Run;
use crate::report::units::bytes;

pub(super) fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <style>{}</style></head><body>{body}</body></html>\n",
        escaped(title),
        include_str!("style.css")
    )
}

/// One line of where and when.
pub(super) fn subtitle(run: &Run) -> String {
    let environment = &run.opening.environment;
    let envoys = run.steps.iter().map(|step| step.envoys).max().unwrap_or(0);
    let started = environment.started.replace('T', " ").replace('Z', " UTC");
    format!("up to {envoys} real Envoys {}, {started}", environment.envoy.join(" and "))
}

/// What the figures are, how to read them, and where they were taken.
pub(super) fn explanations(out: &mut String, run: &Run) {
    out.push_str("<h2>How to read this</h2><dl class=\"terms\">");
    for (term, text) in TERMS {
        let _ = write!(out, "<dt>{term}</dt><dd>{text}</dd>");
    }
    out.push_str("</dl><h2>Where this was measured</h2><dl class=\"terms\">");
    let environment = &run.opening.environment;
    let memory = environment.memory.map_or_else(|| "unknown".to_owned(), bytes);
    for (term, text) in [
        ("Machine", format!("{} cores, {memory} of memory, {}", environment.cores, environment.system)),
        ("Envoy", environment.envoy.join(", ")),
        (
            "xDS",
            format!(
                "{} ADS of {}, server {}",
                environment.api,
                if environment.listeners { "all four types" } else { "clusters and endpoints" },
                environment.server
            ),
        ),
        ("Purge", environment.purge.clone()),
        ("xdslab", environment.xdslab.clone()),
        ("Begun", environment.started.clone()),
    ] {
        let _ = write!(out, "<dt>{term}</dt><dd>{}</dd>", escaped(&text));
    }
    out.push_str("</dl>");
}

const TERMS: [(&str, &str); 8] = [
    (
        "Lines",
        "What <code>istioctl proxy-config clusters POD | grep -c \".*\"</code> would print: one line for each cluster, and a header.",
    ),
    (
        "Clusters",
        "Envoy's word for a destination: one for each port of each service that the proxy is told about, those of the bootstrap \
         (4), those that Istio always adds (3) and the proxy's own ports (inbound) included.",
    ),
    ("Endpoints", "The addresses behind these clusters."),
    (
        "Pushes, bytes",
        "Responses with configuration that the server sent during the step, and their size before gRPC's framing. A proxy that \
         connects anew is sent everything.",
    ),
    (
        "ACKed in",
        "From the change until every proxy that was running had taken it; <b>all in</b> counts those that the step starts, too.",
    ),
    (
        "Allocated",
        "Memory that Envoy uses. It follows the configuration at once, up and down, and is the figure to look at.",
    ),
    (
        "RSS",
        "Memory that the system has given to the process, shared parts included: about 63 MiB for an Envoy without any \
         configuration. It does not fall when configuration goes. With a few hundred clusters it hardly moves at all; run with \
         <code>--services 2000</code> to see it.",
    ),
    (
        "PSS",
        "As RSS, but what processes share is counted in equal parts. Only PSS may be summed over proxies.",
    ),
];
