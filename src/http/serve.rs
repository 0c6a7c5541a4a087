//! The accept loop: connections within limits, and an end that lets requests finish.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::limits::{HEAD_TIME, LARGEST_HEAD, MOST_CONNECTIONS, MOST_HEADERS};
use crate::authn::local::Peer;

/// Where connections come from.
pub trait Accept: Send + 'static {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, with its peer where the kernel knows it.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Io, Option<Peer>)>> + Send;
}

impl Accept for TcpListener {
    type Io = tokio::net::TcpStream;

    async fn next(&self) -> io::Result<(Self::Io, Option<Peer>)> {
        let (stream, _) = self.accept().await?;
        // Only fails when the other end is gone again; the first read will say so.
        let _ = stream.set_nodelay(true);
        Ok((stream, None))
    }
}

impl Accept for UnixListener {
    type Io = tokio::net::UnixStream;

    async fn next(&self) -> io::Result<(Self::Io, Option<Peer>)> {
        loop {
            let (stream, _) = self.accept().await?;
            match stream.peer_cred() {
                Ok(credentials) => return Ok((stream, Some(Peer::of_socket(credentials)))),
                Err(error) => tracing::warn!(%error, "a connection without credentials was closed"),
            }
        }
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
pub async fn serve(listener: impl Accept, router: Router, ending: Ending) {
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = ending.soft.cancelled() => break,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((io, peer, slot)) => {
                let (router, ending) = (router.clone(), ending.clone());
                connections.spawn(async move {
                    connection(io, peer, router, &ending).await;
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

type Accepted<T> = (T, Option<Peer>, tokio::sync::OwnedSemaphorePermit);

async fn next<A: Accept>(listener: &A, slots: &Arc<Semaphore>) -> io::Result<Accepted<A::Io>> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (io, peer) = listener.next().await?;
    Ok((io, peer, slot))
}

async fn connection<T>(io: T, peer: Option<Peer>, router: Router, ending: &Ending)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
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
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
