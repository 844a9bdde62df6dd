//! What an intake asks the origin for, and the answer: a consumer as nats-server's mirrors and sources
//! make it, so that either server may stand at either end.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::api::PREFIX;
use causeway_wire::jetstream::headers::name::{REQUIRED_API_LEVEL, STREAM_IDENTITY};
use causeway_wire::jetstream::info::ConsumerInfo;
use causeway_wire::jetstream::request::ConsumerCreateRequest;
use causeway_wire::jetstream::response::{self, ConsumerCreateResponse, ConsumerResetResponse};
use causeway_wire::jetstream::{
    AckPolicy, ApiError, ConsumerConfig, DeliverPolicy, ErrorKind, Metadata, Nanos, ReplayPolicy,
    Time,
};

use super::name::short_hash;
use super::{Intake, Kind, Phase};
use crate::ids::LinkId;
use crate::limits;
use crate::time::{Duration, Now};

/// How long the origin's consumer would wait for an acknowledgement that never comes.
const ACK_WAIT: Nanos = Nanos::secs(22 * 3600);

/// Characters that tell a subject from others of its kind.
pub(crate) const SUBJECT_CHARS: usize = 8;

/// The stream that takes something in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) stream: &'a str,
    pub(crate) account: &'a str,
    /// The server's; empty for none.
    pub(crate) domain: &'a str,
    /// It has several sources of this stream.
    pub(crate) several: bool,
}

/// Where the consumer begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Begin {
    /// Where the configuration says.
    Anew,
    /// At this sequence.
    At(u64),
}

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Request {
    pub(crate) subject: String,
    pub(crate) reply: Vec<u8>,
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// The level of the API that an intake asks for at first.
pub(super) const fn level(kind: Kind) -> u8 {
    match kind {
        Kind::Mirror => 4,
        Kind::Source => 5,
    }
}

impl Intake {
    /// A subject of the API where the origin is.
    fn api(&self, rest: &str) -> String {
        match &self.source.external {
            Some(external) => format!("{}.{rest}", external.api).replace("..", "."),
            None => format!("{PREFIX}{rest}"),
        }
    }

    /// The only filter, if there is one.
    fn filter(&self) -> &str {
        match &self.source.subject_transforms[..] {
            [only] if self.source.filter_subject.is_empty() => &only.src,
            _ => &self.source.filter_subject,
        }
    }

    /// The subject that the request for a consumer goes to.
    pub(crate) fn request_subject(&self, owner: &Owner<'_>) -> String {
        let stream = &self.source.name;
        if let Some(given) = &self.source.consumer {
            return self.api(&format!("CONSUMER.RESET.{stream}.{}", given.name));
        }
        match self.filter() {
            "" => self.api(&format!("CONSUMER.CREATE.{stream}")),
            filter => {
                let name = self.consumer_name(owner);
                self.api(&format!("CONSUMER.CREATE.{stream}.{name}.{filter}"))
            }
        }
    }

    /// A request that deletes the consumer that it reads from, if it has made one.
    pub(crate) fn farewell(&self) -> Option<String> {
        if self.source.consumer.is_some() {
            return None;
        }
        let consumer = core::str::from_utf8(&self.consumer).ok().filter(|name| !name.is_empty())?;
        Some(self.api(&format!("CONSUMER.DELETE.{}.{consumer}", self.source.name)))
    }

    fn consumer_name(&self, owner: &Owner<'_>) -> String {
        let Owner { stream, account, domain, several } = owner;
        let mut id = format!("{stream} {account}");
        if !domain.is_empty() {
            id += &format!(" {domain}");
        }
        let id = short_hash(&id);
        match (self.kind, several) {
            (Kind::Mirror, _) => format!("JS_MIRROR_{id}"),
            (Kind::Source, false) => format!("JS_SRC_{}", short_hash(&id)),
            (Kind::Source, true) => {
                format!("JS_SRC_{}", short_hash(&format!("{id} {}", self.name)))
            }
        }
    }

    /// Asks for a consumer. `unique` are characters that nobody has had: what comes on the subjects
    /// that are made of them belongs to this request. `ways` are the routes that the request leaves by.
    pub(crate) fn ask(
        &mut self,
        now: Now,
        owner: &Owner<'_>,
        begin: Begin,
        unique: &str,
        ways: Vec<LinkId>,
    ) -> Request {
        let subject = self.request_subject(owner);
        let kind = match self.kind {
            Kind::Mirror => 'M',
            Kind::Source => 'S',
        };
        let external = self.source.external.as_ref().map(|external| external.deliver.as_str());
        let given = self.source.consumer.as_ref();
        let deliver = match (given, external.filter(|prefix| !prefix.is_empty())) {
            (Some(given), _) => given.deliver_subject.clone(),
            (None, Some(prefix)) => format!("{prefix}.{kind}.{unique}").replace("..", "."),
            (None, None) => format!("$JS.{kind}.{unique}"),
        };
        self.subject.clone_from(&subject);
        self.deliver = deliver.clone().into_bytes();
        self.reply = format!("$JSC.R.{unique}").into_bytes();
        self.ways = ways;
        self.consumer.clear();
        self.delivery = 0;
        self.asked_at = Some(now.mono);
        self.phase = Phase::Asking(now.mono + limits::INTAKE_ANSWER);
        let request = ConsumerCreateRequest {
            stream_name: self.source.name.clone(),
            config: self.consumer_config(owner, begin, deliver),
            ..ConsumerCreateRequest::default()
        };
        // A consumer that is given is not made, but told to go on behind what was confirmed.
        let payload = if given.is_some() { Vec::new() } else { request.to_json() };
        let reply = self.reply.clone();
        Request { subject, reply, header: self.request_header(), payload }
    }

    fn request_header(&self) -> Vec<u8> {
        let mut block = Vec::new();
        if self.level > 0 {
            header::push(&mut block, REQUIRED_API_LEVEL, self.level.to_string().as_bytes());
        }
        if self.kind == Kind::Source && self.level >= level(Kind::Source) {
            header::push(&mut block, STREAM_IDENTITY, self.position.identity.as_bytes());
        }
        block
    }

    fn consumer_config(&self, owner: &Owner<'_>, begin: Begin, deliver: String) -> ConsumerConfig {
        let source = &self.source;
        let (policy, seq, time) = match begin {
            Begin::At(seq) => (DeliverPolicy::ByStartSequence, seq, None),
            Begin::Anew if source.opt_start_seq > 0 => {
                (DeliverPolicy::ByStartSequence, source.opt_start_seq, None)
            }
            Begin::Anew if source.opt_start_time.is_some() => {
                (DeliverPolicy::ByStartTime, 0, source.opt_start_time.map(Time::to_utc))
            }
            Begin::Anew => (DeliverPolicy::All, 0, None),
        };
        let several = source.subject_transforms.len() > 1;
        let filters = source.subject_transforms.iter().filter(|_| several);
        ConsumerConfig {
            name: self.consumer_name(owner),
            deliver_policy: policy,
            opt_start_seq: seq,
            opt_start_time: time,
            ack_policy: AckPolicy::None,
            ack_wait: ACK_WAIT,
            max_deliver: 1,
            filter_subject: self.filter().into(),
            filter_subjects: filters.map(|each| each.src.clone()).collect(),
            replay_policy: ReplayPolicy::Instant,
            flow_control: true,
            deliver_subject: deliver,
            idle_heartbeat: nanos(limits::INTAKE_HEARTBEAT),
            inactive_threshold: nanos(limits::INTAKE_INACTIVE),
            direct: true,
            // Below that level it is not known.
            sourcing: self.level > 0,
            metadata: self.metadata(owner),
            ..ConsumerConfig::default()
        }
    }

    fn metadata(&self, owner: &Owner<'_>) -> Metadata {
        let kind = match self.kind {
            Kind::Mirror => "mirror",
            Kind::Source => "src",
        };
        let all = [("stream", owner.stream), ("acc", owner.account), ("domain", owner.domain)];
        let known = all.into_iter().filter(|(_, value)| !value.is_empty());
        known.map(|(key, value)| (format!("_nats.{kind}.{key}"), value.into())).collect()
    }

    /// Takes the answer to its request. What the origin's consumer has passed over before it began,
    /// if it has.
    pub(super) fn answered(
        &mut self,
        now: Now,
        header: &[u8],
        payload: &[u8],
        jitter: &mut dyn FnMut(Duration) -> Duration,
    ) -> Option<u64> {
        if !matches!(self.phase, Phase::Asking(_) | Phase::Pausing(_) | Phase::Reading) {
            return None;
        }
        let info = match self.consumer_in(payload) {
            Ok(info) => info,
            Err(error) => {
                self.not_granted(now, error, jitter);
                return None;
            }
        };
        // Of several servers that answer, the one counts whose messages came first.
        if !self.consumer.is_empty() && self.consumer != info.name.as_bytes() {
            return None;
        }
        self.consumer = info.name.into_bytes();
        self.is_alive(now);
        if let Some(identity) = header::value(header, STREAM_IDENTITY) {
            self.position.identity = String::from_utf8_lossy(identity).into_owned();
        }
        if self.delivery > 0 {
            return None;
        }
        self.lag = info.num_pending;
        Some(info.delivered.stream_seq)
    }

    /// The consumer that an answer tells of.
    fn consumer_in(&self, payload: &[u8]) -> Result<ConsumerInfo, ApiError> {
        let given = self.source.consumer.is_some();
        let answer = if given {
            let answer = response::parse::<ConsumerResetResponse>(payload);
            answer.map(|answer| answer.map(|reset| reset.info))
        } else {
            let answer = response::parse::<ConsumerCreateResponse>(payload);
            answer.map(|answer| answer.map(|created| created.info))
        };
        let invalid = || self.failure("invalid consumer create response");
        let info = answer.map_err(|_| invalid())??.ok_or_else(invalid)?;
        let policy = info.config.as_ref().map(|config| config.ack_policy);
        if given && policy != Some(AckPolicy::FlowControl) {
            let kind = match self.kind {
                Kind::Mirror => ErrorKind::MirrorConsumerRequiresAckFlowControl,
                Kind::Source => ErrorKind::SourceConsumerRequiresAckFlowControl,
            };
            return Err(kind.error());
        }
        Ok(info)
    }

    /// There is a consumer.
    pub(super) fn is_alive(&mut self, now: Now) {
        self.phase = Phase::Reading;
        self.heard_at = Some(now.mono);
        self.fails = 0;
        self.error = None;
    }

    fn not_granted(
        &mut self,
        now: Now,
        error: ApiError,
        jitter: &mut dyn FnMut(Duration) -> Duration,
    ) {
        if self.phase == Phase::Reading {
            // Another server has answered before, or will never be able to.
            return;
        }
        let number = error.err_code;
        if number == ErrorKind::ConsumerStreamIdentityMismatch.err_code() {
            // The origin is another stream than it was: everything in it is new.
            self.position = super::Position::default();
            self.phase = Phase::Due;
            return;
        }
        let too_old = [ErrorKind::RequiredApiLevel, ErrorKind::InvalidJson];
        if self.level > 0 && too_old.iter().any(|kind| number == kind.err_code()) {
            // An older server: less is asked of it.
            self.level = if self.level > level(Kind::Mirror) { level(Kind::Mirror) } else { 0 };
            self.phase = Phase::Due;
            return;
        }
        self.error = Some(error);
        self.pause(now.mono, jitter);
    }
}

fn nanos(span: Duration) -> Nanos {
    Nanos(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}
