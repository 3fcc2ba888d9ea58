//! `sim conformance` as a command: what it prints, what it writes, how it ends.

use std::process::Output;

use tokio::process::Command;
use xdslab_server::Semantics;

use crate::serve;

async fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).arg("conformance").args(args).output().await.expect("runs")
}

#[tokio::test]
async fn good_and_bad_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    for (semantics, code, word) in [(Semantics::Spec, 0, "passed"), (Semantics::Istiod, 1, "failed")] {
        let server = serve(semantics).await;
        let (xds, adapter) = (server.grpc_addr(), server.adapter_addr().expect("has an adapter"));
        let (xds, adapter) = (xds.to_string(), adapter.to_string());
        let only = ["--rule", "R18", "--variant", "delta-aggregated", "--deadline", "500ms"];
        let (junit, json) = (path("junit.xml"), path("report.json"));
        let files = ["--junit", &junit, "--json", &json];
        let output = sim(&[&["--server", &xds, "--adapter", &adapter][..], &only, &files].concat()).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(&format!("1 {word}")), "{text}");
        let report = std::fs::read_to_string(&json).expect("written");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["checks"][0]["rule"], "R18");
        assert_eq!(report["checks"][0]["verdict"], word);
        let report = std::fs::read_to_string(&junit).expect("written");
        assert_eq!(report.contains("<failure"), code == 1, "{report}");
    }
}

#[tokio::test]
async fn wrong_usage() {
    for args in [
        &["--server", "127.0.0.1:1"][..],
        &["--server", "no address"],
        &["--server", "127.0.0.1:1", "--rule", "R41"],
        &["--server", "127.0.0.1:1", "--variant", "both"],
        &["--server", "127.0.0.1:1", "--quiet", "long"],
    ] {
        let output = sim(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}
