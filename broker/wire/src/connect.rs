//! CONNECT: how clients and routes introduce themselves.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use serde::de::MapAccess;

use crate::json::{self, Encode, Value, document};

pub use crate::json::DocumentError;

document! {
    /// The CONNECT document of a client, in the field order of nats-server's `ClientOpts`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ClientConnect {
        /// Whether the client gets its own messages back. True if absent.
        pub echo: bool;
        /// Whether every accepted operation is answered with +OK. True if absent.
        pub verbose: bool;
        /// Whether publish subjects are checked. True if absent.
        pub pedantic: bool;
        /// Whether the client wants TLS.
        pub tls_required: bool;
        /// Public key of the user.
        pub nkey: String, omitempty;
        /// The user's JWT.
        pub jwt: Secret, omitempty;
        /// The nonce, signed.
        pub sig: Secret, omitempty;
        /// Token authentication.
        pub auth_token: Secret, omitempty;
        /// Password authentication: the user.
        pub user: String, omitempty;
        /// Password authentication: the password.
        pub pass: Secret, omitempty;
        /// The client's name for itself.
        pub name: String;
        /// The client library's language; a route or leafnode port takes it as the sign of a
        /// client.
        pub lang: String;
        /// The client library's version.
        pub version: String;
        /// 0, or 1 for a client that understands INFO at any time.
        pub protocol: i32;
        /// No longer supported: authentication fails if set.
        pub account: String, omitempty;
        /// No longer supported: authentication fails if set.
        pub new_account: bool, omitempty;
        /// Whether the client understands headers.
        pub headers: bool, omitempty;
        /// Whether the client wants a 503 when nobody listens; needs `headers`.
        pub no_responders: bool, omitempty;
        /// Signature of a trusted proxy.
        pub proxy_sig: Secret, omitempty;
    }
}

/// What holds before a client has sent CONNECT, and for the fields that its CONNECT leaves out.
impl Default for ClientConnect {
    fn default() -> Self {
        Self {
            echo: true,
            verbose: true,
            pedantic: true,
            tls_required: false,
            nkey: String::new(),
            jwt: Secret::default(),
            sig: Secret::default(),
            auth_token: Secret::default(),
            user: String::new(),
            pass: Secret::default(),
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            protocol: 0,
            account: String::new(),
            new_account: false,
            headers: false,
            no_responders: false,
            proxy_sig: Secret::default(),
        }
    }
}

impl ClientConnect {
    /// Reads a first CONNECT. Unknown fields are ignored.
    ///
    /// # Errors
    ///
    /// If the bytes are not one JSON object (or `null`), or a known field has another type.
    pub fn parse(json: &[u8]) -> Result<Self, DocumentError> {
        let mut connect = Self::default();
        connect.update(json)?;
        Ok(connect)
    }

    /// Reads a further CONNECT on the same connection: fields that it leaves out keep their value,
    /// as in nats-server.
    ///
    /// # Errors
    ///
    /// As for [`Self::parse`]; the fields before the error have been changed.
    pub fn update(&mut self, json: &[u8]) -> Result<(), DocumentError> {
        json::update(self, json)
    }
}

document! {
    /// The CONNECT document of a route, in the order that nats-server 2.15.1 writes.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct RouteConnect {
        /// Always true.
        pub echo: bool;
        /// Always false.
        pub verbose: bool;
        /// Always false.
        pub pedantic: bool;
        /// Of the route's URL.
        pub user: String, omitempty;
        /// Of the route's URL.
        pub pass: Secret, omitempty;
        /// Whether the cluster uses TLS.
        pub tls_required: bool;
        /// Whether HMSG is understood.
        pub headers: bool;
        /// The sender's server id.
        pub name: String;
        /// The sender's cluster.
        pub cluster: String;
        /// Whether that name was made up.
        pub cluster_dynamic: bool, omitempty;
        /// Leafnode origin clusters: LS+ and LMSG are understood.
        pub lnoc: bool, omitempty;
        /// LS- with an origin cluster is understood.
        pub lnocu: bool, omitempty;
        /// Leafnode support.
        pub ln: bool, omitempty;
        /// Set only by a gateway that came to the wrong port.
        pub gateway: String, omitempty;
        /// Set only by a client that came to the wrong port.
        pub lang: String, omitempty;
        /// The server id that the sender expects to have reached, if it has sent its INFO without
        /// waiting for the receiver's. Causeway only: nats-server neither writes nor reads it.
        pub expected_id: String, omitempty;
    }
}

impl RouteConnect {
    /// Reads a document. Unknown fields are ignored, missing ones are empty.
    ///
    /// # Errors
    ///
    /// If the bytes are not one JSON object (or `null`), or a known field has another type.
    pub fn parse(json: &[u8]) -> Result<Self, DocumentError> {
        let mut connect = Self::default();
        json::update(&mut connect, json)?;
        Ok(connect)
    }
}

/// Text that must not end up in a log: its `Debug` says only whether it is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "[NONE]" } else { "[REDACTED]" })
    }
}

impl Encode for Secret {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

impl Value for Secret {
    fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0.read(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &[u8]) -> &str {
        core::str::from_utf8(json).unwrap()
    }

    /// Captured from nats-server 2.15.1 soliciting a route with a user in its URL.
    #[test]
    fn a_route_connects_as_nats_server_does() {
        let captured = r#"{"echo":true,"verbose":false,"pedantic":false,"user":"u","pass":"p","tls_required":false,"headers":true,"name":"NAEZWMMI4Z5XOST4CBEQHLXSEQPFIHQKY2JJPJLDWCHLHIOF5RUDP2TR","cluster":"C1","lnoc":true,"ln":true}"#;
        let connect = RouteConnect {
            echo: true,
            user: "u".into(),
            pass: "p".into(),
            headers: true,
            name: "NAEZWMMI4Z5XOST4CBEQHLXSEQPFIHQKY2JJPJLDWCHLHIOF5RUDP2TR".into(),
            cluster: "C1".into(),
            lnoc: true,
            ln: true,
            ..RouteConnect::default()
        };
        assert_eq!(text(&connect.to_json()), captured);
        assert_eq!(RouteConnect::parse(captured.as_bytes()).unwrap(), connect);
    }

    #[test]
    fn what_a_client_leaves_out() {
        let connect = ClientConnect::parse(b"{}").unwrap();
        assert_eq!(connect, ClientConnect::default());
        assert!(connect.echo && connect.verbose && connect.pedantic && !connect.headers);
        let json = br#"{"verbose":false,"lang":"rust","protocol":1,"headers":true,"x":[1,{}]}"#;
        let connect = ClientConnect::parse(json).unwrap();
        assert!(connect.echo && !connect.verbose && connect.pedantic && connect.headers);
        assert_eq!((connect.lang.as_str(), connect.protocol), ("rust", 1));
        assert_eq!(ClientConnect::parse(&connect.to_json()).unwrap(), connect);
    }

    #[test]
    fn a_further_connect_changes_what_it_mentions() {
        let mut connect =
            ClientConnect::parse(br#"{"user":"a","pass":"b","verbose":false}"#).unwrap();
        connect.update(br#"{"pass":"c"}"#).unwrap();
        assert_eq!((connect.user.as_str(), connect.pass.as_str()), ("a", "c"));
        assert!(!connect.verbose);
        assert!(connect.update(b"{").is_err());
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let json = br#"{"user":"alice","pass":"SECRET","auth_token":"SECRET","jwt":"SECRET","sig":"SECRET"}"#;
        let shown = std::format!("{:?}", ClientConnect::parse(json).unwrap());
        assert!(shown.contains("alice") && shown.contains("pass: [REDACTED]"), "{shown}");
        assert!(shown.contains("proxy_sig: [NONE]") && !shown.contains("SECRET"), "{shown}");
    }
}
