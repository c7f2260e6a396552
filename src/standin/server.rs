//! The HTTP/1.1 server under every stand-in: accepts, encrypts if asked to, hands each request on together with its `Wire`, and stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::line::{Line, Socket};
use super::tls::Tls;
use super::wire::Wire;

/// How long answers that are under way may take when a stand-in is stopped.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait when no connection can be accepted, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A listening server. Dropping it ends it at once, connections included.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    connections: Arc<AtomicU64>,
    stopping: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start<H, F>(
        listen: SocketAddr,
        tls: Option<&Tls>,
        answer: H,
    ) -> io::Result<Self>
    where
        H: Fn(Request<Incoming>, Wire) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let acceptor = tls.map(Tls::acceptor).transpose()?;
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let door = Door {
            acceptor,
            stopping: CancellationToken::new(),
            connections: Arc::default(),
            answer,
        };
        Ok(Self {
            address,
            scheme: if tls.is_some() { "https" } else { "http" },
            connections: door.connections.clone(),
            stopping: door.stopping.clone(),
            accepting: tokio::spawn(door.accept(listener)),
        })
    }

    /// Scheme and address, without a slash at the end.
    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were ever accepted.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Stops listening, lets answers that are under way finish for a moment, then ends the rest.
    pub(super) async fn stop(mut self) {
        self.stopping.cancel();
        // An error here means that the task panicked or was aborted, and then it has ended too.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Door<H> {
    acceptor: Option<TlsAcceptor>,
    stopping: CancellationToken,
    connections: Arc<AtomicU64>,
    answer: H,
}

impl<H, F> Door<H>
where
    H: Fn(Request<Incoming>, Wire) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    async fn accept(self, listener: TcpListener) {
        // Owned by this task, so that aborting it aborts every connection.
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => break,
                Some(_) = open.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((tcp, _)) => {
                        self.connections.fetch_add(1, Ordering::Relaxed);
                        open.spawn(self.clone().serve(tcp));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(listener);
        let _ =
            tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
    }

    async fn serve(self, tcp: TcpStream) {
        // Both steps can only fail because the client is gone or speaks something else; there is nobody to tell.
        let _ = tcp.set_nodelay(true);
        let Ok(socket) = encrypted(self.acceptor.as_ref(), tcp).await else {
            return;
        };
        let wire = Wire::new(self.stopping.clone());
        let line = Line::new(socket, wire.clone());
        let answer = self.answer;
        let service = service_fn(move |request| {
            wire.heal();
            let answered = answer(request, wire.clone());
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .title_case_headers(true)
                .serve_connection(TokioIo::new(line), service)
        );
        tokio::select! {
            _ = connection.as_mut() => {}
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

async fn encrypted(acceptor: Option<&TlsAcceptor>, tcp: TcpStream) -> io::Result<Socket> {
    match acceptor {
        Some(acceptor) => Ok(Socket::Encrypted(Box::new(acceptor.accept(tcp).await?))),
        None => Ok(Socket::Plain(tcp)),
    }
}
