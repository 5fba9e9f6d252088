//! One holder of a data folder at a time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use ticketflow_event_store::{EmbeddedLog, LockError, LogOptions, OpenError, RealDisk};

use crate::world::small_options;

const FOLDER_VARIABLE: &str = "EVENT_STORE_TEST_FOLDER";

fn open(folder: &std::path::Path, options: LogOptions) -> Result<EmbeddedLog, OpenError> {
    EmbeddedLog::open(Arc::new(RealDisk::new(folder).unwrap()), options).map(|(log, _)| log)
}

fn assert_held(result: Result<EmbeddedLog, OpenError>, holder: u32) {
    let error = result.expect_err("the folder is in use");
    assert!(matches!(error, OpenError::Lock(LockError::Held { pid: Some(pid) }) if pid == holder), "{error}");
    assert!(error.to_string().contains(&format!("process {holder}")), "{error}");
}

#[test]
fn a_second_opening_in_the_same_process_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), small_options()).unwrap();
    assert_held(open(folder.path(), small_options()), std::process::id());
    log.close().unwrap();
    open(folder.path(), small_options()).unwrap();
}

#[test]
fn another_process_is_refused_and_a_dead_one_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locking::holds_the_folder_for_the_parent", "--nocapture"])
        .env(FOLDER_VARIABLE, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("holding")), "the holder opened the log");
    assert_held(open(folder.path(), small_options()), holder.id());
    holder.kill().unwrap();
    holder.wait().unwrap();
    let lock = std::fs::read_to_string(folder.path().join("lock")).unwrap();
    assert_eq!(lock.trim(), holder.id().to_string(), "the dead holder's lock file is still there");
    open(folder.path(), small_options()).unwrap();
}

/// The other process of the test above; on its own it has nothing to hold and only checks that.
#[test]
fn holds_the_folder_for_the_parent() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), small_options()).unwrap();
        return;
    };
    let _log = open(folder.as_ref(), small_options()).unwrap();
    println!("holding");
    // Until the parent kills this process or goes away.
    let _ = std::io::stdin().read_line(&mut String::new());
}
