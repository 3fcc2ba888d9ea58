//! Finds the files of a mesh: those named, and those below the folders named.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Endings of the files that are read below a folder. A file that is named itself may end as it likes.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Two writes within this time may leave a file looking the same, so its look is not trusted until it is older.
const CLOCK_GRAIN: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files, in the order in which they count: as given, and by name below a folder.
    pub(super) files: Vec<FoundFile>,
    /// The folders whose entries decide what is found; symbolic links resolved.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Paths that could not be looked at, and why.
    pub(super) missing: Vec<(PathBuf, io::Error)>,
}

/// A file that was found.
#[derive(Debug)]
pub(super) struct FoundFile {
    /// As given, or below a folder as given.
    pub(super) path: PathBuf,
    pub(super) look: Look,
}

/// How a file looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A regular file; while this is the same, so is its text.
    Settled(Stamp),
    /// Written so recently that the next write may look the same.
    Fresh,
    /// A pipe or the like, which can be read only once.
    Stream,
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: SystemTime,
    inode: u64,
}

/// Finds all files of `paths`. A file that is reached twice counts where it is reached first.
pub(super) fn scan(paths: &[PathBuf]) -> Found {
    let mut scan = Scan { found: Found::default(), seen: HashSet::new(), now: SystemTime::now() };
    for path in paths {
        let path = if path.as_os_str() == "-" { Path::new("/dev/stdin") } else { path };
        let meta = fs::metadata(path);
        if !meta.as_ref().is_ok_and(is_stream) {
            scan.found.folders.extend(parent(path)); // the path itself may be replaced
        }
        match meta {
            Ok(meta) if meta.is_dir() => scan.folder(path),
            Ok(meta) => scan.file(path.to_owned(), parent(path).as_deref(), &meta),
            Err(error) => scan.found.missing.push((path.to_owned(), error)),
        }
    }
    scan.found
}

struct Scan {
    found: Found,
    seen: HashSet<PathBuf>,
    now: SystemTime,
}

impl Scan {
    fn folder(&mut self, path: &Path) {
        let (real, names) = match open(path) {
            Ok(opened) => opened,
            Err(error) => return self.found.missing.push((path.to_owned(), error)),
        };
        if !self.seen.insert(real.clone()) {
            return; // reached before, perhaps by a link that leads back up
        }
        for name in names {
            let path = path.join(&name);
            if name.as_encoded_bytes().starts_with(b".") {
                continue; // hidden: editors' temporary files, and the folders behind a mounted ConfigMap
            }
            let meta = match fs::metadata(&path) {
                Ok(meta) => meta,
                Err(_) if !is_wanted(&path) => continue,
                // It went away between the two looks, or is a link to nothing.
                Err(error) if fs::symlink_metadata(&path).is_ok() => {
                    self.found.missing.push((path, error));
                    continue;
                }
                Err(_) => continue,
            };
            if meta.is_dir() {
                self.folder(&path);
            } else if is_wanted(&path) && meta.is_file() {
                self.file(path, Some(&real), &meta);
            }
        }
        self.found.folders.insert(real);
    }

    /// Takes the file `path`, which lies in `folder`.
    fn file(&mut self, path: PathBuf, folder: Option<&Path>, meta: &Metadata) {
        let look = if is_stream(meta) { Look::Stream } else { self.look(meta) };
        if look != Look::Stream {
            let is_link = fs::symlink_metadata(&path).is_ok_and(|m| m.is_symlink());
            let plain = || Some(folder?.join(path.file_name()?));
            let Some(real) = (if is_link { fs::canonicalize(&path).ok() } else { plain() }) else { return };
            if is_link {
                self.found.folders.extend(parent(&real));
            }
            if !self.seen.insert(real) {
                return;
            }
        }
        self.found.files.push(FoundFile { path, look });
    }

    fn look(&self, meta: &Metadata) -> Look {
        let Ok(modified) = meta.modified() else { return Look::Fresh };
        if self.now.duration_since(modified).is_ok_and(|age| age > CLOCK_GRAIN) {
            Look::Settled(Stamp { len: meta.len(), modified, inode: inode(meta) })
        } else {
            Look::Fresh
        }
    }
}

fn is_stream(meta: &Metadata) -> bool {
    !meta.is_file() && !meta.is_dir()
}

/// The folder with links resolved, and the names in it, sorted.
fn open(path: &Path) -> io::Result<(PathBuf, Vec<OsString>)> {
    let real = fs::canonicalize(path)?;
    let mut names = fs::read_dir(&real)?.map(|e| e.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok((real, names))
}

fn is_wanted(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e)))
}

/// The folder that holds `path`, links resolved.
fn parent(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    fs::canonicalize(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).ok()
}

#[cfg(unix)]
fn inode(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &Found, root: &Path) -> Vec<String> {
        found.files.iter().map(|f| f.path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn folders_are_walked_in_order_and_oddities_skipped() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("b/.git")).unwrap();
        for name in
            ["c.yml", "a.yaml", "b/z.json", "b/.git/x.yaml", ".#a.yaml", "a.yaml~", "a.yaml.swp", "README.md"]
        {
            fs::write(root.join(name), "").unwrap();
        }
        assert_eq!(names(&scan(&[root.to_owned()]), root), ["a.yaml", "b/z.json", "c.yml"]);
        let given = [root.join("c.yml"), root.join("README.md"), root.to_owned()];
        assert_eq!(names(&scan(&given), root), ["c.yml", "README.md", "a.yaml", "b/z.json"]);
        let missing = scan(&[root.join("none"), root.join("b")]);
        assert_eq!((missing.files.len(), missing.missing.len()), (1, 1));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir(root.join("..2026")).unwrap();
        fs::write(root.join("..2026/mesh.yaml"), "").unwrap();
        symlink("..2026", root.join("..data")).unwrap();
        symlink("..data/mesh.yaml", root.join("mesh.yaml")).unwrap();
        symlink(".", root.join("loop")).unwrap();
        symlink("nowhere", root.join("gone.yaml")).unwrap();
        let found = scan(&[root.to_owned()]);
        assert_eq!(names(&found, root), ["mesh.yaml"]);
        assert_eq!(found.missing.len(), 1);
        assert!(
            found.folders.contains(&fs::canonicalize(root.join("..2026")).unwrap()),
            "{:?}",
            found.folders
        );
    }
}
