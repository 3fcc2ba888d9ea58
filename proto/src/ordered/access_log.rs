//! Twins of the messages of access logs.
