//! Sequences of changes: what each connected proxy is pushed, in order, equals what a real istiod pushed. In memory, under
//! virtual time.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value};
use xdslab_server::{Config, Server};
use xdslab_sim::wire::{Delta, Kind, Sotw};
use xdslab_tests::plain::{Client, Dialect, Heard, Names, quiet};
use xdslab_tests::{ProxyCase, changes, sorted, wire_node};

datatest_stable::harness! {
    { test = delta_equals_istiod, root = "push", pattern = r"delta\.json$" },
    { test = sotw_equals_istiod, root = "push", pattern = r"sotw\.json$" },
}

fn delta_equals_istiod(recording: &Path) -> datatest_stable::Result<()> {
    compare::<Delta>(recording)
}

fn sotw_equals_istiod(recording: &Path) -> datatest_stable::Result<()> {
    compare::<Sotw>(recording)
}

fn compare<V: Dialect>(recording: &Path) -> datatest_stable::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let wrong = runtime.block_on(replay::<V>(recording))?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Plays the changes of a recording; what is pushed otherwise than by istiod, a line each.
async fn replay<V: Dialect>(recording: &Path) -> Result<Vec<String>> {
    let folder = recording.parent().context("a recording has a folder")?;
    let recorded: Vec<Map<String, Value>> = serde_json::from_str(&text(recording)?)?;
    let proxies: Vec<ProxyCase> = serde_saphyr::from_str(&text(&folder.join("proxies.yaml"))?)?;
    let server = Server::start(Config::default()).await?;
    server.apply(changes(&text(&folder.join("mesh.yaml"))?, true)?).await;
    server.synced().await;
    let clients: Vec<_> = proxies
        .iter()
        .map(|proxy| Client::start::<V>(server.discovery(), wire_node(&proxy.node())))
        .collect();
    let steps = sorted(&folder.join("steps"))?;
    let mut wrong = Vec::new();
    for (at, wanted) in recorded.iter().enumerate() {
        if let Some(step) = at.checked_sub(1) {
            let file = steps.get(step).context("a file for each step")?;
            let is_there = file.to_string_lossy().ends_with(".apply.yaml");
            server.apply(changes(&text(file)?, is_there)?).await;
        }
        quiet(&clients).await;
        for (proxy, client) in proxies.iter().zip(&clients) {
            let who = format!("{}.{}", proxy.namespace, proxy.name);
            let got = client.drain().map_err(|error| anyhow!("{who}: {error}"))?;
            let want = wanted.get(&who).map(heard).unwrap_or_default();
            if got != want {
                let title = wanted["title"].as_str().unwrap_or_default();
                wrong.push(format!("{title}: {who}\n  want {}\n  got  {}", told(&want), told(&got)));
            }
        }
    }
    Ok(wrong)
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// What istiod sent to one proxy at one step.
fn heard(recorded: &Value) -> Vec<Heard> {
    let names = |value: &Value| -> Names {
        value.as_array().into_iter().flatten().filter_map(|n| n.as_str()).map(str::to_owned).collect()
    };
    let one = |response: &Value| Heard {
        kind: match response["type"].as_str() {
            Some("clusters") => Kind::Cluster,
            Some("endpoints") => Kind::Endpoint,
            Some("listeners") => Kind::Listener,
            Some("routes") => Kind::Route,
            other => panic!("{other:?} is no type"),
        },
        names: names(response.get("names").unwrap_or(&response["added"])),
        removed: names(&response["removed"]),
    };
    recorded.as_array().into_iter().flatten().map(one).collect()
}

fn told(responses: &[Heard]) -> String {
    if responses.is_empty() {
        return "nothing".to_owned();
    }
    responses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
