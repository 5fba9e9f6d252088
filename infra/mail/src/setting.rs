//! Where mails go, as an operator writes it in one line.
//!
//! Invariant: no error and no `Debug` has a password in it, or the line that has.

use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// A server that has not answered by then is taken for gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// The longest wait that can be set.
const MAX_ANSWER_SECONDS: u64 = 600;

/// Where mails go: `file:FOLDER`, or `SCHEME://[USER:PASSWORD@]HOST[:PORT]` with one of the schemes
///
/// - `smtp`: without encryption, port 25; only to this machine and private networks,
/// - `smtp+starttls`: nothing is said before STARTTLS has encrypted the connection, port 587,
/// - `smtps`: TLS from the first byte, port 465.
///
/// After it may come `?` and, with `&` between: `hello=NAME`, as which the client introduces itself; `ca=FILE`, certificates in
/// PEM to trust in place of the system's; `answer_seconds=N`, how long an answer is waited for. In names and passwords, what
/// means something in a URL is written as `%40` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailSetting {
    /// A file each in this folder.
    Folder(PathBuf),
    /// An SMTP server.
    Smtp(SmtpServerSetting),
}

/// An SMTP server and how to talk to it.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServerSetting {
    pub(crate) security: Security,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// User and password.
    pub(crate) login: Option<(String, String)>,
    pub(crate) hello: Option<String>,
    pub(crate) certificates: Option<PathBuf>,
    pub(crate) answer_limit: Duration,
}

/// Who can read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    StartTls,
    Tls,
}

impl Security {
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "smtp",
            Self::StartTls => "smtp+starttls",
            Self::Tls => "smtps",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Plain => 25,
            Self::StartTls => 587,
            Self::Tls => 465,
        }
    }
}

/// Why a text does not say where mails go. The text is not repeated: it may have a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMailSetting {
    /// Nothing that begins like this is known.
    #[error("`file:FOLDER`, `smtp://HOST`, `smtp+starttls://HOST` or `smtps://HOST` is expected")]
    Scheme,
    /// The folder has no name.
    #[error("`file:` is followed by the path of a folder")]
    Folder,
    /// It is no URL, or has a path.
    #[error("after the scheme comes `USER:PASSWORD@HOST:PORT`, and nothing else before a `?`")]
    Server,
    /// A name without its password, or what is not UTF-8.
    #[error("a user and a password come together, in UTF-8")]
    Login,
    /// Everybody on the way could read mails and passwords.
    #[error(
        "`smtp://` does not encrypt and is for this machine and private networks: use `smtps://` or `smtp+starttls://`"
    )]
    PlainToPublic,
    /// One of the settings after the `?`.
    #[error(
        "after `?`, `hello=NAME`, `ca=FILE` and `answer_seconds=` 1 to {MAX_ANSWER_SECONDS} are understood, each once"
    )]
    Parameter,
}

impl FromStr for MailSetting {
    type Err = InvalidMailSetting;

    fn from_str(text: &str) -> Result<Self, InvalidMailSetting> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidMailSetting::Scheme)?;
        let security = match scheme {
            "file" if rest.is_empty() => return Err(InvalidMailSetting::Folder),
            "file" => return Ok(Self::Folder(rest.strip_prefix("//").unwrap_or(rest).into())),
            "smtp" => Security::Plain,
            "smtp+starttls" => Security::StartTls,
            "smtps" => Security::Tls,
            _ => return Err(InvalidMailSetting::Scheme),
        };
        let url = Url::parse(text).map_err(|_| InvalidMailSetting::Server)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidMailSetting::Server)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() || url.port() == Some(0) {
            return Err(InvalidMailSetting::Server);
        }
        let is_public = host.parse().is_ok_and(|address| !is_private(address));
        if security == Security::Plain && is_public {
            return Err(InvalidMailSetting::PlainToPublic);
        }
        let port = url.port().unwrap_or(security.port());
        let login = login(&url)?;
        let mut server = SmtpServerSetting {
            security,
            host,
            port,
            login,
            hello: None,
            certificates: None,
            answer_limit: ANSWER_LIMIT,
        };
        server.parameters(&url)?;
        Ok(Self::Smtp(server))
    }
}

impl SmtpServerSetting {
    fn parameters(&mut self, url: &Url) -> Result<(), InvalidMailSetting> {
        let mut seen = Vec::new();
        for (name, value) in url.query_pairs() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            match &*name {
                "hello" if !value.is_empty() && value.chars().all(is_name) => {
                    self.hello = Some(value.into_owned());
                }
                "ca" if !value.is_empty() && self.security != Security::Plain => {
                    self.certificates = Some(PathBuf::from(&*value));
                }
                "answer_seconds" => match value.parse() {
                    Ok(seconds @ 1..=MAX_ANSWER_SECONDS) => self.answer_limit = Duration::from_secs(seconds),
                    _ => return Err(InvalidMailSetting::Parameter),
                },
                _ => return Err(InvalidMailSetting::Parameter),
            }
            if seen.contains(&name) {
                return Err(InvalidMailSetting::Parameter);
            }
            seen.push(name);
        }
        Ok(())
    }
}

fn login(url: &Url) -> Result<Option<(String, String)>, InvalidMailSetting> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| InvalidMailSetting::Login)
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None | Some("")) => Err(InvalidMailSetting::Login),
        (user, Some(password)) => Ok(Some((decode(user)?, decode(password)?))),
    }
}

/// Whether an address is of this machine or of a network that is not the internet.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            // 100.64.0.0/10 is for networks behind carriers and overlays.
            let is_shared = address.octets()[0] == 100 && address.octets()[1] & 0xC0 == 64;
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Without the password, and without the user's name.
impl fmt::Debug for SmtpServerSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// `smtps://HOST:PORT`: as logs may show it.
impl fmt::Display for SmtpServerSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { security, host, port, .. } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(formatter, "{}://{open}{host}{close}:{port}", security.scheme())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_private_or_the_internet() {
        let private =
            ["127.0.0.1", "::1", "10.0.0.1", "172.16.3.4", "192.168.0.9", "169.254.1.1", "100.64.0.1"];
        let also_private = ["100.127.255.255", "fd00::1", "fe80::1", "::ffff:10.0.0.1"];
        for address in private.into_iter().chain(also_private) {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in
            ["192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0", "::"]
        {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
