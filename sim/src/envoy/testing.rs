//! Programs that tests run in place of real ones.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes an executable shell script. Another process writes it: while this one had the file open, a child that a
/// test beside this one starts could inherit it, and the script would be "busy".
pub(super) fn put_program(path: &Path, script: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = Command::new("/bin/sh");
    writer.args(["-c", r#"cat > "$1" && chmod 755 "$1""#, "sh"]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    write!(writer.stdin.take().unwrap(), "#!/bin/sh\n{script}\n").unwrap();
    assert!(writer.wait().unwrap().success());
}
