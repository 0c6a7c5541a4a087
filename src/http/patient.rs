//! A connection whose other end has to take what it is sent: one that asks and then reads nothing gives its place up.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::limits::ANSWER_TIME;

/// A connection on which nothing waits longer than [`ANSWER_TIME`] to be taken.
#[derive(Debug)]
pub struct Patient<T> {
    io: T,
    /// Since a write could not go on.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
    /// `io`, held to the limit.
    pub(super) fn new(io: T) -> Self {
        Self { io, waits: None }
    }
}

impl<T: AsyncWrite + Unpin> Patient<T> {
    /// Tries to go on; an end to the patience is an error.
    fn go_on<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.io), cx) {
            self.waits = None;
            return Poll::Ready(done);
        }
        let waits = self.waits.get_or_insert_with(|| Box::pin(tokio::time::sleep(ANSWER_TIME)));
        let gone = || Err(io::Error::new(io::ErrorKind::TimedOut, "the answer was not taken"));
        waits.as_mut().poll(cx).map(|()| gone())
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.go_on(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.go_on(cx, |io, cx| io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.go_on(cx, |io, cx| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.go_on(cx, |io, cx| io.poll_shutdown(cx))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_takes_a_little_is_not() {
        let (ours, mut theirs) = duplex(64);
        let mut patient = Patient::new(ours);
        let reading = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(ANSWER_TIME * 2 / 3).await;
                theirs.read_exact(&mut [0; 64]).await.unwrap();
            }
            theirs
        });
        patient.write_all(&[7; 5 * 64]).await.unwrap();
        let _theirs = reading.await.unwrap();
        let began = tokio::time::Instant::now();
        let error = patient.write_all(&[7]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, ANSWER_TIME));
    }
}
