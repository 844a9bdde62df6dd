//! Names by which sources are told from each other, as nats-server writes them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_wire::hash;
use causeway_wire::jetstream::{StreamSource, Time};

use crate::time::Wall;

/// Between the filters of one source.
const BETWEEN_FILTERS: &str = "\x0c";

/// What a source is called in notes and in the header of what it takes in: the stream, with a hash of
/// the way to it if it is elsewhere; the filters; what the subjects become.
pub(crate) fn source_name(source: &StreamSource) -> String {
    let mut name = source.name.clone();
    if let Some(external) = &source.external {
        name += &format!(":{}", short_hash(&external.api));
    }
    if let Some(consumer) = &source.consumer {
        name += &format!(":C={}", short_hash(&consumer.name));
    }
    if source.subject_transforms.is_empty() {
        return format!("{name} {} >", or_everything(&source.filter_subject));
    }
    let join = |all: Vec<&str>| all.join(BETWEEN_FILTERS);
    let transforms = source.subject_transforms.iter();
    let from = join(transforms.clone().map(|each| or_everything(&each.src)).collect());
    let to = join(transforms.map(|each| or_everything(&each.dest)).collect());
    format!("{name} {from} {to}")
}

fn or_everything(subject: &str) -> &str {
    if subject.is_empty() { ">" } else { subject }
}

/// Which incarnation of a stream one is that was created then.
pub(crate) fn identity_of(created: Wall) -> String {
    short_hash(&Time::from_nanos(created.0).to_string())
}

/// Eight characters for a text.
pub(super) fn short_hash(text: &str) -> String {
    hash::name_hash8(text.as_bytes()).iter().map(|byte| char::from(*byte)).collect()
}

/// The value of `Nats-Stream-Source` for a message of a source of this name.
pub(super) fn header(name: &str, seq: u64, subject: &[u8], identity: &str) -> Vec<u8> {
    let mut parts = name.splitn(2, ' ');
    let stream = parts.next().unwrap_or_default();
    let filters = parts.next().unwrap_or_default();
    let mut value = format!("{stream} {seq} {filters} ").into_bytes();
    value.extend_from_slice(subject);
    if !identity.is_empty() {
        value.push(b' ');
        value.extend_from_slice(identity.as_bytes());
    }
    value
}

#[cfg(test)]
mod tests {
    use causeway_wire::jetstream::{ExternalStream, SubjectTransform};

    use super::*;

    #[test]
    fn names_and_headers_are_those_of_nats_server() {
        let mut source = StreamSource { name: "O".into(), ..StreamSource::default() };
        assert_eq!(source_name(&source), "O > >");
        source.filter_subject = "o.*".into();
        assert_eq!(source_name(&source), "O o.* >");
        source.filter_subject = String::new();
        source.external = Some(ExternalStream { api: "$JS.leaf.API".into(), deliver: "".into() });
        let with_way = source_name(&source);
        assert_eq!((with_way.len(), &with_way[..2]), ("O:12345678 > >".len(), "O:"));
        source.external = None;
        let transform =
            |src: &str, dest: &str| SubjectTransform { src: src.into(), dest: dest.into() };
        source.subject_transforms = [transform("o.1", "p.1"), transform("o.2", "")].into();
        // Seen on nats-server 2.15.1.
        let name = source_name(&source);
        assert_eq!(name, "O o.1\x0co.2 p.1\x0c>");
        let value = header(&name, 2, b"o.1", "7r7iTfLi");
        assert_eq!(value, b"O 2 o.1\x0co.2 p.1\x0c> o.1 7r7iTfLi");
        assert_eq!(header("O > >", 7, b"a", ""), b"O 7 > > a");
    }

    #[test]
    fn identities_come_from_the_time_of_creation() {
        // Seen on nats-server 2.15.1: created at 2026-11-28T14:08:50.343930221Z.
        assert_eq!(identity_of(Wall(1_795_874_930_343_930_221)), "7r7iTfLi");
    }
}
