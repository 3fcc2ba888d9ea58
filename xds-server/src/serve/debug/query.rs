//! What comes after the `?`.

/// Names and values, decoded, in order.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c`.
    pub(in crate::serve) fn read(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the name is there, with a value or without.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
