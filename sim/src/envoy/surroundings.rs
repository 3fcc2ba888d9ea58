//! The places where a program is looked for, as a value, so that a test can give its own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where Envoys, and the tools to fetch one, may be found.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// The folder with one folder per fetched version, each with a file `envoy`; `None` where there is no home.
    pub cache: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process: `PATH`, and as cache `$XDSLAB_CACHE/envoy`, else `$XDG_CACHE_HOME/xdslab/envoy`, else
    /// `~/.cache/xdslab/envoy`. Variables that are empty count as absent (XDG Base Directory Specification).
    pub fn of_this_process() -> Self {
        Self::from_variables(|name| env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name| variable(name).map(PathBuf::from);
        let cache = folder("XDSLAB_CACHE")
            .or_else(|| {
                folder("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("xdslab"))
            })
            .or_else(|| folder("HOME").map(|path| path.join(".cache/xdslab")))
            .map(|path| path.join("envoy"));
        let path = variable("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        Self { path, cache }
    }

    /// The first executable file of this name on `PATH`.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(name)).find(|path| is_executable(path))
    }
}

pub(crate) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
        Surroundings::from_variables(find).cache
    }

    #[test]
    fn the_cache_is_the_first_that_is_named() {
        let home = ("HOME", "/home/u");
        assert_eq!(cache(&[home]), Some("/home/u/.cache/xdslab/envoy".into()));
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/xdslab/envoy".into()));
        assert_eq!(
            cache(&[home, ("XDG_CACHE_HOME", "not/absolute")]),
            Some("/home/u/.cache/xdslab/envoy".into())
        );
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/c"), ("XDSLAB_CACHE", "/x")]), Some("/x/envoy".into()));
        assert_eq!(cache(&[]), None);
    }

    #[test]
    fn a_program_is_the_first_executable_file_of_its_name() {
        let (empty, first, second) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(first.path().join("tool"), "not executable").unwrap();
        fs::write(second.path().join("tool"), "").unwrap();
        fs::set_permissions(second.path().join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = [&empty, &first, &second].map(|folder| folder.path().to_owned()).to_vec();
        let surroundings = Surroundings { path, cache: None };
        assert_eq!(surroundings.program("tool"), Some(second.path().join("tool")));
        assert_eq!(surroundings.program("other"), None);
    }
}
