//! Accepting connections and serving them on one single-threaded runtime per core.
//!
//! A request stays on the thread that accepted its connection, and so does the connection to the old client
//! it is passed through to: no lock, no wake-up of another thread. Measured against one shared multi-threaded
//! runtime this costs about a quarter less CPU per request. One acceptor deals connections out to the thread
//! with the fewest, which balances better than `SO_REUSEPORT` and leaves a second bridge on the same port an error.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::tls::Certificate;
use super::{Body, Peer};

/// Answers requests. One is made on each thread, so it may hold what belongs to that thread.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request that came in on the listener with this index. Every fault is an answer.
    fn handle(
        &self,
        listener: usize,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send;
}

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Lines of a request's head.
    pub headers: usize,
    /// For a request's head, a TLS handshake, and an idle connection.
    pub header_timeout: Duration,
}

/// The threads that serve connections.
pub struct Threads {
    dealer: Arc<Dealer>,
    handles: Vec<std::thread::JoinHandle<()>>,
}

/// Deals connections out to threads.
pub struct Dealer {
    threads: Vec<Thread>,
}

struct Thread {
    arrivals: mpsc::UnboundedSender<Arrival>,
    open: Arc<AtomicUsize>,
}

struct Arrival {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    listener: usize,
    tls: Option<Arc<Certificate>>,
    slot: OwnedSemaphorePermit,
}

impl Threads {
    /// Starts `count` threads, each with a handler of its own. `stop` ends them gracefully, `abandon` at once.
    pub fn start<H: Handler>(
        count: usize,
        limits: ConnectionLimits,
        stop: &CancellationToken,
        abandon: &CancellationToken,
        mut make_handler: impl FnMut() -> H,
    ) -> std::io::Result<Self> {
        let mut threads = Vec::with_capacity(count);
        let mut handles = Vec::with_capacity(count);
        for index in 0..count {
            let (arrivals, receiver) = mpsc::unbounded_channel();
            let open = Arc::new(AtomicUsize::new(0));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let worker = Worker {
                handler: make_handler(),
                limits,
                open: Arc::clone(&open),
                stop: stop.clone(),
                tracker: TaskTracker::new(),
            };
            let abandon = abandon.clone();
            let handle = std::thread::Builder::new()
                .name(format!("proxy-{index}"))
                .spawn(move || {
                    runtime.block_on(async {
                        tokio::select! {
                            () = worker.run(receiver) => {}
                            () = abandon.cancelled() => {}
                        }
                    });
                    // A blocking read of a stored file may still be under way; it is not worth waiting for.
                    runtime.shutdown_background();
                })?;
            threads.push(Thread { arrivals, open });
            handles.push(handle);
        }
        Ok(Self {
            dealer: Arc::new(Dealer { threads }),
            handles,
        })
    }

    /// What acceptors need.
    pub fn dealer(&self) -> Arc<Dealer> {
        Arc::clone(&self.dealer)
    }

    /// Waits until every thread has finished its connections, which is after its `stop`.
    pub fn join(self) {
        for handle in self.handles {
            if handle.join().is_err() {
                tracing::error!("a proxy thread panicked");
            }
        }
    }
}

impl Dealer {
    /// Open connections now.
    pub fn open_connections(&self) -> usize {
        self.threads
            .iter()
            .map(|thread| thread.open.load(Ordering::Relaxed))
            .sum()
    }

    /// Accepts on one listener until `stop`; connections beyond the slots wait in the kernel.
    pub async fn accept(
        &self,
        listener: TcpListener,
        index: usize,
        tls: Option<Arc<Certificate>>,
        slots: Arc<Semaphore>,
        stop: CancellationToken,
    ) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = accept_one(&listener, &slots) => accepted,
            };
            let Some((stream, peer, slot)) = accepted else {
                return;
            };
            let Ok(stream) = stream.into_std() else {
                continue;
            };
            let Some(thread) = self
                .threads
                .iter()
                .min_by_key(|thread| thread.open.load(Ordering::Relaxed))
            else {
                return;
            };
            thread.open.fetch_add(1, Ordering::Relaxed);
            let arrival = Arrival {
                stream,
                peer,
                listener: index,
                tls: tls.clone(),
                slot,
            };
            if thread.arrivals.send(arrival).is_err() {
                return;
            }
        }
    }
}

async fn accept_one(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, slot)),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of file descriptors, usually: connections must close before another one can be taken.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "connection not accepted"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct Worker<H> {
    handler: H,
    limits: ConnectionLimits,
    open: Arc<AtomicUsize>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl<H: Handler> Worker<H> {
    async fn run(self, mut arrivals: mpsc::UnboundedReceiver<Arrival>) {
        loop {
            let arrival = tokio::select! {
                arrival = arrivals.recv() => arrival,
                () = self.stop.cancelled() => None,
            };
            let Some(arrival) = arrival else { break };
            let connection = Connection {
                handler: self.handler.clone(),
                limits: self.limits,
                stop: self.stop.clone(),
                peer: Peer::new(arrival.peer),
                listener: arrival.listener,
            };
            let open = Open {
                count: Arc::clone(&self.open),
                _slot: arrival.slot,
            };
            self.tracker.spawn(async move {
                let _open = open;
                connection.serve(arrival.stream, arrival.tls).await;
            });
        }
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Counts a connection for as long as it lives.
struct Open {
    count: Arc<AtomicUsize>,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Connection<H> {
    handler: H,
    limits: ConnectionLimits,
    stop: CancellationToken,
    peer: Peer,
    listener: usize,
}

impl<H: Handler> Connection<H> {
    async fn serve(self, stream: std::net::TcpStream, tls: Option<Arc<Certificate>>) {
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        // Answers are written whole; waiting for the peer's acknowledgement would only add delay.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.serve_http1(stream).await,
            // Boxed: a plain connection should not keep room for a handshake and for HTTP/2 while it is idle.
            Some(certificate) => Box::pin(self.serve_tls(stream, &certificate)).await,
        }
    }

    async fn serve_tls(mut self, stream: TcpStream, certificate: &Certificate) {
        let handshake = certificate.acceptor().accept(stream);
        match tokio::time::timeout(self.limits.header_timeout, handshake).await {
            Ok(Ok(stream)) => {
                let tls = stream.get_ref().1;
                if let Some([leaf, ..]) = tls.peer_certificates() {
                    self.peer = self.peer.named_by(leaf);
                }
                if tls.alpn_protocol() == Some(b"h2") {
                    self.serve_http2(stream).await;
                } else {
                    self.serve_http1(stream).await;
                }
            }
            Ok(Err(error)) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "TLS handshake failed"
            ),
            Err(_) => tracing::debug!("TLS handshake timed out"),
        }
    }

    async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self {
            handler,
            limits,
            stop,
            peer,
            listener,
        } = self;
        let service = service_fn(|request| handler.handle(listener, &peer, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes)
            // The old client wrote `Content-Type`; what it wrote itself is passed through as it was written.
            .title_case_headers(true)
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(stream), service);
        drive(connection, &stop).await;
    }

    async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self {
            handler,
            limits,
            stop,
            peer,
            listener,
        } = self;
        let peer = Arc::new(peer);
        let service = service_fn(move |request| {
            let (handler, peer) = (handler.clone(), Arc::clone(&peer));
            async move { handler.handle(listener, &peer, request).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(256)
            .keep_alive_interval(limits.header_timeout)
            .serve_connection(TokioIo::new(stream), service);
        drive(connection, &stop).await;
    }
}

/// Serves a connection to its end; told to stop, to the end of what is under way. One that ends badly is the peer's
/// doing, worth a line only to somebody who looks for it.
async fn drive<C>(connection: C, stop: &CancellationToken)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "connection ended early"
        );
    }
}
