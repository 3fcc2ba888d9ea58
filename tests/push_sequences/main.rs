//! Sequences of changes: what each connected proxy is pushed, in order, equals what a real istiod pushed. In memory, under
//! virtual time.

mod client;
mod dialect;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use dialect::Dialect;
use serde_json::{Map, Value};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::{Config, Server};
use xdslab_sim::wire::{Delta, Kind, Sotw};
use xdslab_tests::{ProxyCase, wire_node};

use client::{Client, Heard, Names};

datatest_stable::harness! {
    { test = delta_equals_istiod, root = "push", pattern = r"delta\.json$" },
    { test = sotw_equals_istiod, root = "push", pattern = r"sotw\.json$" },
}

/// Quiet that ends a step; the debounce is 100 ms.
const QUIET: Duration = Duration::from_secs(1);

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
    server.apply(changes(&folder.join("mesh.yaml"), true)?).await;
    server.synced().await;
    let clients: Vec<_> = proxies
        .iter()
        .map(|proxy| Client::start::<V>(server.discovery(), wire_node(&proxy.node())))
        .collect();
    let mut steps: Vec<_> =
        std::fs::read_dir(folder.join("steps"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    steps.sort();
    let mut wrong = Vec::new();
    for (at, wanted) in recorded.iter().enumerate() {
        if let Some(step) = at.checked_sub(1) {
            let file = steps.get(step).context("a file for each step")?;
            let is_there = file.to_string_lossy().ends_with(".apply.yaml");
            server.apply(changes(file, is_there)?).await;
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

/// Waits until nobody hears anything any more.
async fn quiet(clients: &[Client]) {
    let heard = || clients.iter().map(Client::heard).sum::<usize>();
    loop {
        let before = heard();
        tokio::time::sleep(QUIET).await;
        if heard() == before {
            return;
        }
    }
}

/// The objects of a file, applied or deleted.
fn changes(file: &Path, is_there: bool) -> Result<ChangeSet> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text(file)?)?;
    let change = |value: Value| match read(value) {
        Ok(Reading::Object(object, _)) if is_there => Ok(Change::Apply(object)),
        Ok(Reading::Object(object, _)) => Ok(Change::Delete(object.key())),
        other => Err(anyhow!("{}: {other:?}", file.display())),
    };
    documents.into_iter().map(change).collect()
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
    let list = |names: &Names| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let one = |Heard { kind, names, removed }: &Heard| {
        let less = if removed.is_empty() { String::new() } else { format!(" less {{{}}}", list(removed)) };
        format!("{kind} {{{}}}{less}", list(names))
    };
    if responses.is_empty() {
        "nothing".to_owned()
    } else {
        responses.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}
