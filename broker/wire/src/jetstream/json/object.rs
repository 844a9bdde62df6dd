//! The macros that make a document of a definition which reads like the Go one.

/// Defines a struct whose fields carry their JSON names, in wire order. A field may have one flag:
/// `omitempty` leaves it out when it is empty, zero or false; `flatten` writes its members in its
/// place.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* pub $field:ident: $type:ty $(, $flag:ident)?; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl $crate::json::Members for $name {
            fn write_members(&self, out: &mut alloc::vec::Vec<u8>) {
                // Some have no members.
                let _ = &out;
                $( $crate::jetstream::json::record!(@write out, self.$field $(, $flag)?); )*
            }
        }

        impl $crate::json::Encode for $name {
            fn is_empty(&self) -> bool {
                false
            }

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $crate::json::write_object(out, self);
            }
        }

        impl $name {
            /// The document as nats-server writes it: same order, same fields left out, same
            /// escapes.
            #[must_use]
            pub fn to_json(&self) -> alloc::vec::Vec<u8> {
                let mut out = alloc::vec::Vec::with_capacity(512);
                $crate::json::write_object(&mut out, self);
                out
            }
        }
    };
    (@write $out:ident, $self:ident.$field:ident) => {
        $crate::json::write_field(
            $out, $crate::jetstream::json::wire_name(stringify!($field)), &$self.$field);
    };
    (@write $out:ident, $self:ident.$field:ident, omitempty) => {
        if !$crate::json::Encode::is_empty(&$self.$field) {
            $crate::jetstream::json::record!(@write $out, $self.$field);
        }
    };
    (@write $out:ident, $self:ident.$field:ident, flatten) => {
        $crate::json::Members::write_members(&$self.$field, $out);
    };
}

/// Defines a record that can also be read. It has a name in Go, which error texts mention, and a
/// field may say its type there (`as "int"`) where that does not follow from ours.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident = $go:literal {
            $( $(#[$doc:meta])* pub $field:ident: $type:ty $(as $as:literal)? $(, $flag:ident)?; )*
        }
    ) => {
        $crate::jetstream::json::record! {
            $(#[$meta])*
            pub struct $name {
                $( $(#[$doc])* pub $field: $type $(, $flag)?; )*
            }
        }

        impl $crate::jetstream::json::DecodeMembers for $name {
            fn decode_member(
                &mut self,
                key: &str,
                reader: &mut $crate::jetstream::json::Reader<'_>,
            ) -> bool {
                let _ = (key, &reader);
                $( $crate::jetstream::json::object!(
                    @read key, reader, self.$field: [$type] [$($as)?] $($flag)?
                ); )*
                false
            }
        }

        impl $crate::jetstream::json::Decode for $name {
            fn go_type() -> alloc::borrow::Cow<'static, str> {
                concat!("server.", $go).into()
            }

            fn decode(
                &mut self,
                reader: &mut $crate::jetstream::json::Reader<'_>,
                go_type: &str,
            ) {
                use $crate::jetstream::json::DecodeMembers;
                reader.object(go_type, |key, reader| self.decode_member(key, reader));
            }
        }

        impl $crate::jetstream::json::Root for $name {
            const GO_NAME: &'static str = $go;
        }

        impl $name {
            /// Reads what is sent to the API, see [`Unknown`](crate::jetstream::Unknown). No bytes
            /// are the default, several documents count one after the other.
            ///
            /// # Errors
            ///
            /// In Go's words.
            pub fn parse(
                json: &[u8],
                unknown: $crate::jetstream::Unknown,
            ) -> Result<Self, $crate::jetstream::JsonError> {
                $crate::jetstream::json::parse(json, unknown)
            }

            /// Reads what is sent to where nats-server is not strict: exactly one document, whose
            /// unknown fields are passed over.
            ///
            /// # Errors
            ///
            /// In Go's words.
            pub fn parse_loosely(json: &[u8]) -> Result<Self, $crate::jetstream::JsonError> {
                let mut document = Self::default();
                $crate::jetstream::json::unmarshal_root(&mut document, json)?;
                Ok(document)
            }
        }
    };
    (@read $key:ident, $reader:ident, $self:ident.$field:ident: [$type:ty] [] flatten) => {
        if $crate::jetstream::json::DecodeMembers::decode_member(&mut $self.$field, $key, $reader) {
            return true;
        }
    };
    (@read $key:ident, $reader:ident, $self:ident.$field:ident: [$type:ty] [$($as:literal)?]
        $($flag:ident)?) => {
        if $key.eq_ignore_ascii_case($crate::jetstream::json::wire_name(stringify!($field))) {
            let go_type = $crate::jetstream::json::object!(@go [$type] $($as)?);
            $crate::jetstream::json::Decode::decode(&mut $self.$field, $reader, &go_type);
            return true;
        }
    };
    (@go [$type:ty]) => {
        <$type as $crate::jetstream::json::Decode>::go_type()
    };
    (@go [$type:ty] $as:literal) => {
        $as
    };
}

/// Defines an enumeration by its texts in JSON, and the function of [`super::choice`] that reads
/// it; the first value is the default, and is what `omitempty` leaves out.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident = $text:literal, )*
        }
        read $read:ident
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$doc])* $variant, )*
        }

        impl $name {
            /// All values, the default first.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// The text in JSON, without the quotes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl $crate::jetstream::json::choice::Choice for $name {
            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $( $text => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }

        impl $crate::jetstream::json::Decode for $name {
            fn go_type() -> alloc::borrow::Cow<'static, str> {
                concat!("server.", stringify!($name)).into()
            }

            fn decode(&mut self, reader: &mut $crate::jetstream::json::Reader<'_>, _: &str) {
                match $crate::jetstream::json::choice::$read(reader.raw()) {
                    Ok(choice) => *self = choice,
                    Err(error) => reader.complain(error),
                }
            }
        }

        impl $crate::json::Encode for $name {
            fn is_empty(&self) -> bool {
                *self == Self::default()
            }

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $crate::json::write_text(out, self.as_str());
            }
        }
    };
}

pub(crate) use {choices, object, record};

/// The JSON name of a field whose Rust name may be a raw identifier.
pub(crate) fn wire_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}
