//! What the two macros below make of a definition that reads like the Go one.

/// Defines a struct whose fields carry their JSON names, in wire order, with its name in Go, which
/// error texts mention. A field may say the Go type (`as "int"`) where it does not follow from
/// ours, and one flag: `omitempty` leaves it out when it is empty, zero or false; `flatten` writes
/// its members in its place.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident = $go:literal {
            $( $(#[$doc:meta])* pub $field:ident: $type:ty $(as $as:literal)? $(, $flag:ident)?; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl $crate::json::Members for $name {
            fn write_members(&self, out: &mut alloc::vec::Vec<u8>) {
                $( $crate::jetstream::json::object!(@write out, self.$field $(, $flag)?); )*
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
            $crate::jetstream::json::object!(@write $out, $self.$field);
        }
    };
    (@write $out:ident, $self:ident.$field:ident, flatten) => {
        $crate::json::Members::write_members(&$self.$field, $out);
    };
}

/// Defines an enumeration by its texts in JSON; the first is the default, and is what `omitempty`
/// leaves out.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident = $text:literal, )*
        }
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

pub(crate) use {choices, object};

/// The JSON name of a field whose Rust name may be a raw identifier.
pub(crate) fn wire_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}
