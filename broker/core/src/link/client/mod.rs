//! Client links: applications that speak the client protocol.
//!
//! ```text
//!                 credentials needed                     fit
//!  Opened ─────► AwaitingConnect ── CONNECT ──► Verifying ──► Open
//!    │                │  any other operation, wrong, late       ▲
//!    │                └──────────► -ERR, closed                 │ CONNECT again: subscriptions
//!    └── no credentials needed ─────────────────────────────────┘ are dropped, credentials checked
//! ```
//! `Verifying` is passed through at once unless the stored password is a bcrypt hash, which only
//! the host can compare; input waits meanwhile.

mod connect;
pub(crate) use connect::equal_in_constant_time;
mod info;
mod operations;
mod publish;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;

use causeway_wire::Limits;

use crate::config::NodeConfig;
use crate::interest::{Plan, SidIndex};
use crate::link::close::client_label;

/// What stands for the user of a client that came with a token.
pub(crate) const TOKEN_USER: &str = "[REDACTED]";

/// What a client link adds to a link.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) phase: Phase,
    pub(crate) connect_received: bool,
    /// The first PING after CONNECT was answered; from then on INFO may come unasked.
    pub(crate) first_pong_sent: bool,
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    /// Whether the client gets its own messages.
    pub(crate) echo: bool,
    pub(crate) headers: bool,
    pub(crate) no_responders: bool,
    /// Protocol number of CONNECT: from 1 on the client takes INFO at any time.
    pub(crate) protocol: i64,
    pub(crate) name: String,
    pub(crate) lang: String,
    pub(crate) version: String,
    /// Whom it authenticated as, or only said that it is where nobody asks: a name, or
    /// [`TOKEN_USER`]. Empty if nobody in particular.
    pub(crate) user: String,
    /// A CONNECT was accepted: from then on log lines tell who it is.
    pub(crate) known: bool,
    /// The user whose password the host is checking.
    pub(crate) candidate: String,
    pub(crate) subscriptions: SidIndex,
    pub(crate) subscription_count: u64,
    /// Who gets messages on the subject that this client published to last.
    pub(crate) last_plan: Option<Rc<Plan>>,
    /// The last message that it has published into a buffer, and the last one that it knows to be
    /// durable.
    pub(crate) ticket: u64,
    pub(crate) flushed: u64,
    /// What it gets when what it waits for is durable.
    pub(crate) owed: Option<Owed>,
    pub(crate) stalls: u64,
    /// A receiver of this batch of input is slow.
    pub(crate) hit_slow_receiver: bool,
}

/// An answer that waits for the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owed {
    /// To PING.
    Pong,
    /// To what a verbose client published.
    Ok,
}

/// How far a client link has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Only CONNECT is allowed.
    AwaitingConnect,
    /// The host compares the password.
    Verifying,
    /// Everything is allowed.
    Open,
}

impl Client {
    /// A client that has said nothing yet: nats-server's defaults for one without CONNECT.
    pub(crate) fn new(phase: Phase) -> Self {
        Self {
            phase,
            connect_received: false,
            first_pong_sent: false,
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            protocol: 0,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            user: String::new(),
            known: false,
            candidate: String::new(),
            subscriptions: SidIndex::default(),
            subscription_count: 0,
            last_plan: None,
            ticket: 0,
            flushed: 0,
            owed: None,
            stalls: 0,
            hit_slow_receiver: false,
        }
    }

    /// What it calls itself, for log lines.
    pub(crate) fn label(&self) -> Option<String> {
        if self.known { client_label(&self.version, &self.lang, &self.name) } else { None }
    }

    /// In which account it is and as whom, for log lines.
    pub(crate) fn user_label(&self, account: &str) -> Option<String> {
        match self.user.as_str() {
            _ if !self.known => None,
            "" => None,
            TOKEN_USER => Some(format!("{account}/token")),
            user => Some(format!("{account}/user:{user}")),
        }
    }

    /// What its bytes may be.
    pub(crate) fn limits(&self, config: &NodeConfig) -> Limits {
        Limits {
            control_line: config.limits.max_control_line,
            payload: config.limits.max_payload,
            headers: self.headers,
        }
    }
}
