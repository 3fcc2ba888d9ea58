use super::*;

const TEXT: &str = "
name: lab
title: Lab
watch: a-*.n
crowd: {file: crowd.yaml, services: 50, namespaces: 50}
steps:
- name: start
  apply: [mesh]
  expect: {lines: 35, envoys: 8}
- name: deploy {namespaces} namespaces
  apply: [crowd.yaml]
  expect: {lines: 35 + services, total-pss: <= 1 GiB}
- name: scope
  apply: [sidecar.yaml]
  expect: {lines: 34}
- name: purge
  purge: restart
  expect: {lines: 34, allocated: <= 9 MiB}
  unscoped: {lines: 35 + services}
- name: clean up
  delete: [crowd.yaml, sidecar.yaml]
  unscoped: {lines: 35}
";

fn plan(text: &str, options: &Options) -> Result<Plan, PlanError> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("mesh")).unwrap();
    write("mesh/b.yaml", "b");
    write("mesh/a.yaml", "a");
    write("mesh/.hidden.yaml", "no");
    write("crowd.yaml", "crowd");
    write("sidecar.yaml", include_str!("../../../../examples/sidecar-lab/sidecar.yaml"));
    let scenario = Scenario::parse(text, &folder.path().join("scenario.yaml")).unwrap();
    Plan::new(&scenario, options)
}

/// Step names, each with what is expected.
fn shown(plan: &Plan) -> Vec<String> {
    let of = |step: &PlannedStep| {
        let expected: Vec<_> =
            step.expect.iter().map(|(figure, e)| format!("{figure} {}", e.show(plan.variables))).collect();
        format!("{}: {}", step.name, expected.join(", "))
    };
    plan.steps.iter().map(of).collect()
}

#[test]
fn a_scenario_is_taken_as_it_is_written() {
    let plan = plan(TEXT, &Options::default()).unwrap();
    assert_eq!(
        shown(&plan),
        [
            "start: lines 35, envoys 8",
            "deploy 50 namespaces: lines 85, total-pss <= 1024 MiB",
            "scope: lines 34",
            "purge: lines 34, allocated <= 9 MiB",
            "clean up: "
        ]
    );
    assert_eq!(plan.notes, [""; 0]);
    assert_eq!(plan.side, Side::Scoped);
    let files: Vec<_> =
        plan.steps[0].apply[0].files.iter().map(|(path, text)| (path.to_str().unwrap(), &**text)).collect();
    assert_eq!(files, [("mesh/a.yaml", "a"), ("mesh/b.yaml", "b")]);
    assert_eq!(plan.steps[1].apply[0].files[0].1, "crowd");
}

#[test]
fn another_crowd_takes_the_place_of_the_written_one() {
    let options = Options { services: Some(2000), ..Options::default() };
    let plan = plan(TEXT, &options).unwrap();
    assert_eq!(shown(&plan)[0], "start: lines 35");
    assert_eq!(shown(&plan)[1], "deploy 50 namespaces: lines 2035");
    assert_eq!(plan.steps[1].apply[0].files[0].1, Crowd { services: 2000, namespaces: 50 }.yaml());
    assert_eq!(plan.envoys, Envoys::Count(9));
    assert_eq!(
        plan.notes,
        [
            "crowd.yaml is replaced by 2000 services in 50 namespaces; expectations that name them follow",
            "at most 9 Envoys are started, because each holds more than 2000 clusters; --envoys N starts more",
            "fewer Envoys: \"start\" is not checked for envoys",
            "fewer Envoys: \"deploy 50 namespaces\" is not checked for total-pss",
        ]
    );
}

#[test]
fn fewer_envoys_leave_out_what_is_of_all() {
    let options = Options { envoys: Some(3), namespaces: Some(5), ..Options::default() };
    let plan = plan(TEXT, &options).unwrap();
    assert_eq!(plan.envoys, Envoys::Count(3));
    assert_eq!(shown(&plan)[..2], ["start: lines 35", "deploy 5 namespaces: lines 85"]);
}

#[test]
fn sidecars_are_left_out() {
    let options = Options { no_sidecar: true, ..Options::default() };
    let plan = plan(TEXT, &options).unwrap();
    assert_eq!(
        shown(&plan),
        [
            "start: lines 35, envoys 8",
            "deploy 50 namespaces: lines 85, total-pss <= 1024 MiB",
            "purge: lines 85",
            "clean up: lines 35"
        ]
    );
    assert_eq!(plan.side, Side::Unscoped);
    assert_eq!(plan.steps[3].delete, [PathBuf::from("crowd.yaml")]);
    assert_eq!(
        plan.notes,
        [
            "without Sidecar: the step \"scope\" is left out",
            "without Sidecar: \"purge\" is not checked for allocated",
        ]
    );
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let text = "name: x\ntitle: X\nwatch: a.n\nsteps: [{name: one}]";
    for (options, words) in [
        (Options { services: Some(3), ..Options::default() }, "--services and --namespaces need"),
        (Options { no_sidecar: true, ..Options::default() }, "--no-sidecar and --compare need"),
    ] {
        let error = plan(text, &options).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
}

#[test]
fn the_purge_can_be_chosen() {
    let options = Options { purge: Some(Purge::SoftLimit), ..Options::default() };
    let plan = plan(TEXT, &options).unwrap();
    assert!(plan.soft_limit);
    assert_eq!(plan.steps[3].purge, Some(Purge::SoftLimit));
    assert_eq!(plan.steps[0].purge, None);
}

#[test]
fn paths_stay_inside_the_folder() {
    assert_eq!(inside(Path::new("../shared/./a.yaml")), Path::new("up/shared/a.yaml"));
    assert_eq!(inside(Path::new("/etc/a.yaml")), Path::new("etc/a.yaml"));
}
