//! The command line: what it prints, what it writes, how it ends.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use xdslab_sim::envoy::{Surroundings, Version, Wanted, find};
use xdslab_sim::report::read_json;
use xdslab_sim::scenario::Outcome;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sidecar-lab")
}

fn sim() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sim"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The Envoy that the runs use. `None`, and said aloud, where there is none; in CI that is a failure.
#[tokio::main(flavor = "current_thread")]
async fn has_envoy() -> bool {
    let wanted = Wanted { path: None, version: Some(Version::DEFAULT) };
    match find(&wanted, &Surroundings::of_this_process(), &|_, _| {}).await {
        Ok(_) => true,
        Err(error) if env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("SKIPPED, for there is no Envoy here: {error}");
            false
        }
    }
}

/// Runs the example with one Envoy, after `change` has had its way with the scenario's text.
fn run(folder: &Path, change: impl Fn(&str) -> String, more: &[&str]) -> Output {
    let written = fs::read_to_string(example().join("scenario.yaml")).unwrap();
    let scenario = folder.join("scenario.yaml");
    fs::write(&scenario, change(&written)).unwrap();
    for name in ["mesh", "sleep.yaml", "sidecar.yaml"] {
        let path = folder.join(name);
        if !path.exists() {
            std::os::unix::fs::symlink(fs::canonicalize(example().join(name)).unwrap(), path).unwrap();
        }
    }
    sim()
        .arg("run")
        .arg(folder)
        .args(["--envoys", "1", "--envoy-version", &Version::DEFAULT.to_string(), "--out"])
        .arg(folder.join("out"))
        .args(more)
        .output()
        .unwrap()
}

fn quick(text: &str) -> String {
    text.replace("hold: 1s", "hold: 0s").replace("hold: 2s", "hold: 0s")
}

#[test]
fn a_run_that_is_as_expected_ends_with_0_and_three_reports() {
    if !has_envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), quick, &[]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    for figure in ["35 ✓", "85 ✓", "34 ✓"] {
        assert!(out.contains(figure), "{out}");
    }
    assert!(err.contains("[5/5] clean up"), "{err}");
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let report = read_json(&read("report.json")).unwrap();
    let lines: Vec<_> = report.runs[0].steps.iter().map(|step| step.watched.lines.unwrap()).collect();
    assert_eq!(lines, [35, 85, 34, 34, 35]);
    assert!(read("report.html").contains("apply the Sidecar"));
    assert!(!folder.path().join("out/envoys").exists(), "logs of a good run are not kept");
}

#[test]
fn both_sides_are_run_and_compared() {
    if !has_envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), quick, &["--compare", "--services", "60", "--keep", "--api", "sotw"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(err.contains("note: sleep.yaml is replaced by 60 services in 50 namespaces"), "{err}");
    assert!(out.contains("Both sides") && out.contains("95 ✓"), "{out}");
    let report = read_json(&fs::read_to_string(folder.path().join("out/report.json")).unwrap()).unwrap();
    let lines = |run: usize| {
        report.runs[run].steps.iter().map(|step| step.watched.lines.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((lines(0), lines(1)), (vec![35, 95, 34, 34, 35], vec![35, 95, 95, 35]));
    assert!(folder.path().join("out/envoys/without-Sidecar").exists(), "asked to be kept");
}

#[test]
fn a_figure_that_is_off_ends_with_1_and_is_named() {
    if !has_envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), |text| quick(text).replace("lines: 34  ", "lines: 33  "), &[]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}{}", text(&output.stderr));
    assert!(out.contains("not as expected: apply the Sidecar: lines: expected 33, seen 34"), "{out}");
    assert!(folder.path().join("out/report.html").exists());
}

#[test]
fn a_mistake_of_the_user_ends_with_2_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), |text| text.replace("watch:", "watches:"), &[]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("scenario.yaml:11: ") && err.contains("watches"), "{err}");

    let output = sim().args(["run", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot read /nowhere"));
    let output = sim().args(["run", "x", "--compare", "--no-sidecar"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn interrupted_it_ends_with_130_and_writes_what_there_is() {
    if !has_envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = sim()
        .arg("run")
        .arg(example())
        .args(["--envoys", "2", "--envoy-version", &Version::DEFAULT.to_string(), "--out"])
        .arg(folder.path().join("out"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("[2/5]")), "the second step begins");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}\n{out}");
    assert!(rest.iter().any(|line| line.starts_with("interrupted after")), "{rest:?}");
    assert!(out.contains("bookinfo") && out.contains("Report: "), "{out}");
    let report = read_json(&fs::read_to_string(folder.path().join("out/report.json")).unwrap()).unwrap();
    assert_eq!((report.runs[0].steps.len(), &report.runs[0].outcome), (1, &Outcome::Interrupted));
}

#[test]
fn a_made_mesh_has_no_problems() {
    let output =
        sim().args(["topology", "--namespaces", "3", "--services", "4", "--seed", "7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.yaml");
    fs::write(&file, &output.stdout).unwrap();
    let (source, batch) = xdslab_server::source::FileSource::load([file]).unwrap();
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);
    let services = source.objects().filter(|o| o.kind() == xdslab_mesh::object::Kind::Service).count();
    assert_eq!(services, 16 + 3 * 4);
}
