//! Why a message did not come to somebody who wanted it.

/// The reason at which the way of a message ends.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// Nobody had a subscription for it.
    Nobody,
    /// The publisher's connection was lost before its node had read it.
    PublisherLost,
    /// The publisher's node ended before it had confirmed it.
    PublisherNodeDied,
    /// It was larger than its node allows.
    TooLarge,
    /// The publisher may not use its subject.
    NotPermitted,
    /// The run was over before its node had read it.
    NotRead,
    /// A buffer for another node was full, so nobody got it.
    BufferRefused,
    /// The link was down, interest with it, and nothing is kept on this subject.
    LinkDown,
    /// The publisher's node had not been told yet that somebody there wants it.
    InterestUnknown,
    /// It waited at its node for room on a connection that ended before it was sent.
    Queued,
    /// It was on a connection between nodes that ended before it had arrived.
    LostOnTheWay,
    /// The buffer was full, and newer messages needed its room.
    BufferOverflow,
    /// It had been kept for as long as may be.
    BufferAge,
    /// The other node did not want it any more when it was back.
    BufferUnwanted,
    /// It was damaged on the disk of the node that kept it.
    BufferDamaged,
    /// It is still kept for the other node.
    StillKept,
    /// It was numbered in the sender's buffer, and the receiver's node had had that number.
    Deduplicated,
    /// The receiver was cut off because it did not keep up.
    SlowConsumer,
    /// It was left out for a receiver that was slow (`no_fast_producer_stall`).
    LeftOut,
    /// The receiver's connection was lost before it had read it.
    ReceiverLost,
    /// The receiver's node ended before it had passed it on.
    ReceiverNodeDied,
    /// The run was over before the receiver had read it.
    ReceiverNotRead,
    /// The receiver's node did not have the subscription yet.
    NotSubscribedYet,
    /// The receiver had unsubscribed.
    Unsubscribed,
    /// The subscription had got as many as it asked for.
    LimitReached,
    /// It was the receiver's own, and it wants no echo.
    OwnMessage,
    /// Another member of the queue group got it.
    OtherMember,
    /// Another member of the queue group was to get it, and did not: that one has the reason.
    OtherMemberChosen,
    /// There was no stream to store it.
    NoStream,
    /// The stream was full, and refuses what is new.
    StreamFull,
    /// The stream's last sequence was not the one that it expects.
    OtherSequence,
    /// The stream refused it for another reason.
    StreamRefused,
    /// Nobody said what became of it.
    NoAnswer,
    /// The stream had it already, and did not store it again.
    Duplicate,
    /// The stream's limits pushed it out.
    StreamLimits,
    /// It was in a part of the stream's files that was damaged or lost.
    StreamDamaged,
    /// Nothing in the history tells why.
    Unexplained,
}

/// What to make of an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gravity {
    /// That is how it should be: it was for somebody else, or is there already.
    Fine,
    /// It is lost for a receiver.
    Lost,
}

impl Cause {
    /// All.
    pub const ALL: [Self; 37] = [
        Self::Nobody,
        Self::PublisherLost,
        Self::PublisherNodeDied,
        Self::TooLarge,
        Self::NotPermitted,
        Self::NotRead,
        Self::BufferRefused,
        Self::LinkDown,
        Self::InterestUnknown,
        Self::Queued,
        Self::LostOnTheWay,
        Self::BufferOverflow,
        Self::BufferAge,
        Self::BufferUnwanted,
        Self::BufferDamaged,
        Self::StillKept,
        Self::Deduplicated,
        Self::SlowConsumer,
        Self::LeftOut,
        Self::ReceiverLost,
        Self::ReceiverNodeDied,
        Self::ReceiverNotRead,
        Self::NotSubscribedYet,
        Self::Unsubscribed,
        Self::LimitReached,
        Self::OwnMessage,
        Self::OtherMember,
        Self::OtherMemberChosen,
        Self::NoStream,
        Self::StreamFull,
        Self::OtherSequence,
        Self::StreamRefused,
        Self::NoAnswer,
        Self::Duplicate,
        Self::StreamLimits,
        Self::StreamDamaged,
        Self::Unexplained,
    ];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        TEXTS[self as usize].0
    }

    /// The reason, as the rest of a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        TEXTS[self as usize].1
    }

    /// Whether something is lost by it.
    #[must_use]
    pub const fn gravity(self) -> Gravity {
        let fine = matches!(
            self,
            Self::OwnMessage
                | Self::OtherMember
                | Self::OtherMemberChosen
                | Self::Deduplicated
                | Self::Duplicate
                | Self::LimitReached
                | Self::Unsubscribed
                | Self::NotSubscribedYet
        );
        if fine { Gravity::Fine } else { Gravity::Lost }
    }
}

/// Name and words of each, in the order of the enumeration.
const TEXTS: [(&str, &str); 37] = [
    ("nobody", "nobody had a subscription for it"),
    ("publisher_lost", "the publisher's connection was lost before its node had confirmed it"),
    ("publisher_node_died", "the publisher's node ended before it had confirmed it"),
    ("too_large", "it is larger than the publisher's node allows"),
    ("not_permitted", "the publisher may not use this subject"),
    ("not_read", "the run was over before its node had confirmed it"),
    (
        "buffer_refused",
        "a buffer for another node was full and refuses what is new, so nobody got it",
    ),
    ("link_down", "there was no link to the receiver's node, and nothing is kept on this subject"),
    ("interest_unknown", "the publisher's node had not been told that somebody there wants it"),
    ("queued", "it waited at its node for room on a connection that ended before it was sent"),
    ("lost_on_the_way", "its connection between the nodes ended before it had arrived"),
    ("buffer_overflow", "the buffer was full, and newer messages took its place"),
    ("buffer_age", "it had been kept for as long as may be"),
    ("buffer_unwanted", "the receiver's node did not want it any more when it was back"),
    ("buffer_damaged", "it was damaged on the disk of the node that kept it"),
    ("still_kept", "it is still kept for the receiver's node"),
    ("deduplicated", "the receiver's node had had it, and passed it over"),
    ("slow_consumer", "the receiver did not keep up, and its node cut it off"),
    ("left_out", "it was left out, because the receiver was slow"),
    ("receiver_lost", "the receiver's connection was lost before it had read it"),
    ("receiver_node_died", "the receiver's node ended before it had passed it on"),
    ("receiver_not_read", "the run was over before the receiver had read it"),
    ("not_subscribed_yet", "the receiver's node did not have the subscription yet"),
    ("unsubscribed", "the receiver had unsubscribed"),
    ("limit_reached", "the subscription had got as many as it asked for"),
    ("own_message", "it is the receiver's own, and it wants no echo"),
    ("other_member", "another member of the queue group got it"),
    ("other_member_chosen", "it was for another member of the queue group"),
    ("no_stream", "there was no stream to store it"),
    ("stream_full", "the stream is full and refuses what is new"),
    ("other_sequence", "the last sequence was not the one that it expects"),
    ("stream_refused", "the stream refused it"),
    ("no_answer", "nobody said whether it was stored"),
    ("duplicate", "the stream had it already, and did not store it again"),
    ("stream_limits", "the limits of the stream pushed it out"),
    ("stream_damaged", "the files of the stream were damaged where it stood"),
    ("unexplained", "nothing in the history says why"),
];
