//! Envoys that were fetched before: one folder per version, each with a file `envoy`.

use std::fs;
use std::path::{Path, PathBuf};

use super::binary::{Binary, Origin};
use super::surroundings::{Surroundings, is_executable};
use super::version::Version;

/// An Envoy that is on this machine.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The binary; [`Origin::Cache`] or [`Origin::Path`].
    pub binary: Binary,
    /// Size of the file in bytes.
    pub size: u64,
}

/// The file of a version in a cache folder, there or not.
pub(super) fn file(cache: &Path, version: &Version) -> PathBuf {
    cache.join(version.to_string()).join("envoy")
}

/// The versions that a cache folder holds, oldest first.
pub(super) fn versions(cache: &Path) -> Vec<Version> {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let versions =
        names.filter_map(|name| name.parse::<Version>().ok().filter(|version| version.to_string() == name));
    let mut whole: Vec<_> = versions.filter(|version| is_executable(&file(cache, version))).collect();
    whole.sort();
    whole
}

/// The fetched Envoys, oldest first, then the one on `PATH`. Nothing is run but the one on `PATH`, to learn its
/// version.
pub async fn installed(surroundings: &Surroundings) -> Vec<Installed> {
    let mut found = Vec::new();
    if let Some(cache) = &surroundings.cache {
        for version in versions(cache) {
            found.push(Binary { path: file(cache, &version), version, origin: Origin::Cache });
        }
    }
    if let Some(path) = surroundings.program("envoy") {
        found.extend(Binary::inspect(&path, Origin::Path).await.ok());
    }
    let size = |binary: &Binary| fs::metadata(&binary.path).map_or(0, |file| file.len());
    found.into_iter().map(|binary| Installed { size: size(&binary), binary }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::testing::put_program;

    #[tokio::test]
    async fn lists_whole_versions_and_the_one_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        put_program(&cache.join("1.40.0/envoy"), "four");
        put_program(&cache.join("1.36.4/envoy"), "x");
        put_program(&cache.join("notes/envoy"), "x");
        put_program(&cache.join(".1.38.3-tmp/envoy"), "x");
        fs::create_dir(cache.join("1.38.3")).unwrap();
        let bin = folder.path().join("bin");
        put_program(&bin.join("envoy"), "echo 'envoy  version: abc/1.33.0/Clean/RELEASE/BoringSSL'");

        let found = installed(&Surroundings { path: vec![bin], cache: Some(cache) }).await;
        let seen: Vec<_> = found.iter().map(|i| (i.binary.version.to_string(), i.binary.origin)).collect();
        let expected = [("1.36.4", Origin::Cache), ("1.40.0", Origin::Cache), ("1.33.0", Origin::Path)];
        assert_eq!(seen, expected.map(|(version, origin)| (version.to_owned(), origin)));
        assert_eq!(found[1].size, "#!/bin/sh\nfour\n".len() as u64);
    }

    #[tokio::test]
    async fn nothing_at_all_is_an_empty_list() {
        assert!(installed(&Surroundings::default()).await.is_empty());
    }
}
