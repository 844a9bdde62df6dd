//! A new configuration for a server with clients.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::World;
use crate::config::{ClientAuth, NodeConfig, Secret, User};
use crate::{Command, TraceEvent};

fn users(list: &[(&str, &str)], no_auth_user: Option<&str>) -> ClientAuth {
    let user = |(name, password): &(&str, &str)| User {
        name: String::from(*name),
        password: Secret(String::from(*password)),
    };
    let users = list.iter().map(user).collect();
    ClientAuth::Users { users, no_auth_user: no_auth_user.map(String::from) }
}

fn token(text: &str) -> ClientAuth {
    ClientAuth::Token(Secret(String::from(text)))
}

/// Connects one client for each CONNECT document under `before`, reloads with `after`, and says
/// which of them are still there.
fn still_there(before: ClientAuth, after: ClientAuth, connects: &[&str]) -> Vec<bool> {
    let config = |auth| NodeConfig { auth, ..NodeConfig::default() };
    let mut world = World::new();
    let node = world.node(config(before));
    let mut clients = Vec::new();
    for json in connects {
        let client = world.client(node);
        world.send(client, format!("CONNECT {{\"verbose\":false{json}}}\r\nPING\r\n"));
        assert!(world.read(client).ends_with("PONG|"), "{json}");
        clients.push(client);
    }
    world.command(node, Command::Reload(config(after).into()));
    let gone = "-ERR 'Authorization Violation'|-closed-";
    let stays = |client| match world.read(client) {
        text if text == gone => false,
        text if text.is_empty() => true,
        text => panic!("{text}"),
    };
    clients.into_iter().map(stays).collect()
}

#[test]
fn who_would_not_get_in_again_is_sent_away() {
    let ann = ",\"user\":\"ann\",\"pass\":\"a\"";
    let bob = ",\"user\":\"bob\",\"pass\":\"b\"";
    let with_token = ",\"auth_token\":\"t\"";
    let both = || users(&[("ann", "a"), ("bob", "b")], None);
    let changed = users(&[("ann", "a"), ("bob", "new")], None);
    assert_eq!(still_there(both(), changed, &[ann, bob]), [true, false]);
    assert_eq!(still_there(both(), users(&[("bob", "b")], None), &[ann, bob]), [false, true]);
    assert_eq!(still_there(both(), ClientAuth::Open, &[ann, bob]), [true, true]);
    assert_eq!(still_there(both(), token("t"), &[ann]), [false]);
    assert_eq!(still_there(token("t"), token("u"), &[with_token]), [false]);
    assert_eq!(still_there(token("t"), token("t"), &[with_token]), [true]);
    assert_eq!(still_there(token("t"), ClientAuth::Open, &[with_token]), [true]);
    // Nobody compared a password, and none was kept.
    assert_eq!(still_there(ClientAuth::Open, both(), &["", ann]), [false, false]);
    let anonymous = users(&[("ann", "a")], Some("ann"));
    assert_eq!(still_there(ClientAuth::Open, anonymous.clone(), &[""]), [true]);
    let more = users(&[("ann", "a"), ("bob", "b")], Some("ann"));
    assert_eq!(still_there(anonymous, more, &["", ann]), [true, true]);
}

#[test]
fn the_log_says_whose_credentials_are_gone() {
    let config = |auth| NodeConfig { auth, ..NodeConfig::default() };
    let mut world = World::new();
    let node = world.node(config(users(&[("bob", "b")], None)));
    let client = world.client(node);
    world.send(client, "CONNECT {\"user\":\"bob\",\"pass\":\"b\"}\r\n");
    world.command(node, Command::Reload(config(users(&[], None)).into()));
    let refused = world.trace.iter().find_map(|(_, event)| {
        let TraceEvent::AuthenticationFailed { who, user } = event else { return None };
        Some((who.user.clone(), user.clone()))
    });
    let expected = (Some(String::from("$G/user:bob")), Some(String::from("bob")));
    assert_eq!(refused, Some(expected));
}
