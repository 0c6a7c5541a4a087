//! Stands between the wire and `ldap3`: nothing reaches it that it could not bear.
//!
//! `ldap3` gets one end of a socket pair; this relay owns the real connection. It lets through
//! only whole, sound frames that answer something asked (see [`super::message`]), refuses frames
//! above a size, and stops reading from the server while what it passed on has not been
//! consumed: `ldap3`'s own queue has no bound. A hostile or broken server costs its connection and a
//! bounded piece of memory.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::ber::{self, Header};
use super::message::{
    ABANDON_REQUEST, BIND_REQUEST, EXTENDED_REQUEST, EXTENDED_RESPONSE, Message, SEARCH_REQUEST, UNBIND_REQUEST,
};
use crate::base::text::printable;
use crate::directory::error::result_name;

/// Largest frame taken: a group of 250,000 members fits.
const MAX_FRAME: usize = 32 << 20;
/// Search answers passed on and not yet consumed, in bytes; one frame may always pass.
const MAX_UNREAD: usize = 8 << 20;
/// Read from the server at a time.
const CHUNK: usize = 64 << 10;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The server, or the network, ended it.
    Closed(String),
    /// We ended it: the server broke the protocol.
    Broken(String),
}

/// What the relay and the consumer of its answers share.
#[derive(Debug, Default)]
pub(super) struct Line {
    end: OnceLock<End>,
    /// Search answers consumed so far.
    consumed: AtomicU64,
    wake: Notify,
}

impl Line {
    /// Says that one search answer has been consumed.
    pub(super) fn consumed(&self) {
        self.consumed.fetch_add(1, Ordering::Release);
        self.wake.notify_one();
    }

    /// Why the connection ended, once it has.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.get()
    }
}

/// Starts relaying for `server`; returns the end that `ldap3` gets.
pub(super) fn start<S>(server: S) -> io::Result<(StdUnixStream, Arc<Line>, AbortOnDropHandle<()>)>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (ours, theirs) = UnixStream::pair()?;
    let line = Arc::new(Line::default());
    let relay = Relay { line: Arc::clone(&line), asked: Mutex::default() };
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let (mut from_client, mut to_client) = ours.into_split();
        let Err(end) = tokio::select! {
            end = relay.answers(&mut from_server, &mut to_client) => end,
            end = relay.requests(&mut from_client, &mut to_server) => end,
        };
        // Before the socket pair closes, so that whoever sees it closed finds the reason.
        let _ = relay.line.end.set(end);
        drop(to_client);
        let _ = to_server.shutdown().await;
    }));
    Ok((theirs.into_std()?, line, task))
}

struct Relay {
    line: Arc<Line>,
    /// Requests that were sent, with the operation each asked for.
    asked: Mutex<HashMap<u32, u8>>,
}

impl Relay {
    /// Passes requests on, remembering what was asked, until either side is gone.
    async fn requests(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        server: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Infallible, End> {
        let mut frames = Frames::default();
        loop {
            if !matches!(client.read_buf(&mut frames.buffer).await, Ok(1..)) {
                return Err(left());
            }
            let mut whole = 0;
            while let Some(frame) = frames.next_from(whole).map_err(End::Broken)? {
                self.remember(frame);
                whole += frame.len();
            }
            let sent = async {
                server.write_all(frames.between(0, whole)).await?;
                server.flush().await
            };
            sent.await.map_err(|error| End::Closed(format!("sending failed: {error}")))?;
            frames.discard(whole);
        }
    }

    fn remember(&self, frame: &[u8]) {
        let Ok(message) = Message::read(frame) else { return };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match message.operation.tag {
            operation @ (BIND_REQUEST | SEARCH_REQUEST | EXTENDED_REQUEST) => {
                asked.insert(message.id, operation);
            }
            ABANDON_REQUEST => {
                if let Some(id) = message.operation.number() {
                    asked.remove(&id);
                }
            }
            UNBIND_REQUEST => asked.clear(),
            _ => {}
        }
    }

    /// Passes sound answers on, no faster than they are consumed, until either side is gone.
    async fn answers(
        &self,
        server: &mut (impl AsyncRead + Unpin),
        client: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Infallible, End> {
        let mut frames = Frames::default();
        let mut unread = Unread::default();
        loop {
            frames.buffer.reserve(CHUNK);
            match server.read_buf(&mut frames.buffer).await {
                Ok(1..) => {}
                Ok(0) => return Err(End::Closed("the server closed the connection".to_owned())),
                Err(error) => return Err(End::Closed(format!("receiving failed: {error}"))),
            }
            // Frames go on in one piece as long as they all pass: `passed..start` is sound and not yet written.
            let (mut passed, mut start) = (0, 0);
            while let Some(frame) = frames.next_from(start).map_err(End::Broken)? {
                let next = start + frame.len();
                let verdict = self.examine(frame)?;
                let crowded = verdict == Verdict::Answer && !unread.has_room(&self.line, frame.len());
                if crowded || verdict == Verdict::Drop {
                    client.write_all(frames.between(passed, start)).await.map_err(|_| left())?;
                    passed = if verdict == Verdict::Drop { next } else { start };
                }
                if verdict == Verdict::Answer {
                    unread.wait_for_room(&self.line, next - start).await;
                }
                start = next;
            }
            client.write_all(frames.between(passed, start)).await.map_err(|_| left())?;
            frames.discard(start);
        }
    }

    fn examine(&self, frame: &[u8]) -> Result<Verdict, End> {
        let broken = |why: &str| End::Broken(format!("it sent {why}"));
        let message = Message::read(frame).map_err(broken)?;
        if message.id == 0 {
            return Err(farewell(&message));
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // What answers nothing asked belongs to a search that was given up.
        let Some(request) = asked.get(&message.id).copied() else { return Ok(Verdict::Drop) };
        message.answers(request).map_err(broken)?;
        if message.is_last() {
            asked.remove(&message.id);
        }
        Ok(if message.is_last() { Verdict::Last } else { Verdict::Answer })
    }
}

/// What an unsolicited message means: with message id 0 only the notice of disconnection exists (RFC 4511 4.4.1).
fn farewell(message: &Message<'_>) -> End {
    match message.result() {
        Some((code, text)) if message.operation.tag == EXTENDED_RESPONSE => {
            let said = if text.is_empty() { String::new() } else { format!(": {}", printable(text)) };
            End::Closed(format!("the server ended the connection with result {code} ({}){said}", result_name(code)))
        }
        _ => End::Broken("it sent a message with id 0 that is no notice of disconnection".to_owned()),
    }
}

fn left() -> End {
    End::Closed("we closed the connection".to_owned())
}

#[derive(PartialEq, Eq)]
enum Verdict {
    /// Passes, and waits in the queue of a search until it is consumed.
    Answer,
    /// Passes, and ends what was asked.
    Last,
    /// Nobody waits for it.
    Drop,
}

/// Bytes received and not yet passed on.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    /// The whole frame that begins at `start`; `None` while it is incomplete.
    fn next_from(&self, start: usize) -> Result<Option<&[u8]>, String> {
        let rest = self.buffer.get(start..).unwrap_or_default();
        let Some(header) = Header::read(rest).map_err(|why| format!("it sent {why}"))? else { return Ok(None) };
        if header.tag != ber::SEQUENCE {
            return Err("it sent something that is not LDAP".to_owned());
        }
        if header.content > MAX_FRAME {
            return Err(format!("it sent a message of {} bytes; the limit is {MAX_FRAME}", header.content));
        }
        Ok(rest.get(..header.length + header.content))
    }

    fn between(&self, start: usize, end: usize) -> &[u8] {
        self.buffer.get(start..end).unwrap_or_default()
    }

    fn discard(&mut self, length: usize) {
        self.buffer.drain(..length);
        // One giant entry must not keep its memory for the life of a persistent search.
        if self.buffer.capacity() > 4 * CHUNK && self.buffer.len() < CHUNK {
            self.buffer.shrink_to(CHUNK);
        }
    }
}

/// Search answers on their way through `ldap3`.
#[derive(Default)]
struct Unread {
    lengths: VecDeque<usize>,
    bytes: usize,
    /// How many of those ever passed on are known to be consumed.
    settled: u64,
}

impl Unread {
    /// True when `length` more bytes may be passed on now; one frame always may.
    fn has_room(&mut self, line: &Line, length: usize) -> bool {
        let consumed = line.consumed.load(Ordering::Acquire);
        while self.settled < consumed {
            self.bytes -= self.lengths.pop_front().unwrap_or_default();
            self.settled += 1;
        }
        self.lengths.is_empty() || self.bytes + length <= MAX_UNREAD
    }

    /// Waits until `length` more bytes may be passed on, and counts them.
    async fn wait_for_room(&mut self, line: &Line, length: usize) {
        while !self.has_room(line, length) {
            line.wake.notified().await;
        }
        self.lengths.push_back(length);
        self.bytes += length;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::DuplexStream;

    use super::super::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE};
    use super::super::message::{SEARCH_DONE, SEARCH_ENTRY};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ber::push(&mut bytes, tag, &parts.concat());
        bytes
    }

    fn message(operation: &[u8]) -> Vec<u8> {
        element(SEQUENCE, &[&element(INTEGER, &[&[1]]), operation])
    }

    fn entry(size: usize) -> Vec<u8> {
        let value = element(ber::SET, &[&element(OCTETS, &[&vec![b'x'; size]])]);
        let attribute = element(SEQUENCE, &[&element(OCTETS, &[b"cn"]), &value]);
        message(&element(SEARCH_ENTRY, &[&element(OCTETS, &[b"cn=x"]), &element(SEQUENCE, &[&attribute])]))
    }

    fn done() -> Vec<u8> {
        let empty = element(OCTETS, &[]);
        message(&element(SEARCH_DONE, &[&element(ENUMERATED, &[&[0]]), &empty, &empty]))
    }

    /// A guarded connection on which search 1 is under way: the server's end, the client's, and the line.
    async fn searching() -> (DuplexStream, UnixStream, Arc<Line>, AbortOnDropHandle<()>) {
        let (mut server, guarded) = tokio::io::duplex(CHUNK);
        let (client, line, task) = start(guarded).unwrap();
        client.set_nonblocking(true).unwrap();
        let mut client = UnixStream::from_std(client).unwrap();
        let request = message(&element(SEARCH_REQUEST, &[]));
        client.write_all(&request).await.unwrap();
        let mut seen = vec![0; request.len()];
        server.read_exact(&mut seen).await.unwrap();
        (server, client, line, task)
    }

    #[tokio::test]
    async fn what_is_not_consumed_is_not_read_either() {
        let (mut server, mut client, line, _task) = searching().await;
        let frame = entry(64 << 10);
        let reader = tokio::spawn(async move {
            // As ldap3's driver does: takes everything, whether anybody wants it or not.
            let mut taken = vec![0; CHUNK];
            let mut total = 0;
            while let Ok(read @ 1..) = client.read(&mut taken).await {
                total += read;
            }
            total
        });
        let mut sent = 0;
        while tokio::time::timeout(Duration::from_millis(500), server.write_all(&frame)).await.is_ok() {
            sent += frame.len();
            assert!(sent < 2 * MAX_UNREAD, "the flood goes on");
        }
        assert!(sent >= MAX_UNREAD / 2);
        // Consuming lets it go on, to the very end. The frame that did not fit was sent in part.
        for _ in 0..sent / frame.len() {
            line.consumed();
        }
        drop(server);
        let total = tokio::time::timeout(PATIENCE, reader).await.unwrap().unwrap();
        assert_eq!(total, sent, "every whole frame, and none in part");
    }

    #[tokio::test]
    async fn one_frame_larger_than_the_window_passes() {
        let (mut server, mut client, line, _task) = searching().await;
        let sent = [entry(2 * MAX_UNREAD), done()].concat();
        let length = sent.len();
        let writing = tokio::spawn(async move { server.write_all(&sent).await.map(|()| server) });
        let mut taken = vec![0; length];
        tokio::time::timeout(PATIENCE, client.read_exact(&mut taken)).await.unwrap().unwrap();
        writing.await.unwrap().unwrap();
        assert_eq!(line.end(), None);
    }

    #[tokio::test]
    async fn too_large_a_frame_is_refused_before_it_is_read() {
        let (mut server, mut client, line, _task) = searching().await;
        server.write_all(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).await.unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, client.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
        assert!(matches!(line.end(), Some(End::Broken(why)) if why.contains("2147483647")), "{:?}", line.end());
    }

    #[tokio::test]
    async fn what_nobody_asked_for_is_dropped() {
        let (mut server, mut client, _line, _task) = searching().await;
        let mut stray = done();
        stray[4] = 77;
        server.write_all(&[entry(10), stray, done()].concat()).await.unwrap();
        let expected = [entry(10), done()].concat();
        let mut taken = vec![0; expected.len()];
        tokio::time::timeout(PATIENCE, client.read_exact(&mut taken)).await.unwrap().unwrap();
        assert_eq!(taken, expected);
    }
}
