//! What the kernel says of this process, in the series that Prometheus clients agree on.
//!
//! Read from `/proc` when the page is made. What cannot be read, or does not exist on this system, is left out.

use std::fmt::Write as _;
use std::fs;

/// Kernel ticks per second in `/proc/self/stat`; Linux shows 100 to every program whatever it runs with.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ProcessFigures {
    cpu_ticks: Option<u64>,
    resident_bytes: Option<u64>,
    threads: Option<u64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
}

pub(crate) fn append_to(page: &mut String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let figures = ProcessFigures {
        cpu_ticks: cpu_ticks(&stat),
        resident_bytes: status_figure(&status, "VmRSS:").map(|kibibytes| kibibytes * 1_024),
        threads: status_figure(&status, "Threads:"),
        // The listing holds a descriptor of its own while it is counted.
        open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| (fds.count() as u64).saturating_sub(1)),
        max_fds: max_fds(&limits),
    };
    write_figures(page, &figures);
}

fn write_figures(page: &mut String, figures: &ProcessFigures) {
    let mut series = |name: &str, kind: &str, value: Option<f64>| {
        if let Some(value) = value {
            writeln!(page, "# TYPE {name} {kind}\n{name} {value}").expect("text grows as needed");
        }
    };
    let number = |figure: Option<u64>| figure.map(|figure| figure as f64);
    let cpu_seconds = number(figures.cpu_ticks).map(|ticks| ticks / TICKS_PER_SECOND);
    series("process_cpu_seconds_total", "counter", cpu_seconds);
    series("process_resident_memory_bytes", "gauge", number(figures.resident_bytes));
    series("process_threads", "gauge", number(figures.threads));
    series("process_open_fds", "gauge", number(figures.open_fds));
    series("process_max_fds", "gauge", number(figures.max_fds));
}

/// User and system time of `/proc/self/stat`: fields 14 and 15. The program's name before them may hold anything, so
/// that fields count from its last parenthesis.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_figure(status: &str, label: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_past_odd_program_names() {
        let stat = "42 (a b) c) R 1 42 42 0 -1 4194304 1 2 3 4 150 50 7 8 20 0 9 0";
        assert_eq!(cpu_ticks(stat), Some(200));
        let status = "Name:\tticketflow\nVmRSS:\t   2048 kB\nThreads:\t9\n";
        assert_eq!(status_figure(status, "VmRSS:"), Some(2_048));
        assert_eq!(status_figure(status, "Threads:"), Some(9));
        assert_eq!(
            max_fds("Limit  Soft Limit\nMax open files            1024      4096   files\n"),
            Some(1_024)
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(cpu_ticks(""), None);
        assert_eq!(cpu_ticks("42 (a) R 1"), None);
        assert_eq!(status_figure("VmRSS:\n", "VmRSS:"), None);
        assert_eq!(max_fds("Max open files            unlimited\n"), None);
        let mut page = String::new();
        write_figures(&mut page, &ProcessFigures { threads: Some(3), ..ProcessFigures::default() });
        assert_eq!(page, "# TYPE process_threads gauge\nprocess_threads 3\n");
    }
}
