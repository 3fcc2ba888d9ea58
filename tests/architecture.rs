//! The pure crates stay pure: no runtime, no wire types, no transport.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const PURE: [&str; 2] = ["xdslab-mesh", "xdslab-protocol"];
const FORBIDDEN: [&str; 6] = ["tokio", "tonic", "prost", "envoy-types", "hyper", "axum"];

#[test]
fn the_pure_crates_have_no_runtime_and_no_wire_types() {
    let metadata = metadata();
    for name in PURE {
        let reached = reached(&metadata, name);
        let bad: Vec<_> = FORBIDDEN.iter().filter(|f| reached.contains(**f)).collect();
        assert!(bad.is_empty(), "{name} depends on {bad:?}");
    }
}

#[test]
fn the_client_shares_no_protocol_code_with_the_server() {
    let reached = direct(&metadata(), "xdslab-sim");
    assert!(!reached.contains("xdslab-protocol"), "a server bug must not be mirrored in the client");
}

/// What cargo knows of the packages that are built on this platform; only these are sure to be downloaded.
fn metadata() -> Value {
    let platform = host();
    let arguments =
        ["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &platform];
    serde_json::from_str(&printed(env!("CARGO"), &arguments)).expect("cargo prints JSON")
}

fn host() -> String {
    let version = printed("rustc", &["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

fn name_of(metadata: &Value, id: &str) -> String {
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|p| p["id"] == id).expect("every id has a package");
    package["name"].as_str().expect("a name").to_owned()
}

fn id_of(metadata: &Value, name: &str) -> String {
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|p| p["name"] == name).expect("the crate is a member");
    package["id"].as_str().expect("an id").to_owned()
}

/// The normal dependencies of a package, by id.
fn dependencies(metadata: &Value, id: &str) -> Vec<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let node = nodes.iter().find(|n| n["id"] == id).expect("every package is resolved");
    let normal =
        |d: &&Value| d["dep_kinds"].as_array().is_some_and(|k| k.iter().any(|k| k["kind"].is_null()));
    let deps = node["deps"].as_array().expect("deps");
    deps.iter().filter(normal).filter_map(|d| d["pkg"].as_str().map(str::to_owned)).collect()
}

fn direct(metadata: &Value, name: &str) -> BTreeSet<String> {
    dependencies(metadata, &id_of(metadata, name)).iter().map(|id| name_of(metadata, id)).collect()
}

fn reached(metadata: &Value, name: &str) -> BTreeSet<String> {
    let (mut open, mut seen) = (vec![id_of(metadata, name)], BTreeSet::new());
    while let Some(id) = open.pop() {
        for dependency in dependencies(metadata, &id) {
            if seen.insert(dependency.clone()) {
                open.push(dependency);
            }
        }
    }
    seen.iter().map(|id| name_of(metadata, id)).collect()
}
