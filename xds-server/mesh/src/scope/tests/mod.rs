//! istiod's own tables of what a scope holds, and properties of scopes.
