//! What a process costs: CPU time and resident memory, read from `/proc`.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ProcessSample {
    /// User and system time since its start, milliseconds (in steps of the kernel's clock tick, usually 10 ms).
    pub cpu_ms: u64,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// Highest resident memory so far, bytes.
    pub peak_bytes: u64,
}

/// Looks at the process with this id.
///
/// # Errors
/// When there is no such process or `/proc` is not readable.
pub fn sample(pid: u32) -> Result<ProcessSample> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let ticks = ticks_in(&stat).with_context(|| format!("unreadable /proc/{pid}/stat"))?;
    Ok(ProcessSample {
        cpu_ms: ticks * 1000 / rustix::param::clock_ticks_per_second(),
        resident_bytes: bytes_in(&status, "VmRSS:").unwrap_or(0),
        peak_bytes: bytes_in(&status, "VmHWM:").unwrap_or(0),
    })
}

/// CPU time used so far by the whole process this runs in.
pub fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// User plus system ticks. The command name may hold spaces and brackets, so counting starts behind its last bracket.
fn ticks_in(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn bytes_in(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_is_visible_and_a_missing_one_is_an_error() {
        let seen = sample(std::process::id()).expect("the own process");
        assert!(seen.resident_bytes > 100_000 && seen.peak_bytes >= seen.resident_bytes, "{seen:?}");
        assert!(own_cpu_time() > Duration::ZERO);
        assert!(sample(u32::MAX).is_err());
    }

    #[test]
    fn command_names_with_brackets_do_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(ticks_in(stat), Some(300));
    }
}
