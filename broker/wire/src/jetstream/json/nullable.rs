//! Lists that Go writes as `null` when there is nothing in them.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::reader::{Decode, Reader};
use crate::json::Encode;

/// A list that is `null` in JSON when it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nullable<T>(pub Vec<T>);

impl<T> Default for Nullable<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Encode> Encode for Nullable<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.0.is_empty() {
            out.extend_from_slice(b"null");
        } else {
            self.0.write(out);
        }
    }
}

impl<T: Decode> Decode for Nullable<T> {
    fn go_type() -> Cow<'static, str> {
        Vec::<T>::go_type()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        self.0.decode(reader, go_type);
    }
}
