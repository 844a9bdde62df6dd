//! SIGHUP: the configuration is read again, and what may change while running is changed.

use std::sync::Arc;

use causeway_config::reload::{Change, NotReloadable, diff};
use causeway_config::{Config, SystemSource};
use causeway_core::Command;

use crate::boot::node_config;
use crate::files;
use crate::server::{Server, trace_mask};

/// Why the present configuration stays in force. The texts are nats-server's.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("can only reload config when a file is provided using -c or --config")]
    NoFile,
    #[error("{0}")]
    Load(causeway_config::LoadError),
    #[error(transparent)]
    NotReloadable(#[from] NotReloadable),
    #[error(transparent)]
    Log(#[from] crate::log::OpenError),
}

impl Server {
    /// Reads the configuration again. If anything is wrong with it, all stays as it is.
    pub fn reload(&self) {
        if let Err(error) = self.try_reload() {
            self.log.error(format_args!("Failed to reload server configuration: {error}"));
        }
    }

    fn try_reload(&self) -> Result<(), ReloadError> {
        if self.flags.config_file().is_none() {
            return Err(ReloadError::NoFile);
        }
        let (new, warnings) =
            Config::load(&self.flags, &SystemSource).map_err(ReloadError::Load)?;
        let changes = diff(&self.running.borrow().config, &new)?;
        if new.logging != self.running.borrow().config.logging {
            self.log.change(&new.logging)?;
        }
        for warning in &warnings {
            self.log.warn(format_args!("{warning}"));
        }
        let digest = new.digest.clone().unwrap_or_default();
        self.put_in_force(new);
        for change in &changes {
            self.follow(change);
            if let Some(line) = change.log_line() {
                self.log.info(format_args!("{line}"));
            }
        }
        self.log.info(format_args!("Reloaded server configuration ({digest})"));
        Ok(())
    }

    /// Puts `new` in force, for the node and for monitoring. Nothing in here can fail halfway.
    fn put_in_force(&self, new: Config) {
        let mut running = self.running.borrow_mut();
        running.config_loaded = self.driver.now().wall;
        running.listening.announced = node_config::announced(&new, &running.listening.client);
        if let Some(storage) = &mut running.storage {
            storage.reload(new.jetstream.as_ref());
        }
        let node = node_config::node_config(&new, &running.listening, running.storage.as_ref());
        self.connect_error_reports.set(new.connect_error_reports);
        self.driver.trace(trace_mask(&new));
        running.config = new;
        drop(running);
        self.driver.command(Command::Reload(Arc::new(node)));
    }

    /// Does what a change means outside of the node.
    fn follow(&self, change: &Change) {
        if let Change::PidFile(Some(path)) = change
            && let Err(error) = files::write_pid(path)
        {
            self.log.error(format_args!("Failed to write pidfile: {error}"));
        }
        if let Change::PortsFileDir(_) = change {
            self.write_ports_file();
        }
    }
}
