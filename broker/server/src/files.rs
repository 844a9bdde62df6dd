//! The small files that tell others of this process: its number and its ports.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Only the owner reads the pid file, as with nats-server.
const PID_MODE: u32 = 0o600;

/// Writes the process's number: digits and nothing else, not even a line break, because the
/// config reloader of the helm chart parses it strictly.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_pid(path: &Path) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(PID_MODE).open(path)?;
    write!(file, "{}", std::process::id())
}

/// Listeners, as they go into the ports file.
pub(crate) struct Ports {
    pub(crate) client: SocketAddr,
    pub(crate) monitor: Option<SocketAddr>,
    pub(crate) cluster: Option<SocketAddr>,
}

impl Ports {
    /// The file's content. A listener on all addresses is listed with each.
    fn json(&self, all: impl Fn() -> Vec<IpAddr>) -> String {
        let urls = |scheme: &str, at: SocketAddr| {
            let ips = if at.ip().is_unspecified() { all() } else { vec![at.ip()] };
            let url = |ip| format!("\"{scheme}://{}\"", SocketAddr::new(ip, at.port()));
            ips.into_iter().map(url).collect::<Vec<_>>().join(",")
        };
        let mut text = format!("{{\"nats\":[{}]", urls("nats", self.client));
        if let Some(at) = self.monitor {
            text += &format!(",\"monitoring\":[{}]", urls("http", at));
        }
        if let Some(at) = self.cluster {
            text += &format!(",\"cluster\":[{}]", urls("nats", at));
        }
        text.push('}');
        text
    }
}

/// A ports file; removed when dropped.
pub(crate) struct PortsFile {
    path: PathBuf,
}

impl PortsFile {
    /// Writes `<executable>_<pid>.ports` into `folder`. It appears whole or not at all.
    pub(crate) fn write(
        folder: &Path,
        ports: &Ports,
        all: impl Fn() -> Vec<IpAddr>,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let name = format!("{}_{}.ports", executable(), std::process::id());
        let path = folder.join(&name);
        let draft = folder.join(format!(".{name}.new"));
        let written = fs::write(&draft, ports.json(all)).and_then(|()| fs::rename(&draft, &path));
        match written {
            Ok(()) => Ok(Self { path }),
            Err(error) => {
                let _ = fs::remove_file(&draft);
                Err((path, error))
            }
        }
    }
}

impl Drop for PortsFile {
    fn drop(&mut self) {
        // Nobody is left to be told that it stays behind.
        let _ = fs::remove_file(&self.path);
    }
}

/// The name that this program was started under.
pub(crate) fn executable() -> String {
    let started_as = std::env::args_os().next().map(PathBuf::from);
    let name = started_as.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    name.unwrap_or("causeway").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_pid_file_holds_digits_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        write_pid(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PID_MODE);
        assert!(write_pid(&folder.path().join("none/pid")).is_err());
    }

    #[test]
    fn the_ports_file_lives_as_long_as_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports {
            client: "[::]:4222".parse().unwrap(),
            monitor: Some("127.0.0.1:8222".parse().unwrap()),
            cluster: None,
        };
        let all = || vec!["10.0.0.7".parse().unwrap(), "::1".parse().unwrap()];
        let file = PortsFile::write(folder.path(), &ports, all).map_err(|(_, e)| e).unwrap();
        let names = || -> Vec<String> {
            fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        let name = format!("{}_{}.ports", executable(), std::process::id());
        assert_eq!(names(), [name.as_str()], "and no draft");
        assert_eq!(
            fs::read_to_string(folder.path().join(name)).unwrap(),
            "{\"nats\":[\"nats://10.0.0.7:4222\",\"nats://[::1]:4222\"],\
             \"monitoring\":[\"http://127.0.0.1:8222\"]}"
        );
        drop(file);
        assert!(names().is_empty());
        assert!(PortsFile::write(&folder.path().join("none"), &ports, all).is_err());
    }
}
