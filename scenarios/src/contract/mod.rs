//! Answers held against the OpenAPI document of the server that gave them: what is answered has to be described.
//!
//! Invariant: an answer passes only if its operation, status, media type, every member and, for a problem, its code
//! and title are in the document. Requests that were accepted have to fit their description as well.

mod schema;

use serde_json::{Value, json};

/// A request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// As sent.
    pub method: &'a str,
    /// As sent, with its query.
    pub target: &'a str,
    /// The body sent.
    pub request: &'a [u8],
    /// Of the answer.
    pub status: u16,
    /// Of the answer, where it was looked at.
    pub content_type: Option<&'a str>,
    /// The body answered.
    pub answer: &'a [u8],
}

/// An OpenAPI document.
#[derive(Debug)]
pub struct Contract {
    document: Value,
}

impl Contract {
    /// Of a document, or of the parts of one.
    #[must_use]
    pub fn new(parts: impl IntoIterator<Item = Value>) -> Self {
        let mut document = json!({});
        for part in parts {
            merge(&mut document, part);
        }
        Self { document }
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Every operation: method in capitals, path and description.
    pub fn operations(&self) -> impl Iterator<Item = (String, &str, &Value)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            operations.map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
        })
    }

    /// Checks that an exchange is as described.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self, exchange: &Exchange<'_>) -> Result<(), String> {
        self.check_exchange(exchange).map_err(|reason| {
            let Exchange { method, target, status, .. } = exchange;
            let answer = String::from_utf8_lossy(exchange.answer).into_owned();
            format!("{method} {target} {status} is not as described: {reason}\n{answer}")
        })
    }

    /// Checks that a value fits a schema of the document and has no member that the schema does not name.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn check_value(&self, schema: &Value, value: &Value) -> Result<(), String> {
        schema::check_whole(&self.document, schema, value, "$")
    }

    /// What a reference stands for; anything else stands for itself.
    #[must_use]
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        schema::resolve(&self.document, value).unwrap_or(&Value::Null)
    }

    fn check_exchange(&self, exchange: &Exchange<'_>) -> Result<(), String> {
        let path = exchange.target.split('?').next().unwrap_or_default();
        let Some(template) = self.template(path) else {
            return self.expect_code(exchange, "route_not_found");
        };
        let operation = &self.document["paths"][template][exchange.method.to_lowercase()];
        if operation.is_null() {
            return self.expect_code(exchange, "method_not_allowed");
        }
        let described = self.resolve(&operation["responses"][exchange.status.to_string()]);
        if described.is_null() {
            return Err("the operation has no such status".to_owned());
        }
        if exchange.status < 300 {
            self.check_request(operation, exchange.request)?;
        }
        self.check_answer(described, exchange)
    }

    /// The path of the document that a request's path is an instance of; one without placeholders goes first.
    fn template(&self, path: &str) -> Option<&str> {
        let templates = self.document["paths"].as_object()?.keys().map(String::as_str);
        let fits = |template: &&str| {
            let parts = template.split('/').zip(path.split('/'));
            template.split('/').count() == path.split('/').count()
                && parts
                    .into_iter()
                    .all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
        };
        templates.filter(fits).min_by_key(|template| template.matches('{').count())
    }

    fn expect_code(&self, exchange: &Exchange<'_>, code: &str) -> Result<(), String> {
        let answer: Value = serde_json::from_slice(exchange.answer).unwrap_or_default();
        if answer["code"] == code { Ok(()) } else { Err(format!("{code} was expected")) }
    }

    fn check_request(&self, operation: &Value, request: &[u8]) -> Result<(), String> {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            return Ok(());
        }
        let request = serde_json::from_slice(request).map_err(|error| format!("the request: {error}"))?;
        self.check_value(schema, &request).map_err(|reason| format!("an accepted request: {reason}"))
    }

    fn check_answer(&self, described: &Value, exchange: &Exchange<'_>) -> Result<(), String> {
        let Some(contents) = described["content"].as_object() else {
            return if exchange.answer.is_empty() { Ok(()) } else { Err("a body".to_owned()) };
        };
        let usual = if exchange.status < 400 { "application/json" } else { "application/problem+json" };
        let content_type = exchange.content_type.unwrap_or(usual).split(';').next().unwrap_or_default();
        let content = contents.get(content_type).ok_or_else(|| format!("the media type {content_type}"))?;
        if !content_type.ends_with("json") {
            return Ok(());
        }
        let answer: Value = serde_json::from_slice(exchange.answer).map_err(|error| error.to_string())?;
        if exchange.status < 400 {
            return self.check_value(&content["schema"], &answer);
        }
        // A code may bring members of its own.
        schema::check(&self.document, &content["schema"], &answer, "$")?;
        let code = answer["code"].as_str().unwrap_or_default();
        let example = &self.document["components"]["examples"][code]["value"];
        match example["title"] == answer["title"] || example.is_null() {
            true => Ok(()),
            false => Err(format!("the title of {code} is {}", example["title"])),
        }
    }
}

fn merge(into: &mut Value, part: Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (name, value) in part {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, part) => *into = part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        let paths = json!({"paths": {"/shows/{show}": {"put": {
            "requestBody": {"content": {"application/json": {"schema": {
                "type": "object", "additionalProperties": false, "properties": {"name": {"type": "string"}}
            }}}},
            "responses": {
                "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Show"}}}},
                "204": {},
                "409": {"$ref": "#/components/responses/taken"},
            },
        }}}});
        let components = json!({"components": {
            "schemas": {"Show": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}},
            "responses": {"taken": {"content": {"application/problem+json": {"schema": {
                "type": "object", "properties": {"code": {"enum": ["taken"]}}
            }}}}},
            "examples": {"taken": {"value": {"title": "Taken"}}},
        }});
        Contract::new([paths, components])
    }

    fn check(method: &str, target: &str, status: u16, answer: &str) -> Result<(), String> {
        let (request, answer) = (br#"{"name": "x"}"#, answer.as_bytes());
        contract().check(&Exchange { method, target, request, status, content_type: None, answer })
    }

    #[test]
    fn what_is_described_passes() {
        for (method, target, status, answer) in [
            ("PUT", "/shows/7?limit=3", 200, r#"{"id": 7}"#),
            ("PUT", "/shows/7", 204, ""),
            ("PUT", "/shows/7", 409, r#"{"code": "taken", "title": "Taken", "by": "Ana"}"#),
            ("GET", "/shows/7", 405, r#"{"code": "method_not_allowed"}"#),
            ("PUT", "/shows", 404, r#"{"code": "route_not_found"}"#),
        ] {
            assert_eq!(check(method, target, status, answer), Ok(()), "{target} {status}");
        }
    }

    #[test]
    fn what_is_not_described_is_named() {
        for (target, status, answer, expected) in [
            ("/shows/7", 200, r#"{"id": "7"}"#, "$.id"),
            ("/shows/7", 200, "{}", "id is missing"),
            ("/shows/7", 200, r#"{"id": 7, "extra": 1}"#, "extra is not described"),
            ("/shows/7", 201, "{}", "no such status"),
            ("/shows/7", 204, "{}", "a body"),
            ("/shows/7", 409, r#"{"code": "other", "title": "Taken"}"#, "$.code"),
            ("/shows/7", 409, r#"{"code": "taken", "title": "Gone"}"#, "the title of taken"),
            ("/shows/7/seats", 200, r#"{"id": 7}"#, "route_not_found was expected"),
        ] {
            let reason = check("PUT", target, status, answer).expect_err(answer);
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
    }

    #[test]
    fn an_accepted_request_has_to_be_described() {
        let request = br#"{"nome": "x"}"#;
        let exchange = Exchange {
            method: "PUT",
            target: "/shows/7",
            request,
            status: 204,
            content_type: None,
            answer: b"",
        };
        let reason = contract().check(&exchange).expect_err("a misspelt name");
        assert!(reason.contains("an accepted request"), "{reason}");
    }
}
