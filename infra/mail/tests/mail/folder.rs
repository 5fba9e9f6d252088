//! Mails as files, whatever happens while they are written.

use crate::sample::{date, id, mail_to};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use ticketflow_mail::{MailSetting, MailTransport, SendMailError};

/// Names the folder to a process of this test that writes until it is killed.
const WRITE_IN: &str = "TICKETFLOW_TEST_WRITE_MAILS_IN";
const KILLS: u64 = 8;

fn open(folder: &Path) -> MailTransport {
    MailTransport::open(&MailSetting::Folder(folder.to_owned())).unwrap()
}

fn mails(folder: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".eml")).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_mail_is_one_file_however_often_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("outgoing/mails");
    let transport = open(&inner);
    let mail = mail_to("antonia@example.cl", "once");
    for _ in 0..3 {
        let accepted = transport.send(&mail).await.unwrap();
        assert_eq!(accepted.reply, inner.join(format!("{}.eml", id("once"))).display().to_string());
    }
    transport.send(&mail_to("antonia@example.cl", "other")).await.unwrap();
    assert_eq!(mails(&inner), [format!("{}.eml", id("once")), format!("{}.eml", id("other"))]);
    let path = inner.join(format!("{}.eml", id("once")));
    assert_eq!(std::fs::read(&path).unwrap(), mail.content());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&inner)), (0o600, 0o700), "mails name people");
}

#[tokio::test]
async fn leftovers_are_no_mails_and_old_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join(".a.partial"), folder.path().join(".b.partial"));
    let foreign = folder.path().join("notes.txt");
    for path in [&old, &new, &foreign] {
        std::fs::write(path, "half a ma").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7_200);
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    let transport = open(folder.path());
    assert_eq!(mails(folder.path()), [""; 0]);
    assert!(!old.exists() && new.exists() && foreign.exists(), "only what nobody writes any more goes");
    transport.send(&mail_to("antonia@example.cl", "next")).await.unwrap();
    assert_eq!(mails(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_a_reason_to_try_again() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("mails");
    let transport = open(&inner);
    std::fs::remove_dir(&inner).unwrap();
    let error = transport.send(&mail_to("antonia@example.cl", "gone")).await.unwrap_err();
    assert!(matches!(error, SendMailError::Unwritten { .. }) && error.is_retryable());
    std::fs::create_dir(&inner).unwrap();
    transport.send(&mail_to("antonia@example.cl", "gone")).await.unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(MailTransport::open(&MailSetting::Folder(file)).is_err());
}

/// Not a test of its own: what [`a_killed_writer_leaves_whole_mails`] kills.
#[tokio::test]
async fn writer() {
    let Some(folder) = std::env::var_os(WRITE_IN) else { return };
    let transport = open(Path::new(&folder));
    for round in 0..u64::MAX {
        transport.send(&mail_to("antonia@example.cl", &format!("mail-{}", round % 50))).await.unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_whole_mails() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut written = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(&program)
            .args(["--exact", "folder::writer"])
            .env(WRITE_IN, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let since = Instant::now();
        while mails(folder.path()).is_empty() || since.elapsed() < Duration::from_millis(150 + 17 * kill) {
            assert!(since.elapsed() < Duration::from_secs(30), "nothing is written");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for name in mails(folder.path()) {
            let content = std::fs::read(folder.path().join(&name)).unwrap();
            let id: &str = name.split('.').next().unwrap();
            assert_eq!(content, mail_to("antonia@example.cl", id).content(), "{name} is whole");
            written += 1;
        }
    }
    assert!(written >= KILLS, "{written} mails were looked at, the date of all is {}", date());
}
