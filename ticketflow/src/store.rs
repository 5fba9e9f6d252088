//! Opening the event store, the customers' keys and the secrets: in the data folder, or on the servers that an address names.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use ticketflow_command_service::Secrets;
use ticketflow_event_store::{Cursor, EventStore, FatalError, LogOptions, LogServer, open_replica};
use ticketflow_event_store_jetstream::{JetStreamAddress, JetStreamServer};
use ticketflow_key_vault::{CustomerKeys, KeyBucket, KeyVault};

use crate::data_folder::DataFolder;
use crate::progress::Progress;

/// Which event store.
#[derive(Args, Clone)]
pub(crate) struct StoreArguments {
    #[command(flatten)]
    pub folder: DataFolder,
    /// Event store: `file:` (the data folder), or jetstream://HOST:PORT,.../STREAM?replicas=3&monitor=HOST:PORT,..., or kurrentdb://HOST:PORT/LOG
    #[arg(long, default_value = "file:", env = "TICKETFLOW_EVENT_STORE")]
    pub event_store: String,
    /// Bearer key of operators and organisers, instead of the one in DATA/operator.key
    #[arg(long, env = "TICKETFLOW_OPERATOR_KEY", hide_env_values = true, hide = true)]
    operator_key: Option<String>,
}

/// The bucket of the customers' keys beside the stream of the log.
pub(crate) fn bucket(address: &JetStreamAddress) -> String {
    format!("{}_KEYS", address.stream)
}

/// What everything else is built on.
pub(crate) struct Opened {
    pub store: EventStore,
    /// Customers' keys, where this process has a use for them.
    pub keys: Option<Arc<dyn CustomerKeys>>,
    pub secrets: Secrets,
}

/// What reached the disk is unknown: only a fresh start, which reads it, can tell.
fn abort(error: &FatalError) {
    tracing::error!(error = %error, "the event log failed; ending the process so that a restart reads what is on disk");
    eprintln!("the event log failed, ending: {error}");
    std::process::abort();
}

impl StoreArguments {
    /// Whether the data folder itself is the event store.
    pub(crate) fn is_embedded(&self) -> bool {
        self.event_store == "file:"
    }

    /// Opens what the address names, folded up to what the store had at the call. Who takes no commands makes no keys.
    pub(crate) async fn open(&self, takes_commands: bool) -> Result<Opened> {
        self.folder.create()?;
        match self.event_store.split_once(':') {
            _ if self.is_embedded() => self.open_embedded(),
            Some(("jetstream", _)) => self.open_jetstream().await,
            Some(("kurrentdb" | "kurrentdb+discover", _)) => self.open_kurrentdb(takes_commands).await,
            _ => {
                bail!(
                    "--event-store takes `file:` or jetstream://HOST:PORT/... or kurrentdb://HOST:PORT/..., not {:?}",
                    self.event_store
                )
            }
        }
    }

    fn open_embedded(&self) -> Result<Opened> {
        let (log, report) = self.folder.open_log(abort)?;
        if let Some(cut) = &report.cut {
            tracing::warn!(
                ?cut,
                "the log ended in an unfinished batch, which was never acknowledged; it was cut off"
            );
        }
        self.open_with_own_keys(EventStore::embedded(log))
    }

    /// The customers' keys and the secrets are in the data folder.
    fn open_with_own_keys(&self, store: EventStore) -> Result<Opened> {
        let secrets = Secrets::open(&self.folder.data, self.operator_key.clone())?;
        // A new vault beside an old log would make buyers' data unreadable for ever: that has to be said, not done.
        let path = self.folder.vault();
        let is_new = store.log().head().position == 0;
        let vault = if is_new { KeyVault::open_or_create(&path) } else { KeyVault::open(&path) };
        let vault =
            vault.with_context(|| format!("cannot open the customers' keys in {}", path.display()))?;
        Ok(Opened { store, keys: Some(Arc::new(vault)), secrets })
    }

    async fn open_jetstream(&self) -> Result<Opened> {
        let (server, address) = self.connect_jetstream().await?;
        // New keys beside an old log would make buyers' data unreadable and every ticket forged: that has to be said, not done.
        let is_new = server.end().await? == Cursor::default();
        if !is_new && !KeyBucket::exists(server.context(), &bucket(&address)).await? {
            bail!(
                "the log on the NATS servers has events, and the bucket {} with the customers' keys and the secret that signs \
                 tickets is not there: restore it, or move them there from a data folder with `ticketflow import --from`",
                bucket(&address)
            );
        }
        let keys = KeyBucket::open(server.context(), &bucket(&address), address.replicas).await;
        let keys = keys.context("cannot open the customers' keys on the NATS servers")?;
        let (operator, service) = (keys.secret("operator").await?, keys.secret("service").await?);
        let secrets = Secrets::shared(&self.folder.data, self.operator_key.clone(), &operator, &service)?;
        let store = self.open_replica(Arc::new(server)).await?;
        Ok(Opened { store, keys: Some(Arc::new(keys)), secrets })
    }

    pub(crate) async fn connect_jetstream(&self) -> Result<(JetStreamServer, JetStreamAddress)> {
        let address: JetStreamAddress = self.event_store.parse()?;
        Ok((JetStreamServer::connect(&address).await?, address))
    }

    /// KurrentDB keeps events and nothing else: customers' keys and secrets stay in the data folder of the one command service;
    /// others need a copy of its secrets.
    #[cfg(feature = "kurrentdb")]
    async fn open_kurrentdb(&self, takes_commands: bool) -> Result<Opened> {
        use ticketflow_event_store_kurrentdb::{KurrentAddress, KurrentServer};
        let address: KurrentAddress = self.event_store.parse()?;
        let server = KurrentServer::connect(&address).await?;
        if !takes_commands && Secrets::stored(&self.folder.data)?.service.is_none() {
            bail!(
                "copy the files service.secret and operator.key from the data folder of the command service into {}: KurrentDB keeps \
                 no secrets, and with others no ticket shown here would be taken at the door",
                self.folder.data.display()
            );
        }
        let store = self.open_replica(Arc::new(server)).await?;
        if takes_commands {
            return self.open_with_own_keys(store);
        }
        let secrets = Secrets::open(&self.folder.data, self.operator_key.clone())?;
        Ok(Opened { store, keys: None, secrets })
    }

    #[cfg(not(feature = "kurrentdb"))]
    async fn open_kurrentdb(&self, _takes_commands: bool) -> Result<Opened> {
        bail!("this program is built without KurrentDB; build it with `--features kurrentdb`")
    }

    pub(crate) async fn open_replica(&self, server: Arc<dyn LogServer>) -> Result<EventStore> {
        let options = LogOptions { fatal: Arc::new(abort), ..LogOptions::default() };
        let mut progress = Progress::new("fetching the log", 0);
        let store =
            open_replica(&self.folder.data, server, options, |position| progress.set(position, 0)).await?;
        progress.finish();
        Ok(store)
    }
}
