//! Identities. Slots are reused, so an id that may outlive its slot carries a generation.

/// A link of this node. The host allocates it: `slot` is an index into its connection table and
/// is reused, `generation` tells the tenants of one slot apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId {
    /// Index into the host's and the core's link tables; keep it dense.
    pub slot: u32,
    /// Distinguishes successive tenants of `slot`.
    pub generation: u32,
}

/// One attempt to open an outgoing link. The core allocates it; the host names it when it
/// answers with [`Input::Opened`](crate::Input::Opened) or
/// [`Input::DialFailed`](crate::Input::DialFailed).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DialId(pub u64);

/// One shard of a server: a server with n cores runs n nodes, numbered from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShardId(pub u8);

/// An account known to this node, an index into its account table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(pub u32);
