//! A change of the mesh, made by whoever measures it: a file that comes into the folder that is served, and goes again.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{fs, mem};

/// A file and the place where it goes.
#[derive(Debug)]
pub struct Change {
    name: OsString,
    target: PathBuf,
    /// What the target shall hold next; none takes it away.
    next: Option<Vec<u8>>,
}

/// Why a change cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The path is none of a file.
    #[error("{} is no file", .0.display())]
    NoFile(PathBuf),
    /// The target cannot be written or taken away.
    #[error("cannot change {}", path.display())]
    Write {
        /// The target.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Change {
    /// A change that puts `file` into `folder`, under its own name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(file: &Path, folder: &Path) -> Result<Self, ChangeError> {
        let name = file.file_name().ok_or_else(|| ChangeError::NoFile(file.to_owned()))?;
        let content = fs::read(file).map_err(|source| ChangeError::Read { path: file.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), target: folder.join(name), next: Some(content) })
    }

    /// What is done next, in words.
    pub fn describe(&self) -> String {
        let verb = if self.next.is_some() { "write" } else { "remove" };
        format!("{verb} {}", self.name.display())
    }

    /// Makes the change at once, so that nobody sees half of it. Made again, it puts back what was there before.
    ///
    /// # Errors
    /// When the target cannot be written or taken away.
    pub fn make(&mut self) -> Result<(), ChangeError> {
        let before = match fs::read(&self.target) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.told(error)),
        };
        let next = mem::replace(&mut self.next, before);
        let done = match next {
            Some(content) => write(&self.target, &content),
            None => fs::remove_file(&self.target),
        };
        done.map_err(|error| self.told(error))
    }

    fn told(&self, source: io::Error) -> ChangeError {
        ChangeError::Write { path: self.target.clone(), source }
    }
}

/// By way of a hidden file beside it, which servers pass over.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_and_comes_back() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = from.path().join("a.yaml");
        fs::write(&file, "new").unwrap();
        let target = to.path().join("a.yaml");

        let mut change = Change::new(&file, to.path()).unwrap();
        assert_eq!(change.describe(), "write a.yaml");
        change.make().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(change.describe(), "remove a.yaml");
        change.make().unwrap();
        assert!(!target.exists());

        fs::write(&target, "old").unwrap();
        let mut change = Change::new(&file, to.path()).unwrap();
        change.make().unwrap();
        change.make().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let error = Change::new(Path::new("/nowhere/a.yaml"), Path::new("/")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/a.yaml");
    }
}
