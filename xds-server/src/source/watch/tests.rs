//! Stories of people, editors and clusters that change the files of a mesh while it is watched.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tokio::time::timeout;
use xdslab_mesh::Change;

use super::*;

/// Nothing here takes this long.
const DEADLINE: Duration = Duration::from_secs(20);

struct Lab {
    folder: TempDir,
    watch: Watch,
    cancel: CancellationToken,
}

impl Lab {
    /// Watches a folder that `prepare` has filled, or what of it is named.
    async fn new(named: &[&str], pace: Pace, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let paths = named.iter().map(|name| folder.path().join(name));
        let (source, _) = FileSource::load(paths).unwrap();
        let cancel = CancellationToken::new();
        let mut watch = watch(source, pace, cancel.clone());
        // What is written now is certain to be told, by the first look or by an event.
        fs::write(folder.path().join(named[0]).join("probe.yaml"), service("probe")).ok();
        if folder.path().join(named[0]).is_dir() {
            assert_eq!(changes(&batch(&mut watch).await), ["+Service x/probe"]);
        }
        Self { folder, watch, cancel }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn changes(&mut self) -> Vec<String> {
        changes(&batch(&mut self.watch).await)
    }

    /// Ends the watching.
    async fn end(mut self) {
        self.cancel.cancel();
        timeout(DEADLINE, async {
            while self.watch.next().await.is_some() {}
            self.watch.join().await;
        })
        .await
        .expect("the watching ends when it is cancelled");
    }
}

async fn batch(watch: &mut Watch) -> Batch {
    timeout(DEADLINE, watch.next()).await.expect("a batch before the deadline").expect("the watching goes on")
}

fn service(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: x}}\nspec: {{clusterIP: None}}\n"
    )
}

fn changes(batch: &Batch) -> Vec<String> {
    let text = |change: &Change| match change {
        Change::Apply(object) => format!("+{}", object.key()),
        Change::Delete(key) => format!("-{key}"),
    };
    batch.changes.changes.iter().map(text).collect()
}

/// Never looks but on an event, and waits long enough for one that many writes are one batch.
fn on_events() -> Pace {
    let long = DEADLINE * 10;
    Pace {
        quiet: Duration::from_millis(300),
        patience: Duration::from_secs(5),
        poll: long,
        look_anyway: long,
    }
}

#[tokio::test]
async fn what_changes_together_is_one_batch() {
    let mut lab = Lab::new(&["."], on_events(), |_| {}).await;
    for name in ["a", "b", "c"] {
        fs::write(lab.path(&format!("{name}.yaml")), service(name)).unwrap();
    }
    assert_eq!(lab.changes().await, ["+Service x/a", "+Service x/b", "+Service x/c"]);
    fs::remove_file(lab.path("b.yaml")).unwrap();
    fs::write(lab.path("d.yaml"), service("d")).unwrap();
    assert_eq!(lab.changes().await, ["-Service x/b", "+Service x/d"]);
    lab.end().await;
}

#[tokio::test]
async fn a_file_that_is_replaced_by_a_rename_is_still_watched() {
    let mut lab =
        Lab::new(&["mesh.yaml"], on_events(), |root| fs::write(root.join("mesh.yaml"), "").unwrap()).await;
    for name in ["a", "b"] {
        fs::write(lab.path("mesh.yaml.tmp"), service(name)).unwrap();
        fs::rename(lab.path("mesh.yaml.tmp"), lab.path("mesh.yaml")).unwrap();
        assert!(lab.changes().await.contains(&format!("+Service x/{name}")));
    }
    // As vim saves: the old file steps aside for the new one.
    fs::rename(lab.path("mesh.yaml"), lab.path("mesh.yaml~")).unwrap();
    fs::write(lab.path("mesh.yaml"), service("c")).unwrap();
    fs::remove_file(lab.path("mesh.yaml~")).unwrap();
    assert_eq!(lab.changes().await, ["-Service x/b", "+Service x/c"]);
    lab.end().await;
}

#[tokio::test]
async fn folders_below_are_watched_as_they_come() {
    let mut lab = Lab::new(&["."], on_events(), |_| {}).await;
    fs::create_dir_all(lab.path("team/web")).unwrap();
    fs::write(lab.path("team/web/a.yaml"), service("a")).unwrap();
    assert_eq!(lab.changes().await, ["+Service x/a"]);
    fs::write(lab.path("team/web/b.yaml"), service("b")).unwrap();
    assert_eq!(lab.changes().await, ["+Service x/b"]);
    fs::rename(lab.path("team"), lab.path("crew")).unwrap();
    fs::write(lab.path("crew/web/c.yaml"), service("c")).unwrap();
    assert_eq!(lab.changes().await, ["+Service x/c"]);
    fs::remove_dir_all(lab.path("crew")).unwrap();
    assert_eq!(lab.changes().await, ["-Service x/a", "-Service x/b", "-Service x/c"]);
    lab.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_mounted_config_map_is_followed() {
    use std::os::unix::fs::symlink;
    let mut lab = Lab::new(&["mount/mesh.yaml"], on_events(), |root| {
        fs::create_dir_all(root.join("mount/..1")).unwrap();
        fs::write(root.join("mount/..1/mesh.yaml"), service("a")).unwrap();
        symlink("..1", root.join("mount/..data")).unwrap();
        symlink("..data/mesh.yaml", root.join("mount/mesh.yaml")).unwrap();
    })
    .await;
    for (version, name) in [("..2", "b"), ("..3", "c")] {
        fs::create_dir(lab.path("mount").join(version)).unwrap();
        fs::write(lab.path("mount").join(version).join("mesh.yaml"), service(name)).unwrap();
        symlink(version, lab.path("mount/..tmp")).unwrap();
        fs::rename(lab.path("mount/..tmp"), lab.path("mount/..data")).unwrap();
        assert!(lab.changes().await.contains(&format!("+Service x/{name}")));
    }
    lab.end().await;
}

#[tokio::test]
async fn a_break_is_told_and_so_is_its_repair() {
    let mut lab = Lab::new(&["."], on_events(), |_| {}).await;
    fs::write(lab.path("a.yaml"), service("a")).unwrap();
    assert_eq!(lab.changes().await, ["+Service x/a"]);
    fs::write(lab.path("a.yaml"), "kind: [").unwrap();
    let broken = batch(&mut lab.watch).await;
    assert_eq!((changes(&broken).len(), broken.new_problems.len()), (0, 1));
    fs::write(lab.path("a.yaml"), service("a")).unwrap();
    let repaired = batch(&mut lab.watch).await;
    assert_eq!((changes(&repaired).len(), repaired.resolved.len(), repaired.problems.len()), (0, 1, 0));
    lab.end().await;
}

#[tokio::test]
async fn a_system_that_tells_nothing_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (source, _) = FileSource::load([folder.path()]).unwrap();
    let mut ears = Ears::new(Arc::new(Notify::new()));
    ears.watcher = None;
    ears.failure = Some((folder.path().to_owned(), "limit reached".into()));
    let pace = Pace { poll: Duration::from_millis(10), ..on_events() };
    let (sender, batches) = mpsc::channel(WAITING_BATCHES);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(run(Worker { source, ears }, pace, Arc::default(), sender, cancel.clone()));
    let mut watch = Watch { batches, task };
    let first = batch(&mut watch).await;
    assert!(first.new_problems[0].to_string().contains("cannot be watched"), "{:?}", first.new_problems);
    fs::write(folder.path().join("a.yaml"), service("a")).unwrap();
    assert_eq!(changes(&batch(&mut watch).await), ["+Service x/a"]);
    Lab { folder, watch, cancel }.end().await;
}

#[tokio::test]
async fn a_watch_that_is_dropped_ends() {
    let Lab { folder: _folder, watch, .. } = Lab::new(&["."], on_events(), |_| {}).await;
    timeout(DEADLINE, watch.join()).await.expect("the watching ends with its reader");
}
