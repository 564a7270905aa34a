//! Pokes: the server says "something changed", we pull.
//!
//! They come as a stream; where something on the way keeps streams back, they are asked for one at a time.
//! A lost poke costs nothing: the next one carries a higher number, and each new stream begins with a pull.
//! Deliberately not here: when to open the stream again (the driver).

use std::time::Duration;

use omniot_shared::sync::{Seq, wire::Poke};
use reqwest::{Method, Response, header};
use tokio::time::{Instant, timeout_at};

use crate::transport::{SILENCE, Server, Trouble, Unreachable};

/// The server speaks at once. Who hears nothing for so long has something in between that keeps
/// answers until they are whole.
const FIRST: Duration = Duration::from_secs(10);

/// Where pokes come from.
pub enum Pokes {
    /// An open stream.
    Stream(Stream),
    /// One question after the other, each answered when there is something to say, or after a while.
    Asking {
        /// Whom.
        server: Server,
        /// What is known.
        after: Seq,
    },
}

/// An open stream of server-sent events.
pub struct Stream {
    response: Response,
    lines: Lines,
    /// Until when the first word must come; `None` once it has.
    first: Option<Instant>,
    /// When the last came.
    heard: Instant,
    /// When it was opened.
    since: Instant,
}

/// Why no more pokes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The stream was closed, or broke.
    Closed,
    /// They do not come this way.
    Mute,
}

impl Pokes {
    /// Opens the stream.
    ///
    /// # Errors
    /// [`Trouble`]; too slow is also who keeps the head of the answer back.
    pub async fn open(server: &Server) -> Result<Self, Trouble> {
        let request = server.request(Method::GET, "/v1/sync/stream", None)?.header(header::ACCEPT, "text/event-stream");
        let since = Instant::now();
        let first = since + FIRST;
        let response = timeout_at(first, server.open(request, "text/event-stream")).await.map_err(|_| Trouble::Offline(Unreachable::Timeout))??;
        Ok(Self::Stream(Stream { response, lines: Lines::default(), first: Some(first), heard: since, since }))
    }

    /// Whether they come without being asked for.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Whether it is a stream that was opened a moment ago.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.since.elapsed() < FIRST)
    }

    /// Asks for each poke above `after`.
    #[must_use]
    pub const fn asking(server: Server, after: Seq) -> Self {
        Self::Asking { server, after }
    }

    /// The next poke. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// [`Ended`], and then again each time.
    pub async fn next(&mut self) -> Result<Poke, Ended> {
        match self {
            Self::Stream(stream) => stream.next().await,
            Self::Asking { server, after } => loop {
                let answer: Result<Poke, Trouble> = server.fetch(Method::GET, &format!("/v1/sync/poke?after={}", after.0), None).await;
                match answer {
                    Ok(poke) if poke.seq > *after => {
                        *after = poke.seq;
                        return Ok(poke);
                    }
                    Ok(_) => {}
                    // An older server, one that does not want to be asked like this, or something on the way that
                    // swallows these answers, too.
                    Err(Trouble::Refused { .. } | Trouble::Throttled(_) | Trouble::Offline(Unreachable::Timeout)) => return Err(Ended::Mute),
                    Err(_) => return Err(Ended::Closed),
                }
            },
        }
    }
}

impl Stream {
    async fn next(&mut self) -> Result<Poke, Ended> {
        loop {
            if let Some(poke) = self.lines.next_poke() {
                return Ok(poke);
            }
            let longest = self.first.unwrap_or(self.heard + SILENCE);
            let Ok(came) = timeout_at(longest, self.response.chunk()).await else {
                return Err(if self.first.is_some() { Ended::Mute } else { Ended::Closed });
            };
            match came {
                Ok(Some(bytes)) => {
                    self.first = None;
                    self.heard = Instant::now();
                    self.lines.push(&bytes);
                }
                Ok(None) | Err(_) => return Err(Ended::Closed),
            }
        }
    }
}

/// Bytes of an event stream, cut into lines; only `data:` lines matter to us.
#[derive(Default)]
struct Lines(Vec<u8>);

/// No line of ours is longer.
const LONGEST: usize = 64 * 1024;

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > LONGEST && !self.0.contains(&b'\n') {
            self.0.clear();
        }
    }

    fn next_poke(&mut self) -> Option<Poke> {
        loop {
            let end = self.0.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.0.drain(..=end).collect();
            let data = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
            if let Some(poke) = data.and_then(|data| serde_json::from_slice(data).ok()) {
                return Some(poke);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omniot_shared::sync::Seq;

    #[test]
    fn pokes_arrive_however_the_bytes_are_cut_and_heartbeats_are_passed_over() {
        let text = b": hello\r\n\r\nevent: changed\r\ndata: {\"seq\":3}\r\n\r\n: beat\n\ndata:{\"seq\":4}\n\ndata: <html>\n\n";
        for size in 1..text.len() {
            let (mut lines, mut got) = (Lines::default(), Vec::new());
            for part in text.chunks(size) {
                lines.push(part);
                while let Some(poke) = lines.next_poke() {
                    got.push(poke.seq);
                }
            }
            assert_eq!(got, [Seq(3), Seq(4)], "cut every {size} bytes");
        }
    }
}
