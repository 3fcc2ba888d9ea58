//! istiod's own tables of what a scope holds, as data, and properties that every scope has.

mod dependencies;
mod egress;
mod explanation;
mod properties;
mod rules;
mod services;
mod virtual_services;
mod visibility;
mod world;
