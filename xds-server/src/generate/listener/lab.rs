//! Listeners of an Envoy that shares its host with others.

use std::net::IpAddr;

use xdslab_proto::core::Address;
use xdslab_proto::core::address::Address as Kind;
use xdslab_proto::listener::Listener;

/// Binds a listener that really binds to `bind`, and to nothing else; its name, and what it matches, stay.
pub(super) fn relocate(listener: &mut Listener, bind: IpAddr) {
    let binds = listener.bind_to_port.as_ref().is_none_or(|b| b.value);
    if let (true, Some(Address { address: Some(Kind::SocketAddress(socket)) })) =
        (binds, &mut listener.address)
    {
        socket.address = bind.to_string();
        listener.additional_addresses.clear();
    }
}

#[cfg(test)]
mod tests {
    use xdslab_proto::protobuf::BoolValue;

    use super::*;
    use crate::generate::cluster::wire::{address, socket_address};

    #[test]
    fn moves_what_binds() {
        let at = |listener: &Listener| match &listener.address.as_ref().unwrap().address {
            Some(Kind::SocketAddress(socket)) => socket.address.clone(),
            other => panic!("{other:?}"),
        };
        for (bind_to_port, want) in [(None, "127.1.2.3"), (Some(true), "127.1.2.3"), (Some(false), "0.0.0.0")]
        {
            let mut listener = Listener {
                address: Some(address(socket_address("0.0.0.0", 15006))),
                bind_to_port: bind_to_port.map(|value| BoolValue { value }),
                ..Default::default()
            };
            relocate(&mut listener, "127.1.2.3".parse().unwrap());
            assert_eq!(at(&listener), want, "{bind_to_port:?}");
        }
    }
}
