//! Bytes on the wire: callers and old clients that are exactly as slow, broken or old-fashioned as a test needs.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Setting, World, within};

/// An old client whose every byte the test writes itself.
pub struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    pub async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// A bridge in front of it, with more lines for `[numbers.onprem]`.
    pub async fn world(&self, lines: &str) -> World {
        self.setting(lines).start().await
    }

    pub fn setting(&self, lines: &str) -> Setting {
        let address = self.address();
        Setting::alone().one_thread().number(&format!(
            "[numbers.onprem]\nurl = \"http://{address}\"\n{lines}\n"
        ))
    }

    /// The bridge's next connection.
    pub async fn accept(&self) -> Wire {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        Wire::new(stream)
    }

    /// Closes the port.
    pub fn stop(self) {
        drop(self.listener);
    }
}

/// One connection.
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A message: start line and headers as they were sent, in order, and its body without framing.
#[derive(Debug, Clone)]
pub struct Message {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header, by any case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        let (_, value) = self.headers.iter().find(found)?;
        Some(value)
    }

    /// Header lines as on the wire, sorted, without those the test does not care for.
    pub fn lines_without(&self, names: &[&str]) -> Vec<String> {
        let kept = |(name, _): &&(String, String)| {
            !names.iter().any(|other| other.eq_ignore_ascii_case(name))
        };
        let mut lines: Vec<_> = self
            .headers
            .iter()
            .filter(kept)
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        lines.sort();
        lines
    }

    /// The number in an answer's status line.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// `errors[0].code` of the old envelope, whose `meta` must be there too.
    pub fn code(&self) -> u64 {
        code(&serde_json::from_slice(&self.body).unwrap())
    }
}

/// `errors[0].code` of the old envelope, whose `meta` must be there too.
pub fn code(envelope: &serde_json::Value) -> u64 {
    assert_eq!(envelope["meta"]["api_status"], "stable", "{envelope}");
    envelope["errors"][0]["code"].as_u64().unwrap()
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Like `send`, to a peer that may have hung up.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        within(self.stream.write_all(bytes.as_ref())).await
    }

    /// No more bytes will come; answers can.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next message's head; its body is still on the wire. `None` when the peer closes instead.
    pub async fn head(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Some(parse(&head[..end]));
            }
            if !self.fill().await {
                assert!(self.unread.is_empty(), "half a head: {:?}", self.text());
                return None;
            }
        }
    }

    /// The next message, with its body by its own framing.
    pub async fn message(&mut self) -> Option<Message> {
        let mut message = self.head().await?;
        let bodiless =
            message.start.starts_with("HTTP/") && matches!(message.status(), 204 | 304 | 100..=199);
        if message.header("transfer-encoding").is_some() {
            message.body = self.chunks().await.expect("a whole chunked body");
        } else if let Some(length) = message.header("content-length")
            && !bodiless
        {
            let length = length.parse().unwrap();
            message.body = self.exactly(length).await;
        }
        Some(message)
    }

    /// This many bytes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(self.fill().await, "closed early: {:?}", self.text());
        }
        self.unread.drain(..length).collect()
    }

    /// Counts what comes until there were so many bytes; keeps nothing.
    pub async fn swallow(&mut self, length: usize) {
        let mut left = length.saturating_sub(self.unread.len());
        self.unread.clear();
        let mut buffer = vec![0; 256 * 1024];
        while left > 0 {
            let count = within(self.stream.read(&mut buffer)).await.unwrap();
            assert!(count > 0, "closed with {left} bytes missing");
            left -= count;
        }
    }

    /// A chunked body; `None` when it breaks off.
    pub async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = loop {
                if let Some(end) = find(&self.unread, b"\r\n") {
                    let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                    break usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16)
                        .unwrap();
                }
                if !self.fill().await {
                    return None;
                }
            };
            while self.unread.len() < size + 2 {
                if !self.fill().await {
                    return None;
                }
            }
            body.extend(self.unread.drain(..size));
            self.unread.drain(..2);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Everything until the peer closes, or resets.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.unread)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    async fn fill(&mut self) -> bool {
        let count = within(self.stream.read_buf(&mut self.unread)).await;
        count.is_ok_and(|count| count > 0)
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn parse(head: &[u8]) -> Message {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let start = lines.next().unwrap().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_owned(), value.trim().to_owned())
    };
    Message {
        start,
        headers: lines.map(header).collect(),
        body: Vec::new(),
    }
}
