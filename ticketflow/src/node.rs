//! A process of the system: the same parts in every role, with or without commands and pages.
//!
//! Order of starting: event store, keys, read models and shows side by side, HTTP. Order of stopping: readiness off, drain
//! requests, store snapshots, close the event store. Every role has the log and the read models, so that it answers reads by
//! itself, whatever else is down.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use clap::Args;
use ticketflow_billing_projector::BillingHandle;
use ticketflow_command_service::{
    Clock, CommandConfig, CommandPorts, CommandService, HoldTokens, LocateOrder, Shows, load_shows,
};
use ticketflow_event_store::{AppendError, EventStore};
use ticketflow_http::{OperatorKey, Problem, Server, ServerOptions, Shell, ShellOptions, Shutdown};
use ticketflow_payment::{HttpGateway, PaymentGateway, SimulatedGateway, simulator_router};
use ticketflow_portal::{ApiClient, PortalConfig};
use ticketflow_projections::{FeedRunner, Projections, QueryPorts, ReadModels, WholeMapPace, restore_models};
use ticketflow_telemetry::MetricsPage;
use ticketflow_ticket_code::TicketSigner;

use crate::billing::{BillingArguments, PaperArguments, Papers, fact_reader};
use crate::buffer::BufferArguments;
use crate::snapshot_keeper::SnapshotKeeper;
use crate::stop_signal::stop_signal;
use crate::store::{Opened, StoreArguments};
use crate::{billing, buffer, demo, health, invoices, openapi, seat_map};

/// How long a refund looks for an order that was paid a moment ago.
const LOCATE_TIMEOUT: Duration = Duration::from_secs(2);

/// Options of every role.
#[derive(Args)]
pub(crate) struct NodeArguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub store: StoreArguments,
    /// Where seat maps and orders are read from: `memory`, or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, default_value = "memory", env = "TICKETFLOW_SEAT_MAP", hide_env_values = true)]
    pub seat_map: String,
    /// Where invoices are kept beside memory: `memory`, or mysql://USER:PASSWORD@HOST:PORT/DATABASE, and after a comma the same of a
    /// replica, which is read while the first does not answer
    #[arg(long, default_value = "memory", env = "TICKETFLOW_INVOICES", hide_env_values = true)]
    pub invoices: String,
    #[command(flatten)]
    pub papers: PaperArguments,
    /// Requests in flight before more are refused
    #[arg(long, default_value_t = ticketflow_http::DEFAULT_MAX_IN_FLIGHT, env = "TICKETFLOW_MAX_IN_FLIGHT")]
    pub max_in_flight: usize,
    /// Name of this replica in X-Instance
    #[arg(long, default_value = "ticketflow-0", env = "TICKETFLOW_INSTANCE")]
    pub instance: String,
}

/// Options of roles that take commands.
#[derive(Args)]
pub(crate) struct CommandArguments {
    /// Payment gateway: `simulated`, or http://HOST:PORT of `ticketflow gateway`
    #[arg(long, default_value = "simulated", env = "TICKETFLOW_GATEWAY")]
    gateway: String,
    /// Seconds that a buyer waits for the payment gateway
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60), env = "TICKETFLOW_PAYMENT_TIMEOUT_SECONDS")]
    payment_timeout_seconds: u64,
    /// Commands of a show decided into one batch, at most: to measure what batching is worth
    #[arg(long, default_value_t = CommandConfig::default().batch_commands, hide = true)]
    batch_commands: usize,
}

/// Options of roles that have pages.
#[derive(Args)]
pub(crate) struct PageArguments {
    /// The address that browsers use, where a proxy stands in front of the pages; with https, cookies are for that alone
    #[arg(long, env = "TICKETFLOW_PUBLIC_ORIGIN", value_parser = parse_origin, value_name = "https://HOST")]
    public_origin: Option<String>,
}

fn parse_origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@']) => Ok(text.to_owned()),
        _ => Err("https://HOST or https://HOST:PORT is expected, without a path".to_owned()),
    }
}

/// Where the portal's pages get what they show and send what they do.
#[derive(Default)]
pub(crate) enum Pages {
    /// There are none.
    #[default]
    None,
    /// Not in this process, which has links to them in its mails.
    Elsewhere(PageArguments),
    /// From this process.
    OfThisProcess(PageArguments),
    /// Reads from this process, everything else from the API at this address.
    Before(String, PageArguments),
}

impl Pages {
    /// Where buyers find the pages, as far as this process knows.
    fn origin(&self, listen: SocketAddr) -> Option<String> {
        match self {
            Self::None => None,
            Self::Elsewhere(options) => options.public_origin.clone(),
            Self::OfThisProcess(options) | Self::Before(_, options) => {
                Some(options.public_origin.clone().unwrap_or_else(|| format!("http://{listen}")))
            }
        }
    }
}

/// What a process does beside answering reads.
#[derive(Default)]
pub(crate) struct Role {
    pub commands: Option<CommandArguments>,
    pub pages: Pages,
    /// Where integration messages go, if this process relays them.
    pub buffer: Option<BufferArguments>,
    /// Who issues documents, if this process does it.
    pub billing: Option<BillingArguments>,
    /// Where it takes orders from.
    pub billing_buffer: Option<BufferArguments>,
    /// Fills an empty store with the demo shows.
    pub demo: bool,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: NodeArguments, role: Role) -> Result<ExitCode> {
    let metrics = ticketflow_telemetry::init(&ticketflow_telemetry::Options::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the threads")?.block_on(serve(arguments, role, metrics))
}

async fn serve(arguments: NodeArguments, role: Role, metrics: MetricsPage) -> Result<ExitCode> {
    let Opened { store, keys, secrets } = arguments.store.open(role.commands.is_some()).await?;
    let log = store.log().clone();
    let operator_key = OperatorKey::new(&secrets.operator_key);
    let signer = TicketSigner::new(&secrets.ticket_signing_seed);

    let (models, runner, shows) = fold(&store, role.commands.is_some()).await?;
    runner.follow()?;
    let seat_map = seat_map::start(&arguments.seat_map, &store)?;
    let relay = match &role.buffer {
        Some(buffer) => buffer.start(&store).await?,
        None => None,
    };
    let mut projections = Projections::new(runner, seat_map.clone());
    if let Some(relay) = &relay {
        projections = buffer::watch(projections, relay);
    }
    let fiscal = match &role.billing {
        Some(issuer) => issuer.open_fiscal(&store, &models, &arguments.store.folder)?,
        None => None,
    };
    let papers = match &keys {
        Some(keys) => {
            let (models, keys) = (models.clone(), keys.clone());
            Some(Papers::new(&arguments.papers, &store, models, keys, signer.clone(), fiscal)?)
        }
        None => None,
    };
    let billing = match &role.billing {
        Some(issuer) => start_billing(issuer, &role, &arguments, &store, papers.as_ref()).await?,
        None => None,
    };
    if let Some(billing) = &billing {
        projections = billing::watch(projections, billing, &store);
    }
    let invoices = invoices::start(&arguments.invoices, &store, fact_reader(&store, &models))?;
    if let Some(invoices) = &invoices {
        projections = invoices::watch(projections, invoices);
    }
    let mut simulator = None;
    let service = match &role.commands {
        None => None,
        Some(commands) => {
            let (gateway, simulated) = open_gateway(commands, &arguments.store, &store)?;
            simulator = simulated;
            let ports = CommandPorts {
                store: store.clone(),
                clock: Clock::System,
                vault: keys.context("a process that takes commands has the customers' keys")?,
                gateway,
                hold_tokens: HoldTokens::new(&secrets.hold_token_secret),
                signer: signer.clone(),
                locate_order: locate_order(models.clone(), store.clone()),
                operator_key,
                config: CommandConfig {
                    payment_timeout: Duration::from_secs(commands.payment_timeout_seconds),
                    batch_commands: commands.batch_commands,
                },
            };
            Some(ticketflow_command_service::start(ports, shows))
        }
    };
    let snapshots = SnapshotKeeper::start(log.clone());
    let poison = billing::poison_router(&models, &store, operator_key);

    let shutdown = Shutdown::new();
    let ready = Arc::new(AtomicBool::new(true));
    let queries = ticketflow_projections::router(QueryPorts {
        models,
        projections,
        log: log.clone(),
        invoices: invoices.as_ref().map(invoices::reads),
        signer,
        operator_key,
        shutdown: shutdown.clone(),
        now: || Clock::System.now(),
        whole_map_pace: WholeMapPace::default(),
    });
    let shell = Shell::new(ShellOptions {
        instance: arguments.instance.clone(),
        max_in_flight: arguments.max_in_flight,
    });
    let probes = health::router(health::Probes {
        ready: ready.clone(),
        instance: arguments.instance.clone(),
        store: store.clone(),
        takes_commands: role.commands.is_some(),
        shell: shell.clone(),
        metrics,
    });
    let mut documents = papers.as_ref().map(Papers::router).unwrap_or_default();
    if let Some(papers) = &papers {
        documents = documents.merge(papers.fiscal_router(operator_key));
    }
    let api = api(service, queries.merge(documents).merge(poison), probes, operator_key, simulator.as_ref());
    let router = match role.pages {
        Pages::None | Pages::Elsewhere(_) => {
            shell.wrap_keeping_fallback(api.fallback(ticketflow_http::not_found))
        }
        Pages::OfThisProcess(options) => {
            let client = ApiClient::in_process(api.clone());
            let portal = PortalConfig::new(client)
                .with_test_cards(simulator.is_some())
                .with_time_zone(arguments.papers.time_zone())?;
            shell.wrap_keeping_fallback(api.merge(pages(portal, options, &shutdown)))
        }
        Pages::Before(url, options) => {
            let client = ApiClient::remote(&url)?.with_own_reads(api.clone());
            let portal = PortalConfig::new(client)
                .with_test_cards(true)
                .with_time_zone(arguments.papers.time_zone())?;
            shell.wrap_keeping_fallback(api.merge(pages(portal, options, &shutdown)))
        }
    };

    let options = ServerOptions { instance: arguments.instance.clone(), ..ServerOptions::default() };
    let server = Server::bind(arguments.listen, options)?;
    let address = server.local_address();
    tokio::spawn(begin_on_signal(shutdown.clone(), ready));
    let serving = tokio::spawn(server.serve(router, shutdown));
    if role.demo {
        demo::fill(&address.to_string(), &secrets.operator_key).await?;
    }
    println!("listening on http://{address}");
    if role.demo {
        println!(
            "open http://{address} to pick seats; the operator's key is in {}/operator.key",
            arguments.store.folder.data.display()
        );
    }
    let drained = serving.await?;
    if drained.cut_off > 0 {
        tracing::warn!(connections = drained.cut_off, "connections were cut off before they had finished");
    }
    if let Some(billing) = billing {
        billing.stop().await;
    }
    if let Some(relay) = relay {
        relay.stop().await;
    }
    if let Some(seat_map) = seat_map {
        seat_map.stop().await;
    }
    if let Some(invoices) = invoices {
        invoices.stop().await;
    }
    snapshots.store_at_stop().await;
    store
        .close()
        .await
        .context("the event log did not close cleanly; it is complete and the next start takes longer")?;
    Ok(ExitCode::SUCCESS)
}

/// Billing, which one process may do by itself, and several only by a buffer that says whose turn it is.
async fn start_billing(
    issuer: &BillingArguments,
    role: &Role,
    arguments: &NodeArguments,
    store: &EventStore,
    papers: Option<&Papers>,
) -> Result<Option<BillingHandle>> {
    let Some(papers) = papers else {
        bail!(
            "billing needs the customers' keys: with KurrentDB they are in the data folder of the command service"
        );
    };
    let orders = match &role.billing_buffer {
        Some(buffer) => buffer.orders(&arguments.instance).await?,
        None => None,
    };
    if orders.is_none() && store.is_shared() {
        if role.commands.is_none() {
            bail!(
                "billing on a shared event store needs --buffer nats://HOST:PORT, which says whose turn it is"
            );
        }
        tracing::warn!(
            "no documents are issued here: on a shared event store that needs --buffer nats://HOST:PORT, or              `ticketflow billing` with it"
        );
        return Ok(None);
    }
    let origin = role.pages.origin(arguments.listen);
    papers.start(issuer, store, &arguments.store.folder, origin, orders).map(Some)
}

/// What is no path of the API gets a problem document; everything else is a page, or the portal's own 404.
fn api(
    service: Option<Arc<CommandService>>,
    queries: Router,
    probes: Router,
    operator_key: OperatorKey,
    simulator: Option<&SimulatedGateway>,
) -> Router {
    let unknown = axum::routing::any(ticketflow_http::not_found);
    let mut api = queries.merge(probes).route("/v1/{*path}", unknown);
    if let Some(service) = service {
        api = api.merge(ticketflow_command_service::router(service));
    }
    if let Some(simulator) = simulator {
        // Whoever sets faults or reads charges has to be the operator.
        let guard = axum::middleware::from_fn_with_state(operator_key, operators_only);
        api = api.nest("/simulator", simulator_router(simulator.clone()).layer(guard));
    }
    api
}

fn pages(mut portal: PortalConfig, options: PageArguments, shutdown: &Shutdown) -> Router {
    if let Some(origin) = options.public_origin {
        portal = portal.with_secure_cookies(origin.starts_with("https://")).with_public_origin(origin);
    }
    let shutdown = shutdown.clone();
    let portal = portal.closing_after(move || {
        let shutdown = shutdown.clone();
        async move { shutdown.begun().await }
    });
    ticketflow_portal::router(portal).merge(openapi::router())
}

async fn operators_only(
    State(key): State<OperatorKey>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    key.check(request.headers())?;
    Ok(next.run(request).await)
}

type Folded = (Arc<ReadModels>, Arc<FeedRunner>, Shows);

/// Read models and, where commands are taken, shows, side by side: both come from snapshots and the events behind them.
async fn fold(store: &EventStore, with_shows: bool) -> Result<Folded> {
    let (for_models, for_shows) = (store.clone(), store.log().clone());
    let models = tokio::task::spawn_blocking(move || {
        let models = Arc::new(restore_models(for_models.log()));
        FeedRunner::catch_up(for_models, models.clone()).map(|runner| (models, runner))
    });
    let shows =
        tokio::task::spawn_blocking(
            move || {
                if with_shows { load_shows(&for_shows) } else { Ok(Shows::default()) }
            },
        );
    let (models, shows) = tokio::try_join!(models, shows)?;
    let ((models, runner), shows) = (models?, shows?);
    Ok((models, runner, shows))
}

type Gateway = (Arc<dyn PaymentGateway>, Option<SimulatedGateway>);

fn open_gateway(
    arguments: &CommandArguments,
    store: &StoreArguments,
    events: &EventStore,
) -> Result<Gateway> {
    match arguments.gateway.as_str() {
        "simulated" if events.is_shared() => bail!(
            "a simulated gateway in this process is not known to the other replicas of the event store: \
             start `ticketflow gateway` and name it with --gateway http://HOST:PORT"
        ),
        "simulated" => {
            let simulator = SimulatedGateway::open(&store.folder.charges())?;
            Ok((Arc::new(simulator.clone()), Some(simulator)))
        }
        url if url.starts_with("http://") => {
            let timeout = Duration::from_secs(arguments.payment_timeout_seconds);
            Ok((Arc::new(HttpGateway::new(url, timeout)?), None))
        }
        other => bail!("--gateway takes `simulated` or http://HOST:PORT, not {other:?}"),
    }
}

/// Finds an order in the read models, waiting until they have what was durable when the question came.
fn locate_order(models: Arc<ReadModels>, store: EventStore) -> LocateOrder {
    Arc::new(move |order_id| {
        let (models, store) = (models.clone(), store.clone());
        Box::pin(async move {
            if let Some(show_id) = models.show_of_order(order_id) {
                return Ok(Some(show_id));
            }
            // Another replica may have sold it a moment ago.
            store.catch_up(LOCATE_TIMEOUT).await?;
            if !models.wait_for(store.log().head().position, LOCATE_TIMEOUT).await {
                return Err(AppendError::Unavailable);
            }
            Ok(models.show_of_order(order_id))
        })
    })
}

/// Begins the shutdown at SIGTERM or SIGINT; `ready` goes off first.
pub(crate) async fn begin_on_signal(shutdown: Shutdown, ready: Arc<AtomicBool>) {
    let Ok(asked) = stop_signal() else {
        tracing::error!("signals cannot be received; end the process with SIGKILL, which loses nothing");
        return;
    };
    asked.await;
    tracing::info!("stopping: no new connections, finishing what is in flight");
    ready.store(false, Ordering::SeqCst);
    shutdown.begin();
}
