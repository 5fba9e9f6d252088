//! Routes and their description in one table: the router of a role, and its part of the API's OpenAPI document.
//!
//! Invariants: what is routed is described, under the very method and path; an operation names the problems that
//! follow from its shape (body, key, path, query, bearer key, the shell) without its handler having to repeat them.

use axum::Router;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, OpenApiBuilder, RefOr};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::problem_schema::add_refusals;
use crate::{Problem, extract, operator_key, shell};

/// The name under which operations ask for the bearer key of operators and organisers.
const OPERATOR_KEY_SCHEME: &str = "operator_key";

/// What reading a JSON body can end in.
const BODY: [Problem; 6] = [
    extract::MALFORMED_JSON,
    extract::INVALID_BODY,
    extract::BODY_CUT_SHORT,
    extract::BODY_TOO_SLOW,
    extract::BODY_TOO_LARGE,
    extract::UNSUPPORTED_MEDIA_TYPE,
];

/// A route table under construction.
pub struct ApiRoutes<S> {
    router: Router<S>,
    document: OpenApi,
}

impl<S: Clone + Send + Sync + 'static> Default for ApiRoutes<S> {
    fn default() -> Self {
        Self { router: Router::new(), document: OpenApiBuilder::new().build() }
    }
}

impl<S: Clone + Send + Sync + 'static> ApiRoutes<S> {
    /// Adds a handler: `line` is its method and path (`GET /v1/shows`), `described` comes from `routes!`, `refusals` are
    /// the problems beyond those that follow from the operation's shape.
    ///
    /// # Panics
    /// When the handler's `#[utoipa::path]` states another method or path, or problems that belong into `refusals`.
    #[must_use]
    pub fn at(mut self, line: &str, described: UtoipaMethodRouter<S>, refusals: &[Problem]) -> Self {
        let (schemas, paths, handler) = described;
        let components = self.document.components.get_or_insert_with(Components::new);
        components.schemas.extend(schemas);
        for (path, mut item) in paths.paths {
            for (method, operation) in operations(&mut item) {
                assert_eq!(format!("{method} {path}"), line, "the handler describes itself differently");
                describe(operation, components, refusals);
            }
            match self.document.paths.paths.get_mut(&path) {
                Some(others) => others.merge_operations(item),
                None => drop(self.document.paths.paths.insert(path.clone(), item)),
            }
            self.router = self.router.route(&path, handler.clone());
        }
        self
    }

    /// The routes.
    pub fn into_router(self) -> Router<S> {
        self.router
    }

    /// Their description.
    #[must_use]
    pub fn into_document(self) -> OpenApi {
        self.document
    }
}

/// Describes that every operation of a document that was not made by [`ApiRoutes`] asks for the operator's key.
///
/// # Panics
/// When an operation describes 401 already.
pub fn document_operator_key(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            operation.security =
                Some(vec![SecurityRequirement::new::<_, [&str; 0], _>(OPERATOR_KEY_SCHEME, [])]);
            add_refusals(operation, components, &[operator_key::MISSING]);
        }
    }
    add_operator_key(components);
}

fn add_operator_key(components: &mut Components) {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "The key of operators, organisers and doors: the file `operator.key` in the data folder",
    ));
    let scheme = SecurityScheme::Http(scheme.build());
    components.security_schemes.insert(OPERATOR_KEY_SCHEME.to_owned(), scheme.into());
}

fn describe(operation: &mut Operation, components: &mut Components, own: &[Problem]) {
    let mut refusals = Vec::new();
    if operation.request_body.is_some() {
        refusals.extend(BODY);
    }
    let mut is_repeatable = false;
    let parameters = operation.parameters.iter().flatten();
    for parameter in parameters.filter_map(inline) {
        match parameter.parameter_in {
            ParameterIn::Path => refusals.push(extract::NAMES_NOTHING),
            ParameterIn::Query => refusals.push(extract::MALFORMED_QUERY),
            ParameterIn::Header if parameter.name == extract::IDEMPOTENCY_KEY_HEADER => {
                refusals.extend([extract::KEY_MISSING, extract::KEY_INVALID]);
                is_repeatable = true;
            }
            _ => {}
        }
    }
    if operation.security.is_some() {
        refusals.push(operator_key::MISSING);
        add_operator_key(components);
    }
    if is_repeatable {
        add_replayed_header(operation);
    }
    refusals.extend_from_slice(own);
    refusals.extend([shell::OVERLOADED, shell::PANICKED]);
    add_refusals(operation, components, &refusals);
}

/// What was described before the refusals are the successes.
fn add_replayed_header(operation: &mut Operation) {
    let flag = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"]));
    let description = "Sent when this is the answer to an earlier request with the same key";
    let header = HeaderBuilder::new().schema(Some(flag)).description(Some(description)).build();
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("Idempotency-Replayed".to_owned(), header.clone().into());
        }
    }
}

fn inline(parameter: &RefOr<Parameter>) -> Option<&Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [
        ("GET", get),
        ("PUT", put),
        ("POST", post),
        ("DELETE", delete),
        ("OPTIONS", options),
        ("HEAD", head),
        ("PATCH", patch),
        ("TRACE", trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiJson, ApiPath, IdempotencyKey};
    use serde_json::Value;
    use utoipa_axum::routes;

    const SOLD_OUT: Problem = Problem::conflict("sold_out", "Nothing is left");

    #[derive(serde::Deserialize, utoipa::ToSchema)]
    struct Order {
        #[schema(example = 3)]
        #[allow(dead_code, reason = "a body that is read for its shape alone")]
        seats: u32,
    }

    /// Buys.
    #[utoipa::path(
        post, path = "/shows/{show}/orders", params(("show" = String, Path), IdempotencyKey), request_body = Order,
        responses((status = 201, description = "Bought")), security(("operator_key" = []))
    )]
    async fn buy(ApiPath(_show): ApiPath<String>, _key: IdempotencyKey, _body: ApiJson<Order>) {}

    fn table() -> ApiRoutes<()> {
        ApiRoutes::default().at("POST /shows/{show}/orders", routes!(buy), &[SOLD_OUT])
    }

    fn codes(document: &Value, status: &str) -> Vec<String> {
        let mut answer = &document["paths"]["/shows/{show}/orders"]["post"]["responses"][status];
        if let Some(name) =
            answer["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/responses/"))
        {
            answer = &document["components"]["responses"][name];
        }
        let schema = &answer["content"][crate::PROBLEM_CONTENT_TYPE]["schema"];
        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array().unwrap();
        codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn problems_follow_from_the_shape_of_an_operation() {
        let document = serde_json::to_value(table().into_document()).unwrap();
        for (status, expected) in [
            ("400", &["malformed_json", "invalid_body", "body_cut_short", "idempotency_key_missing"][..]),
            ("401", &["unauthorized"]),
            ("404", &["not_found"]),
            ("408", &["body_timeout"]),
            ("409", &["sold_out"]),
            ("413", &["body_too_large"]),
            ("415", &["unsupported_media_type"]),
            ("500", &["internal"]),
            ("503", &["overloaded"]),
        ] {
            let codes = codes(&document, status);
            assert!(expected.iter().all(|code| codes.iter().any(|one| one == code)), "{status}: {codes:?}");
        }
        assert_eq!(document["components"]["securitySchemes"][OPERATOR_KEY_SCHEME]["scheme"], "bearer");
    }

    #[test]
    #[should_panic(expected = "describes itself differently")]
    fn a_line_that_disagrees_with_its_handler_is_a_defect() {
        let _ = ApiRoutes::<()>::default().at("GET /shows/{show}/orders", routes!(buy), &[]);
    }
}
