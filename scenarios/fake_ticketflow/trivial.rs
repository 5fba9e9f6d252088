//! The cheapest server there can be: one thread, one canned answer. What the load generator reaches against it is the
//! generator's own limit.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 281\r\nx-instance: fake\r\n\r\n\
{\"hold_id\":\"01J00000000000000000000000\",\"hold_token\":\"tok_0123456789abcdef0123456789abcdef\",\"seats\":[{\"seat\":\"P-R100-100\",\"price\":25000,\"revision\":1}],\"total\":25000,\"expires_at\":\"2099-01-01T00:00:00Z\",\"position\":123456789,\"show_id\":\"01J00000000000000000000001\",\"seats_total\":45000}";

/// Answers every request with the same hold, for ever.
pub(crate) fn serve(listener: &TcpListener) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poller, listener, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    let mut streams: Vec<Option<(TcpStream, usize)>> = vec![None];
    let mut events = Vec::with_capacity(1024);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        epoll::wait(&poller, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let index = event.data.u64() as usize;
            if index == 0 {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let data = epoll::EventData::new_u64(streams.len() as u64);
                    epoll::add(&poller, &stream, data, epoll::EventFlags::IN)?;
                    streams.push(Some((stream, 0)));
                }
            } else if !answer(&mut streams[index], &mut bytes) {
                streams[index] = None;
            }
        }
    }
}

/// One read is one request, because the generator sends each in one piece; only a plan comes in many.
fn answer(connection: &mut Option<(TcpStream, usize)>, bytes: &mut [u8]) -> bool {
    let Some((stream, missing)) = connection else { return false };
    match stream.read(bytes) {
        Ok(0) => false,
        Ok(count) => {
            *missing =
                if *missing > 0 { missing.saturating_sub(count) } else { missing_of_plan(&bytes[..count]) };
            *missing > 0 || stream.write_all(ANSWER).is_ok()
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Bytes of a plan that have not arrived yet; zero for every other request.
fn missing_of_plan(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"POST /v1/shows HTTP") {
        return 0;
    }
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return 0 };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    length.unwrap_or(0).saturating_sub(body.len())
}
