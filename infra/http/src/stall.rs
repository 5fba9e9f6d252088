//! The write side's watch of one connection: a client that does not read its answer is dropped, and a client that is
//! still sending when the connection ends gets to read its answer first.
//!
//! Invariants: the peer takes at least [`STALL_PROGRESS_BYTES`] in each stall window or the write fails; no timer
//! exists while the peer keeps up; after the last answer at most [`LINGER_LIMIT_BYTES`] are read and thrown away.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::alarm::ConnectionClock;

/// What a stalled peer must take within one window to be kept: enough that sipping single bytes does not hold a
/// connection, little enough for the worst mobile link.
const STALL_PROGRESS_BYTES: usize = 4 << 10;
/// How long a closed connection is still read from, so that the close does not reset what the peer has yet to read.
const LINGER: Duration = Duration::from_secs(1);
/// What is thrown away at most while lingering.
const LINGER_LIMIT_BYTES: usize = 4 << 20;
const LINGER_READ_BYTES: usize = 16 << 10;

pub(crate) struct WatchedStream {
    stream: TcpStream,
    clock: ConnectionClock,
    stall_window: Duration,
    stall: Option<Stall>,
    linger: Option<Linger>,
}

/// A window in which the peer has to take [`STALL_PROGRESS_BYTES`].
struct Stall {
    alarm: Pin<Box<Sleep>>,
    taken_bytes: usize,
}

struct Linger {
    alarm: Pin<Box<Sleep>>,
    left_bytes: usize,
}

impl WatchedStream {
    pub(crate) fn new(stream: TcpStream, clock: ConnectionClock, stall_window: Duration) -> Self {
        Self { stream, clock, stall_window, stall: None, linger: None }
    }

    /// Judges the outcome of one write of `offered` bytes.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(taken)) if taken < offered => {
                if let Some(stall) = &mut self.stall {
                    stall.taken_bytes = stall.taken_bytes.saturating_add(taken);
                }
                Poll::Ready(Ok(taken))
            }
            Poll::Ready(result) => {
                self.stall = None;
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.poll_stall(cx));
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client stopped reading its answer",
                )))
            }
        }
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let window = self.stall_window;
        let stall = self
            .stall
            .get_or_insert_with(|| Stall { alarm: Box::pin(tokio::time::sleep(window)), taken_bytes: 0 });
        while stall.alarm.as_mut().poll(cx).is_ready() {
            if stall.taken_bytes < STALL_PROGRESS_BYTES {
                return Poll::Ready(());
            }
            stall.taken_bytes = 0;
            stall.alarm.as_mut().reset(Instant::now() + window);
        }
        Poll::Pending
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.clock.note_read(buffer.filled().len() - before);
        result
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, offered, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Sends the end of the stream, then reads on for a moment: closing a socket with unread input resets it, and a
    /// reset can overtake the answer on its way to the client.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(|| Linger {
            alarm: Box::pin(tokio::time::sleep(LINGER)),
            left_bytes: LINGER_LIMIT_BYTES,
        });
        let mut discarded = [0; LINGER_READ_BYTES];
        while linger.left_bytes > 0 {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.left_bytes = linger.left_bytes.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(linger.alarm.as_mut().poll(cx));
                    return Poll::Ready(Ok(()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const WINDOW: Duration = Duration::from_secs(60);

    async fn pair() -> (WatchedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap());
        let (peer, accepted) = tokio::join!(peer, listener.accept());
        let clock = ConnectionClock::new(WINDOW, WINDOW);
        let watched = WatchedStream::new(accepted.unwrap().0, clock, WINDOW);
        (watched, peer.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_reads_is_given_up_after_one_window() {
        let (mut watched, _peer) = pair().await;
        let started = Instant::now();
        let error = loop {
            if let Err(error) = watched.write(&[0; 64 << 10]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), WINDOW.as_secs());
    }

    /// Fills what the kernel buffers, so that the next write has to wait for the peer.
    fn block_next_write(watched: &mut WatchedStream) {
        while watched.stream.try_write(&[0; 64 << 10]).is_ok() {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_too_little_in_a_window_is_given_up() {
        let (mut watched, _peer) = pair().await;
        block_next_write(&mut watched);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for (taken, kept) in [(STALL_PROGRESS_BYTES, true), (STALL_PROGRESS_BYTES - 1, false)] {
            assert!(watched.watch(&mut cx, 9, Poll::Pending).is_pending());
            assert!(watched.watch(&mut cx, usize::MAX, Poll::Ready(Ok(taken))).is_ready());
            tokio::time::advance(WINDOW).await;
            let verdict = watched.watch(&mut cx, 9, Poll::Pending);
            assert_eq!(verdict.is_pending(), kept, "{taken} bytes in a window");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_catches_up_starts_afresh() {
        let (mut watched, _peer) = pair().await;
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(watched.watch(&mut cx, 9, Poll::Pending).is_pending());
        tokio::time::advance(WINDOW / 2).await;
        assert!(watched.watch(&mut cx, 9, Poll::Ready(Ok(9))).is_ready());
        assert!(watched.stall.is_none());
        assert!(watched.watch(&mut cx, 9, Poll::Pending).is_pending());
        tokio::time::advance(WINDOW * 3 / 4).await;
        assert!(watched.watch(&mut cx, 9, Poll::Pending).is_pending());
    }

    #[tokio::test]
    async fn a_peer_still_sending_reads_its_answer_before_the_close() {
        let (mut watched, mut peer) = pair().await;
        let unread = vec![7; 1 << 20];
        let (sent, received) = tokio::join!(
            async {
                peer.write_all(&unread).await?;
                let mut answer = Vec::new();
                peer.read_to_end(&mut answer).await?;
                drop(peer);
                io::Result::Ok(answer)
            },
            async {
                watched.write_all(b"refused").await?;
                watched.shutdown().await?;
                drop(watched);
                io::Result::Ok(())
            }
        );
        received.unwrap();
        assert_eq!(sent.unwrap(), b"refused");
    }

    #[tokio::test(start_paused = true)]
    async fn lingering_ends_when_the_peer_stays_silent() {
        let (mut watched, _peer) = pair().await;
        let started = Instant::now();
        watched.shutdown().await.unwrap();
        assert_eq!(started.elapsed().as_secs(), LINGER.as_secs());
    }
}
