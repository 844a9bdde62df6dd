//! The HTTP side: which path is which page, and how answers look.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use causeway_core::Node;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HOST, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::query::{BadQuery, Query};
use super::{bufferz, connz, healthz, json, jsz, pages, routez, subsz, varz};
use crate::driver::{Driver, Net};
use crate::running::Running;

/// Monitoring connections at once; more wait in the listener's queue. They must not take the file
/// descriptors that clients need.
const CONNECTIONS: usize = 256;

/// For a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answer = Response<Full<Bytes>>;

/// Serves monitoring pages about `driver`'s node on `listener`, for ever.
pub async fn serve<N: Net>(
    listener: TcpListener,
    driver: Driver<N>,
    running: Rc<RefCell<Running>>,
) {
    let monitor = Rc::new(Monitor { driver, running, requests: RefCell::default() });
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let monitor = Rc::clone(&monitor);
        spawn_local(async move {
            let service = service_fn(|request: Request<hyper::body::Incoming>| {
                let answer = if needs_host(&request) {
                    plain(StatusCode::BAD_REQUEST, MISSING_HOST.to_owned())
                } else {
                    monitor.answer(request.uri().path(), request.uri().query())
                };
                async { Ok::<_, Infallible>(answer) }
            });
            // A reader that breaks off is no error of ours.
            let _ = hyper::server::conn::http1::Builder::new()
                .title_case_headers(true)
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

/// What Go's server says to such a request.
const MISSING_HOST: &str = "400 Bad Request: missing required Host header";

/// HTTP/1.1 requires every request to name the host.
fn needs_host<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST)
}

struct Monitor<N: Net> {
    driver: Driver<N>,
    running: Rc<RefCell<Running>>,
    /// Requests by path, for `/varz`.
    requests: RefCell<BTreeMap<&'static str, u64>>,
}

/// The pages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Index,
    Varz,
    Connz,
    Routez,
    Gatewayz,
    Leafz,
    Subsz,
    Accountz,
    Accstatz,
    Jsz,
    Bufferz,
    Healthz,
    IpQueuesz,
    Raftz,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/varz" => Self::Varz,
            "/connz" => Self::Connz,
            "/routez" => Self::Routez,
            "/gatewayz" => Self::Gatewayz,
            "/leafz" => Self::Leafz,
            "/subsz" | "/subscriptionsz" => Self::Subsz,
            "/accountz" => Self::Accountz,
            "/accstatz" => Self::Accstatz,
            "/jsz" => Self::Jsz,
            "/bufferz" => Self::Bufferz,
            "/healthz" => Self::Healthz,
            "/ipqueuesz" => Self::IpQueuesz,
            "/raftz" => Self::Raftz,
            _ => return None,
        })
    }

    /// The name under which nats-server counts requests; it does not count all.
    const fn counted(self) -> Option<&'static str> {
        Some(match self {
            Self::Index => "/",
            Self::Varz => "/varz",
            Self::Connz => "/connz",
            Self::Routez => "/routez",
            Self::Gatewayz => "/gatewayz",
            Self::Leafz => "/leafz",
            Self::Subsz => "/subsz",
            Self::Accountz => "/accountz",
            Self::Accstatz => "/accstatz",
            Self::Jsz => "/jsz",
            Self::Healthz => "/healthz",
            Self::Bufferz | Self::IpQueuesz | Self::Raftz => return None,
        })
    }
}

impl<N: Net> Monitor<N> {
    fn answer(&self, path: &str, query: Option<&str>) -> Answer {
        let clean = clean(path);
        if clean != path {
            return redirect(&clean, query);
        }
        let base = self.base_path();
        let rest = match path.strip_prefix(base.as_str()) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) | None => return not_found(),
        };
        let Some(page) = Page::at(rest) else { return not_found() };
        if let Some(name) = page.counted() {
            *self.requests.borrow_mut().entry(name).or_default() += 1;
        }
        let query = Query::parse(query.unwrap_or_default());
        self.page(page, &query, &base)
            .unwrap_or_else(|BadQuery(text)| plain(StatusCode::BAD_REQUEST, text))
    }

    /// The prefix of all paths; empty if there is none.
    fn base_path(&self) -> String {
        let running = self.running.borrow();
        let configured = running.config.monitor.as_ref().map_or("/", |m| m.base_path.as_str());
        configured.trim_end_matches('/').to_owned()
    }

    fn page(&self, page: Page, query: &Query, base: &str) -> Result<Answer, BadQuery> {
        let running = self.running.borrow();
        let now = self.driver.now().wall;
        self.driver.inspect(|node: &Node| {
            Ok(match page {
                Page::Index => html(pages::index(base, &node.config().version)),
                Page::Varz => {
                    data(&varz::varz(node, &running, self.requests.borrow().clone(), now))
                }
                Page::Connz => data(&connz::connz(node, query, now)?),
                Page::Routez => {
                    data(&routez::routez(node, running.config.cluster.as_ref(), query, now)?)
                }
                Page::Gatewayz => data(&pages::gatewayz(node, now)),
                Page::Leafz => data(&pages::leafz(node, now)),
                Page::Subsz => data(&subsz::subsz(node, query, now)?),
                Page::Accountz => data(&pages::accountz(node, query, now)?),
                Page::Accstatz => data(&pages::accstatz(node, query, now)?),
                Page::Jsz => data(&jsz::jsz(node, &running, query, now)?),
                Page::Bufferz => data(&bufferz::bufferz(node, now)),
                Page::IpQueuesz => data(&pages::Empty {}),
                Page::Raftz => plain(StatusCode::NOT_FOUND, "No Raft nodes registered".to_owned()),
                Page::Healthz => {
                    let (code, body) = healthz::healthz(node, query)?;
                    json_answer(StatusCode::from_u16(code).unwrap_or_default(), body)
                }
            })
        })
    }
}

fn data(value: &impl Serialize) -> Answer {
    json_answer(StatusCode::OK, json::pretty(value))
}

fn json_answer(code: StatusCode, body: Vec<u8>) -> Answer {
    let mut answer = with_type(code, body, "application/json");
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

fn html(body: Vec<u8>) -> Answer {
    with_type(StatusCode::OK, body, "text/html; charset=utf-8")
}

/// An error's text. It ends with a line break: nats-top cuts the text there, and panics without.
fn plain(code: StatusCode, mut text: String) -> Answer {
    text.push('\n');
    with_type(code, text.into_bytes(), "text/plain; charset=utf-8")
}

fn not_found() -> Answer {
    let mut answer = plain(StatusCode::NOT_FOUND, "404 page not found".to_owned());
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn redirect(path: &str, query: Option<&str>) -> Answer {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let escaped = target.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;");
    let body = format!("<a href=\"{escaped}\">Temporary Redirect</a>.\n\n");
    let mut answer = html(body.into_bytes());
    *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(target) = HeaderValue::from_str(&target) {
        answer.headers_mut().insert(LOCATION, target);
    }
    answer
}

fn with_type(code: StatusCode, body: Vec<u8>, media: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

/// A path without empty, `.` and `..` parts, as Go's router redirects to: an exporter that is given
/// a URL ending in a slash asks for `//varz`. A slash at the end stays.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_in_go() {
        for (path, cleaned) in [
            ("/", "/"),
            ("/varz", "/varz"),
            ("//varz", "/varz"),
            ("/x/../varz", "/varz"),
            ("/../../varz", "/varz"),
            ("/./varz", "/varz"),
            ("/varz/", "/varz/"),
            ("/varz//", "/varz/"),
            ("//", "/"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn pages_are_found_by_their_exact_name() {
        assert_eq!(Page::at("/subscriptionsz"), Some(Page::Subsz));
        for path in ["/VARZ", "/varz/", "/metrics", "", "/varz2"] {
            assert_eq!(Page::at(path), None, "{path}");
        }
    }
}
