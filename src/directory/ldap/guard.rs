//! Stands between the wire and `ldap3`: nothing reaches it that it could not bear.
//!
//! `ldap3` gets one end of a socket pair; this relay owns the real connection. Requests, results
//! and binds pass through, results only when they are sound and answer something asked (see
//! [`super::message`]). The entries of a search go past `ldap3`, straight to whoever asked: it
//! would copy every value twice into a queue without a bound. Here that queue is bounded in bytes, and
//! while it is full nothing more is read. A hostile or broken server costs its connection and a bounded
//! piece of memory.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::ber::{self, Header};
use super::message::{
    ABANDON_REQUEST, BIND_REQUEST, EXTENDED_REQUEST, EXTENDED_RESPONSE, Message, SEARCH_REQUEST, UNBIND_REQUEST,
};
use crate::base::text::printable;
use crate::directory::error::result_name;

/// Largest frame taken: a group of 250,000 members fits.
const MAX_FRAME: usize = 32 << 20;
/// Answers of a search received and not yet consumed, in bytes; one frame may always pass.
const MAX_UNREAD: usize = 8 << 20;
/// Read from the server at a time.
const BLOCK: usize = 64 << 10;

/// How long the rest of a page is left alone once it has begun to come. Servers send every entry by itself, and to be woken
/// for each costs more than to read it. Whoever comes a moment later finds many, and more once those are seen to:
/// 100,000 entries took half the processor time and a tenth less time in all. The shortest the timer knows.
const NAP: Duration = Duration::from_millis(1);

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The server, or the network, ended it.
    Closed(String),
    /// We ended it: the server broke the protocol.
    Broken(String),
}

/// Whole answers to a search, one after the other. They count as unread until this is dropped.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// What the relay shares with those who search.
#[derive(Debug)]
pub(super) struct Line {
    end: OnceLock<End>,
    /// Where the answers to searches not yet seen on the way out shall go, in the order they are sent.
    searches: Mutex<VecDeque<(mpsc::UnboundedSender<Frames>, bool)>>,
    /// Bytes that may still be unread.
    room: Arc<Semaphore>,
}

impl Line {
    /// Takes the answers to the search that is sent next; its result goes to `ldap3`. `ldap3` sends in the order it is
    /// asked, so the n-th search seen is the n-th expected. `page` says that many are to come.
    pub(super) fn expect_search(&self, page: bool) -> mpsc::UnboundedReceiver<Frames> {
        // Without a bound of its own: the bytes in it are bounded.
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut searches = lock(&self.searches);
        // Afterwards nobody takes it any more, and whoever searched would wait for answers until the time is up.
        if self.end.get().is_none() {
            searches.push_back((sender, page));
        }
        receiver
    }

    /// Ends everything that is waited for. Before anything closes, so that whoever sees it closed finds the reason.
    fn end_with(&self, end: End) {
        let _ = self.end.set(end);
        lock(&self.searches).clear();
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
    let line =
        Arc::new(Line { end: OnceLock::new(), searches: Mutex::default(), room: Arc::new(Semaphore::new(MAX_UNREAD)) });
    let relay = Relay { line: Arc::clone(&line), asked: Mutex::default() };
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let (mut from_client, mut to_client) = ours.into_split();
        let Err(end) = tokio::select! {
            end = relay.answers(&mut from_server, &mut to_client) => end,
            end = relay.requests(&mut from_client, &mut to_server) => end,
        };
        relay.line.end_with(end);
        drop(relay);
        drop(to_client);
        let _ = to_server.shutdown().await;
    }));
    Ok((theirs.into_std()?, line, task))
}

/// What was asked, and is not answered to the end.
struct Asked {
    /// The request's operation.
    operation: u8,
    /// Where the answers of a search go.
    answers: Option<mpsc::UnboundedSender<Frames>>,
    /// It is a page, of which nothing has come yet.
    page: bool,
}

struct Relay {
    line: Arc<Line>,
    asked: Mutex<HashMap<u32, Asked>>,
}

impl Relay {
    /// Passes requests on, remembering what was asked, until either side is gone.
    async fn requests(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        server: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Infallible, End> {
        let mut received = Received::default();
        loop {
            if !matches!(client.read_buf(&mut received.buffer).await, Ok(1..)) {
                return Err(left());
            }
            let mut whole = 0;
            while let Some(frame) = received.frame_at(whole).map_err(End::Broken)? {
                self.remember(frame);
                whole += frame.len();
            }
            let sent = async {
                server.write_all(received.between(0, whole)).await?;
                server.flush().await
            };
            sent.await.map_err(|error| End::Closed(format!("sending failed: {error}")))?;
            received.discard(whole);
        }
    }

    fn remember(&self, frame: &[u8]) {
        let Ok(message) = Message::read(frame) else { return };
        let mut asked = lock(&self.asked);
        match message.operation.tag {
            operation @ (BIND_REQUEST | EXTENDED_REQUEST) => {
                asked.insert(message.id, Asked { operation, answers: None, page: false });
            }
            SEARCH_REQUEST => {
                let (answers, page) = lock(&self.line.searches).pop_front().unzip();
                let page = page.unwrap_or_default();
                asked.insert(message.id, Asked { operation: SEARCH_REQUEST, answers, page });
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

    /// Passes answers on, no faster than they are consumed, until either side is gone.
    async fn answers(
        &self,
        server: &mut (impl AsyncRead + Unpin),
        client: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Infallible, End> {
        let mut received = Received::default();
        loop {
            received.fill(server).await?;
            // Answers to the same search go on in one piece: `run..at` is for `search`.
            let (mut search, mut run, mut at) = (None, 0, 0);
            while let Some(frame) = received.frame_at(at).map_err(End::Broken)? {
                let next = at + frame.len();
                let destination = self.destination(frame)?;
                if search.is_some() && destination != search.map_or(Destination::Nobody, Destination::Search) {
                    self.deliver(search, received.between(run, at)).await;
                    search = None;
                }
                match destination {
                    Destination::Search(id) if search.is_none() => (search, run) = (Some(id), at),
                    Destination::Search(_) | Destination::Nobody => {}
                    Destination::Client(id) => {
                        // Ends the queue of a search, now that everything before the result is in it.
                        lock(&self.asked).remove(&id);
                        client.write_all(frame).await.map_err(|_| left())?;
                    }
                }
                at = next;
            }
            self.deliver(search, received.between(run, at)).await;
            received.discard(at);
            if search.is_some_and(|search| self.begins_page(search)) {
                tokio::time::sleep(NAP).await;
            }
        }
    }

    /// True once for a page that has begun to come.
    fn begins_page(&self, search: u32) -> bool {
        lock(&self.asked).get_mut(&search).is_some_and(|asked| std::mem::take(&mut asked.page))
    }

    /// Who gets this answer.
    fn destination(&self, frame: &[u8]) -> Result<Destination, End> {
        let broken = |why: &str| End::Broken(format!("it sent {why}"));
        let message = Message::read(frame).map_err(broken)?;
        if message.id == 0 {
            return Err(farewell(&message));
        }
        let asked = lock(&self.asked);
        // What answers nothing asked belongs to a search that was given up.
        let Some(request) = asked.get(&message.id) else { return Ok(Destination::Nobody) };
        if request.operation == SEARCH_REQUEST && !message.is_last() {
            return Ok(Destination::Search(message.id));
        }
        message.answers(request.operation).map_err(broken)?;
        Ok(Destination::Client(message.id))
    }

    /// Hands answers to who searches, once there is room for them.
    async fn deliver(&self, search: Option<u32>, frames: &[u8]) {
        let Some(search) = search else { return };
        let sender = lock(&self.asked).get(&search).and_then(|asked| asked.answers.clone());
        let Some(sender) = sender else { return };
        let room = u32::try_from(frames.len().min(MAX_UNREAD)).unwrap_or(u32::MAX);
        tokio::select! {
            room = Arc::clone(&self.line.room).acquire_many_owned(room) => {
                if let Ok(room) = room {
                    let _ = sender.send(Frames { bytes: Bytes::copy_from_slice(frames), _room: room });
                }
            }
            // Who searched has gone; so may the answers.
            () = sender.closed() => {}
        }
    }
}

/// What reading from the server came to.
fn read_result(read: io::Result<usize>) -> Result<(), End> {
    match read {
        Ok(1..) => Ok(()),
        Ok(0) => Err(End::Closed("the server closed the connection".to_owned())),
        Err(error) => Err(End::Closed(format!("receiving failed: {error}"))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn left() -> End {
    End::Closed("we closed the connection".to_owned())
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// Whoever sent the search with this message id.
    Search(u32),
    /// `ldap3`, as the result of the request with this message id.
    Client(u32),
    /// Nobody waits for it.
    Nobody,
}

/// Bytes received and not yet passed on.
#[derive(Default)]
struct Received {
    buffer: Vec<u8>,
    /// How the connection ended behind them, if it did.
    end: Option<End>,
}

impl Received {
    /// Waits for bytes, and takes what else is there already: TLS brings 16 KiB at a time at most, and everything
    /// passed on wakes somebody. An end that comes behind bytes is told once these are seen to.
    async fn fill(&mut self, server: &mut (impl AsyncRead + Unpin)) -> Result<(), End> {
        if let Some(end) = self.end.take() {
            return Err(end);
        }
        let full = self.buffer.len() + BLOCK;
        self.buffer.reserve(BLOCK);
        read_result(server.read_buf(&mut self.buffer).await)?;
        while self.buffer.len() < full
            && let Some(read) = server.read_buf(&mut self.buffer).now_or_never()
        {
            if let Err(end) = read_result(read) {
                self.end = Some(end);
                break;
            }
        }
        Ok(())
    }

    /// The whole frame that begins at `start`; `None` while it is incomplete.
    fn frame_at(&self, start: usize) -> Result<Option<&[u8]>, String> {
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
        if self.buffer.capacity() > 4 * BLOCK && self.buffer.len() < BLOCK {
            self.buffer.shrink_to(BLOCK);
        }
    }
}

#[cfg(test)]
mod tests {
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

    /// A guarded connection on which search 1 is under way.
    struct Searching {
        server: DuplexStream,
        client: UnixStream,
        answers: mpsc::UnboundedReceiver<Frames>,
        line: Arc<Line>,
        _task: AbortOnDropHandle<()>,
    }

    async fn searching() -> Searching {
        let (mut server, guarded) = tokio::io::duplex(BLOCK);
        let (client, line, task) = start(guarded).unwrap();
        client.set_nonblocking(true).unwrap();
        let mut client = UnixStream::from_std(client).unwrap();
        let answers = line.expect_search(false);
        let request = message(&element(SEARCH_REQUEST, &[]));
        client.write_all(&request).await.unwrap();
        let mut seen = vec![0; request.len()];
        server.read_exact(&mut seen).await.unwrap();
        Searching { server, client, answers, line, _task: task }
    }

    async fn soon<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(PATIENCE, future).await.expect("in time")
    }

    #[tokio::test]
    async fn what_is_not_consumed_is_not_read_either() {
        let Searching { mut server, mut answers, client: _client, _task, .. } = searching().await;
        let frame = entry(64 << 10);
        let mut sent = 0;
        while let Ok(written) = tokio::time::timeout(Duration::from_millis(500), server.write_all(&frame)).await {
            written.unwrap();
            sent += frame.len();
            assert!(sent < 2 * MAX_UNREAD, "the flood goes on");
        }
        assert!(sent >= MAX_UNREAD / 2);
        // The frame that did not fit was sent in part, and is never delivered.
        drop(server);
        let mut taken = 0;
        while let Some(frames) = soon(answers.recv()).await {
            taken += frames.bytes.len();
        }
        assert_eq!(taken, sent, "every whole frame, and none in part");
    }

    #[tokio::test]
    async fn a_search_that_comes_too_late_for_the_connection_ends_at_once() {
        let Searching { server, answers: mut first, line, client: _client, _task } = searching().await;
        // Announced, and not yet sent when the server goes.
        let mut second = line.expect_search(false);
        drop(server);
        assert!(soon(first.recv()).await.is_none());
        assert!(soon(second.recv()).await.is_none());
        assert!(line.end().is_some());
        assert!(soon(line.expect_search(true).recv()).await.is_none(), "begun afterwards");
    }

    #[tokio::test]
    async fn one_frame_larger_than_the_window_passes() {
        let Searching { mut server, mut client, mut answers, _task, .. } = searching().await;
        let large = entry(2 * MAX_UNREAD);
        let sent = [large.clone(), done()].concat();
        let writing = tokio::spawn(async move { server.write_all(&sent).await.map(|()| server) });
        assert_eq!(soon(answers.recv()).await.unwrap().bytes, large);
        let mut result = vec![0; done().len()];
        soon(client.read_exact(&mut result)).await.unwrap();
        assert_eq!(result, done());
        let _server = writing.await.unwrap().unwrap();
        assert!(soon(answers.recv()).await.is_none(), "the search is over");
    }

    #[tokio::test]
    async fn too_large_a_frame_is_refused_before_it_is_read() {
        let Searching { mut server, mut client, line, _task, .. } = searching().await;
        server.write_all(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).await.unwrap();
        assert_eq!(soon(client.read(&mut [0; 8])).await.unwrap(), 0);
        assert!(matches!(line.end(), Some(End::Broken(why)) if why.contains("2147483647")), "{:?}", line.end());
    }

    #[tokio::test]
    async fn what_nobody_asked_for_is_dropped() {
        let Searching { mut server, mut client, mut answers, _task, .. } = searching().await;
        let mut stray = entry(10);
        let id = stray.iter().position(|byte| *byte == 0x02).unwrap() + 2;
        stray[id] = 77;
        server.write_all(&[entry(10), stray, entry(11), done()].concat()).await.unwrap();
        let mut result = vec![0; done().len()];
        soon(client.read_exact(&mut result)).await.unwrap();
        let mut taken = Vec::new();
        while let Some(frames) = soon(answers.recv()).await {
            taken.extend(frames.bytes.clone());
        }
        assert_eq!(taken, [entry(10), entry(11)].concat());
    }

    #[tokio::test]
    async fn a_search_nobody_reads_any_more_holds_nothing_up() {
        let Searching { mut server, mut client, answers, _task, .. } = searching().await;
        drop(answers);
        let flood = entry(1 << 20).repeat(3 * (MAX_UNREAD >> 20));
        soon(server.write_all(&[flood, done()].concat())).await.unwrap();
        let mut result = vec![0; done().len()];
        soon(client.read_exact(&mut result)).await.unwrap();
    }
}
