//! The documents of the JetStream API as Go's encoding/json writes and reads them.

mod object;

pub(crate) use object::{choices, object, wire_name};
