//! A WebDriver client as small as these tests need: one chromedriver per browser on a free port, ended by its own
//! handle, a profile folder that goes with it, and waits for conditions.

use data_encoding::BASE64;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
    "--lang=es-CL",
];

pub struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    session: String,
    driver: Child,
    _profile: TempDir,
}

/// Why there is no browser to test with.
pub struct Missing(pub String);

impl Browser {
    pub async fn start() -> Result<Self, Missing> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let driver = match command.spawn() {
            Ok(driver) => driver,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Missing("no chromedriver on the path".into()));
            }
            Err(error) => panic!("chromedriver does not start: {error}"),
        };
        let client = Client::builder(TokioExecutor::new()).build_http();
        let profile = tempfile::tempdir().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let mut browser = Self { client, session: base.clone(), driver, _profile: profile };
        let deadline = Instant::now() + PATIENCE;
        while browser.call("GET", "/status", None).await.is_err() {
            assert!(Instant::now() < deadline, "chromedriver never became ready");
            tokio::time::sleep(POLL).await;
        }
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", browser._profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "ALL" } } } });
        match browser.call("POST", "/session", Some(wanted)).await {
            Ok(answer) => {
                browser.session = format!("{base}/session/{}", answer["sessionId"].as_str().unwrap())
            }
            Err(error) if error.contains("binary") => return Err(Missing(format!("no browser: {error}"))),
            Err(error) => panic!("no session: {error}"),
        }
        Ok(browser)
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let request = hyper::Request::builder().method(method).uri(format!("{}{path}", self.session));
        let request = request.header("content-type", "application/json").body(Full::from(bytes)).unwrap();
        let response = self.client.request(request).await.map_err(|error| error.to_string())?;
        let success = response.status().is_success();
        let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if success { Ok(answer["value"].take()) } else { Err(answer["value"]["message"].to_string()) }
    }

    pub async fn open(&self, address: &str) {
        self.call("POST", "/url", Some(json!({ "url": address }))).await.unwrap();
    }

    /// Lays the page out for a screen of this size, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 900 });
        let body = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": screen });
        self.call("POST", "/goog/cdp/execute", Some(body)).await.unwrap();
    }

    /// What the script returns.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.call("POST", "/execute/sync", Some(body))
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What the script hands to its last argument.
    pub async fn run_until_done(&self, script: &str) -> Value {
        let body = json!({ "script": format!("const done = arguments[0]; {script}"), "args": [] });
        self.call("POST", "/execute/async", Some(body))
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true, across page loads.
    pub async fn wait(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        let body = json!({ "script": format!("return Boolean({expression})"), "args": [] });
        loop {
            if self.call("POST", "/execute/sync", Some(body.clone())).await == Ok(Value::Bool(true)) {
                return;
            }
            if Instant::now() > deadline {
                let text = self.run("return document.body.innerText.slice(0, 600)").await;
                panic!("never true: {expression}\npage: {text}\nconsole: {}", self.console().await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub async fn click_at(&self, point: &Value) {
        let (x, y) = (point[0].as_f64().unwrap().round(), point[1].as_f64().unwrap().round());
        let steps = json!([{ "type": "pointerMove", "x": x as i64, "y": y as i64 },
            { "type": "pointerDown", "button": 0 }, { "type": "pointerUp", "button": 0 }]);
        let body = json!({ "actions": [{ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps }] });
        self.call("POST", "/actions", Some(body)).await.unwrap();
    }

    /// Presses and lets go of one key; special keys have code points of their own in WebDriver.
    pub async fn press(&self, key: &str) {
        let steps = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": steps }] });
        self.call("POST", "/actions", Some(body)).await.unwrap();
    }

    /// Types into a field as a person does.
    pub async fn fill(&self, selector: &str, text: &str) {
        let body = json!({ "using": "css selector", "value": selector });
        let element = self.call("POST", "/element", Some(body)).await.unwrap();
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.call("POST", &format!("/element/{id}/value"), Some(json!({ "text": text }))).await.unwrap();
    }

    /// Clicks an element.
    pub async fn click(&self, selector: &str) {
        let body = json!({ "using": "css selector", "value": selector });
        let element = self.call("POST", "/element", Some(body)).await.unwrap();
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.call("POST", &format!("/element/{id}/click"), Some(json!({}))).await.unwrap();
    }

    /// Errors of the console, above all what the content policy blocked.
    pub async fn console(&self) -> String {
        let entries =
            self.call("POST", "/se/log", Some(json!({ "type": "browser" }))).await.unwrap_or_default();
        let severe = entries
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|entry| entry["level"] == "SEVERE");
        severe
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A picture of the window, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let text = self.call("GET", "/screenshot", None).await.unwrap();
        BASE64.decode(text.as_str().unwrap().as_bytes()).unwrap()
    }

    pub async fn close(mut self) {
        // The driver ends the browser with the session; a session that is gone already is fine.
        let _ = self.call("DELETE", "", None).await;
        self.driver.kill().await.unwrap();
    }
}
