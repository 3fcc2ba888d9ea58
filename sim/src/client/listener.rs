//! What a listener (`envoy.config.listener.v3.Listener`) makes a proxy ask for.

use std::collections::BTreeSet;

use arcstr::ArcStr;

use super::scan::{Malformed, each, text};

/// A listener as far as a client needs it: one object for all proxies that were sent the same bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listener {
    /// Hash of its bytes: an equal listener that is sent again is passed over, as Envoy does.
    pub(super) content: u128,
    /// Its name.
    pub(super) name: ArcStr,
    /// The route configurations that it waits for, each once.
    pub(super) routes: Box<[ArcStr]>,
}

/// `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.
const HTTP: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// The names of the route configurations that a listener's HTTP connection managers get over RDS: in all filter
/// chains, the default one included.
///
/// # Errors
/// When the bytes are no message.
pub fn route_names(listener: &[u8]) -> Result<BTreeSet<&str>, Malformed> {
    let mut names = BTreeSet::new();
    // `filter_chains` and `default_filter_chain`, `filters` in it, `typed_config` in these.
    for chains in [3, 25] {
        each(listener, chains, |chain| {
            each(chain, 3, |filter| each(filter, 4, |any| in_any(any, &mut names)))
        })?;
    }
    Ok(names)
}

/// `rds.route_config_name`, if the message in it is an HTTP connection manager.
fn in_any<'a>(any: &'a [u8], names: &mut BTreeSet<&'a str>) -> Result<(), Malformed> {
    let (mut url, mut value): (&[u8], &[u8]) = (b"", b"");
    each(any, 1, |bytes| {
        url = bytes;
        Ok(())
    })?;
    if url != HTTP.as_bytes() {
        return Ok(());
    }
    each(any, 2, |bytes| {
        value = bytes;
        Ok(())
    })?;
    each(value, 3, |rds| {
        each(rds, 2, |name| {
            names.insert(text(name)?);
            Ok(())
        })
    })
}
