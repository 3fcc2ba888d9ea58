//! Simulated proxies say what a real Envoy says, word for word, to the same responses.
//!
//! The simulated proxy is asked first, in memory, and tells at once all that it has to say to a response. Then the real
//! one is sent that response, and must say the same in the same order. What it says beyond that comes before what is said
//! to the next response, so it is found too.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod puppet;
mod resources;
mod said;

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use tempfile::TempDir;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_sim::client::{Catalogue, Config, Proxy, Refusal, Rule, Types, Variant};
use xdslab_sim::envoy::{
    Api, Binary, Bootstrap, Envoy, EnvoyOptions, LogLevel, Node, Surroundings, Version, Wanted, Watchdog,
    find,
};
use xdslab_sim::wire::Kind;

use puppet::Puppet;

/// Responses one after the other, and what is said to them; `cut` ends the stream.
const STORIES: [(Variant, &str); 4] = [
    (Variant::Delta, include_str!("stories/delta.txt")),
    (Variant::Delta, include_str!("stories/delta-sparse.txt")),
    (Variant::Sotw, include_str!("stories/sotw.txt")),
    (Variant::Sotw, include_str!("stories/sotw-sparse.txt")),
];

#[tokio::test]
async fn as_envoy_is() {
    as_envoy(Version::DEFAULT, str::to_owned).await;
}

/// But that 1.36 says who it is in every delta request, though its bootstrap says once (`set_node_on_first_message_only`).
#[tokio::test]
async fn as_envoy_was() {
    as_envoy(Version::new(1, 36, 4), |line| line.replace(" node", "")).await;
}

/// Needs no Envoy: what one said is in the stories.
#[test]
fn as_written() {
    for (variant, story) in STORIES {
        let mut simulated = Simulated::new(variant);
        let mut said = simulated.connect();
        for line in lines(story) {
            if let Some(expected) = line.strip_prefix("> ") {
                let first = if said.is_empty() { "nothing".to_owned() } else { said.remove(0) };
                assert_eq!(first, expected, "{variant:?}");
            } else {
                assert_eq!(said, Vec::<String>::new(), "{variant:?}, before: {line}");
                said = simulated.step(line.trim_start_matches("< "));
            }
        }
        assert_eq!(said, Vec::<String>::new(), "{variant:?}, at the end");
    }
}

/// `shown` is how much of what is said is compared.
async fn as_envoy(version: Version, shown: fn(&str) -> String) {
    let Some(binary) = envoy(version).await else { return };
    for (variant, story) in STORIES {
        compare(&binary, variant, story, shown).await;
    }
}

async fn compare(binary: &Binary, variant: Variant, story: &str, shown: fn(&str) -> String) {
    let mut puppet = Puppet::start().await;
    let (folder, watchdog) = (TempDir::new().unwrap(), Watchdog::start().unwrap());
    let api = if variant == Variant::Delta { Api::Delta } else { Api::Sotw };
    let node = Node::sidecar([10, 0, 0, 1], "sleep-1", "default");
    let bootstrap = Bootstrap { api, lds: true, ..Bootstrap::new(node, puppet.address()) };
    let options = EnvoyOptions {
        binary: binary.path.clone(),
        bootstrap: bootstrap.to_json(),
        dir: folder.path().to_owned(),
        log_level: LogLevel::default(),
        concurrency: 1,
    };
    let _envoy = Envoy::start(options, &watchdog).await.unwrap();

    let mut simulated = Simulated::new(variant);
    let mut expected = simulated.connect();
    let mut told = Vec::new();
    for line in lines(story).filter(|line| !line.starts_with('>')).chain([""]) {
        for expected in expected {
            let real = puppet.hear().await.unwrap_or_else(str::to_owned);
            told.push(format!("> {real}"));
            assert_eq!(shown(&expected), shown(&real), "simulated and real; so far:\n{}", told.join("\n"));
        }
        told.push(line.to_owned());
        let line = line.trim_start_matches("< ");
        expected = Vec::new();
        match line {
            "" => {}
            "cut" => puppet.cut(),
            line => puppet.say(said::response(variant, line)).await,
        }
        if !line.is_empty() {
            expected = simulated.step(line);
        }
    }
}

/// The lines of a story but for empty ones and remarks.
fn lines(story: &str) -> impl Iterator<Item = &str> {
    story.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

struct Simulated {
    proxy: Proxy,
    variant: Variant,
    now: Instant,
}

impl Simulated {
    fn new(variant: Variant) -> Self {
        let types = Types { endpoints: true, listeners: true, routes: true };
        // The one that Envoy refuses.
        let rules = vec![Rule::Resource(Kind::Cluster, "x".into())];
        let refusal = Arc::new(Refusal { rules, chance: 0.0 });
        let config = Config { refusal, ..Config::new(variant, types) };
        let now = Instant::now();
        let proxy = Proxy::new(Arc::new(config), Arc::new(Catalogue::default()), 1, now);
        Self { proxy, variant, now }
    }

    fn connect(&mut self) -> Vec<String> {
        self.proxy.handle_connected();
        self.said()
    }

    fn step(&mut self, line: &str) -> Vec<String> {
        if line == "cut" {
            self.proxy.handle_disconnected(self.now);
            self.now += Duration::from_secs(1);
            return self.connect();
        }
        self.proxy.handle_response(&said::response(self.variant, line), self.now).unwrap();
        self.said()
    }

    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(request) = self.proxy.poll_request() {
            let bytes = request.encode(b"\x0a\x01x");
            said.push(match self.variant {
                Variant::Delta => said::delta(&DeltaDiscoveryRequest::decode(bytes).unwrap()),
                Variant::Sotw => said::sotw(&DiscoveryRequest::decode(bytes).unwrap()),
            });
        }
        said
    }
}

/// The Envoy of this version, fetched if need be. `None`, and said aloud, where there is none; in CI that is a failure.
async fn envoy(version: Version) -> Option<Binary> {
    let wanted = Wanted { path: None, version: Some(version) };
    match find(&wanted, &Surroundings::of_this_process(), &|_, _| {}).await {
        Ok(binary) => Some(binary),
        Err(error) if env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("SKIPPED, for there is no Envoy here: {error}");
            None
        }
    }
}
