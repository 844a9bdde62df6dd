//! Streams: `STREAM.CREATE`, `UPDATE`, `INFO`, `NAMES`, `LIST`, `DELETE`, `PURGE`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::api_level;
use causeway_wire::jetstream::check;
use causeway_wire::jetstream::info::{ClusterInfo, StreamInfo};
use causeway_wire::jetstream::request::{
    StreamConfigRequest, StreamInfoRequest, StreamListRequest, StreamNamesRequest,
    StreamPurgeRequest,
};
use causeway_wire::jetstream::response::{
    StreamCancelMoveResponse, StreamCreateResponse, StreamDeleteResponse, StreamInfoResponse,
    StreamLeaderStepdownResponse, StreamListResponse, StreamNamesResponse, StreamPurgeResponse,
    StreamRemovePeerResponse, StreamUpdateResponse,
};
use causeway_wire::jetstream::{
    ApiError, ErrorKind, Nullable, StreamConfig, is_empty_request, is_object_or_array,
};
use causeway_wire::subject;

use super::{Answer, Request, audit, count, page};
use crate::ids::AccountId;
use crate::jetstream::JetStream;
use crate::jetstream::stream::{Purge, Stream, StreamId};
use crate::jetstream::turn::Turn;

/// Names in one answer.
const NAMES: usize = 1_024;
/// Streams or consumers in one answer.
pub(super) const LISTED: usize = 256;
/// Subjects in one answer.
const SUBJECTS: usize = 100_000;

impl JetStream {
    pub(super) fn stream_create(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let result = self.stream_to_create(name, of).and_then(|config| match config {
            // Its files are there and could not be read.
            Some(_) if self.is_unreadable(turn, of.account, name) => {
                Err(ErrorKind::StreamOffline.error())
            }
            Some(config) => Ok(self.add_stream(turn, of.account, config)),
            None => self.find_stream(of.account, name),
        });
        match result {
            Ok(id) => {
                let info = self.describe_stream(turn, id, false).map(|info| StreamInfo {
                    domain: String::new(),
                    cluster: None,
                    ..info
                });
                Answer::done(id, Ok(StreamCreateResponse { info, did_create: true }))
            }
            Err(error) => Answer::now::<StreamCreateResponse>(Err(error)),
        }
    }

    /// Whether there are files of a stream of this name that could not be read.
    fn is_unreadable(&self, turn: &Turn<'_>, account: AccountId, name: &str) -> bool {
        let dir = format!("{}/streams/{name}", turn.node.accounts.get(account).name);
        self.dirs.contains(&dir) && !self.leaving.values().any(|leaving| leaving.dir == dir)
    }

    /// The configuration of the stream that is to be made; nothing if there is such a one.
    fn stream_to_create(
        &self,
        name: &str,
        of: &Request<'_>,
    ) -> Result<Option<StreamConfig>, ApiError> {
        of.check_level()?;
        let request = StreamConfigRequest::parse(of.payload, self.unknown())?;
        self.with_rules(of.account, request.pedantic, |rules| {
            check::create_stream(name, &request, rules)
        })
    }

    pub(super) fn stream_update(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        match self.update_requested(turn, name, of) {
            Ok(id) => {
                let info = self
                    .describe_stream(turn, id, false)
                    .map(|info| StreamInfo { cluster: None, ..info });
                Answer::done(id, Ok(StreamUpdateResponse { info }))
            }
            Err(error) => Answer::now::<StreamUpdateResponse>(Err(error)),
        }
    }

    fn update_requested(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Result<StreamId, ApiError> {
        of.check_level()?;
        let request = StreamConfigRequest::parse(of.payload, self.unknown())?;
        let config = self.with_rules(of.account, request.pedantic, |rules| {
            check::update_stream(name, &request, rules)
        })?;
        let id = self.find_to_change(of.account, name)?;
        self.update_stream(turn, id, config);
        Ok(id)
    }

    pub(super) fn stream_info(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        Answer::now(self.stream_info_result(turn, name, of))
    }

    fn stream_info_result(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Result<StreamInfoResponse, ApiError> {
        of.check_level()?;
        let mut request = StreamInfoRequest::default();
        if is_object_or_array(of.payload) {
            request = StreamInfoRequest::parse(of.payload, self.unknown())?;
        }
        let id = self.find_stream(of.account, name)?;
        let mut response = StreamInfoResponse::default();
        let mut info = self.describe_stream(turn, id, request.deleted_details);
        if let Some(info) = &mut info
            && !request.subjects_filter.is_empty()
            && let Some(stream) = self.streams.get(&id)
        {
            let all = stream.subject_counts(&request.subjects_filter);
            if !all.is_empty() {
                response.total = count(all.len());
                response.limit = count(SUBJECTS);
                let shown;
                (_, shown) = page(all, request.offset, SUBJECTS);
                response.offset = request.offset.max(0);
                info.state.subjects = shown.into_iter().collect::<BTreeMap<_, _>>();
            }
        }
        Ok(StreamInfoResponse { info, ..response })
    }

    /// What is told about a stream.
    pub(crate) fn describe_stream(
        &mut self,
        turn: &Turn<'_>,
        id: StreamId,
        deleted: bool,
    ) -> Option<StreamInfo> {
        let domain = self.config.domain.clone().unwrap_or_default();
        let leader = String::from(turn.node.name.as_str());
        let version = turn.node.config().version.clone();
        let stream = self.streams.get_mut(&id)?;
        let cluster = Some(ClusterInfo { leader, ..ClusterInfo::default() });
        let mut info = stream.info(turn.now, deleted);
        info.config.metadata = api_level::shown(&info.config.metadata, &version);
        Some(StreamInfo { domain, cluster, ..info })
    }

    /// Streams whose subjects overlap with a pattern, all for an empty one, sorted by name.
    fn streams_on(&self, account: AccountId, pattern: &str) -> Vec<(&str, StreamId)> {
        let names = self.names.get(&account).into_iter().flatten();
        let overlaps = |id: &StreamId| {
            let config = self.streams.get(id).map(|stream| &stream.config);
            let mut subjects = config.into_iter().flat_map(|config| &config.subjects);
            pattern.is_empty()
                || subjects.any(|each| subject::collide(each.as_bytes(), pattern.as_bytes()))
        };
        names.filter(|(_, id)| overlaps(id)).map(|(name, id)| (name.as_str(), *id)).collect()
    }

    pub(super) fn stream_names(&self, of: &Request<'_>) -> Option<Answer> {
        let names = || {
            of.check_level()?;
            let mut request = StreamNamesRequest::default();
            if is_object_or_array(of.payload) {
                request = StreamNamesRequest::parse(of.payload, self.unknown())?;
            }
            let all = self.streams_on(of.account, &request.subject);
            let total = count(all.len());
            let (offset, shown) = page(all, request.offset, NAMES);
            let names: Vec<String> = shown.into_iter().map(|(name, _)| name.into()).collect();
            let streams = Nullable(names);
            Ok(StreamNamesResponse { total, offset, limit: count(NAMES), streams })
        };
        Answer::now(names())
    }

    pub(super) fn stream_list(&mut self, turn: &Turn<'_>, of: &Request<'_>) -> Option<Answer> {
        Answer::now(self.stream_list_result(turn, of))
    }

    fn stream_list_result(
        &mut self,
        turn: &Turn<'_>,
        of: &Request<'_>,
    ) -> Result<StreamListResponse, ApiError> {
        of.check_level()?;
        let mut request = StreamListRequest::default();
        if is_object_or_array(of.payload) {
            request = StreamListRequest::parse(of.payload, self.unknown())?;
        }
        let all: Vec<StreamId> =
            self.streams_on(of.account, &request.subject).into_iter().map(|(_, id)| id).collect();
        let total = count(all.len());
        let (offset, shown) = page(all, request.offset, LISTED);
        let streams =
            shown.into_iter().filter_map(|id| self.describe_stream(turn, id, false)).map(listed);
        let streams = streams.collect();
        Ok(StreamListResponse {
            total,
            offset,
            limit: count(LISTED),
            streams,
            ..StreamListResponse::default()
        })
    }

    pub(super) fn stream_delete(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let found = of.check_level().and_then(|()| {
            if is_empty_request(of.payload) {
                self.find_stream(of.account, name)
            } else {
                Err(ErrorKind::NotEmptyRequest.error())
            }
        });
        match found {
            Ok(id) => {
                let answer = Answer::now(Ok(StreamDeleteResponse { success: true }))?;
                self.api.total += 1;
                let asked = audit::remember(turn, of);
                self.delete_stream(turn, id, of.reply, answer.json, asked);
                None
            }
            Err(error) => Answer::now::<StreamDeleteResponse>(Err(error)),
        }
    }

    pub(super) fn stream_purge(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let (id, request) = match self.purge_request(name, of) {
            Ok(checked) => checked,
            Err(error) => return Answer::now::<StreamPurgeResponse>(Err(error)),
        };
        let stream = self.streams.get_mut(&id)?;
        self.touched.insert(id);
        let filter = request.filter.as_bytes();
        let purge = Purge { filter, below: request.seq, keep: request.keep };
        let purged = stream.purge(turn, &purge);
        Answer::done(id, Ok(StreamPurgeResponse { success: true, purged }))
    }

    fn purge_request(
        &self,
        name: &str,
        of: &Request<'_>,
    ) -> Result<(StreamId, StreamPurgeRequest), ApiError> {
        of.check_level()?;
        let mut request = StreamPurgeRequest::default();
        if is_object_or_array(of.payload) {
            request = StreamPurgeRequest::parse(of.payload, self.unknown())?;
            if request.seq > 0 && request.keep > 0 {
                return Err(ErrorKind::BadRequest.error());
            }
        }
        let id = self.find_to_change(of.account, name)?;
        let config = &self.streams[&id].config;
        if config.sealed {
            return Err(ErrorKind::StreamSealed.error());
        }
        if config.deny_purge {
            return Err(ErrorKind::StreamPurgeFailed.err("stream purge not permitted"));
        }
        Ok((id, request))
    }

    /// A single server has no peers of a stream.
    pub(super) fn no_cluster_peer() -> Option<Answer> {
        Answer::now::<StreamRemovePeerResponse>(Err(ErrorKind::ClusterRequired.error()))
    }

    pub(super) fn no_cluster_move() -> Option<Answer> {
        Answer::now::<StreamCancelMoveResponse>(Err(ErrorKind::ClusterRequired.error()))
    }

    pub(super) fn no_cluster_leader() -> Option<Answer> {
        Answer::now::<StreamLeaderStepdownResponse>(Err(ErrorKind::ClusterRequired.error()))
    }
}

/// In a list nothing is said of who wrote the metadata (nats-server).
fn listed(mut info: StreamInfo) -> StreamInfo {
    info.cluster = None;
    for key in [api_level::SERVER_VERSION, api_level::SERVER_LEVEL] {
        info.config.metadata.remove(key);
    }
    info
}

impl Stream {
    /// How many messages of each subject that matches there are, sorted by subject.
    fn subject_counts(&self, pattern: &str) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        self.log.subjects_matching(pattern.as_bytes(), |subject| {
            let name = String::from_utf8_lossy(self.log.subject(subject)).into_owned();
            all.push((name, self.log.count_of(subject)));
        });
        all
    }
}
