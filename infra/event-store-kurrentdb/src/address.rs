//! The address of a log on KurrentDB, as given on the command line.
//!
//! `kurrentdb://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...][/LOG]?tls=false&tlsVerifyCert=false&tlsCaFile=FILE`, or
//! `kurrentdb+discover://` with one name that stands for all servers of a cluster. User, password and files are spelled as
//! in any URL: `%40` for `@`.

use std::str::FromStr;

use kurrentdb::{ClientSettings, Credentials};
use percent_encoding::percent_decode_str;

/// What a log is called unless the address says otherwise.
const DEFAULT_LOG: &str = "TICKETFLOW";
const SCHEME: &str = "kurrentdb://";
const DISCOVER: &str = "kurrentdb+discover://";
const DEFAULT_PORT: u16 = 2113;
/// What the client is told of itself: who it is, that a try to connect fails soon, and that the leader answers.
const OWN_SETTINGS: &str =
    "connectionName=ticketflow&discoveryInterval=100&gossipTimeout=2000&nodePreference=leader";

/// Where a log is.
#[derive(Clone, PartialEq, Eq)]
pub struct KurrentAddress {
    /// `HOST:PORT`.
    pub servers: Vec<String>,
    /// Whether the one name in `servers` stands for all servers of a cluster.
    pub discover: bool,
    /// Name of the log: its streams begin with it.
    pub log: String,
    /// Whether the connection is encrypted.
    pub tls: bool,
    credentials: Option<(String, String)>,
    /// Settings for TLS, as the client spells them.
    tls_settings: Vec<(&'static str, String)>,
}

/// Why a text is not the address of a log on KurrentDB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not the address of a log on KurrentDB: {reason}; expected {SCHEME}[USER:PASSWORD@]HOST:PORT[,HOST:PORT][/LOG][?tls=false]"
)]
pub struct AddressError {
    text: String,
    reason: String,
}

impl FromStr for KurrentAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| AddressError { text: without_password(text), reason })
    }
}

fn parse(text: &str) -> Result<KurrentAddress, String> {
    let (discover, rest) = match (text.strip_prefix(SCHEME), text.strip_prefix(DISCOVER)) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(format!("it does not begin with {SCHEME} or {DISCOVER}")),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, place) = match place.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, place),
    };
    let (servers, log) = place.split_once('/').unwrap_or((place, ""));
    let mut address = KurrentAddress {
        servers: servers.split(',').map(host).collect::<Result<_, _>>()?,
        discover,
        log: if log.is_empty() { DEFAULT_LOG.to_owned() } else { log.to_owned() },
        tls: true,
        credentials: user.map(credentials).transpose()?,
        tls_settings: Vec::new(),
    };
    if discover && address.servers.len() > 1 {
        return Err("one name is enough to discover a cluster".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !address.log.chars().all(plain) || address.log.len() > 64 {
        return Err("a log's name has letters, digits and `_`, at most 64".to_owned());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let yes_or_no = || value.parse::<bool>().map_err(|_| format!("{name} is true or false"));
        match name.to_ascii_lowercase().as_str() {
            "tls" => address.tls = yes_or_no()?,
            "tlsverifycert" => address.tls_settings.push(("tlsVerifyCert", yes_or_no()?.to_string())),
            "tlscafile" if !value.is_empty() => address.tls_settings.push(("tlsCaFile", value.to_owned())),
            "usercertfile" if !value.is_empty() => {
                address.tls_settings.push(("userCertFile", value.to_owned()));
            }
            "userkeyfile" if !value.is_empty() => {
                address.tls_settings.push(("userKeyFile", value.to_owned()))
            }
            _ => return Err(format!("`{pair}` is not known in it")),
        }
    }
    address.settings()?;
    Ok(address)
}

fn host(text: &str) -> Result<String, String> {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, port.parse().map_err(|_| "a server is named HOST:PORT".to_owned())?),
        None => (text, DEFAULT_PORT),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a server is named HOST:PORT".to_owned());
    }
    Ok(format!("{name}:{port}"))
}

fn credentials(text: &str) -> Result<(String, String), String> {
    let (user, password) = text.split_once(':').ok_or("before the @ are USER:PASSWORD")?;
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| "user and password are UTF-8".to_owned())
    };
    Ok((decode(user)?, decode(password)?))
}

impl KurrentAddress {
    /// What the client wants to know, but for the password: it would send that as it is spelled here.
    pub(crate) fn settings(&self) -> Result<ClientSettings, String> {
        let scheme = if self.discover { DISCOVER } else { SCHEME };
        let mut text = format!("{scheme}{}?tls={}&{OWN_SETTINGS}", self.servers.join(","), self.tls);
        for (name, value) in &self.tls_settings {
            text.push_str(&format!("&{name}={value}"));
        }
        text.parse().map_err(|error: kurrentdb::ClientSettingsParseError| error.message().to_owned())
    }

    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let (user, password) = self.credentials.clone()?;
        Some(Credentials::new(user, password))
    }

    /// User and password in clear.
    pub(crate) fn user_and_password(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }
}

/// Passwords are not for messages.
fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    if query.is_empty() { format!("{scheme}{place}") } else { format!("{scheme}{place}?{query}") }
}

impl std::fmt::Debug for KurrentAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.discover { DISCOVER } else { SCHEME };
        write!(f, "{scheme}{}/{}", self.servers.join(","), self.log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_defaults() {
        let address: KurrentAddress = "kurrentdb://127.0.0.1".parse().unwrap();
        assert_eq!(address.servers, ["127.0.0.1:2113"]);
        assert_eq!((address.log.as_str(), address.tls, address.discover), ("TICKETFLOW", true, false));
        assert!(address.credentials().is_none());
        let settings = address.settings().unwrap();
        assert!(settings.is_secure_mode_enabled() && settings.is_tls_certificate_verification_enabled());
        assert_eq!(settings.node_preference(), kurrentdb::NodePreference::Leader);
        let address: KurrentAddress =
            "kurrentdb://ana:s%40cret@a:1,b,c.d:3/CELL_2?tlsVerifyCert=false&tlsCAFile=/etc/ca.pem"
                .parse()
                .unwrap();
        assert_eq!(address.servers, ["a:1", "b:2113", "c.d:3"]);
        assert_eq!(address.log, "CELL_2");
        assert_eq!(address.user_and_password(), Some(("ana", "s@cret")));
        assert!(!format!("{address:?}").contains("cret"));
        let settings = address.settings().unwrap();
        let hosts: Vec<_> = settings.hosts().iter().map(|host| (host.host.as_str(), host.port)).collect();
        assert_eq!(hosts, [("a", 1), ("b", 2113), ("c.d", 3)]);
        assert!(!settings.is_tls_certificate_verification_enabled());
        assert_eq!(settings.tls_ca_file(), Some(&"/etc/ca.pem".to_owned()));
        assert!(settings.default_authenticated_user().is_none());
        let address: KurrentAddress = "kurrentdb+discover://db.example?tls=false".parse().unwrap();
        assert!(address.discover && !address.tls && address.settings().unwrap().is_dns_discovery_enabled());
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason_and_without_its_password() {
        for (text, reason) in [
            ("esdb://a:1", "begin with"),
            ("kurrentdb://", "HOST:PORT"),
            ("kurrentdb://a:b", "HOST:PORT"),
            ("kurrentdb://a,", "HOST:PORT"),
            ("kurrentdb://a b", "HOST:PORT"),
            ("kurrentdb+discover://a,b", "one name"),
            ("kurrentdb://a/x.y", "letters, digits"),
            ("kurrentdb://a?tls=maybe", "true or false"),
            ("kurrentdb://a?sync=off", "sync=off"),
            ("kurrentdb://a?userCertFile=x", "userKeyFile"),
            ("kurrentdb://secret@a", "USER:PASSWORD"),
            ("kurrentdb://u:secret@a?tls=1", "true or false"),
            ("kurrentdb://u:se@cret@a:x", "HOST:PORT"),
            ("u:secret@a:x", "begin with"),
        ] {
            let error = text.parse::<KurrentAddress>().unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("cret"), "{error}");
        }
    }
}
