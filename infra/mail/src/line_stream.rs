//! A TCP stream that is read a line at a time and no further.
//!
//! Before STARTTLS has encrypted a connection, somebody between could put answers of their own behind the server's, for the client
//! to find in its buffer once it believes that nobody can. Here they stay on the wire, where they are no TLS.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Of one read. TLS is read in pieces too: answers to mails are short.
const PIECE: usize = 2_048;

/// See above.
#[derive(Debug)]
pub(crate) struct LineStream(pub(crate) TcpStream);

impl AsyncRead for LineStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(PIECE);
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut bytes = [0; PIECE];
        let there = ready!(self.0.poll_peek(context, &mut ReadBuf::new(&mut bytes[..room])))?;
        let line = bytes[..there].iter().position(|byte| *byte == b'\n').map_or(there, |end| end + 1);
        if line == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut piece = ReadBuf::new(&mut bytes[..line]);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut piece))?;
        buffer.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl AsyncTokioStream for LineStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}
