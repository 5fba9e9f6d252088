//! Handing mails on: to an SMTP server, or to a folder.

use crate::compose::Mail;
use crate::folder::MailFolder;
use crate::message_id::MessageId;
use crate::setting::MailSetting;
use crate::smtp::SmtpRelay;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Where mails go. Clones share its connections.
#[derive(Clone)]
pub struct MailTransport(Way);

#[derive(Clone)]
enum Way {
    Folder(Arc<MailFolder>),
    Smtp(Arc<SmtpRelay>),
}

/// A mail is now somebody else's to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the server said, in one line, or the file that was written.
    pub reply: String,
}

/// Why a mail may not have been sent. No text in it names a recipient.
#[derive(Debug, thiserror::Error)]
pub enum SendMailError {
    /// The server will not have this mail, now or later.
    #[error("the mail {id} was refused: {reply}")]
    Refused {
        /// Which.
        id: MessageId,
        /// What the server said, in one line.
        reply: String,
    },
    /// It was not sent. Later it can be.
    #[error("the mail {id} cannot be sent now: {reason}")]
    Unavailable {
        /// Which.
        id: MessageId,
        /// What happened, or what the server said.
        reason: String,
    },
    /// It could not be written. Later it can be.
    #[error("the mail {id} cannot be written now")]
    Unwritten {
        /// Which.
        id: MessageId,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It was sent, and whether the server took it is not known: to be sent again, under the same id.
    #[error("the mail {id} was sent and nobody said whether it was accepted: {reason}")]
    OutcomeUnknown {
        /// Which.
        id: MessageId,
        /// What happened.
        reason: String,
    },
}

impl SendMailError {
    /// Whether the same mail is to be sent again, under the same id.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { .. } => false,
            Self::Unavailable { .. } | Self::Unwritten { .. } | Self::OutcomeUnknown { .. } => true,
        }
    }
}

/// Why there is no transport for a setting.
#[derive(Debug, thiserror::Error)]
pub enum OpenMailTransportError {
    /// The file with the certificates to trust in cannot be read.
    #[error("cannot read the certificates in {path}")]
    Certificates {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be set up with them.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// The folder cannot be made or looked into.
    #[error("cannot use the folder {path} for mails")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl MailTransport {
    /// A transport as it was set. Makes the folder, and connects to nobody yet.
    ///
    /// # Errors
    /// [`OpenMailTransportError`].
    pub fn open(setting: &MailSetting) -> Result<Self, OpenMailTransportError> {
        Ok(Self(match setting {
            MailSetting::Folder(path) => Way::Folder(Arc::new(MailFolder::open(path)?)),
            MailSetting::Smtp(server) => Way::Smtp(Arc::new(SmtpRelay::open(server)?)),
        }))
    }

    /// Hands a mail on. Every wait for the server is bounded; a mail that comes while all connections are in use waits for its turn. One that is given twice may arrive twice, as the same message; in a folder it is one file.
    ///
    /// # Errors
    /// [`SendMailError`], which says whether to try again.
    pub async fn send(&self, mail: &Mail) -> Result<Accepted, SendMailError> {
        match &self.0 {
            Way::Folder(folder) => folder.write(mail).await,
            Way::Smtp(relay) => relay.send(mail).await,
        }
    }
}

impl fmt::Debug for MailTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Way::Folder(folder) => write!(formatter, "MailTransport({})", folder.path().display()),
            Way::Smtp(relay) => write!(formatter, "MailTransport({})", relay.name()),
        }
    }
}
