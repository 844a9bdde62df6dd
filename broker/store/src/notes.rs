//! Notes: small durable state of the log's owner that lives in the log.
//!
//! A stream's configuration, its consumers and how far its sources were read are notes. They are
//! written in the batch in which they change, so that a message and what was noted about it are there
//! together or not at all, and they cost no sync of their own.

/// A change of a note.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoteChange<'a> {
    /// It is this from now on.
    Put(&'a [u8]),
    /// This is put behind what it was. What the pieces mean together is for the owner to say; after
    /// a [checkpoint](Notes) they have been replaced by one.
    Append(&'a [u8]),
    /// It is no more.
    Remove,
}

/// Who can say what all notes are now. The log asks when it writes a checkpoint, so that it need not
/// keep a copy of them.
pub trait Notes {
    /// Calls `put` once for each note with its key and everything that is in it now, changes that
    /// were not yet committed included.
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8]));
}

/// An owner without notes.
impl Notes for () {
    fn each(&mut self, _put: &mut dyn FnMut(&[u8], &[u8])) {}
}

/// Notes from a list of keys and contents.
impl Notes for &[(&[u8], &[u8])] {
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        for (key, content) in self.iter() {
            put(key, content);
        }
    }
}
