//! The line in which an operator says where mails go.

use std::path::PathBuf;
use ticketflow_mail::{InvalidMailSetting, MailSetting};

#[test]
fn settings_are_read() {
    let shown = |text: &str| format!("{:?}", text.parse::<MailSetting>().unwrap());
    let cases = [
        ("smtp://127.0.0.1", "Smtp(smtp://127.0.0.1:25)"),
        ("smtp://10.1.2.3:1025", "Smtp(smtp://10.1.2.3:1025)"),
        ("smtp://[::1]:2525/", "Smtp(smtp://[::1]:2525)"),
        ("smtp://mailserver:25?answer_seconds=5", "Smtp(smtp://mailserver:25)"),
        (
            "smtp+starttls://correo.example.cl?hello=entradas.example.cl",
            "Smtp(smtp+starttls://correo.example.cl:587)",
        ),
        ("smtps://ana%40example.cl:p%40ss%2Fword@correo.example.cl", "Smtp(smtps://correo.example.cl:465)"),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected);
    }
    for (text, path) in
        [("file:mails", "mails"), ("file:/var/lib/mails", "/var/lib/mails"), ("file:///m", "/m")]
    {
        assert_eq!(text.parse(), Ok(MailSetting::Folder(PathBuf::from(path))));
    }
}

#[test]
fn what_is_wrong_is_said_without_the_password() {
    use InvalidMailSetting::{Folder, Login, Parameter, PlainToPublic, Scheme, Server};
    let cases = [
        ("", Scheme),
        ("mails", Scheme),
        ("ftp://u:secret@example.cl", Scheme),
        ("file:", Folder),
        ("smtp:", Server),
        ("smtps://", Server),
        ("smtps://u:secret@example.cl:99999", Server),
        ("smtps://u:secret@example.cl/path", Server),
        ("smtps://u:secret@example.cl#x", Server),
        ("smtps://u:secret@example.cl:0", Server),
        ("smtps://secret@example.cl", Login),
        ("smtps://:secret@example.cl", Login),
        ("smtps://u:%ff@example.cl", Login),
        ("smtp://u:secret@192.0.2.1", PlainToPublic),
        ("smtp://[2001:db8::1]", PlainToPublic),
        ("smtps://u:secret@example.cl?tls=no", Parameter),
        ("smtps://u:secret@example.cl?answer_seconds=0", Parameter),
        ("smtps://u:secret@example.cl?answer_seconds=601", Parameter),
        ("smtps://u:secret@example.cl?hello=a%0d%0ab", Parameter),
        ("smtps://u:secret@example.cl?hello=a&hello=b", Parameter),
        ("smtp://127.0.0.1?ca=file.pem", Parameter),
    ];
    for (text, expected) in cases {
        let error = text.parse::<MailSetting>().unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
    let setting: MailSetting = "smtps://user:secret@example.cl".parse().unwrap();
    let shown = format!("{setting:?}");
    assert!(!shown.contains("secret") && !shown.contains("user"), "{shown}");
}
