//! People who publish and subscribe at the servers of a simulated cluster.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use turmoil::net::TcpStream;
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::forest::{CLIENT_PORT, Forest};

/// Messages that [`People::flow`] publishes at each place. With their sizes they are more than the
/// servers read at once.
const MESSAGES: u64 = 30;

/// What everybody subscribes to.
pub(crate) const EVERYTHING: &str = "news.>";

/// One message as a subscriber got it: the subject, and the number that its payload is.
pub(crate) type Message = (String, u64);

/// A group of people, at most one at each server.
pub(crate) struct People {
    forest: Forest,
    at: BTreeMap<&'static str, Connection>,
    seen: Rc<RefCell<Seen>>,
    /// The number of the message published last.
    last: u64,
}

/// What has come in from the servers, in order.
#[derive(Default)]
struct Seen {
    messages: BTreeMap<&'static str, Vec<Message>>,
    pongs: BTreeMap<&'static str, u64>,
    /// Whose connections ended.
    lost: Vec<&'static str>,
}

impl People {
    /// Somebody at each of `servers`, subscribed to [`EVERYTHING`].
    pub(crate) async fn gather(servers: &[&'static str], forest: &Forest) -> Self {
        let mut people =
            Self { forest: forest.clone(), at: BTreeMap::new(), seen: Rc::default(), last: 0 };
        for server in servers {
            people.join(server).await;
        }
        people
    }

    /// Connects somebody to `server`, in place of who was there before.
    pub(crate) async fn join(&mut self, server: &'static str) {
        let stream = TcpStream::connect((server, CLIENT_PORT)).await.unwrap();
        let connection = Connection::start(server, stream, &self.seen, &self.forest);
        connection.send("CONNECT {\"verbose\":false,\"protocol\":1}\r\n".to_owned());
        self.at.insert(server, connection);
        self.subscribe(server, EVERYTHING).await;
    }

    /// Whoever is at `server` closes the sending side of the connection, and listens on.
    pub(crate) fn leave(&mut self, server: &str) {
        self.at.remove(server);
    }

    /// Subscribes, and waits until the server has taken it.
    pub(crate) async fn subscribe(&mut self, server: &'static str, subject: &str) {
        let pongs = self.seen.borrow().pongs.get(server).copied().unwrap_or_default();
        self.at[server].send(format!("SUB {subject} {subject}\r\nPING\r\n"));
        let seen = Rc::clone(&self.seen);
        let answered = move || seen.borrow().pongs.get(server).is_some_and(|now| *now > pongs);
        self.forest.until(&format!("{server} has taken {subject}"), answered).await;
    }

    /// Publishes the next number on `TOPIC.SERVER`, padded so that some take more than one segment.
    pub(crate) fn publish(&mut self, server: &str, topic: &str) -> Message {
        self.last += 1;
        let subject = format!("{topic}.{server}");
        let (number, size) = (self.last, 20 + usize::try_from(self.last % 7).unwrap() * 700);
        self.at[server].send(format!("PUB {subject} {size}\r\n{number:0size$}\r\n"));
        (subject, number)
    }

    /// Publishes at each server of `from`, and waits until everybody at `to` has everything.
    /// Nothing is published twice: what gets lost is missed.
    pub(crate) async fn flow(&mut self, what: &str, from: &[&str], to: &[&str]) -> Vec<Message> {
        let mut sent = Vec::new();
        for _ in 0..MESSAGES {
            for server in from {
                sent.push(self.publish(server, "news"));
            }
        }
        self.arrival(what, &sent, to).await;
        sent
    }

    /// Waits until everybody at `to` has all these messages.
    pub(crate) async fn arrival(&self, what: &str, messages: &[Message], to: &[&str]) {
        let missing = || to.iter().find_map(|server| self.missing(server, messages));
        self.forest.until_none(what, missing).await;
    }

    /// Whether somebody at `server` has any of these messages.
    pub(crate) fn have_any(&self, server: &str, messages: &[Message]) -> bool {
        messages.iter().any(|message| self.has(server, message))
    }

    fn missing(&self, server: &str, messages: &[Message]) -> Option<String> {
        let message = messages.iter().find(|message| !self.has(server, message))?;
        Some(format!("{server} lacks {message:?}"))
    }

    fn has(&self, server: &str, message: &Message) -> bool {
        self.seen.borrow().messages.get(server).is_some_and(|got| got.contains(message))
    }

    /// Whose connections ended so far.
    pub(crate) fn lost(&self) -> Vec<&'static str> {
        self.seen.borrow().lost.clone()
    }

    /// Nobody got a message twice, or those of one publisher on one topic out of order.
    pub(crate) fn check_order(&self) {
        for (server, messages) in &self.seen.borrow().messages {
            let mut last = BTreeMap::new();
            for (subject, number) in messages {
                let before = last.insert(subject, *number);
                assert!(before < Some(*number), "{server}: {number} after {before:?} on {subject}");
            }
        }
    }
}

/// A connection of somebody: one task reads, one writes, which ends when this is dropped.
struct Connection {
    out: mpsc::UnboundedSender<String>,
}

impl Connection {
    fn start(
        server: &'static str,
        stream: TcpStream,
        seen: &Rc<RefCell<Seen>>,
        forest: &Forest,
    ) -> Self {
        let (read, write) = stream.into_split();
        let (out, texts) = mpsc::unbounded_channel();
        spawn_local(write_all(write, texts));
        let reader = Reader {
            server,
            stream: BufReader::new(read),
            out: out.downgrade(),
            seen: Rc::clone(seen),
            forest: forest.clone(),
        };
        spawn_local(reader.run());
        Self { out }
    }

    fn send(&self, text: String) {
        // Who has lost the connection is found in `Seen::lost`.
        let _ = self.out.send(text);
    }
}

async fn write_all(mut stream: OwnedWriteHalf, mut texts: mpsc::UnboundedReceiver<String>) {
    while let Some(text) = texts.recv().await {
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

struct Reader {
    server: &'static str,
    stream: BufReader<OwnedReadHalf>,
    out: mpsc::WeakUnboundedSender<String>,
    seen: Rc<RefCell<Seen>>,
    forest: Forest,
}

impl Reader {
    /// Takes in what the server says until the connection ends.
    async fn run(mut self) {
        let mut line = String::new();
        loop {
            line.clear();
            match self.stream.read_line(&mut line).await {
                Ok(length) if length > 0 => {}
                Ok(_) | Err(_) => break,
            }
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let taken = match words[..] {
                ["INFO", _] => true,
                ["PING"] => {
                    // Nobody answers who has left.
                    self.out.upgrade().is_none_or(|out| out.send("PONG\r\n".to_owned()).is_ok())
                }
                ["PONG"] => {
                    *self.seen.borrow_mut().pongs.entry(self.server).or_default() += 1;
                    true
                }
                ["MSG", subject, _, size] => self.message(subject, size).await.is_some(),
                _ => false,
            };
            if !taken {
                self.forest.complain(format!("{} said {line:?}", self.server));
            }
        }
        self.seen.borrow_mut().lost.push(self.server);
    }

    async fn message(&mut self, subject: &str, size: &str) -> Option<()> {
        let size: usize = size.parse().ok()?;
        let mut payload = vec![0; size + 2];
        self.stream.read_exact(&mut payload).await.ok()?;
        let number = String::from_utf8(payload).ok()?.strip_suffix("\r\n")?.parse().ok()?;
        let mut seen = self.seen.borrow_mut();
        seen.messages.entry(self.server).or_default().push((subject.to_owned(), number));
        Some(())
    }
}
