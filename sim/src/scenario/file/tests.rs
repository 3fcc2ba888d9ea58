use super::*;
use crate::scenario::expect::Variables;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "b.yaml"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    Scenario::parse(text, &folder.path().join("scenario.yaml"))
}

const HEAD: &str = "name: x\ntitle: X\nwatch: a-*.n\n";

#[test]
fn a_whole_scenario_is_read() {
    let text = "
name: all-of-it
title: All of it
about: >-
  Two lines
  of text.
mesh: [a.yaml]
watch: web-*.front
envoys: [web-*.front, '*.back']
versions: [1.36.4, 1.40.0]
api: sotw
deadline: 30s
crowd: {file: b.yaml, services: 7, namespaces: 3}
steps:
- name: deploy {services} services
  about: They come.
  apply: [b.yaml]
  expect: {lines: 35 + services, total-pss: <= 60 MiB}
- name: rest
  delete: [a.yaml]
  scale: {web.front: 3}
  purge: soft-limit
  hold: 1.5s
  deadline: 2m
  unscoped:
    lines: 35
";
    let scenario = parse(text).unwrap();
    assert_eq!(scenario.about, "Two lines of text.");
    assert_eq!(scenario.api, Api::Sotw);
    assert!(matches!(&scenario.envoys, Envoys::Named(names) if names.len() == 2));
    assert_eq!(scenario.versions, ["1.36.4", "1.40.0"]);
    let [first, second] = &scenario.steps[..] else { panic!("{scenario:?}") };
    assert_eq!((first.deadline, second.deadline), (Duration::from_secs(30), Duration::from_mins(2)));
    assert_eq!((first.hold, second.hold), (Duration::ZERO, Duration::from_millis(1500)));
    assert_eq!((first.purge, second.purge), (None, Some(Purge::SoftLimit)));
    assert_eq!(second.scale, BTreeMap::from([("web.front".to_owned(), 3)]));
    let shown: Vec<_> =
        first.expect.iter().map(|(f, e)| format!("{f} {}", e.show(Variables::default()))).collect();
    assert_eq!(shown, ["lines 35", "total-pss <= 60 MiB"]);
    assert_eq!(second.unscoped.len(), 1);
}

#[test]
fn little_is_needed() {
    let scenario = parse(&format!("{HEAD}steps: [{{name: one}}]")).unwrap();
    assert_eq!((scenario.envoys, scenario.api, scenario.crowd), (Envoys::All, Api::Delta, None));
    let number = parse(&format!("{HEAD}envoys: 3\nsteps: [{{name: one}}]")).unwrap();
    assert_eq!(number.envoys, Envoys::Count(3));
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (body, line, words) in [
        ("steps:\n- name: one\n  aply: [a.yaml]\n", 6, "aply"),
        ("stepps: []\n", 4, "stepps"),
        ("steps: []\n", 1, "there is none"),
        ("steps:\n- name: one\n  apply:\n  - gone.yaml\n", 7, "there is no "),
        ("steps:\n- name: one\n  delete: [a.yaml]\n", 6, "nothing named a.yaml was applied before"),
        ("steps:\n- name: one\n  expect:\n    lines: many\n", 7, "neither a number"),
        ("steps:\n- name: one\n  expect:\n    line: 1\n", 7, "no figure is named \"line\""),
        ("steps:\n- name: one\n  hold: 5\n", 6, "no length of time"),
        ("steps:\n- name: one\n  purge: reboot\n", 6, "reboot"),
        ("steps:\n- name: one\n  scale: {web: 1}\n", 6, "has no namespace"),
        ("steps:\n- name: ''\n", 5, "needs a name"),
        (
            "crowd: {file: b.yaml, services: 1, namespaces: 1}\nsteps: [{name: one}]\n",
            4,
            "no step applies b.yaml",
        ),
        ("envoys: some\nsteps: [{name: one}]\n", 4, "all, a number, or a list"),
        ("envoys: -1\nsteps: [{name: one}]\n", 4, "all, a number, or a list"),
        ("api: rest\nsteps: [{name: one}]\n", 4, "rest"),
        ("steps: [\n", 4, "unclosed"),
    ] {
        let error = parse(&format!("{HEAD}{body}")).unwrap_err();
        let ScenarioError::Wrong { line: seen, what, .. } = &error else { panic!("{error}") };
        assert_eq!(*seen, line, "{body}: {error}");
        assert!(what.contains(words), "{body}: {error}");
    }
    let error = parse("name: a/b\ntitle: X\nwatch: a.n\nsteps: [{name: one}]").unwrap_err().to_string();
    assert!(error.contains("scenario.yaml:1: name \"a/b\" shall be letters"), "{error}");
    let error = parse("name: x\ntitle: X\nwatch: productpage\nsteps: [{name: one}]").unwrap_err().to_string();
    assert!(error.contains(":3: ") && error.contains("has no namespace"), "{error}");
    let error = Scenario::load(Path::new("/nowhere")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere"), "{error}");
}
