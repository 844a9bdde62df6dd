//! Ctrl-C, and its like: noted, so that a run can clean up before the program ends.

use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether somebody wants the program to end.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicUsize>);

static LISTENING: OnceLock<Interrupt> = OnceLock::new();

impl Interrupt {
    /// From now on and for all the program, a signal that would end it is noted only.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn listen() -> io::Result<Self> {
        if let Some(known) = LISTENING.get() {
            return Ok(known.clone());
        }
        let noted = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let value = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&noted), value)?;
        }
        Ok(LISTENING.get_or_init(|| Self(noted)).clone())
    }

    /// Whether there was one.
    #[must_use]
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Ends the program as the signal would have, if there was one.
    pub fn obey(&self) {
        let signal = i32::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0);
        if signal > 0 {
            // If even that fails, the run goes on; whoever sent it will send another.
            let _failed = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}
