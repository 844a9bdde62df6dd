//! The server on real sockets: started in this process on ephemeral ports, spoken to in raw
//! protocol. What is tested is the host: sockets, ends of connections, timers, monitoring.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use causeway_config::{
    Auth, AuthMethod, Cluster, Config, Credentials, Flags, JetStream, LameDuck, ListenPort, Secret,
};
use causeway_server::server::Server;
use support::{Client, cluster, config, http, patiently, run, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[test]
fn a_client_is_greeted_and_served() {
    run(async {
        let server = start(config());
        let mut a = Client::connect(&server).await;
        assert!(a.info.contains("\"version\":\"2.15.1\""), "{}", a.info);
        a.send("SUB greet.* 7\r\nPING\r\n").await;
        a.expect("PONG\r\n").await;
        let mut b = Client::connect(&server).await;
        b.send("PUB greet.joe 5\r\nhello\r\nPING\r\n").await;
        b.expect("PONG\r\n").await;
        a.expect("MSG greet.joe 7 5\r\nhello\r\n").await;
    });
}

#[test]
fn bytes_may_arrive_one_at_a_time() {
    run(async {
        let server = start(config());
        let mut client = Client::connect(&server).await;
        for byte in b"SUB a 1\r\nPUB a 3\r\nxyz\r\nPING\r\n" {
            client.stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        client.expect("MSG a 1 3\r\nxyz\r\nPONG\r\n").await;
    });
}

#[test]
fn a_slow_reader_gets_every_byte_in_order() {
    run(async {
        let server = start(config());
        let mut reader = Client::connect(&server).await;
        reader.send("SUB big 1\r\nPING\r\n").await;
        reader.expect("PONG\r\n").await;
        // Far more than the sockets' buffers hold: the server has to wait for the reader.
        let (count, size) = (400, 60_000);
        let mut writer = Client::connect(&server).await;
        for number in 0..count {
            writer.send(&format!("PUB big {size}\r\n{number:0size$}\r\n")).await;
        }
        writer.send("PING\r\n").await;
        writer.expect("PONG\r\n").await;
        for number in 0..count {
            reader.expect(&format!("MSG big 1 {size}\r\n{number:0size$}\r\n")).await;
        }
        reader.send("PING\r\n").await;
        reader.expect("PONG\r\n").await;
    });
}

#[test]
fn who_closes_its_sending_side_still_gets_its_answers() {
    run(async {
        let server = start(config());
        let mut client = Client::connect(&server).await;
        client.send("SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n").await;
        client.stream.shutdown().await.unwrap();
        let mut rest = String::new();
        client.stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "MSG a 1 2\r\nhi\r\nPONG\r\n");
        server.connections_become(0).await;
    });
}

#[test]
fn the_reason_for_a_close_reaches_a_peer_that_keeps_sending() {
    run(async {
        let server = start(config());
        let client = Client::connect(&server).await;
        let (mut input, mut output) = client.stream.into_inner().into_split();
        let flood = tokio::task::spawn_local(async move {
            // Ends when the server has closed.
            while output.write_all(&[b'!'; 4096]).await.is_ok() {}
        });
        let mut answer = Vec::new();
        let end = input.read_to_end(&mut answer).await;
        assert_eq!(
            String::from_utf8_lossy(&answer),
            "-ERR 'Unknown Protocol Operation'\r\n",
            "before {end:?}"
        );
        flood.await.unwrap();
        server.connections_become(0).await;
    });
}

#[test]
fn a_reset_connection_is_forgotten_and_disturbs_nobody() {
    run(async {
        let server = start(config());
        let mut witness = Client::connect(&server).await;
        for _ in 0..20 {
            let victim = Client::connect(&server).await;
            // Unread data and an abrupt close make a reset.
            socket2::SockRef::from(victim.stream.get_ref())
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(victim);
        }
        server.connections_become(1).await;
        witness.send("PING\r\n").await;
        witness.expect("PONG\r\n").await;
    });
}

#[test]
fn a_flood_does_not_starve_others() {
    run(async {
        let server = start(config());
        let flooder = Client::connect(&server).await;
        let (_input, mut output) = flooder.stream.into_inner().into_split();
        let chunk = "PUB nobody.listens 128\r\n".to_owned() + &"x".repeat(128) + "\r\n";
        let chunk = chunk.repeat(400).into_bytes();
        let flood =
            tokio::task::spawn_local(
                async move { while output.write_all(&chunk).await.is_ok() {} },
            );
        let mut other = Client::connect(&server).await;
        for _ in 0..200 {
            other.send("PING\r\n").await;
            other.expect("PONG\r\n").await;
        }
        flood.abort();
    });
}

#[test]
fn bcrypt_passwords_are_compared_without_blocking() {
    run(async {
        // The hash of "s3cret", at the lowest cost there is.
        let hash = bcrypt::hash_with_salt("s3cret", 4, [7; 16]).unwrap().to_string();
        let user = Credentials { user: "joe".to_owned(), password: Secret::new(hash) };
        let auth = Auth { method: AuthMethod::User(user), ..Auth::default() };
        let server = start(Config { auth, ..config() });
        let mut good = Client::greeted(&server).await;
        good.send("CONNECT {\"user\":\"joe\",\"pass\":\"s3cret\",\"verbose\":false}\r\nPING\r\n")
            .await;
        good.expect("PONG\r\n").await;
        let mut bad = Client::greeted(&server).await;
        bad.send("CONNECT {\"user\":\"joe\",\"pass\":\"guess\",\"verbose\":false}\r\nPING\r\n")
            .await;
        bad.expect("-ERR 'Authorization Violation'\r\n").await;
        bad.expect_end().await;
        good.send("PING\r\n").await;
        good.expect("PONG\r\n").await;
    });
}

#[test]
fn shutting_down_closes_everything() {
    run(async {
        let server = start(config());
        let mut client = Client::connect(&server).await;
        server.server.shut_down();
        server.server.finished().await;
        client.expect_end().await;
        let at = server.addresses().client;
        patiently("the listener to close", async || TcpStream::connect(at).await.is_err()).await;
    });
}

#[test]
fn a_lame_duck_without_clients_goes_at_once() {
    run(async {
        let server = start(config());
        server.server.lame_duck();
        server.server.finished().await;
    });
}

#[test]
fn a_lame_duck_tells_its_clients_and_accepts_no_more() {
    run(async {
        let lame_duck =
            LameDuck { duration: Duration::from_secs(1), grace_period: Duration::from_millis(300) };
        let server = start(Config { lame_duck, ..config() });
        let mut client = Client::greeted(&server).await;
        client.send("CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n").await;
        while client.line().await != "PONG\r\n" {}
        server.server.lame_duck();
        let mut info = client.line().await;
        while !info.contains("\"ldm\":true") {
            assert!(info.starts_with("INFO "), "{info}");
            info = client.line().await;
        }
        let at = server.addresses().client;
        patiently("the listener to close", async || TcpStream::connect(at).await.is_err()).await;
        client.send("PING\r\n").await;
        client.expect("PONG\r\n").await;
        drop(client);
        server.server.finished().await;
    });
}

#[test]
fn messages_cross_a_route_between_two_servers() {
    run(async {
        let one = start(cluster("C", None));
        let port = one.addresses().cluster.unwrap().port();
        let two = start(cluster("C", Some(port)));
        let mut subscriber = Client::connect(&one).await;
        subscriber.send("SUB across.> 1\r\nPING\r\n").await;
        subscriber.expect("PONG\r\n").await;
        let mut publisher = Client::connect(&two).await;
        patiently("interest to arrive", async || {
            let page = http(&two, "/routez?subs=1").await.1;
            page.contains("across.")
        })
        .await;
        publisher.send("PUB across.river 4\r\nboat\r\n").await;
        subscriber.expect("MSG across.river 1 4\r\nboat\r\n").await;
    });
}

#[test]
fn a_dial_that_fails_is_tried_again() {
    run(async {
        // A port that nobody listens on, until the first server is started there.
        let placeholder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = placeholder.local_addr().unwrap().port();
        drop(placeholder);
        let two = start(cluster("C", Some(port)));
        let mut late = cluster("C", None);
        late.cluster = late.cluster.map(|c| Cluster { port: ListenPort::Fixed(port), ..c });
        let one = start(late);
        patiently("the route", async || {
            !http(&two, "/routez").await.1.contains("\"num_routes\": 0")
                && !http(&one, "/routez").await.1.contains("\"num_routes\": 0")
        })
        .await;
    });
}

#[test]
fn monitoring_answers_as_nats_server_does() {
    run(async {
        let server = start(config());
        let mut client = Client::connect(&server).await;
        client.send("SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n").await;
        client.expect("MSG a 1 2\r\nhi\r\nPONG\r\n").await;
        let (head, varz) = http(&server, "/varz").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
        assert!(head.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{head}");
        for field in [
            "\n  \"version\": \"2.15.1\",\n  \"proto\": 1,\n",
            "\n  \"connections\": 1,\n  \"total_connections\": 1,\n  \"routes\": 0,\n",
            "\n  \"in_msgs\": 1,\n  \"in_bytes\": 2,\n",
            "\n  \"out_msgs\": 1,\n  \"out_bytes\": 2,\n",
            "\n  \"auth_timeout\": 2,\n",
            "\n  \"http_req_stats\": {\n    \"/varz\": 1\n  },\n",
        ] {
            assert!(varz.contains(field), "{field} in {varz}");
        }
        let (_, connz) = http(&server, "/connz?subs=1").await;
        assert!(connz.contains("\"num_connections\": 1,\n  \"total\": 1,\n"), "{connz}");
        assert!(connz.contains("\"subscriptions_list\": [\n        \"a\"\n      ]"), "{connz}");
        let (_, subsz) = http(&server, "/subsz?subs=1&test=a").await;
        assert!(subsz.contains("\"total\": 1,\n"), "{subsz}");
        let (head, body) = http(&server, "//varz?x=1").await;
        assert!(head.starts_with("HTTP/1.1 307 Temporary Redirect\r\n"), "{head}");
        assert!(head.contains("\r\nLocation: /varz?x=1\r\n"), "{head}");
        assert_eq!(body, "<a href=\"/varz?x=1\">Temporary Redirect</a>.\n\n");
        for path in ["/varz/", "/VARZ", "/metrics", "/x"] {
            let (head, body) = http(&server, path).await;
            assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{path}: {head}");
            assert_eq!(body, "404 page not found\n");
        }
        let (head, body) = http(&server, "/connz?sort=foo").await;
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert_eq!(body, "invalid sorting option: foo\n");
        assert_eq!(http(&server, "/healthz").await.1, "{\"status\":\"ok\"}");
    });
}

#[test]
fn many_connections_come_and_go() {
    run(async {
        let server = start(config());
        let mut clients = Vec::new();
        for _ in 0..300 {
            clients.push(Client::connect(&server).await);
        }
        server.connections_become(300).await;
        for client in &mut clients {
            client.send("SUB all 1\r\nPING\r\n").await;
            client.expect("PONG\r\n").await;
        }
        clients[0].send("PUB all 2\r\nhi\r\n").await;
        for client in &mut clients {
            client.expect("MSG all 1 2\r\nhi\r\n").await;
        }
        drop(clients);
        server.connections_become(0).await;
        Client::connect(&server).await;
    });
}

fn with_streams(dir: &std::path::Path) -> Config {
    let jetstream = JetStream {
        max_memory: Some(1 << 30),
        max_store: Some(2 << 30),
        domain: Some("hub".to_owned()),
        ..JetStream::default()
    };
    Config {
        server_name: Some("s1".to_owned()),
        store_dir: Some(dir.to_owned()),
        jetstream: Some(jetstream),
        ..config()
    }
}

/// Fields, order and layout are those of a nats-server 2.15.1 with the same configuration; but for
/// `compress_ok`, which is about replicas.
#[test]
fn monitoring_shows_streams() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let server = start(with_streams(dir.path()));
        server.becomes_healthy().await;
        let store = dir.path().join("jetstream").display().to_string();
        let config = format!(
            "\"config\": {{\n    \"max_memory\": 1073741824,\n    \"max_storage\": 2147483648,\n    \
             \"store_dir\": \"{store}\",\n    \"sync_interval\": 120000000000,\n    \
             \"sync_always\": true,\n    \"domain\": \"hub\",\n    \"strict\": true\n  }},\n  "
        );
        let numbers = "\"memory\": 0,\n  \"storage\": 0,\n  \"reserved_memory\": 0,\n  \
                       \"reserved_storage\": 0,\n  \"accounts\": 1,\n  \"ha_assets\": 0,\n  \
                       \"api\": {\n    \"level\": 5,\n    \"total\": 0,\n    \"errors\": 0\n  }";
        let limits = "\"limits\": {\n    \"default_max_consumers\": 1000\n  }";
        let page = http(&server, "/jsz").await.1;
        assert!(page.contains(&format!("{{\n  {numbers},\n  \"server_id\": ")), "{page}");
        let end = "\"streams\": 0,\n  \"consumers\": 0,\n  \"messages\": 0,\n  \"bytes\": 0,\n  \
                   \"total\": 1\n}";
        assert!(page.ends_with(&format!("{config}{limits},\n  {end}")), "{page}");
        let deeper = |text: &str| text.replace('\n', "\n  ");
        let varz = http(&server, "/varz").await.1;
        let (config, stats) = (deeper(&config), deeper(numbers));
        let expected = format!(
            "\"jetstream\": {{\n    {config}\"stats\": {{\n      {}\n    }},\n    {}\n  }},\n",
            deeper(&stats),
            deeper(limits)
        );
        assert!(varz.contains(&expected), "{varz}\n{expected}");
        let accounts = http(&server, "/jsz?streams=1").await.1;
        let detail =
            "\"account_details\": [\n    {\n      \"name\": \"$G\",\n      \"id\": \"$G\",";
        assert!(accounts.contains(detail), "{accounts}");
        let unlimited = "\"reserved_memory\": 18446744073709551615,";
        assert!(accounts.contains(unlimited), "{accounts}");
        let health = http(&server, "/healthz?account=X").await.1;
        assert!(
            health.ends_with(
                "{\"status\":\"unavailable\",\"error\":\"JetStream account \\\"X\\\" not found\"}"
            ),
            "{health}"
        );
    });
}

#[test]
fn a_directory_of_streams_has_one_server() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let start = || Server::start(with_streams(dir.path()), Flags::default(), &[]);
        let first = start().unwrap();
        let error = start().map(drop).unwrap_err().to_string();
        let place = dir.path().join("jetstream").display().to_string();
        let pid = std::process::id();
        assert_eq!(
            error,
            format!(
                "Can't start JetStream: storage directory \"{place}\" is in use by another server \
                 (pid {pid})"
            )
        );
        first.shut_down();
        first.finished().await;
        first.close_files();
        start().unwrap();
    });
}
