//! `ticketflow doctor`: looks at machine and data folder and says what would hinder selling, and what to do about it.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::data_folder::DataFolder;

/// Syncs measured.
const SYNCS: usize = 50;
/// A disk slower than this in the middle holds every buyer up noticeably.
const SLOW_SYNC: Duration = Duration::from_millis(10);
/// A sync faster than this does not reach a disk: the device or the hypervisor pretends.
const UNBELIEVABLE_SYNC: Duration = Duration::from_micros(5);
/// Free space under which the log refuses new holds, and a warning before that.
const SPACE: (u64, u64) = (256 << 20, 2 << 30);
/// Connections, files and sockets of a busy server.
const OPEN_FILES: u64 = 16_384;
/// A clock before this is not set.
const YEAR_2025_SECONDS: u64 = 1_735_689_600;

/// Options of `doctor`.
#[derive(Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Address that the server is to listen on
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN")]
    listen: String,
    /// Prints the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Problem,
}

#[derive(Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    detail: String,
}

/// Looks and reports; exit code 0 only without problems.
pub(crate) fn run(arguments: DoctorArguments) -> Result<ExitCode> {
    let folder = &arguments.folder.data;
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let findings = [
        syncs(folder)?,
        space(folder)?,
        open_files(),
        clock(),
        address(&arguments.listen),
        keys(folder),
        log(&arguments.folder),
    ];
    if is_new {
        // Left as it was found; if something was put there meanwhile it stays.
        drop(std::fs::remove_dir(folder));
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&findings)?);
    } else {
        for finding in &findings {
            let mark = match finding.verdict {
                Verdict::Ok => "ok     ",
                Verdict::Warning => "WARNING",
                Verdict::Problem => "PROBLEM",
            };
            println!("{mark}  {:<11} {}", finding.what, finding.detail);
        }
    }
    let well = findings.iter().all(|finding| finding.verdict != Verdict::Problem);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn syncs(folder: &Path) -> Result<Finding> {
    let path = folder.join("doctor.probe");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    let mut times: Vec<Duration> = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    let (middle, worst) = (times[SYNCS / 2], times[SYNCS - 1]);
    let figures = format!("write and sync of 4 KiB takes {middle:.0?}, at worst {worst:.0?}");
    let (verdict, detail) = match middle {
        _ if middle < UNBELIEVABLE_SYNC => {
            (Verdict::Warning, format!("{figures}: too fast to reach a disk; a power cut may lose sales"))
        }
        _ if middle > SLOW_SYNC => (Verdict::Warning, format!("{figures}: use a disk with a faster sync")),
        _ => (Verdict::Ok, figures),
    };
    Ok(Finding { what: "disk sync", verdict, detail })
}

fn space(folder: &Path) -> Result<Finding> {
    let stat = rustix::fs::statvfs(folder)?;
    let free = stat.f_bavail * stat.f_frsize;
    let verdict = match free {
        _ if free < SPACE.0 => Verdict::Problem,
        _ if free < SPACE.1 => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let detail = format!("{} MiB free; below {} MiB no new holds are taken", free >> 20, SPACE.0 >> 20);
    Ok(Finding { what: "disk space", verdict, detail })
}

fn open_files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = limit.current.unwrap_or(u64::MAX);
    let verdict = if most < OPEN_FILES { Verdict::Warning } else { Verdict::Ok };
    Finding {
        what: "open files",
        verdict,
        detail: format!("{most} allowed; a busy server wants {OPEN_FILES} (ulimit -n)"),
    }
}

fn clock() -> Finding {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let set = since.as_secs() > YEAR_2025_SECONDS;
    let verdict = if set { Verdict::Ok } else { Verdict::Problem };
    let detail = if set { "is set" } else { "is before 2025: holds and sales windows follow it; set it" };
    Finding { what: "clock", verdict, detail: detail.to_owned() }
}

fn address(listen: &str) -> Finding {
    let (verdict, detail) = match TcpListener::bind(listen) {
        Ok(_) => (Verdict::Ok, format!("{listen} is free")),
        Err(error) => (Verdict::Warning, format!("cannot listen on {listen}: {error}")),
    };
    Finding { what: "address", verdict, detail }
}

fn keys(folder: &Path) -> Finding {
    let exposed = ["operator.key", "service.secret", "vault/customers.keys"]
        .into_iter()
        .find(|name| std::fs::metadata(folder.join(name)).is_ok_and(|metadata| metadata.mode() & 0o077 != 0));
    let (verdict, detail) = match exposed {
        Some(name) => (
            Verdict::Problem,
            format!("{name} may be read by others: chmod 600, and replace it if it leaked"),
        ),
        None => (Verdict::Ok, "readable by their owner only".to_owned()),
    };
    Finding { what: "keys", verdict, detail }
}

fn log(folder: &DataFolder) -> Finding {
    let Ok(disk) = folder.disk() else {
        return Finding { what: "event log", verdict: Verdict::Ok, detail: "none yet".to_owned() };
    };
    let (verdict, detail) = match ticketflow_event_store::verify(&*disk, None, |_| {}) {
        Ok(report) => match report.fault {
            None => (Verdict::Ok, format!("{} events, hash chain whole", report.events)),
            Some(fault) => (Verdict::Problem, fault.to_string()),
        },
        Err(error) => (Verdict::Problem, error.to_string()),
    };
    Finding { what: "event log", verdict, detail }
}
