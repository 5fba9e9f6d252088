//! Whether servers were told not to sync before they acknowledge.
//!
//! A server lists its options at `/info/options`, for users who may see them. Who may not gets no answer: then the operator has
//! to know, and a warning says so.

use std::time::Duration;

use serde::Deserialize;

use crate::address::KurrentAddress;
use crate::connection::ConnectError;

/// How long the page may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Options with which acknowledged events are not on the disk.
const UNSAFE: [&str; 2] = ["UnsafeDisableFlushToDisk", "MemDb"];

#[derive(Deserialize)]
struct ServerOption {
    name: String,
    #[serde(default)]
    value: serde_json::Value,
}

/// Refuses servers that say that they do not sync; warns of those that do not say.
pub(crate) async fn refuse_unsafe(address: &KurrentAddress) -> Result<(), ConnectError> {
    for server in &address.servers {
        match ask(address, server).await {
            Ok(None) => {}
            Ok(Some(option)) => {
                return Err(ConnectError::DoesNotSync { server: server.clone(), option });
            }
            Err(reason) => tracing::warn!(
                server,
                reason,
                "a KurrentDB server does not tell its options; see to it that it runs without {}",
                UNSAFE.join(" and ")
            ),
        }
    }
    Ok(())
}

/// The unsafe option that a server runs with, if it does.
async fn ask(address: &KurrentAddress, server: &str) -> Result<Option<&'static str>, String> {
    let settings = address.settings()?;
    let mut client = reqwest::Client::builder()
        .danger_accept_invalid_certs(!settings.is_tls_certificate_verification_enabled())
        .https_only(address.tls)
        .timeout(TIMEOUT);
    if let Some(path) = settings.tls_ca_file() {
        let pem = tokio::fs::read(path).await.map_err(|error| format!("{path}: {error}"))?;
        let certificate = reqwest::Certificate::from_pem(&pem).map_err(|error| error.to_string())?;
        client = client.add_root_certificate(certificate);
    }
    let client = client.build().map_err(|error| error.to_string())?;
    let scheme = if address.tls { "https" } else { "http" };
    let mut request = client.get(format!("{scheme}://{server}/info/options"));
    if let Some((user, password)) = address.user_and_password() {
        request = request.basic_auth(user, Some(password));
    }
    let response = request.send().await.and_then(reqwest::Response::error_for_status);
    let response = response.map_err(|error| error.without_url().to_string())?;
    let body = response.bytes().await.map_err(|error| error.without_url().to_string())?;
    unsafe_option(&body)
}

fn unsafe_option(body: &[u8]) -> Result<Option<&'static str>, String> {
    let options: Vec<ServerOption> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let is_on = |name: &&str| {
        let option = options.iter().find(|option| option.name.eq_ignore_ascii_case(name));
        option.is_some_and(|option| match &option.value {
            serde_json::Value::Bool(on) => *on,
            serde_json::Value::String(text) => text.eq_ignore_ascii_case("true"),
            _ => false,
        })
    };
    Ok(UNSAFE.into_iter().find(is_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_lose_events_are_found() {
        let page = |name: &str, value: &str| {
            format!(
                r#"[{{"name":"Insecure","value":"True"}},{{"name":"{name}","group":"Db","value":{value}}}]"#
            )
        };
        for (name, value, found) in [
            ("MemDb", r#""True""#, Some("MemDb")),
            ("MemDb", "true", Some("MemDb")),
            ("UnsafeDisableFlushToDisk", r#""true""#, Some("UnsafeDisableFlushToDisk")),
            ("MemDb", r#""False""#, None),
            ("UnsafeDisableFlushToDisk", "false", None),
            ("MemDb", "null", None),
            ("Other", "true", None),
        ] {
            assert_eq!(unsafe_option(page(name, value).as_bytes()), Ok(found), "{name}: {value}");
        }
        assert!(unsafe_option(b"<html>").is_err());
    }
}
