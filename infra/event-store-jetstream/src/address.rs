//! The address of a log on JetStream, as given on the command line.
//!
//! `jetstream://HOST:PORT[,HOST:PORT...][/STREAM]?replicas=3&monitor=HOST:PORT[,HOST:PORT...]`, with `USER:PASSWORD@` before a
//! host where the server asks for it, `credentials=FILE` and `tls=required`.

use std::path::PathBuf;
use std::str::FromStr;

/// What a log is called unless the address says otherwise.
const DEFAULT_STREAM: &str = "TICKETFLOW";
const SCHEME: &str = "jetstream://";
/// More copies than JetStream keeps.
const MAX_REPLICAS: usize = 5;

/// Where a log is.
#[derive(Clone, PartialEq, Eq)]
pub struct JetStreamAddress {
    /// `HOST:PORT`, perhaps with `USER:PASSWORD@` before it.
    pub servers: Vec<String>,
    /// Name of the stream that holds the log, and first part of its subjects.
    pub stream: String,
    /// Copies of each message: 1, 3 or 5.
    pub replicas: usize,
    /// `HOST:PORT` of the servers' monitoring pages, which tell whether they sync.
    pub monitors: Vec<String>,
    /// A file with credentials.
    pub credentials: Option<PathBuf>,
    /// Whether the connection has to be encrypted.
    pub tls: bool,
}

/// Why a text is not the address of a log on JetStream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not the address of a log on JetStream: {reason}; expected {SCHEME}HOST:PORT[,HOST:PORT]/STREAM?replicas=3&monitor=HOST:PORT[,HOST:PORT]"
)]
pub struct AddressError {
    text: String,
    reason: String,
}

impl FromStr for JetStreamAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| AddressError { text: without_passwords(text), reason })
    }
}

fn parse(text: &str) -> Result<JetStreamAddress, String> {
    let rest = text.strip_prefix(SCHEME).ok_or("it does not begin with jetstream://")?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (servers, stream) = place.split_once('/').unwrap_or((place, ""));
    let mut address = JetStreamAddress {
        servers: hosts(servers, 4222)?,
        stream: if stream.is_empty() { DEFAULT_STREAM.to_owned() } else { stream.to_owned() },
        replicas: 1,
        monitors: Vec::new(),
        credentials: None,
        tls: false,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !address.stream.chars().all(plain) || address.stream.len() > 64 {
        return Err("a stream's name has letters, digits, `_` and `-`, at most 64".to_owned());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "replicas" => {
                address.replicas = value
                    .parse()
                    .ok()
                    .filter(|count| (1..=MAX_REPLICAS).contains(count) && count % 2 == 1)
                    .ok_or("replicas are 1, 3 or 5")?;
            }
            "monitor" => address.monitors = hosts(value, 8222)?,
            "credentials" if !value.is_empty() => address.credentials = Some(value.into()),
            "tls" if value == "required" => address.tls = true,
            _ => return Err(format!("`{pair}` is not known in it")),
        }
    }
    Ok(address)
}

fn hosts(list: &str, default_port: u16) -> Result<Vec<String>, String> {
    list.split(',')
        .map(|host| {
            let name = host.rsplit_once('@').map_or(host, |(_, name)| name);
            let (name, port) = match name.rsplit_once(':') {
                Some((name, port)) if !name.ends_with(':') => (name, Some(port)),
                _ => (name, None),
            };
            if name.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_err()) {
                return Err("a server is named HOST:PORT".to_owned());
            }
            Ok(if port.is_some() { host.to_owned() } else { format!("{host}:{default_port}") })
        })
        .collect()
}

/// Passwords are not for messages.
fn without_passwords(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let hosts: Vec<&str> =
        rest.split(',').map(|host| host.rsplit_once('@').map_or(host, |(_, name)| name)).collect();
    if scheme.is_empty() { hosts.join(",") } else { format!("{scheme}://{}", hosts.join(",")) }
}

impl std::fmt::Debug for JetStreamAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", without_passwords(&format!("{SCHEME}{}/{}", self.servers.join(","), self.stream)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_defaults() {
        let address: JetStreamAddress = "jetstream://127.0.0.1".parse().unwrap();
        assert_eq!(address.servers, ["127.0.0.1:4222"]);
        assert_eq!((address.stream.as_str(), address.replicas), ("TICKETFLOW", 1));
        assert!(address.monitors.is_empty() && !address.tls);
        let address: JetStreamAddress =
            "jetstream://ana:s@cret@a:1,b:2/CELL_2?replicas=3&monitor=a:3,b&tls=required&credentials=/etc/nats.creds"
                .parse()
                .unwrap();
        assert_eq!(address.servers, ["ana:s@cret@a:1", "b:2"]);
        assert_eq!((address.stream.as_str(), address.replicas), ("CELL_2", 3));
        assert_eq!(address.monitors, ["a:3", "b:8222"]);
        assert_eq!(address.credentials, Some("/etc/nats.creds".into()));
        assert!(address.tls);
        assert!(!format!("{address:?}").contains("cret"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason_and_without_its_password() {
        for (text, reason) in [
            ("nats://a:1", "begin with"),
            ("jetstream://", "HOST:PORT"),
            ("jetstream://a:b", "HOST:PORT"),
            ("jetstream://a,", "HOST:PORT"),
            ("jetstream://a/x.y", "letters, digits"),
            ("jetstream://a?replicas=2", "1, 3 or 5"),
            ("jetstream://a?replicas=many", "1, 3 or 5"),
            ("jetstream://a?sync=off", "sync=off"),
            ("jetstream://u:secret@a?replicas=2", "1, 3 or 5"),
        ] {
            let error = text.parse::<JetStreamAddress>().unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("secret"), "{error}");
        }
    }
}
