//! Waiting: for sockets, and for a time.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// What is told of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) key: u64,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// The timer's own key.
const TIMER: u64 = u64::MAX;

/// So many sockets are told of at once.
const BATCH: usize = 128;

/// Tells once of every change: whoever is told reads or writes until there is no more to do.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// An epoll wait is rounded up to milliseconds; networks are quicker than that.
    timer: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let data = epoll::EventData::new_u64(TIMER);
        epoll::add(&epoll, &timer, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Self { epoll, timer })
    }

    /// Watches a socket until it is closed.
    pub(crate) fn watch(&self, socket: impl AsFd, key: u64) -> io::Result<()> {
        use epoll::EventFlags as Flags;
        let flags = Flags::IN | Flags::OUT | Flags::RDHUP | Flags::ET;
        Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(key), flags)?)
    }

    /// Waits at most so many nanoseconds. A signal ends it early.
    pub(crate) fn wait(&self, ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        use epoll::EventFlags as Flags;
        ready.clear();
        let wait = timespec(ns);
        let zero = timespec(0);
        let timer = Itimerspec { it_interval: zero, it_value: wait };
        // A timer of zero is none.
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer)?;
        let mut events = [const { MaybeUninit::<epoll::Event>::uninit() }; BATCH];
        let timeout = (ns == 0).then_some(&zero);
        let found = match epoll::wait(&self.epoll, events.as_mut_slice(), timeout) {
            Ok((found, _)) => found,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in found {
            let (flags, data) = (event.flags, event.data);
            let key = data.u64();
            if key != TIMER {
                let ended = flags.intersects(Flags::HUP | Flags::ERR | Flags::RDHUP);
                let read = ended || flags.contains(Flags::IN);
                let write = ended || flags.contains(Flags::OUT);
                ready.push(Ready { key, read, write });
            }
        }
        Ok(())
    }
}

fn timespec(ns: u64) -> Timespec {
    // Nobody waits for longer than an hour without looking.
    let ns = ns.min(3_600_000_000_000);
    Timespec {
        tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(0),
        tv_nsec: i64::try_from(ns % 1_000_000_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn it_waits_for_less_than_a_millisecond() {
        let poller = Poller::new().unwrap();
        let clock = Clock::start();
        let mut ready = Vec::new();
        for _ in 0..50 {
            poller.wait(200_000, &mut ready).unwrap();
        }
        // Rounded up to milliseconds it would be 50 ms; a busy machine may well be late.
        assert!(clock.now() >= 9_000_000, "{} ns", clock.now());
    }
}
