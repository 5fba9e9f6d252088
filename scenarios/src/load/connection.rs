//! One non-blocking keep-alive connection of the load loop: a request being written, an answer being read.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use thiserror::Error;

use crate::http::{ProtocolError, ResponseReader};

/// Kept part of each body: enough for a hold or an order of ten seats, and for a problem document.
const KEPT_BODY: usize = 16 * 1024;
/// Receive buffer of a reader that never reads: small, so that the server feels it at once.
const MUTE_RECEIVE_BUFFER: usize = 4096;
/// Requests that a never-reading client sends before it falls silent.
const MUTE_REQUESTS: usize = 4096;

/// Why a connection is of no more use.
#[derive(Debug, Error)]
pub(crate) enum Broken {
    /// The other side closed it, or the system reported an error.
    #[error("connection lost")]
    Io(#[from] std::io::Error),
    /// The bytes make no sense.
    #[error("unreadable answer")]
    Protocol(#[from] ProtocolError),
}

/// A connection and the request in flight on it.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) reader: ResponseReader,
    /// The request; the workload writes it here, the buffer is reused.
    pub(crate) request: Vec<u8>,
    written: usize,
    /// Kind of request in flight, an index into the workload's lanes.
    pub(crate) lane: usize,
    /// When the request in flight should have been sent, nanoseconds on the run's clock.
    pub(crate) intended_ns: u64,
    pub(crate) in_flight: bool,
    /// Whether the poller also watches for room to write.
    pub(crate) watches_writes: bool,
    pub(crate) parked: bool,
    pub(crate) finished: bool,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            reader: ResponseReader::new(KEPT_BODY),
            request: Vec::with_capacity(1024),
            written: 0,
            lane: 0,
            intended_ns: 0,
            in_flight: false,
            watches_writes: false,
            parked: false,
            finished: false,
        })
    }

    /// Starts writing `request`; true when all of it went out.
    pub(crate) fn start(&mut self, lane: usize, intended_ns: u64) -> Result<bool, Broken> {
        self.lane = lane;
        self.intended_ns = intended_ns;
        self.in_flight = true;
        self.written = 0;
        self.write_on()
    }

    /// Goes on writing; true when nothing is left.
    pub(crate) fn write_on(&mut self) -> Result<bool, Broken> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Reads once; true when the answer is complete.
    pub(crate) fn read_on(&mut self, scratch: &mut [u8]) -> Result<bool, Broken> {
        match self.stream.read(scratch) {
            Ok(0) => Err(Broken::Io(ErrorKind::UnexpectedEof.into())),
            Ok(_) if !self.in_flight => Err(Broken::Io(std::io::Error::other("an answer to no request"))),
            Ok(count) => Ok(self.reader.push(&scratch[..count])?.1),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A client that asks and asks and never reads an answer. Dropping it closes the connection.
pub(crate) struct MuteReader {
    _stream: TcpStream,
    pub(crate) requests: usize,
}

impl MuteReader {
    /// Sends this request until the server stops taking it, or often enough to fill every buffer in between.
    pub(crate) fn open(address: SocketAddr, request: &[u8]) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        set_socket_recv_buffer_size(&stream, MUTE_RECEIVE_BUFFER)?;
        stream.set_nonblocking(true)?;
        let mut requests = 0;
        while requests < MUTE_REQUESTS {
            match stream.write(request) {
                Ok(count) if count == request.len() => requests += 1,
                // Half a request is as good an end as none: nothing more will be read either way.
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Self { _stream: stream, requests })
    }
}
