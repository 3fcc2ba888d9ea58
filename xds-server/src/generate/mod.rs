//! From what a proxy may see to Envoy's resources. Pure: same view, same bytes.

mod cluster;
mod delta;
mod endpoint;
mod generator;
mod memo;
mod view;

pub use generator::Generator;
pub use view::View;
