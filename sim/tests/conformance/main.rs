//! The conformance checks against servers that obey the rules, and against servers that each break one.

mod command;
mod faults;
mod relay;

use std::time::Duration;

use futures::future::join_all;
use xdslab_server::push::DebounceOptions;
use xdslab_server::{Config, Semantics, Server};
use xdslab_sim::conformance::{Options, Outcome, Protocol, RULES, Verdict, json, junit, rule, run, table};
use xdslab_sim::topology::bookinfo;
use xdslab_sim::wire::connect;

use faults::{CASES, Case};
use relay::{Fault, Relay};

async fn serve(semantics: Semantics) -> Server {
    let debounce = DebounceOptions { after: Duration::from_millis(5), ..DebounceOptions::default() };
    let adapter = Some(([127, 0, 0, 1], 0).into());
    let config = Config { semantics, adapter, debounce, ..Config::default() };
    Server::start(config).await.expect("started")
}

fn options(server: &Server) -> Options {
    let adapter = server.adapter_addr().expect("has an adapter").to_string();
    Options { adapter: Some(adapter), ..Options::new(server.grpc_addr().to_string()) }
}

async fn check(options: &Options) -> Outcome {
    run(options, |_| {}).await.expect("the server is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn our_server_obeys_every_rule() {
    let server = serve(Semantics::Spec).await;
    let outcome = check(&options(&server)).await;
    assert!(outcome.passed(), "{}", table(&outcome));
    let skipped = outcome.checks.iter().filter(|check| matches!(check.verdict, Verdict::Skipped { .. }));
    assert!(
        skipped.map(|check| check.rule.number).all(|n| ["R36", "R37"].contains(&n)),
        "{}",
        table(&outcome)
    );
    let rules = RULES.iter().filter(|rule| outcome.checks.iter().any(|check| check.rule == *rule));
    assert_eq!(rules.count(), 40);
    server.shutdown().await.expect("in order");
}

/// `docs/CONFORMANCE.md` says why.
#[tokio::test(flavor = "multi_thread")]
async fn what_istiod_does_otherwise() {
    let server = serve(Semantics::Istiod).await;
    let options = Options { deadline: Duration::from_secs(2), ..options(&server) };
    let outcome = check(&options).await;
    let broken = |protocol: Protocol| {
        let failed = outcome
            .checks
            .iter()
            .filter(|check| check.protocol == protocol && matches!(check.verdict, Verdict::Failed { .. }));
        failed.map(|check| check.rule.number).collect::<Vec<_>>()
    };
    let sotw = ["R8", "R13", "R14"];
    let delta = ["R8", "R9", "R11", "R13", "R14", "R15", "R17", "R18", "R20", "R22", "R24", "R25", "R26"];
    assert_eq!(broken(Protocol::SotwSeparate), sotw);
    assert_eq!(broken(Protocol::SotwAggregated), [&sotw[..], &["R30"]].concat());
    assert_eq!(broken(Protocol::DeltaSeparate), delta);
    assert_eq!(broken(Protocol::DeltaAggregated), [&delta[..], &["R30"]].concat());
    server.shutdown().await.expect("in order");
}

/// What stands between breaks nothing by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_fault_obeys_every_rule() {
    let server = serve(Semantics::Spec).await;
    let upstream = connect(&server.grpc_addr().to_string()).await.expect("connected");
    let relay = Relay::start(upstream, Fault::None).await;
    let outcome = check(&Options { server: relay.address().to_string(), ..options(&server) }).await;
    assert!(outcome.passed(), "{}", table(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_rule_is_caught() {
    let server = serve(Semantics::Spec).await;
    let all = join_all(CASES.iter().map(|case| broken(&server, case))).await;
    let missed: Vec<_> = all.into_iter().flatten().collect();
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
}

/// What the check says if it does not catch the fault.
async fn broken(server: &Server, case: &Case) -> Option<String> {
    let upstream = connect(&server.grpc_addr().to_string()).await.expect("connected");
    let relay = Relay::start(upstream, case.fault).await;
    let options = Options {
        server: relay.address().to_string(),
        node: format!("{}-{}", case.rule, case.protocol),
        rules: vec![rule(case.rule).expect("a rule")],
        protocols: vec![case.protocol],
        deadline: Duration::from_secs(2),
        ..options(server)
    };
    let outcome = check(&options).await;
    let is_caught = outcome.broken() == [case.rule];
    (!is_caught).then(|| format!("{} on {}\n{}", case.rule, case.protocol, table(&outcome)))
}

#[test]
fn every_rule_that_is_checked_is_broken_by_some_server() {
    let is_checked =
        |number: &str| Protocol::ALL.iter().any(|p| rule(number).is_some_and(|r| r.applies_to(*p)));
    let checked = RULES.iter().filter(|rule| is_checked(rule.number));
    let unbroken: Vec<_> =
        checked.filter(|rule| CASES.iter().all(|case| case.rule != rule.number)).map(|r| r.number).collect();
    assert_eq!(unbroken, [""; 0]);
}

#[tokio::test]
async fn without_adapter_what_needs_one_is_skipped() {
    let server = serve(Semantics::Spec).await;
    let options = Options { adapter: None, quiet: Duration::from_millis(50), ..options(&server) };
    let outcome = check(&options).await;
    // The server has nothing at all, so nothing but what asks for missing names can be checked.
    assert!(outcome.passed(), "{}", table(&outcome));
    let verdict = |number| {
        let check = outcome.checks.iter().find(|check| check.rule.number == number).expect("reported");
        check.verdict.clone()
    };
    assert_eq!(verdict("R21"), Verdict::Passed);
    let Verdict::Skipped { why } = verdict("R5") else { panic!("{:?}", verdict("R5")) };
    assert_eq!(why, "needs 1 of EDS, the server has 0");
    let text = json(&outcome).expect("written");
    assert!(text.contains("\"verdict\": \"skipped\""), "{text}");
    assert!(junit(&outcome).contains("<skipped"), "{}", junit(&outcome));
}

/// What is checked of a mesh: nothing changes, and the names are found.
#[tokio::test(flavor = "multi_thread")]
async fn our_server_with_a_mesh_obeys_what_can_be_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mesh.yaml");
    std::fs::write(&file, bookinfo()).expect("written");
    let config = Config { semantics: Semantics::Spec, files: vec![file], ..Config::default() };
    let server = Server::start(config).await.expect("started");
    let outcome = check(&Options::new(server.grpc_addr().to_string())).await;
    assert!(outcome.passed(), "{}", table(&outcome));
    let [passed, ..] = outcome.counts();
    assert!(passed > 80, "{}", table(&outcome));
    server.shutdown().await.expect("in order");
}
