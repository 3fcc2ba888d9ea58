//! What turns one set of objects into another.

use std::cmp::Ordering;
use std::sync::Arc;

use xdslab_mesh::object::{Object, ObjectKey};
use xdslab_mesh::{Change, ChangeSet};

/// The changes that lead from `before` to `after`, both ordered by key. Costs one comparison of addresses for an object
/// that was not read anew.
pub(super) fn difference<'a>(
    before: impl IntoIterator<Item = (&'a ObjectKey, &'a Object)>,
    after: impl IntoIterator<Item = (&'a ObjectKey, &'a Object)>,
) -> ChangeSet {
    let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
    let mut changes = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return ChangeSet { changes },
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old = if order.is_le() { before.next() } else { None };
        let new = if order.is_ge() { after.next() } else { None };
        match (old, new) {
            (Some((_, old)), Some((_, new))) if is_shared(old, new) || old == new => {}
            (_, Some((_, new))) => changes.push(Change::Apply(new.clone())),
            (Some((key, _)), None) => changes.push(Change::Delete(key.clone())),
            (None, None) => {}
        }
    }
}

/// Whether both are the same allocation.
fn is_shared(a: &Object, b: &Object) -> bool {
    macro_rules! shared {
        ($($kind:ident),+) => {
            match (a, b) {
                $((Object::$kind(a), Object::$kind(b)) => Arc::ptr_eq(a, b),)+
                (Object::Workload(_, a), Object::Workload(_, b)) => Arc::ptr_eq(a, b),
                _ => false,
            }
        };
    }
    shared!(
        Namespace,
        Node,
        MeshConfig,
        Service,
        EndpointSlice,
        Pod,
        ServiceEntry,
        WorkloadEntry,
        Sidecar,
        VirtualService,
        DestinationRule,
        PeerAuthentication,
        AuthorizationPolicy,
        RequestAuthentication,
        Telemetry,
        Gateway
    )
}
