//! The errors one by one.

/// Defines the kinds with their numbers, codes and texts; the numbers follow each other.
macro_rules! errors {
    ($($err_code:literal $code:literal $name:ident $text:literal;)*) => {
        /// Every error of nats-server 2.15, by its constant's name there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum ErrorKind {
            $( #[doc = $text] $name = $err_code, )*
        }

        impl ErrorKind {
            /// All kinds in ascending order of their numbers.
            pub const ALL: &[Self] = &[$( Self::$name, )*];

            /// Class of the error in the manner of HTTP.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $( Self::$name => $code, )* }
            }

            /// The text, with placeholders such as `{seq}` where a value belongs.
            #[must_use]
            pub const fn template(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }
        }
    };
}

errors! {
    10002 400 AccountResourcesExceeded "resource limits exceeded for account";
    10003 400 BadRequest "bad request";
    10004 503 ClusterIncomplete "incomplete results";
    10005 400 ClusterNoPeers "{err}";
    10006 500 ClusterNotActive "JetStream not in clustered mode";
    10007 500 ClusterNotAssigned "JetStream cluster not assigned to this server";
    10008 503 ClusterNotAvail "JetStream system temporarily unavailable";
    10009 500 ClusterNotLeader "JetStream cluster can not handle request";
    10010 503 ClusterRequired "JetStream clustering support required";
    10011 400 ClusterTags "tags placement not supported for operation";
    10012 500 ConsumerCreate "{err}";
    10013 400 ConsumerNameExist "consumer name already in use";
    10014 404 ConsumerNotFound "consumer not found";
    10015 400 SnapshotDeliverSubjectInvalid "deliver subject not valid";
    10016 400 ConsumerDurableNameNotInSubject "consumer expected to be durable but no durable name set in subject";
    10017 400 ConsumerDurableNameNotMatchSubject "consumer name in subject does not match durable name in request";
    10018 400 ConsumerDurableNameNotSet "consumer expected to be durable but a durable name was not set";
    10019 400 ConsumerEphemeralWithDurableInSubject "consumer expected to be ephemeral but detected a durable name set in subject";
    10020 400 ConsumerEphemeralWithDurableName "consumer expected to be ephemeral but a durable name was set in request";
    10021 400 StreamExternalApiOverlap "stream external api prefix {prefix} must not overlap with {subject}";
    10022 400 StreamExternalDelPrefixOverlaps "stream external delivery prefix {prefix} overlaps with stream subject {subject}";
    10023 503 InsufficientResources "insufficient resources";
    10024 400 StreamInvalidExternalDeliverySubj "stream external delivery prefix {prefix} must not contain wildcards";
    10025 400 InvalidJson "invalid JSON: {err}";
    10026 400 MaximumConsumersLimit "maximum consumers limit reached";
    10027 400 MaximumStreamsLimit "maximum number of streams reached";
    10028 500 MemoryResourcesExceeded "insufficient memory resources available";
    10029 500 MirrorConsumerSetupFailed "{err}";
    10030 400 MirrorMaxMessageSizeTooBig "stream mirror must have max message size >= source";
    10031 400 MirrorWithSources "stream mirrors can not also contain other sources";
    10032 400 MirrorWithStartSeqAndTime "stream mirrors can not have both start seq and start time configured";
    10033 400 MirrorWithSubjectFilters "stream mirrors can not contain filtered subjects";
    10034 400 MirrorWithSubjects "stream mirrors can not contain subjects";
    10035 503 NoAccount "account not found";
    10036 503 ClusterUnsupportedFeature "not currently supported in clustered mode";
    10037 404 NoMessageFound "no message found";
    10038 400 NotEmptyRequest "expected an empty request payload";
    10039 503 NotEnabledForAccount "JetStream not enabled for account";
    10040 400 ClusterPeerNotMember "peer not a member";
    10041 500 RaftGeneral "{err}";
    10042 500 RestoreSubscribeFailed "JetStream unable to subscribe to restore snapshot {subject}: {err}";
    10043 400 SequenceNotFound "sequence {seq} not found";
    10044 400 ClusterServerNotMember "server is not a member of the cluster";
    10045 500 SourceConsumerSetupFailed "{err}";
    10046 400 SourceMaxMessageSizeTooBig "stream source must have max message size >= target";
    10047 500 StorageResourcesExceeded "insufficient storage resources available";
    10048 500 StreamAssignment "{err}";
    10049 500 StreamCreate "{err}";
    10050 500 StreamDelete "{err}";
    10051 500 StreamGeneral "{err}";
    10052 500 StreamInvalidConfig "{err}";
    10053 500 StreamLimits "{err}";
    10054 400 StreamMessageExceedsMaximum "message size exceeds maximum allowed";
    10055 400 StreamMirrorNotUpdatable "stream mirror configuration can not be updated";
    10056 400 StreamMismatch "stream name in subject does not match request";
    10057 500 StreamMsgDeleteFailed "{err}";
    10058 400 StreamNameExist "stream name already in use with a different configuration";
    10059 404 StreamNotFound "stream not found";
    10060 400 StreamNotMatch "expected stream does not match";
    10061 400 StreamReplicasNotUpdatable "Replicas configuration can not be updated";
    10062 500 StreamRestore "restore failed: {err}";
    10063 503 StreamSequenceNotMatch "expected stream sequence does not match";
    10064 500 StreamSnapshot "snapshot failed: {err}";
    10065 400 StreamSubjectOverlap "subjects overlap with an existing stream";
    10066 500 StreamTemplateCreate "{err}";
    10067 500 StreamTemplateDelete "{err}";
    10068 404 StreamTemplateNotFound "template not found";
    10069 500 StreamUpdate "{err}";
    10070 400 StreamWrongLastMsgId "wrong last msg ID: {id}";
    10071 400 StreamWrongLastSequence "wrong last sequence: {seq}";
    10072 500 TempStorageFailed "JetStream unable to open temp storage for restore";
    10073 400 TemplateNameNotMatchSubject "template name in subject does not match request";
    10074 500 StreamReplicasNotSupported "replicas > 1 not supported in non-clustered mode";
    10075 503 PeerRemap "peer remap failed";
    10076 503 NotEnabled "JetStream not enabled";
    10077 503 StreamStoreFailed "{err}";
    10078 400 ConsumerConfigRequired "consumer config required";
    10079 400 ConsumerDeliverToWildcards "consumer deliver subject has wildcards";
    10080 400 ConsumerPushMaxWaiting "consumer in push mode can not set max waiting";
    10081 400 ConsumerDeliverCycle "consumer deliver subject forms a cycle";
    10082 400 ConsumerMaxPendingAckPolicyRequired "consumer requires ack policy for max ack pending";
    10083 400 ConsumerSmallHeartbeat "consumer idle heartbeat needs to be >= 100ms";
    10084 400 ConsumerPullRequiresAck "consumer in pull mode requires explicit ack policy on workqueue stream";
    10085 400 ConsumerPullNotDurable "consumer in pull mode requires a durable name";
    10086 400 ConsumerPullWithRateLimit "consumer in pull mode can not have rate limit set";
    10087 400 ConsumerMaxWaitingNegative "consumer max waiting needs to be positive";
    10088 400 ConsumerHeartbeatRequiresPush "consumer idle heartbeat requires a push based consumer";
    10089 400 ConsumerFlowControlRequiresPush "consumer flow control requires a push based consumer";
    10090 400 ConsumerDirectRequiresPush "consumer direct requires a push based consumer";
    10091 400 ConsumerDirectRequiresEphemeral "consumer direct requires an ephemeral consumer";
    10092 400 ConsumerOnMapped "consumer direct on a mapped consumer";
    10093 400 ConsumerFilterNotSubset "consumer filter subject is not a valid subset of the interest subjects";
    10094 400 ConsumerInvalidPolicy "{err}";
    10095 400 ConsumerInvalidSampling "failed to parse consumer sampling configuration: {err}";
    10096 500 StreamInvalid "stream not valid";
    10097 400 StreamHeaderExceedsMaximum "header size exceeds maximum allowed of 64k";
    10098 400 ConsumerWorkQueueRequiresExplicitAck "workqueue stream requires explicit ack";
    10099 400 ConsumerWorkQueueMultipleUnfiltered "multiple non-filtered consumers not allowed on workqueue stream";
    10100 400 ConsumerWorkQueueConsumerNotUnique "filtered consumer not unique on workqueue stream";
    10101 400 ConsumerWorkQueueConsumerNotDeliverAll "consumer must be deliver all on workqueue stream";
    10102 400 ConsumerNameTooLong "consumer name is too long, maximum allowed is {max}";
    10103 400 ConsumerBadDurableName "durable name can not contain '.', '*', '>'";
    10104 500 ConsumerStoreFailed "error creating store for consumer: {err}";
    10105 400 ConsumerExistingActive "consumer already exists and is still active";
    10106 400 ConsumerReplacementWithDifferentName "consumer replacement durable config not the same";
    10107 400 ConsumerDescriptionTooLong "consumer description is too long, maximum allowed is {max}";
    10108 400 ConsumerWithFlowControlNeedsHeartbeats "consumer with flow control also needs heartbeats";
    10109 400 StreamSealed "invalid operation on sealed stream";
    10110 500 StreamPurgeFailed "{err}";
    10111 500 StreamRollupFailed "{err}";
    10112 400 ConsumerInvalidDeliverSubject "invalid push consumer deliver subject";
    10113 400 StreamMaxBytesRequired "account requires a stream config to have max bytes set";
    10114 400 ConsumerMaxRequestBatchNegative "consumer max request batch needs to be > 0";
    10115 400 ConsumerMaxRequestExpiresTooSmall "consumer max request expires needs to be >= 1ms";
    10116 400 ConsumerMaxDeliverBackoff "max deliver is required to be > length of backoff values";
    10117 500 StreamInfoMaxSubjects "subject details would exceed maximum allowed";
    10118 500 StreamOffline "stream is offline";
    10119 500 ConsumerOffline "consumer is offline";
    10120 400 NoLimits "no JetStream default or applicable tiered limit present";
    10121 400 ConsumerMaxPendingAckExcess "consumer max ack pending exceeds system limit of {limit}";
    10122 400 StreamMaxStreamBytesExceeded "stream max bytes exceeds account limit max stream bytes";
    10123 400 StreamMoveAndScale "can not move and scale a stream in a single update";
    10124 400 StreamMoveInProgress "stream move already in progress";
    10125 400 ConsumerMaxRequestBatchExceeded "consumer max request batch exceeds server limit of {limit}";
    10126 400 ConsumerReplicasExceedsStream "consumer config replica count exceeds parent stream";
    10127 400 ConsumerNameContainsPathSeparators "Consumer name can not contain path separators";
    10128 400 StreamNameContainsPathSeparators "Stream name can not contain path separators";
    10129 400 StreamReconfigureNotInProgress "stream reconfiguration not in progress";
    10130 400 StreamNameExistRestoreFailed "stream name already in use, cannot restore";
    10131 400 ConsumerCreateFilterSubjectMismatch "Consumer create request did not match filtered subject from create subject";
    10132 400 ConsumerCreateDurableAndNameMismatch "Consumer Durable and Name have to be equal if both are provided";
    10133 400 ReplicasCountCannotBeNegative "replicas count cannot be negative";
    10134 400 ConsumerReplicasShouldMatchStream "consumer config replicas must match interest retention stream's replicas";
    10135 400 ConsumerMetadataLength "consumer metadata exceeds maximum size of {limit}";
    10136 400 ConsumerDuplicateFilterSubjects "consumer cannot have both FilterSubject and FilterSubjects specified";
    10137 400 ConsumerMultipleFiltersNotAllowed "consumer with multiple subject filters cannot use subject based API";
    10138 400 ConsumerOverlappingSubjectFilters "consumer subject filters cannot overlap";
    10139 400 ConsumerEmptyFilter "consumer filter in FilterSubjects cannot be empty";
    10140 400 SourceDuplicateDetected "duplicate source configuration detected";
    10141 400 SourceInvalidStreamName "sourced stream name is invalid";
    10142 400 MirrorInvalidStreamName "mirrored stream name is invalid";
    10143 400 MirrorWithFirstSeq "stream mirrors can not have first sequence configured";
    10144 400 SourceMultipleFiltersNotAllowed "source with multiple subject transforms cannot also have a single subject filter";
    10145 400 SourceInvalidSubjectFilter "source transform source: {err}";
    10146 400 SourceInvalidTransformDestination "source transform: {err}";
    10147 400 SourceOverlappingSubjectFilters "source filters can not overlap";
    10148 400 ConsumerAlreadyExists "consumer already exists";
    10149 400 ConsumerDoesNotExist "consumer does not exist";
    10150 400 MirrorMultipleFiltersNotAllowed "mirror with multiple subject transforms cannot also have a single subject filter";
    10151 400 MirrorInvalidSubjectFilter "mirror transform source: {err}";
    10152 400 MirrorOverlappingSubjectFilters "mirror subject filters can not overlap";
    10153 400 ConsumerInactiveThresholdExcess "consumer inactive threshold exceeds system limit of {limit}";
    10154 400 MirrorInvalidTransformDestination "mirror transform: {err}";
    10155 400 StreamTransformInvalidSource "stream transform source: {err}";
    10156 400 StreamTransformInvalidDestination "stream transform: {err}";
    10157 400 Pedantic "pedantic mode: {err}";
    10158 409 StreamDuplicateMessageConflict "duplicate message id is in process";
    10159 400 ConsumerPriorityPolicyWithoutGroup "Setting PriorityPolicy requires at least one PriorityGroup to be set";
    10160 400 ConsumerInvalidPriorityGroup "Provided priority group does not exist for this consumer";
    10161 400 ConsumerEmptyGroupName "Group name cannot be an empty string";
    10162 400 ConsumerInvalidGroupName "Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters";
    10163 503 StreamExpectedLastSeqPerSubjectNotReady "expected last sequence per subject temporarily unavailable";
    10164 400 StreamWrongLastSequenceConstant "wrong last sequence";
    10165 400 MessageTtlInvalid "invalid per-message TTL";
    10166 400 MessageTtlDisabled "per-message TTL is disabled";
    10167 429 StreamTooManyRequests "too many requests";
    10168 400 MessageIncrDisabled "message counters is disabled";
    10169 400 MessageIncrMissing "message counter increment is missing";
    10170 400 MessageIncrPayload "message counter has payload";
    10171 400 MessageIncrInvalid "message counter increment is invalid";
    10172 400 MessageCounterBroken "message counter is broken";
    10173 400 MirrorWithCounters "stream mirrors can not also calculate counters";
    10174 400 AtomicPublishDisabled "atomic publish is disabled";
    10175 400 AtomicPublishMissingSeq "atomic publish sequence is missing";
    10176 400 AtomicPublishIncompleteBatch "atomic publish batch is incomplete";
    10177 400 AtomicPublishUnsupportedHeaderBatch "atomic publish unsupported header used: {header}";
    10178 400 ConsumerPushWithPriorityGroup "priority groups can not be used with push consumers";
    10179 400 AtomicPublishInvalidBatchId "atomic publish batch ID is invalid";
    10180 412 StreamMinLastSeq "min last sequence";
    10181 400 ConsumerAckPolicyInvalid "consumer ack policy invalid";
    10182 400 ConsumerReplayPolicyInvalid "consumer replay policy invalid";
    10183 400 ConsumerAckWaitNegative "consumer ack wait needs to be positive";
    10184 400 ConsumerBackOffNegative "consumer backoff needs to be positive";
    10185 412 RequiredApiLevel "JetStream minimum api level required";
    10186 400 MirrorWithMsgSchedules "stream mirrors can not also schedule messages";
    10187 400 SourceWithMsgSchedules "stream source can not also schedule messages";
    10188 400 MessageSchedulesDisabled "message schedules is disabled";
    10189 400 MessageSchedulesPatternInvalid "message schedules pattern is invalid";
    10190 400 MessageSchedulesTargetInvalid "message schedules target is invalid";
    10191 400 MessageSchedulesTtlInvalid "message schedules invalid per-message TTL";
    10192 400 MessageSchedulesRollupInvalid "message schedules invalid rollup";
    10193 400 StreamExpectedLastSeqPerSubjectInvalid "missing sequence for expected last sequence per subject";
    10194 500 StreamOfflineReason "stream is offline: {err}";
    10195 500 ConsumerOfflineReason "consumer is offline: {err}";
    10196 400 ConsumerPriorityGroupWithPolicyNone "consumer can not have priority groups when policy is none";
    10197 400 ConsumerPinnedTtlWithoutPriorityPolicyNone "PinnedTTL cannot be set when PriorityPolicy is none";
    10198 400 MirrorWithAtomicPublish "stream mirrors can not also use atomic publishing";
    10199 400 AtomicPublishTooLargeBatch "atomic publish batch is too large: {size}";
    10200 400 AtomicPublishInvalidBatchCommit "atomic publish batch commit is invalid";
    10201 400 AtomicPublishContainsDuplicateMessage "atomic publish batch contains duplicate message id";
    10202 400 ClusterServerMemberChangeInflight "cluster member change is in progress";
    10203 400 MessageSchedulesSourceInvalid "message schedules source is invalid";
    10204 400 ConsumerInvalidReset "invalid reset: {err}";
    10205 400 BatchPublishDisabled "batch publish is disabled";
    10206 400 BatchPublishInvalidPattern "batch publish pattern is invalid";
    10207 400 BatchPublishInvalidBatchId "batch publish ID is invalid";
    10208 400 BatchPublishUnknownBatchId "batch publish ID unknown";
    10209 400 MirrorWithBatchPublish "stream mirrors can not also use batch publishing";
    10210 429 AtomicPublishTooManyInflight "atomic publish too many inflight";
    10211 429 BatchPublishTooManyInflight "batch publish too many inflight";
    10212 400 MessageSchedulesSchedulerInvalid "message schedules invalid scheduler";
    10213 400 MirrorDurableConsumerConfigInvalid "stream mirror consumer config is invalid";
    10214 400 MirrorConsumerRequiresAckFlowControl "stream mirror consumer requires flow control ack policy";
    10215 400 SourceDurableConsumerConfigInvalid "stream source consumer config is invalid";
    10216 400 SourceDurableConsumerDuplicateDetected "duplicate stream source consumer detected";
    10217 400 SourceConsumerRequiresAckFlowControl "stream source consumer requires flow control ack policy";
    10218 400 ConsumerAckFlowControlRequiresPush "flow control ack policy requires a push based consumer";
    10219 400 ConsumerAckFlowControlRequiresFlowControl "flow control ack policy requires flow control";
    10220 400 ConsumerAckFlowControlRequiresMaxAckPending "flow control ack policy requires max ack pending";
    10221 400 ConsumerAckFlowControlRequiresNoAckWait "flow control ack policy requires unset ack wait";
    10222 400 ConsumerAckFlowControlRequiresNoMaxDeliver "flow control ack policy requires unset max deliver";
    10223 400 MessageSchedulesTimeZoneInvalid "message schedules time zone is invalid";
    10224 400 ClusterRescue "JetStream system rescue not applied: {err}";
    10225 400 ConsumerStreamIdentityMismatch "consumer's stream identity does not match: {msg}";
    10226 400 StreamReconfigureInProgress "stream reconfiguration already in progress";
    10227 400 MessageSourceHdrNotAllowed "message stream source header is not allowed";
}
