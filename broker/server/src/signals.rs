//! What the operating system's signals do to a running server.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::log::Log;
use crate::server::Server;

/// One of the signals that mean something, under Go's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trapped {
    /// Quit.
    Interrupt,
    /// Quit, unless lame duck mode already does.
    Terminated,
    /// Reload.
    Hangup,
    /// Reopen the log.
    User1,
    /// Lame duck mode.
    User2,
}

impl Trapped {
    const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Terminated => "terminated",
            Self::Hangup => "hangup",
            Self::User1 => "user defined signal 1",
            Self::User2 => "user defined signal 2",
        }
    }
}

/// Serves until the server has ended, and obeys signals meanwhile.
pub(crate) async fn serve(server: Server, mut signals: Signals) -> ExitCode {
    let mut shutting_down = false;
    loop {
        let trapped = tokio::select! {
            () = server.finished() => break,
            trapped = signals.next() => trapped,
        };
        server.log.info(format_args!("Trapped \"{}\" signal", trapped.name()));
        match trapped {
            // The second one is meant: what is not closed yet will not be.
            Trapped::Interrupt if shutting_down => break,
            Trapped::Terminated if server.is_lame_duck() || shutting_down => {}
            Trapped::Interrupt | Trapped::Terminated => {
                shutting_down = true;
                server.shut_down();
            }
            Trapped::Hangup => server.reload(),
            Trapped::User1 => reopen(&server.log, &server),
            Trapped::User2 => server.lame_duck(),
        }
    }
    if !shutting_down {
        server.log.info(format_args!("Initiating Shutdown..."));
    }
    server.close_files();
    server.log.info(format_args!("Server Exiting.."));
    ExitCode::SUCCESS
}

impl Server {
    fn is_lame_duck(&self) -> bool {
        self.driver.inspect(|node| node.server_report().lame_duck)
    }
}

/// The log file was moved away: begin a new one.
fn reopen(log: &Log, server: &Server) {
    let running = server.running.borrow();
    let settings = &running.config.logging;
    if settings.file.is_none() {
        log.info(format_args!("File log re-open ignored, not a file logger"));
        return;
    }
    match log.change(settings) {
        Ok(()) => log.info(format_args!("File log re-opened")),
        Err(error) => log.error(format_args!("Error re-opening the log: {error}")),
    }
}

/// The signals of this process from the moment this exists; until then they do what the operating
/// system does with them. So it must exist before anybody can know of the server.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    /// Begins to receive. Needs a tokio runtime.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Trapped {
        tokio::select! {
            _ = self.interrupt.recv() => Trapped::Interrupt,
            _ = self.terminate.recv() => Trapped::Terminated,
            _ = self.hangup.recv() => Trapped::Hangup,
            _ = self.user1.recv() => Trapped::User1,
            _ = self.user2.recv() => Trapped::User2,
        }
    }
}
