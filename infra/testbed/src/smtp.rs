//! A private SMTP server that keeps what it accepts, and fails in the ways it is told to.
//!
//! It is aiosmtpd, an implementation of SMTP that is not ours, run by the script beside this file. Mails that were accepted
//! stay when it is stopped, killed and restarted.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::error::{Doing, TestbedError};
use crate::ports::free_port;
use crate::process::ServerProcess;
use crate::program::{python_with_aiosmtpd, run};

const SCRIPT: &str = include_str!("smtp_server.py");
/// Of a server of this machine with these names; no authority, so that trust in it is trust in nothing else.
const CERTIFICATE: &str = "[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = extensions\n\
    [name]\nCN = localhost\n\
    [extensions]\nsubjectAltName = DNS:localhost,IP:127.0.0.1\nbasicConstraints = critical,CA:FALSE\n";
const START_LIMIT: Duration = Duration::from_secs(20);
const GREETING_LIMIT: Duration = Duration::from_secs(2);

/// How a server talks to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Without encryption.
    Plain,
    /// Takes mails only after STARTTLS.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// What goes wrong. By default nothing does.
#[derive(Debug, Clone, Default)]
pub struct SmtpFaults {
    /// The sender is answered 550.
    pub refuse_sender: bool,
    /// Recipients in whose address this regular expression of Python is found are answered 550.
    pub refuse_recipients: Option<String>,
    /// Every mail is answered 554 once it was sent.
    pub refuse_content: bool,
    /// So many recipients are answered 451.
    pub busy: u32,
    /// So many mails are received whole and kept, and the connection is cut in place of an answer.
    pub cut_and_keep: u32,
    /// So many mails are received whole and lost, and the connection is cut in place of an answer.
    pub cut_and_lose: u32,
    /// Before a mail that was received is answered.
    pub delay: Duration,
}

/// A mail that a server accepted.
#[derive(Debug, Clone)]
pub struct AcceptedMail {
    /// As the envelope has it.
    pub sender: String,
    /// As the envelope has them.
    pub recipients: Vec<String>,
    /// The mail's bytes.
    pub content: Vec<u8>,
    /// Whether it came through TLS.
    pub is_encrypted: bool,
    /// Whether the client had said who it is.
    pub is_authenticated: bool,
    /// Tells the connections apart, those before a restart too.
    pub connection: String,
}

/// A private SMTP server. Ends when dropped, and its folder goes.
#[derive(Debug)]
pub struct SmtpServer {
    program: PathBuf,
    arguments: Vec<OsString>,
    port: u16,
    process: ServerProcess,
    folder: tempfile::TempDir,
}

impl SmtpServer {
    /// Starts one without encryption, for everybody.
    ///
    /// # Errors
    /// [`TestbedError::Missing`] where aiosmtpd is not installed; else what went wrong.
    pub fn start() -> Result<Self, TestbedError> {
        Self::start_with(SmtpSecurity::Plain, None)
    }

    /// Starts one with encryption, or only for who has this name and password.
    ///
    /// # Errors
    /// As [`Self::start`]; for encryption, `openssl` has to be there too.
    pub fn start_with(security: SmtpSecurity, login: Option<(&str, &str)>) -> Result<Self, TestbedError> {
        let program = python_with_aiosmtpd()?;
        let folder = tempfile::Builder::new().prefix("ticketflow-smtp-").tempdir();
        let folder = folder.doing("make a folder in", std::env::temp_dir())?;
        let port = free_port()?;
        let script = folder.path().join("smtp_server.py");
        std::fs::write(&script, SCRIPT).doing("write", &script)?;
        let mails = folder.path().join("mails");
        std::fs::create_dir(&mails).doing("make", mails)?;
        let security_name = match security {
            SmtpSecurity::Plain => "plain",
            SmtpSecurity::StartTls => "starttls",
            SmtpSecurity::Tls => "tls",
        };
        let mut arguments: Vec<OsString> =
            vec![script.into(), folder.path().into(), port.to_string().into(), security_name.into()];
        if let Some((user, password)) = login {
            arguments.extend([user.into(), password.into()]);
        }
        let process = ServerProcess::new("the SMTP server", folder.path().join("server.log"), Signal::TERM);
        let mut server = Self { program, arguments, port, process, folder };
        if security != SmtpSecurity::Plain {
            server.make_certificate()?;
        }
        server.behave(&SmtpFaults::default())?;
        server.restart()?;
        Ok(server)
    }

    fn make_certificate(&self) -> Result<(), TestbedError> {
        let configuration = self.folder().join("certificate.conf");
        std::fs::write(&configuration, CERTIFICATE).doing("write", &configuration)?;
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-days", "2", "-config"]).arg(configuration);
        openssl.arg("-keyout").arg(self.folder().join("key.pem")).arg("-out").arg(self.certificate());
        run("openssl", &mut openssl).map(|_| ())
    }

    /// Starts it if it is down, on the same port, and waits until it greets.
    ///
    /// # Errors
    /// [`TestbedError`].
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        if self.process.id().is_none() {
            self.process.start(Command::new(&self.program).args(&self.arguments))?;
        }
        let address = self.address();
        self.process.wait_until(START_LIMIT, || {
            std::net::TcpStream::connect_timeout(&address, GREETING_LIMIT).is_ok()
        })
    }

    /// What goes wrong from now on. Counts begin anew.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn behave(&self, faults: &SmtpFaults) -> Result<(), TestbedError> {
        let faults = json!({
            "refuse_sender": faults.refuse_sender,
            "refuse_recipients": faults.refuse_recipients,
            "refuse_content": faults.refuse_content,
            "busy": faults.busy,
            "cut_and_keep": faults.cut_and_keep,
            "cut_and_lose": faults.cut_and_lose,
            "delay_seconds": faults.delay.as_secs_f64(),
        });
        // Replaced at once: the server never reads half of it.
        let (next, current) = (self.folder().join("faults.next"), self.folder().join("faults.json"));
        std::fs::write(&next, faults.to_string()).doing("write", &next)?;
        std::fs::rename(next, &current).doing("write", current)
    }

    /// The mails that were accepted, oldest first.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn accepted(&self) -> Result<Vec<AcceptedMail>, TestbedError> {
        let folder = self.folder().join("mails");
        let entries = std::fs::read_dir(&folder).doing("list", &folder)?.filter_map(Result::ok);
        let mut envelopes: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        envelopes.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        envelopes.sort_unstable();
        envelopes.iter().map(|path| read_mail(path)).collect()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// What clients have to trust in, as PEM, where it encrypts.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("certificate.pem")
    }

    /// Its folder: the mails in `mails`, the log in `server.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process, to be stopped, killed, paused and resumed.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}

fn read_mail(envelope: &Path) -> Result<AcceptedMail, TestbedError> {
    let about: Value = serde_json::from_slice(&std::fs::read(envelope).doing("read", envelope)?)
        .map_err(Into::into)
        .doing("read", envelope)?;
    let content = envelope.with_extension("eml");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(AcceptedMail {
        sender: text(&about["sender"]),
        recipients: about["recipients"].as_array().into_iter().flatten().map(text).collect(),
        content: std::fs::read(&content).doing("read", content)?,
        is_encrypted: about["encrypted"] == true,
        is_authenticated: about["authenticated"] == true,
        connection: text(&about["connection"]),
    })
}
