//! CONNECT: who the client is, what it can do, and whether it may come in.

use alloc::string::String;

use causeway_wire::connect::ClientConnect;
use causeway_wire::{encode, error_text};

use crate::config::{ClientAuth, Secret};
use crate::effects::{Effects, LinkCmd};
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::limits;
use crate::link::client::{Phase, TOKEN_USER};
use crate::link::{Hold, Link};
use crate::node::Node;
use crate::time::Now;
use crate::trace::TraceEvent;

/// What the credentials of a CONNECT are worth.
enum Verdict {
    /// Let in, as this user.
    Accept { user: String },
    /// The host must compare this password with this hash.
    Verify { user: String, hash: String, password: String },
    /// Kept out.
    Reject,
}

impl Node {
    pub(super) fn client_connect(&mut self, now: Now, id: LinkId, json: &[u8], fx: &mut Effects) {
        let slot = id.slot;
        let Ok(connect) = ClientConnect::parse(json) else {
            return self.client_json_error(now, slot, "CONNECT", fx);
        };
        let headers = self.config.headers && connect.headers;
        let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) else { return };
        let again = core::mem::replace(&mut client.connect_received, true);
        client.verbose = connect.verbose;
        client.pedantic = connect.pedantic;
        client.echo = connect.echo;
        client.headers = headers;
        client.no_responders = connect.no_responders;
        client.protocol = i64::from(connect.protocol);
        client.name.clone_from(&connect.name);
        client.lang.clone_from(&connect.lang);
        client.version.clone_from(&connect.version);
        if again {
            // The credentials may lead to another account: its subscriptions start afresh.
            self.drop_all_subscriptions(slot, fx);
        }
        self.restart_client_keepalive(now, id);
        match self.judge(&connect) {
            Verdict::Accept { user } => self.client_accepted(now, slot, user, fx),
            Verdict::Verify { user, hash, password } => {
                if let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) {
                    client.phase = Phase::Verifying;
                    client.candidate = user;
                }
                self.hold(id, Hold::Verify);
                fx.links.push(LinkCmd::VerifyPassword { link: id, hash, password });
            }
            Verdict::Reject => self.refuse_client(now, slot, Some(connect.user), fx),
        }
    }

    /// The host has compared a password.
    pub(crate) fn client_verified(&mut self, now: Now, id: LinkId, ok: bool, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id).filter(|link| link.is_open()) else { return };
        let Some(client) = link.client_mut() else { return };
        if client.phase != Phase::Verifying {
            return;
        }
        let user = core::mem::take(&mut client.candidate);
        if ok {
            self.client_accepted(now, id.slot, user, fx);
            self.resume(now, id, fx);
        } else {
            self.refuse_client(now, id.slot, Some(user), fx);
        }
    }

    fn client_accepted(&mut self, now: Now, slot: u32, user: String, fx: &mut Effects) {
        let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) else { return };
        client.phase = Phase::Open;
        client.user = user;
        client.known = true;
        let verbose = client.verbose;
        if !(0..=1).contains(&client.protocol) {
            let reason = CloseReason::BadClientProtocolVersion;
            return self.fail(now, slot, error_text::INVALID_CLIENT_PROTOCOL, reason, fx);
        }
        if client.no_responders && !client.headers {
            let reason = CloseReason::NoRespondersRequiresHeaders;
            return self.fail(now, slot, error_text::NO_RESPONDERS_REQUIRES_HEADERS, reason, fx);
        }
        if verbose {
            self.send(slot, fx, encode::ok);
        }
    }

    /// Wrong credentials, or an operation before CONNECT.
    pub(crate) fn refuse_client(
        &mut self,
        now: Now,
        slot: u32,
        user: Option<String>,
        fx: &mut Effects,
    ) {
        let who = self.label(slot);
        fx.trace.push(TraceEvent::AuthenticationFailed {
            who,
            user: user.filter(|user| !user.is_empty()),
        });
        self.send(slot, fx, |out| encode::err(out, error_text::AUTHORIZATION_VIOLATION));
        self.close(now, slot, CloseReason::AuthenticationFailure, limits::CLOSE_LINGER, fx);
    }

    fn judge(&self, connect: &ClientConnect) -> Verdict {
        // Leftovers of a design of long ago: nats-server refuses them.
        if connect.new_account || !connect.account.is_empty() {
            return Verdict::Reject;
        }
        match &self.config.auth {
            ClientAuth::Open => Verdict::Accept { user: claimed_user(connect).into() },
            ClientAuth::Token(token) => compare(token, &connect.auth_token, claimed_user(connect)),
            ClientAuth::Users { users, no_auth_user } => {
                let anonymous = connect.user.is_empty()
                    && connect.pass.is_empty()
                    && connect.auth_token.is_empty();
                if let (true, Some(name)) = (anonymous, no_auth_user) {
                    return Verdict::Accept { user: name.clone() };
                }
                match users.iter().find(|user| user.name == connect.user) {
                    Some(user) => compare(&user.password, &connect.pass, &user.name),
                    None => Verdict::Reject,
                }
            }
        }
    }
}

/// Who the client says it is. Where no user is asked for, that is what monitoring and the log show.
fn claimed_user(connect: &ClientConnect) -> &str {
    if !connect.user.is_empty() {
        &connect.user
    } else if connect.jwt.is_empty() && !connect.auth_token.is_empty() {
        TOKEN_USER
    } else {
        ""
    }
}

fn compare(stored: &Secret, offered: &str, user: &str) -> Verdict {
    if stored.is_hash() {
        return Verdict::Verify {
            user: user.into(),
            hash: stored.0.clone(),
            password: offered.into(),
        };
    }
    if equal_in_constant_time(stored.0.as_bytes(), offered.as_bytes()) {
        Verdict::Accept { user: user.into() }
    } else {
        Verdict::Reject
    }
}

/// Compares without telling by its duration where the first difference is.
pub(crate) fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
