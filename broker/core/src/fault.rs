//! What can be wrong with a peer, and why a link ended.

use core::fmt;

/// Why a link was closed. The texts are nats-server's (`ClosedState`), monitoring shows them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CloseReason {
    /// The peer closed the connection.
    ClientClosed,
    /// No CONNECT in time.
    AuthenticationTimeout,
    /// Wrong credentials.
    AuthenticationFailure,
    /// More bytes pending than `max_pending`.
    SlowConsumerPendingBytes,
    /// A write was not accepted within the write deadline.
    SlowConsumerWriteDeadline,
    /// The host could not write.
    WriteError,
    /// The host could not read.
    ReadError,
    /// The peer's bytes are not the protocol.
    ParseError,
    /// Pings were not answered.
    StaleConnection,
    /// The peer broke a rule of the protocol.
    ProtocolViolation,
    /// CONNECT named a protocol number that we do not know.
    BadClientProtocolVersion,
    /// A client on a route port, or the reverse.
    WrongPort,
    /// `max_connections` reached.
    MaxConnectionsExceeded,
    /// A payload over `max_payload` was announced.
    MaxPayloadExceeded,
    /// A line over `max_control_line`.
    MaxControlLineExceeded,
    /// A second connection for the same route slot, or to ourselves.
    DuplicateRoute,
    /// The route was taken out of the configuration.
    RouteRemoved,
    /// This server shuts down or is a lame duck.
    ServerShutdown,
    /// The credentials were removed by a reload.
    CredentialsRevoked,
    /// A route names an account that we do not know.
    MissingAccount,
    /// A remote server uses our own name.
    DuplicateServerName,
    /// The peer belongs to another cluster.
    ClusterNameConflict,
    /// A header where none may be.
    MessageHeaderViolation,
    /// CONNECT asked for no-responders without headers.
    NoRespondersRequiresHeaders,
    /// The operator asked for it.
    Kicked,
}

impl CloseReason {
    /// The text that `/connz` and the log show.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ClientClosed => "Client Closed",
            Self::AuthenticationTimeout => "Authentication Timeout",
            Self::AuthenticationFailure => "Authentication Failure",
            Self::SlowConsumerPendingBytes => "Slow Consumer (Pending Bytes)",
            Self::SlowConsumerWriteDeadline => "Slow Consumer (Write Deadline)",
            Self::WriteError => "Write Error",
            Self::ReadError => "Read Error",
            Self::ParseError => "Parse Error",
            Self::StaleConnection => "Stale Connection",
            Self::ProtocolViolation => "Protocol Violation",
            Self::BadClientProtocolVersion => "Bad Client Protocol Version",
            Self::WrongPort => "Incorrect Port",
            Self::MaxConnectionsExceeded => "Maximum Connections Exceeded",
            Self::MaxPayloadExceeded => "Maximum Message Payload Exceeded",
            Self::MaxControlLineExceeded => "Maximum Control Line Exceeded",
            Self::DuplicateRoute => "Duplicate Route",
            Self::RouteRemoved => "Route Removed",
            Self::ServerShutdown => "Server Shutdown",
            Self::CredentialsRevoked => "Credentials Revoked",
            Self::MissingAccount => "Missing Account",
            Self::DuplicateServerName => "Duplicate Server Name",
            Self::ClusterNameConflict => "Cluster Name Conflict",
            Self::MessageHeaderViolation => "Message Header Violation",
            Self::NoRespondersRequiresHeaders => "No Responders Requires Headers",
            Self::Kicked => "Kicked",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
