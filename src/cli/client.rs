//! Talks to the JSON interface: over the local socket of a running daemon, or within this process.
//!
//! Both ways send the same requests to the same routes, so a command means the same whether a daemon
//! runs or not. Knows no operation: the verbs name paths.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::base::text::printable;
use crate::base::{Fault, Faulty};
use crate::http::{InProcess, PublicError};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon listens there.
    #[error(
        "no daemon answers on {path}: start it with `systemctl start bailey` or `bailey run`, or name its socket with `--socket`"
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket may not be opened.
    #[error("you may not open {path}: have yourself added to group {group} and log in again, or use sudo")]
    NotPermitted {
        /// The socket.
        path: PathBuf,
        /// The socket's group.
        group: String,
    },
    /// The connection failed or ended early.
    #[error("the connection to the daemon broke: {why}")]
    Broken {
        /// How.
        why: String,
    },
    /// The daemon did not begin to answer.
    #[error("the daemon did not begin to answer within {seconds} s; is it stopped or starved?")]
    TimedOut {
        /// The limit that passed.
        seconds: u64,
    },
    /// The daemon says no.
    #[error("{}{}", .0.message, named(.0))]
    Refused(PublicError),
    /// The answer is not what this version expects.
    #[error("the daemon's answer cannot be read ({why}); are this command and the daemon of one version?")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
}

impl Faulty for ClientError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotRunning { .. } | Self::NotPermitted { .. } | Self::Broken { .. } | Self::TimedOut { .. } => {
                Fault::Operator
            }
            Self::Refused(error) => match error.fault.as_str() {
                "caller" => Fault::Caller,
                "directory" => Fault::Directory,
                "operator" => Fault::Operator,
                _ => Fault::Bug,
            },
            Self::Unreadable { .. } => Fault::Bug,
        }
    }
}

/// A way to the JSON interface.
#[derive(Clone)]
pub struct Client(Way);

#[derive(Clone)]
enum Way {
    Socket(PathBuf),
    InProcess(InProcess),
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Longest line of a streamed answer, and longest answer otherwise.
const LONGEST_LINE: usize = 4 * 1024 * 1024;
const LONGEST_ANSWER: usize = 256 * 1024 * 1024;

/// Longest wait for a connection; a daemon that runs accepts at once.
const CONNECT_TIME: Duration = Duration::from_secs(10);

impl Client {
    /// Over the socket of a daemon. Connects anew for each request.
    #[must_use]
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self(Way::Socket(path.into()))
    }

    /// Without a daemon.
    #[must_use]
    pub fn in_process(routes: InProcess) -> Self {
        Self(Way::InProcess(routes))
    }

    /// Whether somebody answers: decides between the two ways.
    pub async fn reachable(&self) -> bool {
        match &self.0 {
            Way::Socket(path) => UnixStream::connect(path).await.is_ok(),
            Way::InProcess(_) => true,
        }
    }

    /// Asks for `path` (with its query).
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.whole(request(Method::GET, path, Bytes::new())?).await
    }

    /// Sends `payload` to `path`.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, payload: &impl Serialize) -> Result<T, ClientError> {
        self.whole(request(Method::POST, path, json(payload)?)?).await
    }

    /// Sets what is at `path` to `payload`.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, payload: &impl Serialize) -> Result<T, ClientError> {
        self.whole(request(Method::PUT, path, json(payload)?)?).await
    }

    /// Takes away what is at `path`.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.whole(request(Method::DELETE, path, Bytes::new())?).await
    }

    /// Asks for `path`, whose answer comes line by line.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn get_lines(&self, path: &str) -> Result<Lines, ClientError> {
        self.lines(request(Method::GET, path, Bytes::new())?).await
    }

    /// Sends `payload` to `path`, whose answer comes line by line.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn post_lines(&self, path: &str, payload: &impl Serialize) -> Result<Lines, ClientError> {
        self.lines(request(Method::POST, path, json(payload)?)?).await
    }

    /// Asks for `path` and hands each piece of its answer to `take`, however long it is.
    ///
    /// # Errors
    /// When there is no answer, it is a no, or `take` fails.
    pub async fn get_pieces(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ClientError> {
        let (status, mut body) = self.send(request(Method::GET, path, Bytes::new())?).await?;
        if !status.is_success() {
            let mut lines = Lines { body: Some(body), read: Vec::new(), searched: 0 };
            return Err(refusal(status, &lines.next_line().await?.unwrap_or_default()));
        }
        while let Some(piece) = next_chunk(&mut body).await? {
            take(&piece).map_err(|why| ClientError::Broken { why: format!("the answer cannot be kept: {why}") })?;
        }
        Ok(())
    }

    async fn whole<T: DeserializeOwned>(&self, request: Request<Bytes>) -> Result<T, ClientError> {
        let (status, mut body) = self.send(request).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = next_chunk(&mut body).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_ANSWER {
                return Err(ClientError::Unreadable { why: format!("it is longer than {LONGEST_ANSWER} bytes") });
            }
        }
        if !status.is_success() {
            return Err(refusal(status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Unreadable { why: error.to_string() })
    }

    async fn lines(&self, request: Request<Bytes>) -> Result<Lines, ClientError> {
        let (status, body) = self.send(request).await?;
        let mut lines = Lines { body: Some(body), read: Vec::new(), searched: 0 };
        if status.is_success() {
            return Ok(lines);
        }
        let said = lines.next_line().await?.unwrap_or_default();
        Err(refusal(status, &said))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<(StatusCode, Body), ClientError> {
        let answer = match &self.0 {
            Way::InProcess(routes) => routes.call(request).await,
            Way::Socket(path) => {
                let io = TokioIo::new(connect(path).await?);
                let (mut sender, connection) = http1::handshake(io).await.map_err(broken)?;
                // Ends with the body that is read from it; what it has to say comes out there.
                tokio::spawn(connection);
                let answer = sender.send_request(request.map(Full::new)).await.map_err(broken)?;
                answer.map(|body| body.map_err(io::Error::other).boxed_unsync())
            }
        };
        Ok((answer.status(), answer.into_body()))
    }
}

async fn connect(path: &Path) -> Result<UnixStream, ClientError> {
    match tokio::time::timeout(CONNECT_TIME, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(unreachable(path, &error)),
        Err(_) => Err(ClientError::TimedOut { seconds: CONNECT_TIME.as_secs() }),
    }
}

fn unreachable(path: &Path, error: &io::Error) -> ClientError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning { path },
        io::ErrorKind::PermissionDenied => ClientError::NotPermitted { group: group_of(&path), path },
        _ => ClientError::Broken { why: error.to_string() },
    }
}

/// The group that may open the socket, as far as we may see it.
fn group_of(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path).ok().map(|found| nix::unistd::Gid::from_raw(found.gid()));
    let group = found.and_then(|gid| nix::unistd::Group::from_gid(gid).ok().flatten());
    group.map_or_else(|| "bailey-admin".to_owned(), |group| group.name)
}

fn json(payload: &impl Serialize) -> Result<Bytes, ClientError> {
    let text = serde_json::to_vec(payload).map_err(|e| ClientError::Broken { why: format!("no JSON to send: {e}") })?;
    Ok(Bytes::from(text))
}

fn request(method: Method, path: &str, body: Bytes) -> Result<Request<Bytes>, ClientError> {
    let mut builder = Request::builder().method(method).uri(path).header(HOST, "bailey");
    if !body.is_empty() {
        builder = builder.header(CONTENT_TYPE, "application/json");
    }
    builder.body(body).map_err(|error| ClientError::Broken { why: format!("no request can be made: {error}") })
}

fn broken(error: hyper::Error) -> ClientError {
    ClientError::Broken { why: error.to_string() }
}

/// What the request was called, where `bailey explain` says more of the refusal.
fn named(error: &PublicError) -> String {
    match &error.request_id {
        Some(id) if error.code == "AccessDenied" => format!(" (`bailey explain {}` says more)", printable(id)),
        _ => String::new(),
    }
}

pub(super) fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    error_in(body).map_or_else(
        || ClientError::Unreadable { why: format!("status {status}: {}", printable(&String::from_utf8_lossy(body))) },
        ClientError::Refused,
    )
}

/// The error of `{"error":{..}}`.
fn error_in(text: &[u8]) -> Option<PublicError> {
    #[derive(serde::Deserialize)]
    struct Outer {
        error: PublicError,
    }
    serde_json::from_slice::<Outer>(text).ok().map(|outer| outer.error)
}

async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, ClientError> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(ClientError::Broken { why: error.to_string() }),
            // Trailers carry nothing for us.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => return Ok(Some(chunk)),
                Err(_) => continue,
            },
        }
    }
}

/// A streamed answer.
pub struct Lines {
    /// `None` when all of it has come.
    body: Option<Body>,
    /// Came and not yet given out.
    read: Vec<u8>,
    /// Bytes of `read` that hold no line end.
    searched: usize,
}

impl Lines {
    /// The next line; `None` behind the last.
    ///
    /// # Errors
    /// When the connection breaks, a line cannot be read, or the daemon says that it failed.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        let Some(line) = self.next_line().await? else { return Ok(None) };
        if let Some(error) = error_in(&line) {
            return Err(ClientError::Refused(error));
        }
        serde_json::from_slice(&line).map(Some).map_err(|error| ClientError::Unreadable { why: error.to_string() })
    }

    /// The next line as it came, without its end; `None` behind the last.
    ///
    /// # Errors
    /// When the connection breaks or the daemon says that it failed.
    pub async fn next_text(&mut self) -> Result<Option<String>, ClientError> {
        let Some(line) = self.next_line().await? else { return Ok(None) };
        if let Some(error) = error_in(&line) {
            return Err(ClientError::Refused(error));
        }
        String::from_utf8(line).map(Some).map_err(|error| ClientError::Unreadable { why: error.to_string() })
    }

    async fn next_line(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            let unsearched = self.read.get(self.searched..).unwrap_or_default();
            if let Some(found) = unsearched.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(self.searched + found + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.read.len();
            if self.searched > LONGEST_LINE {
                return Err(ClientError::Unreadable { why: format!("a line is longer than {LONGEST_LINE} bytes") });
            }
            let chunk = match &mut self.body {
                Some(body) => next_chunk(body).await?,
                None => None,
            };
            match chunk {
                Some(chunk) => self.read.extend_from_slice(&chunk),
                None => {
                    self.body = None;
                    self.searched = 0;
                    let last = std::mem::take(&mut self.read);
                    return Ok(Some(last).filter(|last| !last.is_empty()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(pieces: &[&'static str]) -> Lines {
        let frames: Vec<_> =
            pieces.iter().map(|piece| Ok(hyper::body::Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        Lines { body: Some(body), read: Vec::new(), searched: 0 }
    }

    #[tokio::test]
    async fn lines_come_whole_however_they_were_cut() {
        for pieces in
            [&["1\n22\n333\n"][..], &["1", "\n2", "2\n33", "3\n"], &["1\n22\n333"], &["", "1\n", "", "22\n333"]]
        {
            let mut lines = came(pieces);
            let mut seen = Vec::new();
            while let Some(number) = lines.next::<u32>().await.unwrap() {
                seen.push(number);
            }
            assert_eq!(seen, [1, 22, 333], "{pieces:?}");
            assert!(lines.next_text().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn an_error_line_is_an_error() {
        let mut lines =
            came(&["1\n{\"error\":{\"code\":\"X\",\"message\":\"the disk is full\",\"fault\":\"operator\"}}\n"]);
        assert_eq!(lines.next::<u32>().await.unwrap(), Some(1));
        let error = lines.next::<u32>().await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.fault()), ("the disk is full", Fault::Operator));
    }

    #[test]
    fn what_cannot_be_reached_says_what_to_do() {
        let said = |kind: io::ErrorKind| unreachable(Path::new("/"), &kind.into()).to_string();
        assert!(said(io::ErrorKind::NotFound).contains("systemctl start bailey"));
        assert!(said(io::ErrorKind::ConnectionRefused).contains("no daemon answers on /"));
        let denied = said(io::ErrorKind::PermissionDenied);
        assert!(denied.contains("group root"), "{denied}");
    }
}
