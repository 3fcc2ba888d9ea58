//! An xDS server that pushes what istiod would push.

pub mod source;
