//! Mutual TLS between real Envoys: identities from the control plane, a request from one to the other, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod http;
mod lab;
mod mesh;

use std::env;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use xdslab_server::identity::{Account, IdentityOptions};
use xdslab_server::observe::Happening;
use xdslab_server::{Config, Server};
use xdslab_sim::envoy::{Api, Binary, Bootstrap, Surroundings, Version, Wanted, Watchdog, find};

use http::Answer;
use lab::{Lab, address, run};
use mesh::{allow, strict};

const LIMIT: Duration = Duration::from_secs(60);
const CALLEE: &str = "spiffe://cluster.local/ns/back/sa/echo";
const CALLER: &str = "spiffe://cluster.local/ns/front/sa/sleep";

/// The Envoys of these versions, fetched if need be. Fewer, and said aloud, where there are none; in CI that is a failure.
async fn envoys() -> Vec<(Binary, Api)> {
    let mut found = Vec::new();
    for (version, api) in [(Version::DEFAULT, Api::Delta), (Version::new(1, 36, 4), Api::Sotw)] {
        let wanted = Wanted { path: None, version: Some(version) };
        match find(&wanted, &Surroundings::of_this_process(), &|_, _| {}).await {
            Ok(binary) => found.push((binary, api)),
            Err(error) if env::var_os("CI").is_some() => panic!("{error}"),
            Err(error) => eprintln!("SKIPPED, for there is no such Envoy here: {error}"),
        }
    }
    found
}

/// Asks again and again until the answer is as wanted.
async fn until<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {}s: {what}: {answer:?}", LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is(status: u16) -> impl Fn(&Result<Answer, String>) -> bool {
    move |answer| answer.as_ref().is_ok_and(|answer| answer.status == status)
}

#[tokio::test]
async fn a_request_goes_over_mutual_tls_and_plaintext_is_refused_where_it_must_be() {
    for (binary, api) in envoys().await {
        let lab = Lab::start(&binary, api, IdentityOptions::default()).await;
        // Listeners are in use a moment after they were accepted.
        let answer = until("answered", async || lab.request().await, is(200)).await.unwrap();
        assert!(answer.body.contains(&format!("URI={CALLER}")), "{} {answer:?}", binary.version);
        assert!(answer.body.contains(&format!("By={CALLEE}")), "{answer:?}");
        let [front, back] = lab.handshakes().await;
        assert!(front > 0 && back > 0, "{} {front} {back}", binary.version);
        // Where both are taken, one without certificate is nobody.
        let answer = lab.plaintext().await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));

        lab.apply(strict()).await;
        let refused = until("refused", async || lab.plaintext().await, Result::is_err).await.unwrap_err();
        assert!(refused.starts_with("cut off") || refused.starts_with("no answer: \"\""), "{refused}");
        lab.settled().await;
        let before = lab.handshakes().await;
        assert_eq!(lab.request().await.unwrap().status, 200);
        let after = lab.handshakes().await;
        assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
        lab.stop().await;
    }
}

#[tokio::test]
async fn another_identity_is_refused_where_a_policy_names_one() {
    for (binary, api) in envoys().await {
        let lab = Lab::start(&binary, api, IdentityOptions::default()).await;
        until("answered", async || lab.request().await, is(200)).await.unwrap();
        lab.apply(allow("cluster.local/ns/front/sa/other")).await;
        until("refused", async || lab.request().await, is(403)).await.unwrap();
        lab.settled().await;
        lab.apply(allow("cluster.local/ns/front/sa/sleep")).await;
        until("answered", async || lab.request().await, is(200)).await.unwrap();
        // One without certificate is not who it must be.
        assert_eq!(lab.plaintext().await.unwrap().status, 403);
        lab.stop().await;
    }
}

#[tokio::test]
async fn certificates_are_replaced_and_no_request_fails() {
    const TTL: Duration = Duration::from_secs(2);
    for (binary, api) in envoys().await {
        let mut lab = Lab::start(&binary, api, IdentityOptions { ttl: TTL, ..Default::default() }).await;
        lab.apply(strict()).await;
        until("answered", async || lab.request().await, is(200)).await.unwrap();
        until("refused", async || lab.plaintext().await, Result::is_err).await.unwrap_err();
        let (begun, mut issued, mut requests) = (Instant::now(), [0, 0], 0);
        let before = lab.handshakes().await;
        // Past the end of every certificate that there was at the beginning, twice.
        while begun.elapsed() < 3 * TTL || issued.iter().any(|n| *n < 4) {
            assert!(begun.elapsed() < LIMIT, "{issued:?} certificates after {requests} requests");
            let answer = lab.request().await.unwrap();
            assert_eq!(answer.status, 200, "request {requests} after {:?}: {answer:?}", begun.elapsed());
            requests += 1;
            while let Ok(event) = lab.events.try_recv() {
                match event.what {
                    Happening::Issued { identity, .. } => {
                        issued[usize::from(identity == CALLEE)] += 1;
                        assert!([CALLEE, CALLER].contains(&identity.as_str()), "{identity}");
                    }
                    Happening::Nacked { message, .. } => panic!("{message}"),
                    _ => {}
                }
            }
        }
        let after = lab.handshakes().await;
        assert!(
            after[1] - before[1] >= requests,
            "each request is a handshake: {before:?} {after:?} {requests}"
        );
        lab.stop().await;
    }
}

#[tokio::test]
async fn an_envoy_shows_its_token() {
    for (binary, api) in envoys().await {
        let identity = IdentityOptions { require_tokens: true, ..Default::default() };
        let server = Server::start(Config { identity, ..Config::default() }).await.unwrap();
        let (front, back) = (address(), address());
        server.apply(mesh::apply(mesh::mesh(front, back, SocketAddr::from(([127, 0, 0, 1], 9))))).await;
        let mut events = server.events();
        let (folder, watchdog) = (tempfile::tempdir().unwrap(), Watchdog::start().unwrap());
        let bootstrap = |account: Option<&str>| {
            let token = account.map(|account| server.token(&account.parse::<Account>().unwrap(), LIMIT));
            let node = mesh::node("sleep", front, &[]);
            Bootstrap { api, lds: true, token, ..Bootstrap::new(node, server.grpc_addr()) }
        };
        for (account, is_admitted) in
            [(None, false), (Some("front/other"), false), (Some("front/sleep"), true)]
        {
            let dir = folder.path().join(account.unwrap_or("none").replace('/', "-"));
            let envoy = run(&binary, &bootstrap(account), &dir, &watchdog).await;
            let told = async {
                loop {
                    match events.recv().await.unwrap().what {
                        Happening::Issued { identity, .. } => return Ok(identity),
                        Happening::Unproven { reason } => return Err(reason),
                        _ => {}
                    }
                }
            };
            let told = timeout(LIMIT, told).await.unwrap();
            assert_eq!(told.is_ok(), is_admitted, "{account:?}: {told:?}");
            if is_admitted {
                envoy.ready(LIMIT).await.unwrap();
            }
            envoy.stop(Duration::ZERO).await;
            // What the last one asked for in vain is not what the next one asks for.
            while events.try_recv().is_ok() {}
        }
        server.shutdown().await.unwrap();
    }
}
