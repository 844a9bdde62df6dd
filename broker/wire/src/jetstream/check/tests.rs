//! Configurations that nats-server 2.15.1 took or refused, one field at a time and several.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use std::format;
use std::string::{String, ToString};

use serde_json::Value;

use super::*;
use crate::jetstream::Unknown;
use crate::jetstream::api_level;
use crate::jetstream::request::{ConsumerCreateRequest, StreamConfigRequest};

/// A line has five parts between tabs: which server (A has no limits, B those of [`World::new`]);
/// what was done; what it was done to; the request; and the answer: how the configuration in use
/// differs from that of the first two lines (`null` for what it does not have), or code, number and
/// text of an error. `<X>` stands for a text, and `<V>` for a value, that are too long, `<M>` for
/// memory storage.
const OBSERVED: &str = include_str!("../observed/configs.txt");

/// Streams and consumers that the requests meet.
struct World {
    limits: Limits,
    account_limits: AccountLimits,
    streams: BTreeMap<String, StreamConfig>,
    consumers: BTreeMap<(String, String), ConsumerConfig>,
}

impl World {
    fn new(server: &str) -> Self {
        let mut world = Self {
            limits: Limits::default(),
            account_limits: AccountLimits::NONE,
            streams: BTreeMap::new(),
            consumers: BTreeMap::new(),
        };
        if server == "B" {
            world.limits = Limits {
                max_duplicate_window: Nanos::secs(60),
                max_ack_pending: 800,
                max_request_batch: 50,
            };
            world.account_limits = AccountLimits {
                max_memory: 1 << 30,
                max_storage: 1 << 30,
                max_streams: 50,
                max_consumers: 40,
                max_ack_pending: 500,
                memory_max_stream_bytes: 1000,
                storage_max_stream_bytes: 100_000,
                max_bytes_required: true,
            };
        }
        world
    }

    fn rules(&self, pedantic: bool) -> Rules<'_> {
        Rules { limits: &self.limits, account: self, pedantic, standalone: true }
    }

    fn create(&self, name: &str, json: &str) -> Result<StreamConfig, ApiError> {
        let request = StreamConfigRequest::parse(json.as_bytes(), Unknown::Refuse)?;
        let created = create_stream(name, &request, &self.rules(request.pedantic))?;
        Ok(created.unwrap_or_else(|| self.streams[name].clone()))
    }

    fn update(&self, name: &str, json: &str) -> Result<StreamConfig, ApiError> {
        let request = StreamConfigRequest::parse(json.as_bytes(), Unknown::Refuse)?;
        update_stream(name, &request, &self.rules(request.pedantic))
    }

    /// `subject` is what follows `CONSUMER.`.
    fn consumer(&self, subject: &str, json: &str) -> Result<ConsumerConfig, ApiError> {
        let mut request = ConsumerCreateRequest::parse(json.as_bytes(), Unknown::Refuse)?;
        let (form, rest) = subject.split_once("CREATE.").unwrap();
        let mut rest = rest.splitn(3, '.');
        let place = ConsumerPlace {
            stream: rest.next().unwrap(),
            consumer: rest.next(),
            filter: rest.next(),
            durable: !form.is_empty(),
        };
        let rules = self.rules(request.pedantic);
        let mut config = match create_consumer(&place, &mut request, &rules, &|_| false)? {
            ConsumerChange::New(config) | ConsumerChange::Update(config) => config,
        };
        if config.name.is_empty() {
            config.name = "GENERATED".into();
        }
        Ok(config)
    }
}

impl Account for World {
    fn limits(&self, _: i64) -> &AccountLimits {
        &self.account_limits
    }

    fn stream(&self, name: &str) -> Option<&StreamConfig> {
        self.streams.get(name)
    }

    fn overlaps(&self, subjects: &[String], except: &str) -> bool {
        let others = self.streams.values().filter(|stream| stream.name != except);
        others.into_iter().any(|stream| overlap(&stream.subjects, subjects))
    }

    fn admit(&self, new: &StreamConfig, _: Option<&StreamConfig>) -> Result<(), ApiError> {
        let limit = self.account_limits.max_consumers;
        if limit > 0 && new.max_consumers > limit {
            return Err(ErrorKind::MaximumConsumersLimit.into());
        }
        Ok(())
    }

    fn consumers<'a>(&'a self, stream: &str, show: &mut dyn FnMut(&'a str, &'a ConsumerConfig)) {
        for ((of, name), config) in &self.consumers {
            if of == stream {
                show(name, config);
            }
        }
    }
}

fn answer<T>(result: Result<T, ApiError>, json: impl FnOnce(T) -> Vec<u8>) -> String {
    match result {
        Ok(config) => String::from_utf8(json(config)).unwrap(),
        Err(error) => format!("{} {} {}", error.code, error.err_code, error.description),
    }
}

fn stream_json(mut config: StreamConfig) -> Vec<u8> {
    config.metadata = api_level::shown(&config.metadata, "2.15.1");
    config.to_json()
}

fn consumer_json(mut config: ConsumerConfig) -> Vec<u8> {
    config.metadata = api_level::shown(&config.metadata, "2.15.1");
    config.to_json()
}

/// The answer to one line, and what it leaves behind if it sets the scene.
fn act(world: &mut World, what: &str, to: &str, json: &str) -> String {
    match what {
        "STREAM" => {
            let name = StreamConfigRequest::parse(json.as_bytes(), Unknown::Refuse).unwrap();
            let name = name.config.name;
            let created = world.create(&name, json);
            if let Ok(config) = &created {
                world.streams.insert(name, config.clone());
            }
            answer(created, stream_json)
        }
        "CONSUMER" => {
            let config = ConsumerConfig::parse(json.as_bytes(), Unknown::Refuse).unwrap();
            let name = config.durable_name;
            let request = format!(r#"{{"stream_name":"{to}","config":{json}}}"#);
            let created = world.consumer(&format!("CREATE.{to}.{name}"), &request);
            if let Ok(config) = &created {
                world.consumers.insert((to.into(), name), config.clone());
            }
            answer(created, consumer_json)
        }
        "create" => answer(world.create("T", json), stream_json),
        "update" => {
            let base = world.create("T", to).unwrap();
            world.streams.insert("T".into(), base);
            let updated = world.update("T", json);
            world.streams.remove("T");
            answer(updated, stream_json)
        }
        "update-cl" => answer(world.update("CL", json), stream_json),
        "consumer" => answer(world.consumer(to, json), consumer_json),
        "consumer-update" => {
            let (stream, base) = to.split_once(' ').unwrap();
            let subject = format!("CREATE.{stream}.C");
            let base = format!(r#"{{"stream_name":"{stream}","config":{base}}}"#);
            let base = world.consumer(&subject, &base).unwrap();
            let key = (String::from(stream), String::from("C"));
            world.consumers.insert(key.clone(), base);
            let updated = world.consumer(&subject, json);
            world.consumers.remove(&key);
            answer(updated, consumer_json)
        }
        _ => panic!("{what}"),
    }
}

/// A line's text with its abbreviations written out.
fn spell(text: &str, memory: &str) -> String {
    let text = text.replace("<M>", memory);
    text.replace("<X>", &"x".repeat(4097)).replace("<V>", &"v".repeat(131_072))
}

/// How a configuration differs from the default; what is no configuration stays as it is.
fn differences(text: String, default: &Value) -> String {
    let (Ok(Value::Object(mut config)), Value::Object(default)) =
        (serde_json::from_str(&text), default)
    else {
        return text;
    };
    for (key, value) in default {
        match config.get(key) {
            None => drop(config.insert(key.clone(), Value::Null)),
            Some(same) if same == value => drop(config.remove(key)),
            Some(_) => {}
        }
    }
    Value::Object(config).to_string()
}

#[test]
fn configurations_are_taken_and_refused_as_by_nats_server() {
    let mut world = World::new("");
    let (mut server, mut count, mut wrong, mut cycles) = ("", 0, 0, 0_u32);
    let (mut of_streams, mut of_consumers) = (Value::Null, Value::Null);
    for line in OBSERVED.lines() {
        let [on, what, to, json, expected] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        match what {
            "default stream" => {
                of_streams = serde_json::from_str(expected).unwrap();
                continue;
            }
            "default consumer" => {
                of_consumers = serde_json::from_str(expected).unwrap();
                continue;
            }
            _ => {}
        }
        if on != server {
            (world, server) = (World::new(on), on);
        }
        let is_consumer = what.to_ascii_lowercase().starts_with("consumer");
        let (default, memory) = if is_consumer {
            (&of_consumers, r#""mem_storage":true"#)
        } else {
            (&of_streams, r#""storage":"memory""#)
        };
        let (to, json) = (spell(to, memory), spell(json, memory));
        let got = differences(act(&mut world, what, &to, &json), default);
        // Written once more, members are in the same order.
        let expected = spell(expected, "");
        let expected = serde_json::from_str(&expected).map_or(expected, |v: Value| v.to_string());
        count += 1;
        // What it republishes would come back to the stream, without end.
        let cycle = got.contains("forms a cycle") && expected.contains(r#""dest":">","src":">""#);
        cycles += u32::from(cycle);
        if got != expected && !cycle {
            wrong += 1;
            std::eprintln!("{line:.1000}\n  {got:.1500}\n");
        }
    }
    assert_eq!((count, wrong, cycles), (1362, 0, 1));
}

#[test]
fn a_stream_that_is_there_already() {
    let mut world = World::new("A");
    act(&mut world, "STREAM", "", r#"{"name":"S","subjects":["s"]}"#);
    let create = |json: &str| {
        let request = StreamConfigRequest::parse(json.as_bytes(), Unknown::Refuse).unwrap();
        create_stream(&request.config.name, &request, &world.rules(false))
    };
    assert_eq!(create(r#"{"name":"S","subjects":["s"],"max_msgs":-1}"#), Ok(None));
    let error = create(r#"{"name":"S","subjects":["s"],"max_msgs":5}"#).unwrap_err();
    assert!(error.is(ErrorKind::StreamNameExist));
    let error = create(r#"{"name":"T","subjects":["*"]}"#).unwrap_err();
    assert!(error.is(ErrorKind::StreamSubjectOverlap));
}

/// A chain of diamonds has more ways through it than there is time to walk.
#[test]
fn many_ways_to_one_stream_are_walked_once() {
    let mut world = World::new("A");
    act(&mut world, "STREAM", "", r#"{"name":"S0"}"#);
    for at in 1..60 {
        for side in ["L", "R"] {
            let from = format!(r#"{{"name":"S{}"}}"#, at - 1);
            let json = format!(r#"{{"name":"{side}{at}","sources":[{from}]}}"#);
            let config = StreamConfig::parse(json.as_bytes(), Unknown::Refuse).unwrap();
            world.streams.insert(config.name.clone(), config);
        }
        let from = format!(r#"{{"name":"L{at}"}},{{"name":"R{at}"}}"#);
        let json = format!(r#"{{"name":"S{at}","sources":[{from}]}}"#);
        let config = StreamConfig::parse(json.as_bytes(), Unknown::Refuse).unwrap();
        world.streams.insert(config.name.clone(), config);
    }
    assert!(world.create("T", r#"{"name":"T","sources":[{"name":"S59"}]}"#).is_ok());
}
