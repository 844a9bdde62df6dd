//! What a message costs that is published into a stream. `cargo bench -p causeway-wire`

use causeway_wire::jetstream::headers::PublishHeaders;
use causeway_wire::jetstream::request::NextRequest;
use causeway_wire::jetstream::{AckSubject, PubAck};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

#[divan::bench]
fn headers_of_others(bencher: Bencher<'_, '_>) {
    let block = b"NATS/1.0\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c\r\nA: b\r\n\r\n";
    bencher
        .counter(ItemsCount::new(1usize))
        .bench_local(|| PublishHeaders::parse(black_box(block)));
}

#[divan::bench]
fn headers_for_the_stream(bencher: Bencher<'_, '_>) {
    let block = b"NATS/1.0\r\nNats-Msg-Id: 0af7651916cd43dd\r\n\
        Nats-Expected-Last-Subject-Sequence: 12\r\n\r\n";
    bencher
        .counter(ItemsCount::new(1usize))
        .bench_local(|| PublishHeaders::parse(black_box(block)));
}

#[divan::bench]
fn parse_ack_subject(bencher: Bencher<'_, '_>) {
    let subject = b"$JS.ACK.ORDERS.worker.1.123456.123400.1700000000123456789.17";
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| AckSubject::parse(black_box(subject)));
}

#[divan::bench]
fn write_pub_ack(bencher: Bencher<'_, '_>) {
    let mut out = Vec::with_capacity(256);
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        out.clear();
        PubAck { stream: "ORDERS", seq: black_box(123_456), ..PubAck::default() }.write(&mut out);
        black_box(out.len())
    });
}

#[divan::bench]
fn parse_pull_request(bencher: Bencher<'_, '_>) {
    let payload = br#"{"expires":5000000000,"batch":100,"idle_heartbeat":1000000000}"#;
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| NextRequest::parse(black_box(payload)));
}
