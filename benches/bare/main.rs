//! The least an HTTP server can do: hyper on one single-threaded runtime per core, one fixed JSON answer to every request.
//!
//! The bound that acknowledgements are measured against, and a receiver of callbacks that is never the bottleneck.
//! `bare serve ADDRESS THREADS BODY [DELAY_MS]`
//!
//! With `count` instead of `serve` it also looks at each body, and GETs are answered with what it saw (`tally`).

mod tally;

use std::convert::Infallible;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tally::Tally;
use tokio::sync::mpsc;

/// As many bytes as the bridge sends; hyper adds length and date.
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "no-cache, private"),
    ("content-type", "application/json"),
    ("server", "Server"),
    ("x-request-id", "da75ef756ec74b4eb6a4ab5146c1f00e"),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, address, threads, body, delay) = match arguments.as_slice() {
        [command, address, threads, body] => (command, address, threads, body, "0"),
        [command, address, threads, body, delay] => {
            (command, address, threads, body, delay.as_str())
        }
        // `cargo bench` and `cargo test --all-targets` come here.
        _ => return Ok(()),
    };
    let delay = Duration::from_millis(delay.parse()?);
    let tally = match command.as_str() {
        "serve" => None,
        "count" => Some(Arc::default()),
        _ => anyhow::bail!("the commands are `serve` and `count`"),
    };
    let manner = Manner {
        body: Bytes::from(body.clone()),
        delay,
        tally,
    };
    let listener = TcpListener::bind(address).context("cannot listen")?;
    let threads = (0..threads.parse()?)
        .map(|_| start_thread(manner.clone()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    // Connections are dealt out in turn, as the bridge does it, so that no thread gets more of them than another.
    for thread in threads.iter().cycle() {
        let (stream, _) = listener.accept()?;
        thread.send(stream)?;
    }
    Ok(())
}

/// How requests are answered.
#[derive(Clone)]
struct Manner {
    body: Bytes,
    delay: Duration,
    tally: Option<Arc<Mutex<Tally>>>,
}

fn start_thread(manner: Manner) -> anyhow::Result<mpsc::UnboundedSender<TcpStream>> {
    let (arrivals, mut arriving) = mpsc::unbounded_channel::<TcpStream>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Some(stream) = arriving.recv().await {
                tokio::spawn(serve(stream, manner.clone()));
            }
        });
    });
    Ok(arrivals)
}

async fn serve(stream: TcpStream, manner: Manner) -> anyhow::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let stream = tokio::net::TcpStream::from_std(stream)?;
    let service = service_fn(|request| answer(request, manner.clone()));
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

async fn answer(
    mut request: Request<Incoming>,
    manner: Manner,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let Manner { body, delay, tally } = manner;
    let body = match tally {
        None => {
            // A body that is not read to its end costs the sender its connection.
            while let Some(Ok(_)) = request.frame().await {}
            body
        }
        Some(tally) => counted(request, &tally).await.unwrap_or(body),
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = Response::new(Full::new(body));
    response.headers_mut().extend(HEADERS.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    }));
    Ok(response)
}

/// What was seen so far, for whoever asks.
async fn counted(request: Request<Incoming>, tally: &Mutex<Tally>) -> Option<Bytes> {
    let is_asked = request.method() == Method::GET;
    let body = request.into_body().collect().await.ok()?.to_bytes();
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    if is_asked {
        return Some(tally.told().into());
    }
    tally.count(&body);
    None
}
