//! The commands of `xds-server`.

mod columns;
pub mod config;
pub mod pods;
pub mod scope;
