//! Where in an object something is.

use std::fmt;

/// A path such as `spec.egress[0].hosts[1]`: a chain of steps on the stack, made into text only when a fault is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root(&'a str),
    Field(&'a str),
    Item(&'a str, usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The place that everything else is in; `name` may be a path of its own, or empty.
    pub(crate) fn root(name: &'a str) -> Self {
        Self { parent: None, step: Step::Root(name) }
    }

    /// A field of the message here.
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Field(name) }
    }

    /// One item of the list in the field `name`, or of the list here if the name is empty.
    pub(crate) fn item(&'a self, name: &'a str, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(name, index) }
    }

    /// The value of one key of the map here.
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Key(key) }
    }

    fn is_empty(&self) -> bool {
        self.parent.is_none() && matches!(self.step, Step::Root(""))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dot = "";
        if let Some(parent) = self.parent {
            fmt::Display::fmt(parent, f)?;
            dot = if parent.is_empty() { "" } else { "." };
        }
        match self.step {
            Step::Root(name) => f.write_str(name),
            Step::Field(name) => write!(f, "{dot}{name}"),
            Step::Item("", index) => write!(f, "[{index}]"),
            Step::Item(name, index) => write!(f, "{dot}{name}[{index}]"),
            Step::Key(key) if is_plain(key) => write!(f, "{dot}{key}"),
            Step::Key(key) => write!(f, "[{key:?}]"),
        }
    }
}

/// Whether a map's key can be read back from a dotted path.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_as_one_path() {
        let spec = Path::root("spec");
        let egress = spec.item("egress", 0);
        assert_eq!(egress.item("hosts", 1).to_string(), "spec.egress[0].hosts[1]");
        let labels = egress.field("labels");
        assert_eq!(labels.key("app").to_string(), "spec.egress[0].labels.app");
        assert_eq!(labels.key("a.b/c").to_string(), r#"spec.egress[0].labels["a.b/c"]"#);
        let nothing = Path::root("");
        assert_eq!(nothing.field("metadata").to_string(), "metadata");
    }
}
