//! The servers do what operators and disasters do to them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ticketflow_testbed::{
    MariaDb, MariaDbPair, NatsCluster, NatsServer, Postgres, SmtpFaults, SmtpServer, TestbedError,
};

#[test]
fn postgres_keeps_what_it_committed_through_stop_kill_and_pause() {
    let mut postgres = Postgres::start().expect("PostgreSQL runs");
    let folder = postgres.folder().to_owned();
    postgres.query("CREATE TABLE seats (seat int PRIMARY KEY)").expect("a table");
    let seats = |postgres: &Postgres| postgres.query("SELECT count(*) FROM seats").expect("a count");
    for (round, end) in ["stop", "kill", "kill"].into_iter().enumerate() {
        postgres.query(&format!("INSERT INTO seats VALUES ({round})")).expect("a row");
        let before = postgres.process_id().expect("it runs");
        match end {
            "stop" => postgres.process().stop().expect("it stops"),
            _ => postgres.process().kill(),
        }
        assert!(postgres.query("SELECT 1").is_err(), "it is down");
        postgres.restart().expect("it comes up again");
        assert_ne!(postgres.process_id(), Some(before));
        assert_eq!(seats(&postgres), (round + 1).to_string());
    }
    let error = postgres.query("SELECT * FROM nowhere").expect_err("no such table");
    assert!(error.to_string().contains("nowhere"), "{error}");
    postgres.process().pause().expect("it pauses");
    assert!(postgres.query("SELECT 1").is_err(), "nobody answers");
    postgres.process().resume().expect("it goes on");
    assert_eq!(seats(&postgres), "3");
    drop(postgres);
    assert!(!folder.exists(), "the folder goes with the server");
}

#[test]
fn mariadb_keeps_what_it_committed_through_stop_kill_and_pause() {
    let mut mariadb = MariaDb::start().expect("MariaDB runs");
    let (folder, url) = (mariadb.folder().to_owned(), mariadb.url());
    assert!(mariadb.version().expect("a version").contains("MariaDB"));
    mariadb.query("CREATE TABLE seats (seat int PRIMARY KEY)").expect("a table");
    let seats = |mariadb: &MariaDb| mariadb.query("SELECT count(*) FROM seats").expect("a count");
    for (round, end) in ["stop", "kill", "kill"].into_iter().enumerate() {
        mariadb.query(&format!("INSERT INTO seats VALUES ({round})")).expect("a row");
        let before = mariadb.process_id().expect("it runs");
        match end {
            "stop" => mariadb.process().stop().expect("it stops"),
            _ => mariadb.process().kill(),
        }
        assert!(mariadb.query("SELECT 1").is_err(), "it is down");
        mariadb.restart().expect("it comes up again");
        assert_ne!(mariadb.process_id(), Some(before));
        assert_eq!((seats(&mariadb), mariadb.url()), ((round + 1).to_string(), url.clone()));
    }
    let error = mariadb.query("SELECT * FROM nowhere").expect_err("no such table");
    assert!(error.to_string().contains("nowhere"), "{error}");
    mariadb.process().pause().expect("it pauses");
    assert!(mariadb.query("SELECT 1").is_err(), "nobody answers");
    mariadb.process().resume().expect("it goes on");
    assert_eq!(seats(&mariadb), "3");
    drop(mariadb);
    assert!(!folder.exists(), "the folder goes with the server");
}

#[test]
fn a_mariadb_replica_follows_its_primary_through_the_loss_of_either() {
    let mut pair = MariaDbPair::start().expect("two servers run");
    let (folders, count) =
        ([pair.primary.folder().to_owned(), pair.replica.folder().to_owned()], "SELECT count(*) FROM seats");
    pair.primary
        .query("CREATE TABLE seats (seat int PRIMARY KEY); INSERT INTO seats VALUES (1)")
        .expect("a row");
    pair.catch_up().expect("the replica has it");
    assert_eq!(pair.replica.query(count).expect("a count"), "1");
    assert_eq!(pair.replica.query("SELECT @@read_only").expect("a setting"), "1");
    pair.primary.process().kill();
    assert_eq!(pair.replica.query(count).expect("a count"), "1", "it serves alone");
    pair.primary.restart().expect("the primary comes back");
    pair.primary.query("INSERT INTO seats VALUES (2)").expect("a row");
    pair.catch_up().expect("the replica went on by itself");
    pair.replica.process().kill();
    pair.primary.query("INSERT INTO seats VALUES (3)").expect("a row");
    pair.replica.restart().expect("the replica comes back");
    pair.catch_up().expect("it has what it missed");
    assert_eq!(pair.replica.query(count).expect("a count"), "3");
    drop(pair);
    assert!(folders.iter().all(|folder| !folder.exists()), "the folders go with the servers");
}

/// Sends one line and gives the first line of the answer that is not a greeting.
fn ask(server: &NatsServer, lines: &str) -> Option<String> {
    let address = server.url().strip_prefix("nats://")?.to_owned();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "CONNECT {{\"verbose\":false}}\r\n{lines}").ok()?;
    let answers = BufReader::new(stream).lines().map_while(Result::ok);
    answers.into_iter().find(|line| !line.starts_with("INFO") && !line.starts_with("+OK"))
}

#[test]
fn a_nats_server_keeps_its_port_and_its_streams() {
    let mut server = NatsServer::start().expect("NATS runs");
    let (folder, url) = (server.folder().to_owned(), server.url());
    assert_eq!(ask(&server, "PING\r\n").as_deref(), Some("PONG"));
    let configuration = std::fs::read_to_string(folder.join("server.conf")).expect("a configuration");
    assert!(configuration.contains("sync_interval: always"));
    for end in ["stop", "kill"] {
        match end {
            "stop" => server.process().stop().expect("it stops"),
            _ => server.process().kill(),
        }
        assert_eq!(ask(&server, "PING\r\n"), None, "it is down");
        assert!(!server.is_healthy());
        server.restart().expect("it comes up again");
        assert_eq!((ask(&server, "PING\r\n").as_deref(), server.url()), (Some("PONG"), url.clone()));
    }
    server.process().pause().expect("it pauses");
    assert_eq!(ask(&server, "PING\r\n"), None, "it hangs");
    server.process().resume().expect("it goes on");
    assert!(server.is_healthy());
    drop(server);
    assert!(!folder.exists(), "the folder goes with the server");
}

#[test]
fn a_cluster_elects_another_leader_when_one_is_killed() {
    let mut cluster = NatsCluster::start().expect("three servers run");
    assert_eq!(cluster.url().split(',').count(), 3);
    let leader = cluster.leader().expect("a leader");
    cluster.nodes_mut()[leader].process().kill();
    let since = Instant::now();
    cluster.wait_until_settled().expect("the others go on");
    let next = cluster.leader().expect("another leader");
    assert_ne!(next, leader);
    eprintln!("another leader after {:.1} s", since.elapsed().as_secs_f64());
    cluster.nodes_mut()[leader].restart().expect("it comes back");
    cluster.wait_until_settled().expect("all three agree");
    assert_eq!(cluster.nodes().iter().filter(|node| node.is_healthy()).count(), 3);
}

/// Speaks SMTP by hand; gives the code of every answer, 0 where the connection ended.
fn speak(server: &SmtpServer, lines: &[&str]) -> Vec<u32> {
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut codes = Vec::new();
    for line in std::iter::once(&"").chain(lines) {
        if !line.is_empty() {
            let _ = write!(stream, "{line}\r\n");
        }
        let mut answer = String::new();
        let _ = reader.read_line(&mut answer);
        codes.push(answer.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0));
    }
    codes
}

#[test]
fn an_smtp_server_keeps_mails_and_fails_as_told() {
    let mut server = match SmtpServer::start() {
        Ok(server) => server,
        Err(missing @ TestbedError::Missing { .. }) => return println!("SKIPPED: {missing}"),
        Err(error) => panic!("{error}"),
    };
    let folder = server.folder().to_owned();
    let mail =
        ["HELO test", "MAIL FROM:<a@example.cl>", "RCPT TO:<b@example.cl>", "DATA", "Hi: ho\r\n\r\n..x\r\n."];
    assert_eq!(speak(&server, &mail), [220, 250, 250, 250, 354, 250]);
    server.process().kill();
    server.restart().expect("it comes up again");
    let answers_to = |faults: SmtpFaults| {
        server.behave(&faults).expect("told");
        (speak(&server, &mail), speak(&server, &mail))
    };
    let well = vec![220, 250, 250, 250, 354, 250];
    let refused = answers_to(SmtpFaults { refuse_recipients: Some("^b@".into()), ..SmtpFaults::default() });
    assert_eq!(refused.0[3], 550);
    let busy = answers_to(SmtpFaults { busy: 1, ..SmtpFaults::default() });
    assert_eq!((busy.0[3], busy.1), (451, well.clone()));
    let refused = answers_to(SmtpFaults { refuse_content: true, ..SmtpFaults::default() });
    assert_eq!(refused.0[5], 554);
    let refused = answers_to(SmtpFaults { refuse_sender: true, ..SmtpFaults::default() });
    assert_eq!(refused.0[2], 550);
    let lost = answers_to(SmtpFaults { cut_and_lose: 1, ..SmtpFaults::default() });
    assert_eq!((lost.0[5], lost.1), (0, well.clone()));
    let kept = answers_to(SmtpFaults { cut_and_keep: 1, ..SmtpFaults::default() });
    assert_eq!((kept.0[5], kept.1), (0, well));
    let mails = server.accepted().expect("mails");
    assert_eq!(
        mails.len(),
        5,
        "one before the kill, one each after busy and lost, two where one was cut and kept"
    );
    assert!(
        mails.iter().all(|mail| mail.content == b"Hi: ho\r\n\r\n.x\r\n" && mail.sender == "a@example.cl")
    );
    assert!(mails.iter().all(|mail| mail.recipients == ["b@example.cl"] && !mail.is_encrypted));
    drop(server);
    assert!(!folder.exists(), "the folder goes with the server");
}
