//! Real gRPC clients and servers that speak xDS themselves, with the server as their control plane.

mod calls;
mod mesh;
mod python;
mod security;
