//! Posting: each connection works through its script, one request after the other, each of them until it is answered with 200.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Plan;
use crate::script::Post;

/// What is waited after a failure.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of it.
#[derive(Default)]
pub struct Seen {
    /// From each POST that was answered with 200 to its answer, in microseconds.
    pub took_us: Vec<u32>,
    pub events: usize,
    /// Attempts that failed.
    pub errors: usize,
    /// By how much a POST was begun after it was due, at most.
    pub late: Duration,
    /// A connection had nothing to post any more before the time was over.
    pub ran_out: bool,
}

pub async fn post_all(plan: &Plan, scripts: Vec<Vec<Post>>, begins: Instant) -> Seen {
    let ends = match plan.seconds {
        0 => None,
        seconds => Some(begins + Duration::from_secs(seconds.into())),
    };
    let (address, repeat) = (plan.address, plan.repeat);
    let running = scripts.into_iter().map(|script| {
        tokio::spawn(async move {
            let mut seen = Seen::default();
            let mut line = Line {
                address,
                stream: None,
                buffer: Vec::with_capacity(4096),
            };
            work(&mut line, &script, repeat, begins, ends, &mut seen).await;
            seen
        })
    });
    let mut all = Seen::default();
    for task in running.collect::<Vec<_>>() {
        let Ok(seen) = task.await else { continue };
        all.took_us.extend(seen.took_us);
        all.events += seen.events;
        all.errors += seen.errors;
        all.late = all.late.max(seen.late);
        all.ran_out |= seen.ran_out;
    }
    all
}

async fn work(
    line: &mut Line,
    script: &[Post],
    repeat: bool,
    begins: Instant,
    ends: Option<Instant>,
    seen: &mut Seen,
) {
    let is_over = || ends.is_some_and(|ends| Instant::now() >= ends);
    loop {
        for post in script {
            if is_over() {
                return;
            }
            let due = begins + post.due;
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            seen.late = seen.late.max(due.elapsed());
            loop {
                let started = Instant::now();
                if matches!(line.post(&post.request).await, Ok(200)) {
                    let took = started.elapsed().as_micros();
                    seen.took_us.push(u32::try_from(took).unwrap_or(u32::MAX));
                    seen.events += post.events;
                    break;
                }
                seen.errors += 1;
                line.stream = None;
                tokio::time::sleep(PAUSE).await;
                if is_over() {
                    return;
                }
            }
        }
        if !repeat || script.is_empty() {
            seen.ran_out = ends.is_some();
            return;
        }
    }
}

/// A connection that is kept.
struct Line {
    address: std::net::SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Line {
    /// The status of the answer, once all of it is there.
    async fn post(&mut self, request: &[u8]) -> io::Result<u16> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                none.insert(stream)
            }
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = answered(&self.buffer) {
                return Ok(status);
            }
        }
    }
}

/// The status, if the answer is complete. What is measured says how long its body is.
fn answered(answer: &[u8]) -> Option<u16> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    if answer.len() < head + 4 + length.unwrap_or(0) {
        return None;
    }
    text.get(9..12)?.parse().ok()
}
