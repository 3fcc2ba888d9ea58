//! The page of a transcript in a real browser: what it shows, what clicks do, and that no text becomes markup.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use xdslab_server::observe::transcript::{Entry, opening, row};

const DEADLINE: Duration = Duration::from_secs(60);

/// The browser. `None`, and said aloud, where there is none; in CI that is a failure.
fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found =
        env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|p| p.is_file());
    if found.is_none() {
        let told = "there is no chromium on PATH; install it to test the page of transcripts";
        assert!(env::var("CI").as_deref() != Ok("true"), "{told}");
        eprintln!("SKIPPED: {told}");
    }
    found
}

/// The page after its scripts have run, and after `act`, which then finds all that is on the page.
async fn shown(browser: &Path, page: &str, fragment: &str, act: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    // The data end where the file ends: one more script can follow.
    let then = format!("</script><script>addEventListener('DOMContentLoaded', () => {{ {act} }});</script>");
    fs::write(&file, page.to_owned() + &then).expect("written");
    let command = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}#{fragment}", file.display()))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE, command).await.expect("in time").expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

fn entries() -> Vec<Entry> {
    let rule = json!({"number": "R5", "title": "an ACK gets no answer", "source": "xds_protocol#when-to-send-an-update"});
    let entry = |n: u64, proxy: &str, what: Value| {
        let mut entry = json!({"at": "2026-01-01T00:00:00.000000Z", "ms": 1.5, "connection": format!("{proxy}-1"),
            "proxy": proxy, "n": n});
        let fields = what.as_object().expect("an object").clone();
        entry.as_object_mut().expect("an object").extend(fields);
        serde_json::from_value(entry).expect("an entry")
    };
    let request = |kind: &str, act: &str, more: Value| {
        let mut request = json!({"event": "request", "type": kind, "type_url": "u", "act": act, "bytes": 9, "rules": [rule]});
        request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        request
    };
    let response = json!({"event": "response", "type": "CDS", "type_url": "u", "added": ["one", "two"], "version": "v",
        "nonce": "v/1-1", "bytes": 2048, "cause": "push", "because": ["service", "ServiceEntry/default/one.default.svc.cluster.local"],
        "rule": rule});
    vec![
        entry(1, "a.default", json!({"event": "connected", "variant": "delta", "node": {"id": "sidecar~a"}})),
        entry(2, "a.default", request("CDS", "first", json!({"added": ["*"]}))),
        entry(3, "a.default", response),
        entry(
            4,
            "a.default",
            request(
                "CDS",
                "nack",
                json!({"nonce": "v/1-1", "error": {"code": 3, "message": "bad <b>one</b>"}}),
            ),
        ),
        entry(5, "a.default", json!({"event": "silent", "type": "EDS", "cause": "push", "rule": rule})),
        entry(
            1,
            "</script><i id=evil>",
            json!({"event": "connected", "variant": "sotw", "node": {"id": "<i id=evil>"}}),
        ),
        entry(2, "</script><i id=evil>", request("EDS", "first", json!({"added": ["<i id=evil></i>"]}))),
    ]
}

/// The page of some entries, the last of which is not written to its end.
fn page() -> String {
    let rows: String = entries().iter().map(|entry| row(entry).expect("a row")).collect();
    opening() + &rows + r#"{"at": "2026"#
}

/// How often `part` is on the page, outside of its scripts.
fn count(shown: &str, part: &str) -> usize {
    let body = shown.split("<body>").nth(1).expect("a body").split("<script").next().expect("a part");
    body.matches(part).count()
}

#[tokio::test]
async fn it_shows_all_that_was_said() {
    let Some(browser) = browser() else { return };
    let shown = shown(&browser, &page(), "", "").await;
    assert!(shown.contains("2 proxies, 3 requests, 1 response, 1 NACK"), "{shown}");
    assert_eq!(count(&shown, "class=\"row "), 6, "all but what was not sent");
    assert_eq!(count(&shown, "class=\"arrow\""), 4);
    for part in [
        "asks for everything",
        "1-1: 2 clusters, 2.0 kB; one.default changed",
        "refuses CDS 1-1: bad &lt;b&gt;one&lt;/b&gt;",
        "R5 an ACK gets no answer",
        "opens a stream: ADS, state of the world",
    ] {
        assert!(count(&shown, part) > 0, "{part}: {shown}");
    }
    assert_eq!(shown.matches("<i id=").count(), 0, "no text becomes markup");
}

#[tokio::test]
async fn a_click_tells_more() {
    let Some(browser) = browser() else { return };
    let click = "document.querySelector('.row.nack').click();";
    let clicked = shown(&browser, &page(), "", click).await;
    for part in [
        "row nack chosen",
        "row push kin",
        "<dt>Refused because</dt>",
        "(code 3)",
        "href=\"https://www.envoyproxy.io/",
    ] {
        assert!(count(&clicked, part) == 1, "{part}: {clicked}");
    }
    let linked = shown(&browser, &page(), "a.default-1%2F3", "").await;
    for part in [
        "row push chosen",
        "row nack kin",
        "<dt>Resources (2)</dt>",
        "<li>two</li>",
        "<dt>What changed (2)</dt>",
    ] {
        assert!(count(&linked, part) == 1, "{part}: {linked}");
    }
}

#[tokio::test]
async fn filters_leave_out() {
    let Some(browser) = browser() else { return };
    let by_type =
        shown(&browser, &page(), "", "document.querySelector('#types input[value=CDS]').click();").await;
    assert_eq!((count(&by_type, "class=\"row "), count(&by_type, "asks for everything")), (3, 0));
    let by_proxy = shown(
        &browser,
        &page(),
        "",
        "document.querySelector('#proxies input[value=\"a.default\"]').click();",
    )
    .await;
    assert_eq!(count(&by_proxy, "class=\"row "), 2, "{by_proxy}");
    let silent = shown(&browser, &page(), "", "document.getElementById('silent').click();").await;
    assert_eq!(count(&silent, ">nothing to send: an ACK"), 1);
    let search =
        "const s = document.getElementById('search'); s.value = 'TWO'; s.dispatchEvent(new Event('input'));";
    let found = shown(&browser, &page(), "", search).await;
    assert_eq!((count(&found, "class=\"row "), count(&found, ">1-1: 2 clusters")), (1, 1));
}
