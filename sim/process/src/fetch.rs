//! Asking a server's monitoring port, without waiting.

use std::io;
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, SockAddr, Type};

use crate::conn::{Done, Socket};

/// An answer is at most so long.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A question under way.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) tag: u64,
    pub(crate) asked_at: u64,
    socket: Socket,
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
}

/// Begins to connect, without waiting.
pub(crate) fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::from(to)) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error)
        }
        Ok(()) | Err(_) => Ok(socket.into()),
    }
}

impl Fetch {
    pub(crate) fn ask(tag: u64, now: u64, at: SocketAddr, path: &str) -> io::Result<Self> {
        let mut socket = Socket::new(connect(at)?)?;
        socket.writable = false;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {at}\r\n\r\n").into_bytes();
        Ok(Self { tag, asked_at: now, socket, request, sent: 0, answer: Vec::new() })
    }

    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.socket.stream
    }

    /// Something has changed; gives the outcome when there is one.
    pub(crate) fn ready(
        &mut self,
        (read, write): (bool, bool),
        buffer: &mut [u8],
    ) -> Option<Result<Vec<u8>, String>> {
        self.socket.readable |= read;
        self.socket.writable |= write;
        while self.socket.writable && self.sent < self.request.len() {
            match self.socket.write(self.request.get(self.sent..).unwrap_or_default()) {
                Done::Bytes(count) => self.sent += count,
                Done::Later | Done::Ended => {}
                Done::Broken(error) => return Some(Err(error.to_string())),
            }
        }
        while self.socket.readable {
            match self.socket.read(buffer) {
                Done::Bytes(count) => {
                    self.answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    if self.answer.len() > ANSWER_BYTES_MAX {
                        return Some(Err("the answer does not end".to_owned()));
                    }
                }
                Done::Later => {}
                Done::Ended => return Some(body(&self.answer)),
                Done::Broken(error) => return Some(Err(error.to_string())),
            }
        }
        None
    }
}

fn body(answer: &[u8]) -> Result<Vec<u8>, String> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or("the answer has no end of its head")?;
    let (head, body) = answer.split_at(end + 4);
    let status = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    if status.split(|&byte| byte == b' ').nth(1) == Some(b"200") {
        Ok(body.to_vec())
    } else {
        Err(String::from_utf8_lossy(status).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_well_is_taken() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}\r\n\r\n"), Ok(b"{}\r\n\r\n".to_vec()));
        let error = body(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap_err();
        assert_eq!(error, "HTTP/1.1 404 Not Found");
        assert!(body(b"HTTP/1.0 200 OK\r\n").is_err());
    }
}
