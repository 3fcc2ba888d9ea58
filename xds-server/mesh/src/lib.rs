//! Kubernetes and Istio objects, the snapshot made of them, and what one proxy may see of it.
//!
//! Pure: no runtime, no clock, no I/O, no wire types.

pub mod object;
mod validate;
