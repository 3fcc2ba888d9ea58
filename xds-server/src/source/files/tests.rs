//! Stories of files that change, and what becomes of the mesh.

use std::fs;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;

const GOOD: &str = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: x}
spec: {host: one}
";

/// A folder of files and the source that reads it.
struct Lab {
    folder: TempDir,
    source: FileSource,
}

impl Lab {
    fn new(files: &[(&str, &str)]) -> (Self, Batch) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let (source, batch) = FileSource::load([folder.path()]).unwrap();
        (Self { folder, source }, batch)
    }

    fn write(&mut self, name: &str, text: &str) -> Batch {
        fs::write(self.folder.path().join(name), text).unwrap();
        self.source.refresh()
    }

    fn remove(&mut self, name: &str) -> Batch {
        fs::remove_file(self.folder.path().join(name)).unwrap();
        self.source.refresh()
    }

    fn rename(&mut self, from: &str, to: &str) -> Batch {
        fs::rename(self.folder.path().join(from), self.folder.path().join(to)).unwrap();
        self.source.refresh()
    }

    fn mesh(&self) -> Vec<String> {
        self.source.objects().map(|o| o.key().to_string()).collect()
    }

    /// The problems with the folder cut off.
    fn problems(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        self.source.problems().iter().map(|p| p.to_string().replace(&folder, "")).collect()
    }
}

fn service(namespace: &str, name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{clusterIP: None}}\n"
    )
}

fn changes(batch: &Batch) -> Vec<String> {
    let text = |change: &Change| match change {
        Change::Apply(object) => format!("+{}", object.key()),
        Change::Delete(key) => format!("-{key}"),
    };
    batch.changes.changes.iter().map(text).collect()
}

#[test]
fn a_first_look_applies_everything_and_a_second_nothing() {
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}]}"#;
    let (mut lab, batch) = Lab::new(&[("a.yaml", GOOD), ("b.yml", &service("x", "web")), ("c.json", list)]);
    assert_eq!(changes(&batch), ["+Namespace x", "+Service x/web", "+DestinationRule x/a"]);
    assert!(batch.problems.is_empty());
    assert!(lab.source.refresh().is_empty());
}

#[test]
fn a_broken_document_in_the_middle_loses_only_itself() {
    let text = format!("{}---\nkind: [\n---\n{}", service("x", "a"), service("x", "b"));
    let (lab, batch) = Lab::new(&[("mesh.yaml", &text)]);
    assert_eq!(changes(&batch), ["+Service x/a", "+Service x/b"]);
    assert_eq!(batch.problems.len(), 1);
    let problem = &lab.problems()[0];
    assert!(problem.starts_with("mesh.yaml:6:"), "{problem}");
}

#[test]
fn the_last_good_version_stays_until_there_is_another() {
    let (mut lab, _) = Lab::new(&[("mesh.yaml", &format!("{GOOD}---\n{}", service("x", "web")))]);
    let bad = GOOD.replace("host: one", "host: [one]");
    let batch = lab.write("mesh.yaml", &format!("{bad}---\n{}", service("x", "web")));
    assert!(batch.changes.is_empty());
    assert_eq!(batch.new_problems.len(), 1);
    assert_eq!(batch.new_problems[0].severity, Severity::Refused);
    let problem = &lab.problems()[0];
    assert!(problem.starts_with("mesh.yaml:4: DestinationRule x/a: spec.host"), "{problem}");
    assert!(problem.ends_with("the last good version stays in use"), "{problem}");

    // Still so when it moves, or another document changes.
    let batch = lab.write("mesh.yaml", &format!("# moved\n{bad}---\n{}", service("x", "shop")));
    assert_eq!(changes(&batch), ["+Service x/shop", "-Service x/web"]);
    assert!(batch.new_problems.is_empty() && batch.resolved.is_empty());
    assert!(lab.problems()[0].starts_with("mesh.yaml:5:"));

    let batch = lab.write("mesh.yaml", &GOOD.replace("one", "two"));
    assert_eq!(changes(&batch), ["-Service x/shop", "+DestinationRule x/a"]);
    assert_eq!((batch.problems.len(), batch.resolved.len()), (0, 1));

    let batch = lab.write("mesh.yaml", "# nothing\n");
    assert_eq!(changes(&batch), ["-DestinationRule x/a"]);
}

#[test]
fn while_a_document_is_unreadable_nothing_of_its_file_is_lost() {
    let (mut lab, _) = Lab::new(&[("mesh.yaml", &format!("{}---\n{GOOD}", service("x", "web")))]);
    let broken = format!("{}---\n{GOOD}", service("x", "web").replace("}\nspec", "\nspec"));
    let batch = lab.write("mesh.yaml", &broken);
    assert!(batch.changes.is_empty());
    assert!(
        lab.problems()[0].contains("1 object that is no longer seen in the file will stay"),
        "{:?}",
        lab.problems()
    );
    let batch = lab.write("mesh.yaml", GOOD);
    assert_eq!(changes(&batch), ["-Service x/web"]);
    assert!(batch.problems.is_empty());
}

#[test]
fn a_file_that_is_gone_takes_its_objects_along() {
    let (mut lab, _) = Lab::new(&[("a.yaml", GOOD), ("b.yaml", "kind: [")]);
    let batch = lab.remove("b.yaml");
    assert_eq!((batch.changes.is_empty(), batch.resolved.len()), (true, 1));
    let batch = lab.remove("a.yaml");
    assert_eq!(changes(&batch), ["-DestinationRule x/a"]);
    assert!(lab.problems()[0].contains("no file to read"), "{:?}", lab.problems());
}

#[test]
fn a_rename_changes_nothing_even_if_the_object_went_bad() {
    let (mut lab, _) = Lab::new(&[("a.yaml", GOOD)]);
    assert!(lab.rename("a.yaml", "b.yaml").is_empty());
    fs::remove_file(lab.folder.path().join("b.yaml")).unwrap();
    let bad = GOOD.replace("host: one", "host: [one]");
    for look in 0..2 {
        let batch = lab.write("c.yaml", &bad);
        assert!(batch.changes.is_empty());
        assert_eq!(batch.new_problems.len(), 1 - look);
        assert!(lab.problems()[0].ends_with("the last good version stays in use"), "{:?}", lab.problems());
    }
    assert_eq!(changes(&lab.remove("c.yaml")), ["-DestinationRule x/a"]);
}

#[test]
fn of_two_files_with_one_object_the_first_counts() {
    let two = GOOD.replace("one", "two");
    let (mut lab, batch) = Lab::new(&[("a.yaml", GOOD), ("b.yaml", &format!("# b\n{two}"))]);
    assert_eq!(batch.changes.changes.len(), 1);
    let folder = lab.folder.path().display().to_string();
    assert_eq!(
        lab.problems(),
        [format!("b.yaml:2: DestinationRule x/a: is also in {folder}/a.yaml, line 1, which is used; remove one of the two")
            .replace(&format!("{folder}/"), "")]
    );
    // The second one takes over, at once.
    let batch = lab.remove("a.yaml");
    assert_eq!(changes(&batch), ["+DestinationRule x/a"]);
    assert!(batch.problems.is_empty());
    // A bad one before it does not.
    lab.write("a.yaml", &GOOD.replace("host: one", "host: [one]"));
    assert_eq!(lab.mesh(), ["DestinationRule x/a"]);
    assert!(lab.problems()[0].ends_with("b.yaml is used"), "{:?}", lab.problems());
}

#[test]
fn one_object_twice_in_a_file_counts_once() {
    let (lab, batch) = Lab::new(&[("a.yaml", &format!("{GOOD}---\n{}", GOOD.replace("one", "two")))]);
    assert_eq!(batch.changes.changes.len(), 1);
    assert!(
        lab.problems()[0].starts_with("a.yaml:6: DestinationRule x/a: stands twice"),
        "{:?}",
        lab.problems()
    );
}

#[test]
fn kinds_that_are_passed_over_are_noted_once() {
    let role = |n: u32, kind: &str| {
        format!("---\napiVersion: example.com/v1\nkind: {kind}\nmetadata: {{name: r{n}}}\n")
    };
    let text: String = (0..12).map(|n| role(n, "Role")).chain([role(0, "NetworkPolicy")]).collect();
    let (lab, batch) = Lab::new(&[("a.yaml", &text), ("b.yaml", &role(12, "NetworkPolicy"))]);
    assert!(batch.changes.is_empty());
    assert!(batch.problems.iter().all(|p| p.severity == Severity::Note));
    let problems = lab.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("a.yaml:50: note: 2 NetworkPolicies are passed over"), "{problems:?}");
    assert!(problems[1].starts_with("a.yaml:2: note: 12 Roles are passed over"), "{problems:?}");
}

#[test]
fn a_change_that_looks_old_is_seen_and_an_untouched_file_not_read() {
    let (mut lab, _) = Lab::new(&[("a.yaml", GOOD)]);
    let path = lab.folder.path().join("a.yaml");
    let age = |path: &Path, seconds| {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    };
    age(&path, 100);
    assert!(lab.source.refresh().is_empty());
    // As an atomic rename of an older file of the same length does it.
    let new = lab.folder.path().join("new");
    fs::write(&new, GOOD.replace("one", "two")).unwrap();
    age(&new, 500);
    assert_eq!(changes(&lab.rename("new", "a.yaml")), ["+DestinationRule x/a"]);
}

#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_swapped_as_a_whole() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (version, names) in [("..1", ["a", "b"]), ("..2", ["a", "c"])] {
        fs::create_dir(root.join(version)).unwrap();
        for name in names {
            fs::write(root.join(version).join(format!("{name}.yaml")), service("x", name)).unwrap();
        }
    }
    symlink("..1", root.join("..data")).unwrap();
    for name in ["a", "b", "c"] {
        symlink(format!("..data/{name}.yaml"), root.join(format!("{name}.yaml"))).unwrap();
    }
    let (mut source, batch) = FileSource::load([root]).unwrap();
    assert_eq!(changes(&batch), ["+Service x/a", "+Service x/b"]);
    symlink("..2", root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    assert_eq!(changes(&source.refresh()), ["-Service x/b", "+Service x/c"]);
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = FileSource::load([folder.path().join("mesh.yaml")]).unwrap_err();
    assert!(error.to_string().contains("mesh.yaml: No such file"), "{error}");
}

#[test]
fn a_file_that_is_no_text_keeps_what_it_gave() {
    let (mut lab, _) = Lab::new(&[("a.yaml", GOOD)]);
    fs::write(lab.folder.path().join("a.yaml"), b"\xff\xfe\x00").unwrap();
    let batch = lab.source.refresh();
    assert_eq!((batch.changes.is_empty(), batch.new_problems.len()), (true, 1));
    let batch = lab.write("a.yaml", GOOD);
    assert_eq!((batch.changes.is_empty(), batch.resolved.len()), (true, 1));
}

#[test]
fn workloads_are_completed_and_their_changes_told() {
    let deployment = |replicas: u32| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: x}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
             containers: [{{name: web, ports: [{{containerPort: 80}}]}}]\n"
        )
    };
    let web = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: x}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    let (mut lab, _) = Lab::new(&[("service.yaml", web), ("web.yaml", &deployment(2))]);
    let kinds: Vec<_> = lab.mesh().iter().map(|k| k.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["Service", "EndpointSlice", "Pod", "Pod", "Deployment"]);
    let batch = lab.write("web.yaml", &deployment(1));
    let words: Vec<_> = changes(&batch).iter().map(|c| c.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(words, ["+EndpointSlice", "-Pod", "+Deployment"]);
    let batch = lab.write("rule.yaml", GOOD);
    assert_eq!(changes(&batch), ["+DestinationRule x/a"]);
    assert_eq!(lab.mesh().len(), 5);
}

/// The recorded cases: dumps of a cluster, to which there is nothing to add, and in which only `invalid` holds bad objects.
#[test]
fn recorded_meshes_load_as_they_are() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let mut count = 0;
    for group in fs::read_dir(&cases).unwrap() {
        for case in fs::read_dir(group.unwrap().path()).unwrap() {
            let path = case.unwrap().path().join("mesh.yaml");
            let text = fs::read_to_string(&path).unwrap();
            let (source, batch) = FileSource::load([&path]).unwrap();
            let is_invalid = path.components().any(|part| part.as_os_str() == "invalid");
            let refused = batch.problems.iter().filter(|p| p.severity == Severity::Refused);
            let refused: Vec<_> = refused.map(ToString::to_string).collect();
            assert!(is_invalid || refused.is_empty(), "{refused:?}");
            let made = source.objects().filter(|o| !text.contains(&format!("name: {}", o.meta().name)));
            assert_eq!(made.map(Object::key).collect::<Vec<_>>(), [], "{}", path.display());
            assert_eq!(complete_changes(&source), 0, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 300, "only {count} cases found");
}

/// How much there still is to complete.
fn complete_changes(source: &FileSource) -> usize {
    workloads::complete(source.given.values().map(|held| &held.object)).len()
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_once_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, GOOD).unwrap()
    });
    let (mut source, batch) = FileSource::load([&pipe]).unwrap();
    writer.join().unwrap();
    assert_eq!(changes(&batch), ["+DestinationRule x/a"]);
    assert!(source.refresh().is_empty());
}
