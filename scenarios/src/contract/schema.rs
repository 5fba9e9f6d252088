//! JSON Schema, as far as the API's document uses it. A keyword that is not known here fails the check: a document that
//! says more than is looked at would pass for proven.

use std::collections::BTreeSet;

use serde_json::Value;

/// Say nothing about a value, or something that is checked elsewhere: patterns and formats of text are the server's to keep.
const NOT_CHECKED: [&str; 8] =
    ["description", "example", "title", "default", "format", "pattern", "propertyNames", "contentMediaType"];

/// The value fits, and has no member that the schema does not name.
pub(super) fn check_whole(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    check(document, schema, value, at)?;
    let Some(members) = value.as_object() else { return Ok(()) };
    let Some(described) = members_of(document, schema)? else { return Ok(()) };
    match members.keys().find(|name| !described.contains(name.as_str())) {
        Some(name) => Err(format!("{at}: {name} is not described")),
        None => Ok(()),
    }
}

/// The value fits.
pub(super) fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolve(document, schema)?.as_object().ok_or_else(|| format!("{at}: no schema"))?;
    for (keyword, rule) in schema {
        let fits = match keyword.as_str() {
            "type" => is_of_type(rule, value),
            "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap_or(f64::MAX)),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap_or(f64::MIN)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= count(rule)),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= count(rule)),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= count(rule)),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= count(rule)),
            "required" => {
                let members = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                match members.clone().find(|name| value.is_object() && value.get(name).is_none()) {
                    Some(name) => return Err(format!("{at}: {name} is missing")),
                    None => true,
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        check_whole(document, schema, value, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => check_others(document, schema, rule, value, at)?,
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    check_whole(document, rule, value, &format!("{at}[{index}]"))?;
                }
                true
            }
            "allOf" => {
                for schema in rule.as_array().into_iter().flatten() {
                    check(document, schema, value, at)?;
                }
                true
            }
            "oneOf" => {
                let schemas = rule.as_array().into_iter().flatten();
                schemas.filter(|schema| check(document, schema, value, at).is_ok()).count() == 1
            }
            other if NOT_CHECKED.contains(&other) => true,
            other => return Err(format!("{at}: the schema says {other}, which is not checked here")),
        };
        if !fits {
            return Err(format!("{at}: {value} against {keyword} {rule}"));
        }
    }
    Ok(())
}

/// What a reference stands for; anything else stands for itself.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> Result<&'a Value, String> {
    let Some(name) = value["$ref"].as_str() else { return Ok(value) };
    let found = name.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
    found.ok_or_else(|| format!("{name} is nowhere"))
}

fn count(rule: &Value) -> u64 {
    rule.as_u64().unwrap_or_default()
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match rule {
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        name => name.as_str().is_some_and(is),
    }
}

/// Members without a schema of their own.
fn check_others(
    document: &Value,
    schema: &serde_json::Map<String, Value>,
    rule: &Value,
    value: &Value,
    at: &str,
) -> Result<bool, String> {
    let named = |name: &str| schema.get("properties").is_some_and(|named| named.get(name).is_some());
    for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !named(name)) {
        match rule {
            Value::Bool(true) => {}
            Value::Bool(false) => return Err(format!("{at}: {name} is not allowed")),
            schema => check_whole(document, schema, value, &format!("{at}.{name}"))?,
        }
    }
    Ok(true)
}

/// The members that a schema names; none if it leaves them open.
fn members_of<'a>(document: &'a Value, schema: &'a Value) -> Result<Option<BTreeSet<&'a str>>, String> {
    let schema = resolve(document, schema)?;
    let mut members = BTreeSet::new();
    let mut is_closed = false;
    if let Some(properties) = schema["properties"].as_object() {
        members.extend(properties.keys().map(String::as_str));
        is_closed = true;
    }
    for part in ["allOf", "oneOf"].iter().flat_map(|kind| schema[*kind].as_array().into_iter().flatten()) {
        if let Some(others) = members_of(document, part)? {
            members.extend(others);
            is_closed = true;
        }
    }
    let is_open = schema["additionalProperties"].is_object() || schema["additionalProperties"] == true;
    Ok(if is_closed && !is_open { Some(members) } else { None })
}
