//! The xDS protocol as state machines: SotW and delta, no clock, no socket.
