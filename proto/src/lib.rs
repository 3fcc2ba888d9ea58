//! Short names over Envoy's protobuf types, and their JSON form.
