//! The accept loop: connections within limits, and an end that lets requests finish.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::limits::{HEAD_TIME, LARGEST_HEAD, MOST_CONNECTIONS, MOST_HEADERS};
use super::places::Place;
use crate::authn::local::Peer;

/// Where connections come from.
pub trait Accept: Send + 'static {
    /// Connections served at the same time; more wait in the backlog.
    const MOST: usize = MOST_CONNECTIONS;

    /// A connection as it was accepted.
    type Raw: Send + 'static;

    /// A connection that HTTP can be spoken on.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Raw>> + Send;

    /// Makes it one that HTTP can be spoken on. Runs in the connection's own task: a handshake that drags on keeps
    /// nobody else waiting.
    fn open(raw: Self::Raw) -> impl Future<Output = io::Result<Opened<Self::Io>>> + Send;
}

/// A connection that HTTP can be spoken on.
pub struct Opened<Io> {
    /// What is read and written.
    pub io: Io,
    /// What is known of the connection; every request on it carries these among its extensions.
    pub marks: Extensions,
    /// What it takes of the room its address has, until it ends.
    pub place: Option<Place>,
}

impl<Io> Opened<Io> {
    /// A connection of which nothing is known.
    pub fn unmarked(io: Io) -> Self {
        Self { io, marks: Extensions::new(), place: None }
    }
}

impl Accept for TcpListener {
    type Raw = tokio::net::TcpStream;
    type Io = tokio::net::TcpStream;

    async fn next(&self) -> io::Result<Self::Raw> {
        let (stream, _) = self.accept().await?;
        // Only fails when the other end is gone again; the first read will say so.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    async fn open(raw: Self::Raw) -> io::Result<Opened<Self::Io>> {
        Ok(Opened::unmarked(raw))
    }
}

impl Accept for UnixListener {
    type Raw = (tokio::net::UnixStream, Peer);
    type Io = tokio::net::UnixStream;

    async fn next(&self) -> io::Result<Self::Raw> {
        loop {
            let (stream, _) = self.accept().await?;
            match stream.peer_cred() {
                Ok(credentials) => return Ok((stream, Peer::of_socket(credentials))),
                Err(error) => tracing::warn!(%error, "a connection without credentials was closed"),
            }
        }
    }

    async fn open((stream, peer): Self::Raw) -> io::Result<Opened<Self::Io>> {
        let mut opened = Opened::unmarked(stream);
        opened.marks.insert(peer);
        Ok(opened)
    }
}

/// When to end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Take no more, finish what runs.
    pub soft: CancellationToken,
    /// Let go.
    pub hard: CancellationToken,
}

/// Serves `router` on `listener` until the end. The listener is closed at the soft end; the call
/// returns when every request is answered, or at the hard end.
pub async fn serve<A: Accept>(listener: A, router: Router, ending: Ending) {
    let slots = Arc::new(Semaphore::new(A::MOST));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = ending.soft.cancelled() => break,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((raw, slot)) => {
                let (router, ending) = (router.clone(), ending.clone());
                connections.spawn(async move {
                    opened::<A>(raw, router, &ending).await;
                    drop(slot);
                });
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(error) => {
                // Out of file descriptors, most likely: some will be closed soon.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = ending.hard.cancelled() => tracing::warn!(left = connections.len(), "connections were cut"),
    }
}

/// Rest after a failure to accept, so that it is not repeated as fast as the machine can.
const PAUSE: Duration = Duration::from_millis(100);

async fn next<A: Accept>(listener: &A, slots: &Arc<Semaphore>) -> io::Result<(A::Raw, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.next().await?, slot))
}

/// Opens a connection and serves it. Where it is not open yet nothing was asked, so the soft end is its end.
async fn opened<A: Accept>(raw: A::Raw, router: Router, ending: &Ending) {
    let opened = tokio::select! {
        biased;
        () = ending.soft.cancelled() => return,
        opened = A::open(raw) => opened,
    };
    match opened {
        Ok(opened) => connection(opened, router, ending).await,
        Err(error) => tracing::debug!(%error, "a connection was not opened"),
    }
}

async fn connection<T>(opened: Opened<T>, router: Router, ending: &Ending)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Opened { io, marks, place } = opened;
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().extend(marks.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Counts from the end of the answer before, too: it is as well the longest time a connection stays idle.
        .header_read_timeout(HEAD_TIME)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = ending.soft.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = ending.hard.cancelled() => Ok(()),
            }
        }
    };
    drop(place);
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
