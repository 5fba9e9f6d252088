//! `ticketflow serve`: everything in one process, on the embedded log.
//!
//! Order of starting: log, keys, read models and shows side by side, HTTP. Order of stopping: readiness off, drain requests, store
//! snapshots, close the log.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use clap::Args;
use ticketflow_command_service::{
    Clock, CommandConfig, CommandPorts, HoldTokens, LocateOrder, Secrets, Shows, load_shows,
};
use ticketflow_event_store::{EmbeddedLog, FatalError};
use ticketflow_http::{OperatorKey, Problem, Server, ServerOptions, Shell, ShellOptions, Shutdown};
use ticketflow_key_vault::KeyVault;
use ticketflow_payment::{HttpGateway, PaymentGateway, SimulatedGateway, simulator_router};
use ticketflow_portal::{ApiClient, PortalConfig};
use ticketflow_projections::{FeedRunner, Projections, QueryPorts, ReadModels, WholeMapPace, restore_models};
use ticketflow_telemetry::MetricsPage;
use ticketflow_ticket_code::TicketSigner;

use crate::data_folder::DataFolder;
use crate::snapshot_keeper::SnapshotKeeper;
use crate::{demo, health, openapi, seat_map};

/// How long a refund looks for an order that was paid a moment ago.
const LOCATE_TIMEOUT: Duration = Duration::from_secs(2);

/// Options of `serve`.
#[derive(Args)]
pub(crate) struct ServeArguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN")]
    listen: SocketAddr,
    #[command(flatten)]
    folder: DataFolder,
    /// Fills an empty store with the demo shows
    #[arg(long, env = "TICKETFLOW_DEMO")]
    demo: bool,
    /// Payment gateway: `simulated`, or http://HOST:PORT of `ticketflow gateway`
    #[arg(long, default_value = "simulated", env = "TICKETFLOW_GATEWAY")]
    gateway: String,
    /// Seconds that a buyer waits for the payment gateway
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60), env = "TICKETFLOW_PAYMENT_TIMEOUT_SECONDS")]
    payment_timeout_seconds: u64,
    /// Where seat maps and orders are read from: `memory`, or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, default_value = "memory", env = "TICKETFLOW_SEAT_MAP", hide_env_values = true)]
    seat_map: String,
    /// Requests in flight before more are refused
    #[arg(long, default_value_t = ticketflow_http::DEFAULT_MAX_IN_FLIGHT, env = "TICKETFLOW_MAX_IN_FLIGHT")]
    max_in_flight: usize,
    /// Name of this replica in X-Instance
    #[arg(long, default_value = "ticketflow-0", env = "TICKETFLOW_INSTANCE")]
    instance: String,
    /// Bearer key of operators and organisers, instead of the one in DATA/operator.key
    #[arg(long, env = "TICKETFLOW_OPERATOR_KEY", hide_env_values = true, hide = true)]
    operator_key: Option<String>,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode> {
    let metrics = ticketflow_telemetry::init(&ticketflow_telemetry::Options::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the threads")?.block_on(serve(arguments, metrics))
}

/// What reached the disk is unknown: only a fresh start, which reads it, can tell.
fn abort(error: &FatalError) {
    tracing::error!(error = %error, "the event log failed; ending the process so that a restart reads what is on disk");
    eprintln!("the event log failed, ending: {error}");
    std::process::abort();
}

async fn serve(arguments: ServeArguments, metrics: MetricsPage) -> Result<ExitCode> {
    let folder = &arguments.folder;
    folder.create()?;
    let (log, report) = folder.open_log(abort)?;
    if let Some(cut) = &report.cut {
        tracing::warn!(
            ?cut,
            "the log ended in an unfinished batch, which was never acknowledged; it was cut off"
        );
    }
    let secrets = Secrets::open(&folder.data, arguments.operator_key.clone())?;
    let operator_key = OperatorKey::new(&secrets.operator_key);
    let signer = TicketSigner::new(&secrets.ticket_signing_seed);
    let is_new = log.head().position == 0;
    let vault = open_vault(folder, is_new)?;
    let (gateway, simulator) = open_gateway(&arguments)?;

    let (models, runner, shows) = fold(&log).await?;
    runner.follow()?;
    let seat_map = seat_map::start(&arguments.seat_map, &log)?;
    let projections = Projections::new(runner, seat_map.clone());
    let observed = projections.clone();
    metrics.before_render(move || observed.observe());
    let ports = CommandPorts {
        log: log.clone(),
        clock: Clock::System,
        vault: Arc::new(vault),
        gateway,
        hold_tokens: HoldTokens::new(&secrets.hold_token_secret),
        signer: signer.clone(),
        locate_order: locate_order(models.clone(), log.clone()),
        operator_key,
        config: CommandConfig { payment_timeout: Duration::from_secs(arguments.payment_timeout_seconds) },
    };
    let service = ticketflow_command_service::start(ports, shows);
    let snapshots = SnapshotKeeper::start(log.clone());

    let shutdown = Shutdown::new();
    let ready = Arc::new(AtomicBool::new(true));
    let commands = ticketflow_command_service::router(service.clone());
    let queries = ticketflow_projections::router(QueryPorts {
        models,
        projections,
        log: log.clone(),
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
        log: log.clone(),
        shell: shell.clone(),
        metrics,
    });
    // What is no path of the API gets a problem document; everything else is a page, or the portal's own 404.
    let unknown = axum::routing::any(ticketflow_http::not_found);
    let mut api = commands.merge(queries).merge(probes).route("/v1/{*path}", unknown);
    if let Some(simulator) = &simulator {
        // Whoever sets faults or reads charges has to be the operator.
        let guard = axum::middleware::from_fn_with_state(operator_key, operators_only);
        api = api.nest("/simulator", simulator_router(simulator.clone()).layer(guard));
    }
    let portal = PortalConfig::new(ApiClient::in_process(api.clone())).with_test_cards(simulator.is_some());
    let pages = ticketflow_portal::router(portal).merge(openapi::router());
    let router = shell.wrap_keeping_fallback(api.merge(pages));

    let options = ServerOptions { instance: arguments.instance.clone(), ..ServerOptions::default() };
    let server = Server::bind(arguments.listen, options)?;
    let address = server.local_address();
    tokio::spawn(begin_on_signal(shutdown.clone(), ready));
    let serving = tokio::spawn(server.serve(router, shutdown));
    if arguments.demo {
        demo::fill(&address.to_string(), &secrets.operator_key).await?;
    }
    println!("listening on http://{address}");
    if arguments.demo {
        println!(
            "open http://{address} to pick seats; the operator's key is in {}/operator.key",
            folder.data.display()
        );
    }
    let drained = serving.await?;
    if drained.cut_off > 0 {
        tracing::warn!(connections = drained.cut_off, "connections were cut off before they had finished");
    }
    if let Some(seat_map) = seat_map {
        seat_map.stop().await;
    }
    snapshots.store_at_stop().await;
    log.close()
        .context("the event log did not close cleanly; it is complete and the next start takes longer")?;
    Ok(ExitCode::SUCCESS)
}

async fn operators_only(
    State(key): State<OperatorKey>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    key.check(request.headers())?;
    Ok(next.run(request).await)
}

/// A new vault beside an old log would make buyers' data unreadable for ever: that has to be said, not done.
fn open_vault(folder: &DataFolder, is_new: bool) -> Result<KeyVault> {
    let path = folder.vault();
    let vault = if is_new { KeyVault::open_or_create(&path) } else { KeyVault::open(&path) };
    vault.with_context(|| format!("cannot open the customers' keys in {}", path.display()))
}

type Folded = (Arc<ReadModels>, Arc<FeedRunner>, Shows);

/// Read models and shows, side by side: both come from snapshots and the events behind them.
async fn fold(log: &EmbeddedLog) -> Result<Folded> {
    let (for_models, for_shows) = (log.clone(), log.clone());
    let models = tokio::task::spawn_blocking(move || {
        let models = Arc::new(restore_models(&for_models));
        FeedRunner::catch_up(for_models, models.clone()).map(|runner| (models, runner))
    });
    let shows = tokio::task::spawn_blocking(move || load_shows(&for_shows));
    let (models, shows) = tokio::try_join!(models, shows)?;
    let ((models, runner), shows) = (models?, shows?);
    Ok((models, runner, shows))
}

type Gateway = (Arc<dyn PaymentGateway>, Option<SimulatedGateway>);

fn open_gateway(arguments: &ServeArguments) -> Result<Gateway> {
    match arguments.gateway.as_str() {
        "simulated" => {
            let simulator = SimulatedGateway::open(&arguments.folder.charges())?;
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
fn locate_order(models: Arc<ReadModels>, log: EmbeddedLog) -> LocateOrder {
    Arc::new(move |order_id| {
        let (models, head) = (models.clone(), log.head().position);
        Box::pin(async move {
            if let Some(show_id) = models.show_of_order(order_id) {
                return Some(show_id);
            }
            models.wait_for(head, LOCATE_TIMEOUT).await;
            models.show_of_order(order_id)
        })
    })
}

/// Begins the shutdown at SIGTERM or SIGINT; `ready` goes off first.
pub(crate) async fn begin_on_signal(shutdown: Shutdown, ready: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; end the process with SIGKILL, which loses nothing");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: no new connections, finishing what is in flight");
    ready.store(false, Ordering::SeqCst);
    shutdown.begin();
}
