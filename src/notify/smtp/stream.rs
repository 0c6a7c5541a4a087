//! A connection that gives one line at a time, and not for ever.
//!
//! One line at a time: what somebody in between puts behind the answer to STARTTLS, in the clear, is then read by TLS, which has no use
//! for it, and is never taken for an answer of the server that was authenticated since (CVE-2011-0411). Not for ever: a server that
//! never ends a line must not fill the memory.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncBufRead as _, AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// Most bytes that a server may say on one connection: a few hundred for a message, and certificates.
const MOST: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Lines<S> {
    inner: BufReader<S>,
    peer: SocketAddr,
    left: usize,
}

impl<S: AsyncRead> Lines<S> {
    pub(super) fn of(stream: S, peer: SocketAddr) -> Self {
        Self { inner: BufReader::new(stream), peer, left: MOST }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lines<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.left;
        let there = ready!(Pin::new(&mut self.inner).poll_fill_buf(cx))?;
        let line = there.iter().position(|byte| *byte == b'\n').map_or(there.len(), |end| end + 1);
        let line = there.get(..line.min(into.remaining())).unwrap_or_default();
        let Some(left) = left.checked_sub(line.len()) else {
            return Poll::Ready(Err(io::Error::other(format!("it says more than {MOST} bytes"))));
        };
        let length = line.len();
        into.put_slice(line);
        Pin::new(&mut self.inner).consume(length);
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lines<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.inner.get_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> AsyncTokioStream for Lines<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn lines(bytes: &[u8]) -> Lines<&[u8]> {
        Lines::of(bytes, SocketAddr::from(([127, 0, 0, 1], 25)))
    }

    #[tokio::test]
    async fn a_read_ends_with_its_line() {
        let mut stream = lines(b"220 go\r\n250 forged\r\nrest");
        let mut buffer = [0; 64];
        for expected in ["220 go\r\n", "250 forged\r\n", "rest", ""] {
            let read = stream.read(&mut buffer).await.unwrap();
            assert_eq!(std::str::from_utf8(&buffer[..read]).unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_line_without_an_end_has_one() {
        let endless = vec![b'x'; MOST + 1];
        let mut all = Vec::new();
        let error = lines(&endless).read_to_end(&mut all).await.unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
        assert!(all.len() <= MOST);
    }
}
