//! The socket that an HTTP server writes to, with the bad ending that `Wire` may ask for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::wire::{Ending, Wire};

/// The socket of one connection, plain or encrypted.
pub(super) enum Socket {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Socket {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Encrypted(tls) => tls.get_ref().0,
        }
    }
}

/// What the HTTP server writes to.
pub(super) struct Line {
    socket: Socket,
    wire: Wire,
}

impl Line {
    pub(super) fn new(socket: Socket, wire: Wire) -> Self {
        Self { socket, wire }
    }

    /// The error makes the HTTP server drop the connection, and the drop closes the socket.
    fn end(&self, ending: Ending) -> io::Error {
        if ending == Ending::Reset
            && let Err(error) = self.socket.tcp().set_zero_linger()
        {
            return error;
        }
        io::ErrorKind::ConnectionAborted.into()
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let plan = self
            .wire
            .with(|cut| cut.as_ref().map(|cut| (cut.allowed(bytes), cut.ending)));
        match plan {
            None => Pin::new(&mut self.socket).poll_write(cx, bytes),
            Some((0, ending)) => {
                // Encrypted bytes may still wait inside the TLS layer; they count as sent.
                ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
                Poll::Ready(Err(self.end(ending)))
            }
            Some((allowed, _)) => {
                let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &bytes[..allowed]))?;
                self.wire.with(|cut| {
                    if let Some(cut) = cut {
                        cut.advance(&bytes[..written]);
                    }
                });
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Socket::Encrypted(tls) => Pin::new(tls).poll_read(cx, into),
        }
    }
}

impl Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Encrypted(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Encrypted(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Encrypted(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
