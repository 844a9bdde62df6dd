//! The `[[client]]` tables.

use toml::Spanned;

use super::super::raw::RawClient;
use super::super::value::Unit;
use super::super::{ClientSpec, ConsumerSpec, Draw, Role, Selector, StreamSpec};
use super::{Reader, is_name};
use crate::payload;
use crate::units::{MS, SECOND};

/// A protocol line is cut at these.
fn has_blanks(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Nobody waits longer for an answer.
const PATIENCE_MAX: u64 = 3600 * SECOND;

/// Clients of one table; a mistake would fill the memory.
const COUNT_MAX: u64 = 100_000;

impl Reader<'_> {
    pub(super) fn clients(
        &mut self,
        duration: Draw,
        there: (&[StreamSpec], &[ConsumerSpec]),
    ) -> Vec<ClientSpec> {
        let raw = self.raw;
        let mut clients: Vec<ClientSpec> = Vec::new();
        for client in &raw.client {
            let Some(spec) = self.client(client.get_ref(), there) else { continue };
            if duration.high > 0 {
                self.check_working_time(client.get_ref(), duration);
            }
            if clients.iter().any(|other| other.id == spec.id) {
                let message = format!("there are two clients `{}`", spec.id);
                self.problems.add(client.get_ref().id.span(), message);
            }
            clients.push(spec);
        }
        clients
    }

    fn client(
        &mut self,
        raw: &RawClient,
        there: (&[StreamSpec], &[ConsumerSpec]),
    ) -> Option<ClientSpec> {
        if !is_name(raw.id.get_ref()) {
            let message = "an id has only letters, digits, `-`, `_` and `.`";
            self.problems.add(raw.id.span(), message);
        }
        self.unsupported("on_disconnect", raw.on_disconnect.as_ref());
        let role = self.role(raw)?;
        let at = self.place(raw)?;
        self.check_client_keys(raw, role);
        let business = self.business(raw, role, there);
        let count = self.or(raw.count.as_ref(), Unit::Count, 1);
        if count.high > COUNT_MAX {
            let span = raw.count.as_ref().map_or(0..0, Spanned::span);
            self.problems.add(span, format!("more than {COUNT_MAX} clients in one table"));
        }
        let burst = self.or(raw.burst.as_ref(), Unit::Count, 1);
        if burst.low == 0 || burst.high > 100_000 {
            let span = raw.burst.as_ref().map_or(0..0, Spanned::span);
            self.problems.add(span, "a burst has 1 to 100,000 messages");
        }
        Some(ClientSpec {
            id: raw.id.get_ref().clone(),
            at,
            count,
            role,
            business,
            subject: self.subject(raw, role),
            queue: self.queue_group(raw),
            every: self.every(raw, role),
            burst,
            size: self.size(raw),
            stop_after: self.or(raw.stop_after.as_ref(), Unit::Count, 0).high,
            start: self.maybe(raw.start.as_ref(), Unit::Duration),
            stop: self.maybe(raw.stop.as_ref(), Unit::Duration),
            when: self.client_when(raw),
            lasts: self.maybe(raw.lasts.as_ref(), Unit::Duration),
            line: self.problems.line_of(&raw.id.span()),
            timeout: self.no_more(raw.timeout.as_ref(), PATIENCE_MAX, "1h", 2 * SECOND),
            max: self.or(raw.max.as_ref(), Unit::Count, 0),
            max_after: self.maybe(raw.max_after.as_ref(), Unit::Duration),
            also: self.also(raw),
            leave: raw.leave.as_ref().is_some_and(|leave| *leave.get_ref()),
            churn: self.churn(raw),
            headers_ppm: self.or(raw.headers.as_ref(), Unit::Share, 0),
            listen: self.listen(raw, role),
            echo: raw.echo.as_ref().is_none_or(|e| *e.get_ref()),
            takes_headers: self.takes_headers(raw, role),
            read_rate: self.maybe(raw.read_rate.as_ref(), Unit::Rate),
            ping: self.ping(raw),
            reconnect_wait: self.or(raw.reconnect.wait.as_ref(), Unit::Duration, 100 * MS),
            reconnect_jitter: self.or(raw.reconnect.jitter.as_ref(), Unit::Duration, 100 * MS),
        })
    }

    fn queue_group(&mut self, raw: &RawClient) -> Option<String> {
        let queue = raw.queue.as_ref()?;
        let name = queue.get_ref();
        if !causeway_wire::subject::is_valid_literal(name.as_bytes()) || has_blanks(name) {
            self.problems.add(queue.span(), format!("`{name}` is not the name of a queue group"));
        }
        Some(name.clone())
    }

    fn ping(&mut self, raw: &RawClient) -> Draw {
        let ping = self.or(raw.ping.as_ref(), Unit::Duration, 2 * SECOND);
        if let Some(any) = raw.ping.as_ref().filter(|_| ping.low < MS) {
            self.problems.add(any.span(), "a client pings at most once in 1ms");
        }
        ping
    }

    /// Clients that would work at no time: from after the run on, or until before they begin.
    pub(super) fn check_working_time(&mut self, raw: &RawClient, duration: Draw) {
        let start = self.or(raw.start.as_ref(), Unit::Duration, 0);
        if let Some(any) = raw.start.as_ref().filter(|_| start.low >= duration.high) {
            self.problems.add(any.span(), "they would begin when the run is over");
        } else if let Some(any) = &raw.stop
            && self.or(Some(any), Unit::Duration, u64::MAX).high <= start.low
        {
            self.problems.add(any.span(), "they would stop before they begin");
        }
    }

    fn role(&mut self, raw: &RawClient) -> Option<Role> {
        let name = raw.role.get_ref().as_str();
        let found = Role::FOR_CLIENTS.into_iter().find(|role| role.name() == name);
        if found.is_none() {
            let known = Role::FOR_CLIENTS.map(Role::name);
            let message = format!("there is no role `{name}`");
            self.problems.unknown(raw.role.span(), message, name, known);
        }
        found
    }

    fn place(&mut self, raw: &RawClient) -> Option<Selector> {
        let at = self.selector(&raw.at)?;
        let mut of_clients = false;
        at.visit(&mut |part| {
            of_clients |= matches!(part, Selector::Client(_) | Selector::Clients(_))
        });
        if of_clients {
            self.problems.add(raw.at.span(), "a client connects to nodes, not to clients");
            return None;
        }
        if self.means_no_node(&at) {
            self.problems.add(raw.at.span(), format!("`{at}` means no node"));
        }
        Some(at)
    }

    /// Keys that a role has no use for.
    fn check_client_keys(&mut self, raw: &RawClient, role: Role) {
        let sends = ["rate", "every", "burst", "stop_after"];
        let receives = ["max", "max_after", "also", "churn"];
        for (key, span) in [
            ("rate", raw.rate.as_ref().map(Spanned::span)),
            ("every", raw.every.as_ref().map(Spanned::span)),
            ("burst", raw.burst.as_ref().map(Spanned::span)),
            ("stop_after", raw.stop_after.as_ref().map(Spanned::span)),
            ("max", raw.max.as_ref().map(Spanned::span)),
            ("max_after", raw.max_after.as_ref().map(Spanned::span)),
            ("also", raw.also.first().map(Spanned::span)),
            ("churn", raw.churn.as_ref().map(Spanned::span)),
            ("queue", raw.queue.as_ref().map(Spanned::span)),
            ("timeout", raw.timeout.as_ref().map(Spanned::span)),
            ("size", raw.size.as_ref().map(Spanned::span)),
        ] {
            let fits = match key {
                key if sends.contains(&key) => role.sends(),
                key if receives.contains(&key) => role.receives(),
                "queue" => role.receives() || raw.listen.is_some(),
                "timeout" => {
                    let waits = raw.ack.as_ref().is_some_and(|ack| *ack.get_ref());
                    waits || matches!(role, Role::Request | Role::Kv)
                }
                _ => !matches!(role, Role::Subscribe | Role::Consume),
            };
            if let Some(span) = span
                && !fits
            {
                let message = format!("`{key}` means nothing for a client that {}", role.does());
                self.problems.add(span, message);
            }
        }
        if raw.rate.is_some()
            && let Some(every) = &raw.every
        {
            self.problems.add(every.span(), "`every` and `rate` say the same; give one");
        }
        if let Some(late) = &raw.max_after
            && raw.max.is_none()
        {
            self.problems.add(late.span(), "`max_after` means nothing without `max`");
        }
        if let Some(leave) = &raw.leave
            && raw.stop.is_none()
        {
            self.problems.add(leave.span(), "`leave` means nothing without `stop`");
        }
    }

    fn subject(&mut self, raw: &RawClient, role: Role) -> String {
        let needless = matches!(role, Role::Consume | Role::Kv);
        let Some(subject) = &raw.subject else {
            if !needless {
                self.problems.add(raw.id.span(), "the client does not say on what: `subject`");
            }
            return String::new();
        };
        if needless {
            let message = format!("`subject` means nothing for a client that {}", role.does());
            self.problems.add(subject.span(), message);
        }
        let text = subject.get_ref();
        let plain = match super::super::template::expand(text, 0, 1) {
            Ok(plain) => plain,
            Err(message) => {
                self.problems.add(subject.span(), message);
                return text.clone();
            }
        };
        let bytes = plain.as_bytes();
        let good = if role.sends() {
            causeway_wire::subject::is_valid_literal(bytes)
        } else {
            causeway_wire::subject::is_valid(bytes)
        };
        if !good || has_blanks(&plain) {
            let message = format!("`{plain}` is not a subject that one can {} to", role.name());
            self.problems.add(subject.span(), message);
        }
        text.clone()
    }

    fn listen(&mut self, raw: &RawClient, role: Role) -> Option<String> {
        let listen = raw.listen.as_ref()?;
        let text = listen.get_ref();
        if !role.sends() {
            let message = format!("`listen` means nothing for a client that {}", role.does());
            self.problems.add(listen.span(), message);
        } else if !causeway_wire::subject::is_valid(text.as_bytes()) || text.contains('{') {
            let message = format!("`{text}` is not a subject that one can subscribe to");
            self.problems.add(listen.span(), message);
        }
        Some(text.clone())
    }

    fn also(&mut self, raw: &RawClient) -> Vec<String> {
        for also in &raw.also {
            let text = also.get_ref();
            if !causeway_wire::subject::is_valid(text.as_bytes()) || text.contains('{') {
                let message = format!("`{text}` is not a subject that one can subscribe to");
                self.problems.add(also.span(), message);
            }
        }
        raw.also.iter().map(|also| also.get_ref().clone()).collect()
    }

    /// Who takes no headers cannot send any, and is not told that nobody is there: that is said in one.
    fn takes_headers(&mut self, raw: &RawClient, role: Role) -> bool {
        let Some(takes) = &raw.takes_headers else { return true };
        if !takes.get_ref() && (role == Role::Request || raw.headers.is_some()) {
            let message = "a client that takes no headers cannot send any, nor make requests";
            self.problems.add(takes.span(), message);
        }
        *takes.get_ref()
    }

    /// Time between two operations: given, or from the rate, where a rate counts messages.
    fn every(&mut self, raw: &RawClient, role: Role) -> Draw {
        let every = match (&raw.every, &raw.rate) {
            (Some(every), _) => self.draw(every, Unit::Duration),
            (None, Some(rate)) => self.rate(rate, raw),
            (None, None) => Some(Draw::fixed(100 * MS)),
        };
        let every = every.unwrap_or(Draw::fixed(SECOND));
        if role.sends() && every.low < 1_000 {
            let span = raw.every.as_ref().or(raw.rate.as_ref()).map_or(0..0, Spanned::span);
            self.problems.add(span, "more than a million operations in a second; use `burst`");
        }
        every
    }

    fn rate(&mut self, rate: &super::Any, raw: &RawClient) -> Option<Draw> {
        let per_thousand_seconds = self.draw(rate, Unit::PerSecond)?;
        if per_thousand_seconds.low == 0 {
            self.problems.add(rate.span(), "a rate is more than 0");
            return None;
        }
        let burst = self.or(raw.burst.as_ref(), Unit::Count, 1).low.max(1);
        let gap = |rate: u64| (1_000 * SECOND).saturating_mul(burst) / rate;
        Some(Draw { low: gap(per_thousand_seconds.high), high: gap(per_thousand_seconds.low) })
    }

    fn size(&mut self, raw: &RawClient) -> Draw {
        let size = self.or(raw.size.as_ref(), Unit::Size, 128);
        let least = payload::IDENTITY_BYTES as u64;
        if size.low < least || size.high > 64 << 20 {
            let span = raw.size.as_ref().map_or(0..0, Spanned::span);
            let message =
                format!("a payload has {least} bytes (it carries the message's identity) to 64MiB");
            self.problems.add(span, message);
        }
        size
    }

    fn churn(&mut self, raw: &RawClient) -> Option<Draw> {
        let churn = self.maybe(raw.churn.as_ref(), Unit::Duration)?;
        if churn.low < MS {
            let span = raw.churn.as_ref().map_or(0..0, Spanned::span);
            self.problems.add(span, "`churn` is at least 1ms");
        }
        Some(churn)
    }
}
