//! A stand-in for the real server: small, slow, and with mistakes to order.
//!
//! `serve --listen ADDR --data DIR` keeps the contract as far as the kill test and the races use it. Every request that
//! may change something is appended to `DATA/requests.log` before it is answered and executed again at the next start,
//! so that it survives SIGKILL. `FAKE_BUG=name` plants one mistake. `verify` checks that the log is readable. `trivial`
//! answers everything with one canned hold, to find the load generator's own limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

mod trivial;
mod world;

use world::{Request, World};

const OPERATOR_KEY: &str = "fake-operator-key";

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let data = option("--data").unwrap_or_else(|| "data".to_owned());
    let listen = option("--listen").unwrap_or_else(|| "127.0.0.1:0".to_owned());
    match arguments.first().map(String::as_str) {
        Some("trivial") => trivial::serve(&announce(&listen)?),
        Some("verify") => {
            World::recover(Path::new(&data), &bug())?;
            println!("{{\"ok\":true}}");
            Ok(())
        }
        _ => serve(&listen, Path::new(&data)),
    }
}

fn bug() -> String {
    std::env::var("FAKE_BUG").unwrap_or_default()
}

fn announce(listen: &str) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    Ok(listener)
}

fn serve(listen: &str, data: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(data)?;
    std::fs::write(data.join("operator.key"), OPERATOR_KEY)?;
    let world = Arc::new(Mutex::new(World::recover(data, &bug())?));
    let listener = announce(listen)?;
    for stream in listener.incoming() {
        let (world, stream) = (Arc::clone(&world), stream?);
        std::thread::spawn(move || {
            // A client that goes away ends its thread, nothing else.
            let _ = answer_all(&world, stream);
        });
    }
    Ok(())
}

fn answer_all(world: &Mutex<World>, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = read_request(&mut reader)? {
        let (status, body, replayed) = world.lock().expect("no request panics").handle(&request);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mark = if replayed { "Idempotency-Replayed: true\r\n" } else { "" };
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
        stream.write_all(format!("HTTP/1.1 {status} Fake\r\n{mark}{length}\r\n{text}").as_bytes())?;
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, now_ms: world::now_ms(), ..Request::default() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "idempotency-key" => request.key = value.to_owned(),
            "hold-token" => request.hold_token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = serde_json::from_slice(&body).unwrap_or(json!({}));
    Ok(Some(request))
}

/// A problem document.
fn problem(status: u16, code: &str, more: Value) -> (u16, Value) {
    let mut body = json!({"type": "about:blank", "status": status, "code": code});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    (status, body)
}
