//! Where the servers' programs are, and what they say when they are run to their end.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Doing, TestbedError};

/// Where Debian keeps the server programs of PostgreSQL, one folder per version.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";
/// Names the program of NATS.
const NATS_VARIABLE: &str = "TICKETFLOW_NATS_SERVER";
/// Where `make test` puts it, below the folder of the workspace.
const NATS_TOOL: &str = "target/tools/nats-server";
/// Before this version there is no `sync_interval: always`, and an acknowledged message may be lost.
const NATS_OLDEST: (u32, u32) = (2, 10);

/// The folder with the newest version's programs.
pub(crate) fn postgres_binaries() -> Result<PathBuf, TestbedError> {
    newest_postgres(Path::new(DEBIAN_POSTGRES)).ok_or(TestbedError::Missing {
        program: "PostgreSQL",
        remedy: "apt-get install postgresql, or run `make test`, which does",
    })
}

fn newest_postgres(root: &Path) -> Option<PathBuf> {
    let complete = |folder: &Path| {
        ["initdb", "postgres", "pgbench", "psql"]
            .iter()
            .all(|program| folder.join("bin").join(program).exists())
    };
    let versions = std::fs::read_dir(root).ok()?.filter_map(Result::ok);
    let newest = versions
        .filter(|entry| complete(&entry.path()))
        .max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0))?;
    Some(newest.path().join("bin"))
}

/// The program of a NATS server that is new enough: as the environment names it, as `make test` installs it, as on the path.
pub(crate) fn nats_server() -> Result<PathBuf, TestbedError> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let named = std::env::var_os(NATS_VARIABLE).map(PathBuf::from);
    let installed = workspace.map(|workspace| workspace.join(NATS_TOOL));
    let candidates = named.into_iter().chain(installed).chain([PathBuf::from("nats-server")]);
    let new_enough = |program: &PathBuf| nats_version(program).is_some_and(|version| version >= NATS_OLDEST);
    candidates.into_iter().find(new_enough).ok_or(TestbedError::Missing {
        program: "nats-server 2.10 or newer",
        remedy: "run `make test`, which installs it, or name it in TICKETFLOW_NATS_SERVER",
    })
}

/// Debian's HAProxy, which keeps it where only root has its path.
pub(crate) fn haproxy() -> Result<PathBuf, TestbedError> {
    let missing = TestbedError::Missing {
        program: "HAProxy",
        remedy: "apt-get install haproxy, or run `make test`, which does",
    };
    runs(&["haproxy", "/usr/sbin/haproxy"], "-v").ok_or(missing)
}

/// The programs of MariaDB: its server, which Debian keeps where only root has its path, and what prepares a folder for it.
#[derive(Debug, Clone)]
pub(crate) struct MariaDbPrograms {
    pub(crate) server: PathBuf,
    pub(crate) install: PathBuf,
    pub(crate) client: PathBuf,
}

/// Those of MariaDB.
pub(crate) fn mariadb() -> Result<MariaDbPrograms, TestbedError> {
    let find = |programs: &[&str]| {
        // Asked for its version, the program that prepares folders would prepare the system's.
        runs(programs, "--help").ok_or(TestbedError::Missing {
            program: "MariaDB",
            remedy: "apt-get install mariadb-server, or run `make test`, which does",
        })
    };
    Ok(MariaDbPrograms {
        server: find(&["mariadbd", "/usr/sbin/mariadbd"])?,
        install: find(&["mariadb-install-db", "/usr/bin/mariadb-install-db"])?,
        client: find(&["mariadb", "/usr/bin/mariadb"])?,
    })
}

/// nginx, where somebody has installed it: nothing here needs it to run.
///
/// # Errors
/// [`TestbedError::Missing`].
pub fn nginx() -> Result<PathBuf, TestbedError> {
    let missing = TestbedError::Missing { program: "nginx", remedy: "apt-get install nginx-light" };
    runs(&["nginx", "/usr/sbin/nginx"], "-v").ok_or(missing)
}

/// A Python with aiosmtpd: that of the path, or Debian's, for which its package is.
pub(crate) fn python_with_aiosmtpd() -> Result<PathBuf, TestbedError> {
    let imports = |program: &&&str| {
        let output = Command::new(program).args(["-c", "import aiosmtpd"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    ["python3", "/usr/bin/python3"].iter().find(imports).map(PathBuf::from).ok_or(TestbedError::Missing {
        program: "aiosmtpd",
        remedy: "apt-get install python3-aiosmtpd, or run `make test`, which does",
    })
}

/// The first of the programs that answers this question.
fn runs(programs: &[&str], question: &str) -> Option<PathBuf> {
    let says = |program: &&&str| Command::new(program).arg(question).output().is_ok();
    programs.iter().find(says).map(PathBuf::from)
}

/// Output of a program that ran and succeeded.
pub(crate) fn run(program: &'static str, command: &mut Command) -> Result<String, TestbedError> {
    let output = command.output().doing("run", program)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(TestbedError::Failed { program, output: said })
}

fn nats_version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_nats_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_nats_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split_once(": v")?.1.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        assert_eq!(parse_nats_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_nats_version("nats-server: v2.9.10"), Some((2, 9)));
        assert_eq!(parse_nats_version("something else"), None);
        assert!((2, 9) < NATS_OLDEST && (2, 15) > NATS_OLDEST);
    }

    #[test]
    fn the_first_program_that_runs_is_taken() {
        let found = runs(&["no-such-program", "cargo"], "--version");
        assert_eq!(found, Some(PathBuf::from("cargo")));
        assert_eq!(runs(&["no-such-program"], "--version"), None);
    }

    #[test]
    fn an_empty_folder_has_no_postgres() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(newest_postgres(folder.path()), None);
        std::fs::create_dir_all(folder.path().join("99/bin")).expect("a folder");
        assert_eq!(newest_postgres(folder.path()), None, "no programs in it");
    }
}
