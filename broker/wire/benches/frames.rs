//! Cost of the frames that carry the load. Run with `cargo bench -p causeway-wire`.
//!
//! Parsers read a buffer of 64 KiB full of frames, as a broker does after a large read; the counter
//! gives frames per second, so 50 Mitem/s is 20 ns a frame.

use causeway_wire::route::{AccountToken, UnsubOrigin};
use causeway_wire::{Limits, Parsed, client, encode, route};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const BUFFER_LEN: usize = 64 * 1024;

/// A buffer of whole frames, and how many there are.
fn filled(mut write: impl FnMut(&mut Vec<u8>, usize)) -> (Vec<u8>, usize) {
    let mut buf = Vec::new();
    let mut frames = 0;
    while buf.len() < BUFFER_LEN {
        write(&mut buf, frames);
        frames += 1;
    }
    (buf, frames)
}

fn subject(n: usize) -> String {
    format!("bench.subject.{}", n % 100)
}

fn read_all<'a, F>(buf: &'a [u8], mut parse: impl FnMut(&'a [u8]) -> Parsed<F>) -> usize {
    let mut rest = buf;
    let mut frames = 0;
    while !rest.is_empty() {
        match parse(rest) {
            Parsed::Frame { frame, len } => {
                black_box(frame);
                rest = &rest[len..];
                frames += 1;
            }
            Parsed::Incomplete { .. } => break,
        }
    }
    frames
}

fn bench_client(bencher: Bencher<'_, '_>, write: impl FnMut(&mut Vec<u8>, usize)) {
    let (buf, frames) = filled(write);
    let limits = Limits { headers: true, ..Limits::client() };
    bencher.counter(ItemsCount::new(frames)).bench_local(|| {
        read_all(black_box(&buf), |rest| client::parse(rest, &limits).expect("well formed"))
    });
}

fn bench_route(bencher: Bencher<'_, '_>, write: impl FnMut(&mut Vec<u8>, usize)) {
    let (buf, frames) = filled(write);
    let limits = Limits::server_link(Limits::CONTROL_LINE);
    bencher.counter(ItemsCount::new(frames)).bench_local(|| {
        read_all(black_box(&buf), |rest| {
            route::parse(rest, &limits, AccountToken::Present, UnsubOrigin::Present)
                .expect("well formed")
        })
    });
}

#[divan::bench(args = [16, 128, 1024])]
fn parse_pub(bencher: Bencher<'_, '_>, size: usize) {
    let body = vec![b'x'; size];
    bench_client(bencher, |buf, n| {
        encode::publish(buf, subject(n).as_bytes(), None, None, &body);
    });
}

#[divan::bench]
fn parse_pub_with_reply(bencher: Bencher<'_, '_>) {
    bench_client(bencher, |buf, n| {
        encode::publish(buf, subject(n).as_bytes(), Some(b"_INBOX.abcdefgh.1"), None, &[0; 16]);
    });
}

#[divan::bench]
fn parse_hpub(bencher: Bencher<'_, '_>) {
    let body = b"NATS/1.0\r\nA: b\r\n\r\npayload";
    bench_client(bencher, |buf, n| {
        encode::publish(buf, subject(n).as_bytes(), None, Some(18), body);
    });
}

#[divan::bench]
fn parse_sub(bencher: Bencher<'_, '_>) {
    bench_client(bencher, |buf, n| {
        encode::sub(buf, subject(n).as_bytes(), None, n.to_string().as_bytes());
    });
}

#[divan::bench]
fn parse_ping(bencher: Bencher<'_, '_>) {
    bench_client(bencher, |buf, _| encode::ping(buf));
}

#[divan::bench]
fn parse_rmsg(bencher: Bencher<'_, '_>) {
    bench_route(bencher, |buf, n| {
        encode::rmsg(buf, Some(b"$G"), subject(n).as_bytes(), None, [], None, &[b'x'; 16]);
    });
}

#[divan::bench]
fn parse_rmsg_with_queues(bencher: Bencher<'_, '_>) {
    let queues: [&[u8]; 2] = [b"workers", b"auditors"];
    bench_route(bencher, |buf, n| {
        encode::rmsg(buf, Some(b"$G"), subject(n).as_bytes(), None, queues, None, &[b'x'; 16]);
    });
}

#[divan::bench]
fn parse_rs_plus(bencher: Bencher<'_, '_>) {
    bench_route(bencher, |buf, n| {
        encode::rs_sub(buf, Some(b"$G"), subject(n).as_bytes(), None);
    });
}

/// What a delivery costs when the tail can be copied as received.
#[divan::bench(args = [16, 128])]
fn write_prefix_and_tail(bencher: Bencher<'_, '_>, size: usize) {
    let mut tail = Vec::new();
    encode::tail(&mut tail, None, None, &vec![b'x'; size]);
    let mut out = Vec::with_capacity(1024);
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        out.clear();
        encode::msg_prefix(&mut out, black_box(b"bench.subject.17"), black_box(b"42"));
        out.extend_from_slice(black_box(&tail));
        black_box(out.len())
    });
}

/// What it costs when the tail must be written again.
#[divan::bench(args = [16, 128])]
fn write_msg(bencher: Bencher<'_, '_>, size: usize) {
    let body = vec![b'x'; size];
    let mut out = Vec::with_capacity(1024);
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        out.clear();
        encode::msg(&mut out, black_box(b"bench.subject.17"), b"42", None, None, black_box(&body));
        black_box(out.len())
    });
}
