//! Connections: two ends, two pipes.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::pipe::Pipe;
use crate::ways::Place;

/// A connection; counts up, from 0.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ConnId(pub u32);

/// A side of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Caller, Self::Callee];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// The call arrives at this time, if the way is open then.
    Calling(u64),
    /// The kernel connects.
    Connecting,
    /// The answer arrives at the caller at this time, if the way is open then.
    Answering(u64),
    Up,
}

#[derive(Debug)]
pub(crate) enum End {
    Socket(Socket),
    /// A client of ours, which is asked to read and write.
    Client,
    /// It is not there yet, or no more.
    None,
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Its owner says no more.
    pub(crate) ended: bool,
}

/// What came of reading or writing.
pub(crate) enum Done {
    Bytes(usize),
    Later,
    Ended,
    Broken(io::Error),
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, readable: true, writable: true, ended: false })
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Done {
        match self.stream.read(buffer) {
            Ok(0) => {
                (self.readable, self.ended) = (false, true);
                Done::Ended
            }
            Ok(count) => Done::Bytes(count),
            Err(error) => {
                self.readable = false;
                later_or(error)
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Done {
        match self.stream.write(bytes) {
            Ok(count) => Done::Bytes(count),
            Err(error) => {
                self.writable = false;
                later_or(error)
            }
        }
    }

    /// Whether its owner has gone without a word.
    pub(crate) fn is_gone(&self) -> bool {
        match self.stream.peek(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) => matches!(later_or(error), Done::Broken(_)),
        }
    }

    /// Says that there is no more to read.
    pub(crate) fn finish(&self) {
        // Its owner may have gone already.
        let _gone = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends it so that its owner is told of a reset.
    pub(crate) fn reset(self) {
        // Closed without it, the end would be an orderly one, which is still an end.
        let _orderly = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

fn later_or(error: io::Error) -> Done {
    let later = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
    if later { Done::Later } else { Done::Broken(error) }
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) id: ConnId,
    places: [Place; 2],
    pub(crate) stage: Stage,
    ends: [End; 2],
    /// By writer.
    pipes: [Pipe; 2],
    /// Nothing passes any more, whatever becomes of the ways.
    pub(crate) dead: bool,
    /// Where the callee listens.
    pub(crate) callee: SocketAddr,
    /// Both sides are servers: what passes is told.
    pub(crate) tapped: bool,
    /// A client had more to write than there was room for.
    pub(crate) stalled: bool,
    /// The door through which it came.
    pub(crate) door: Option<u32>,
    /// Whoever owns an end was told that the other is gone.
    told_closed: [bool; 2],
}

impl Conn {
    pub(crate) fn new(id: ConnId, places: [Place; 2], caller: End, callee: SocketAddr) -> Self {
        let tapped = matches!(caller, End::Socket(_));
        Self {
            id,
            places,
            tapped,
            stalled: false,
            door: None,
            stage: Stage::Calling(0),
            ends: [caller, End::None],
            pipes: [Pipe::default(), Pipe::default()],
            dead: false,
            callee,
            told_closed: [false; 2],
        }
    }

    pub(crate) const fn place(&self, side: Side) -> Place {
        self.places[side as usize]
    }

    /// The direction in which this side writes.
    pub(crate) const fn way(&self, writer: Side) -> (Place, Place) {
        (self.place(writer), self.place(writer.other()))
    }

    pub(crate) const fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(crate) const fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    pub(crate) const fn socket(&mut self, side: Side) -> Option<&mut Socket> {
        match &mut self.ends[side as usize] {
            End::Socket(socket) => Some(socket),
            End::Client | End::None => None,
        }
    }

    pub(crate) const fn pipe(&self, writer: Side) -> &Pipe {
        &self.pipes[writer as usize]
    }

    pub(crate) const fn pipe_mut(&mut self, writer: Side) -> &mut Pipe {
        &mut self.pipes[writer as usize]
    }

    /// The end and what is under way to it, at once.
    pub(crate) const fn reader(&mut self, reader: Side) -> (&mut End, &mut Pipe) {
        (&mut self.ends[reader as usize], &mut self.pipes[reader.other() as usize])
    }

    /// Whether that an end is gone has not been told yet; from now on it has.
    pub(crate) const fn tell_closed(&mut self, side: Side) -> bool {
        let told = self.told_closed[side as usize];
        self.told_closed[side as usize] = true;
        !told
    }

    /// Whether there is nothing left of it.
    pub(crate) fn is_over(&self) -> bool {
        let gone = self.ends.iter().all(|end| matches!(end, End::None));
        let said_all = self.pipes.iter().all(|pipe| pipe.finished);
        self.stage == Stage::Up && (gone || said_all)
    }
}
