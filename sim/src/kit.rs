//! What an engine outside of this crate is made of: the parts that must be the same in every engine
//! for their histories to be judged alike.
//!
//! | part | is |
//! |---|---|
//! | [`Client`] | a simulated client: a state machine that is told what happens and leaves [`Order`]s |
//! | [`Reader`] | how fast a client reads |
//! | [`Names`], [`Target`] | names, addresses and configurations of a plan's nodes |
//! | [`Recorder`] | the run's notebook: history, rolling hash, counts |
//! | [`Tap`] | reads what crosses a connection between nodes |
//! | [`snapshot`], [`fault_event`] | what the history holds of nodes and faults |

pub use crate::client::{Client, Ending, Order};
pub use crate::engine::{
    Allowance, CLIENT_PORT, Names, ROUTE_PORT, Reader, Recorder, Tap, Target, fault_event, snapshot,
};
