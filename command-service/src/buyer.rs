//! Buyer data: checked at the edge, sealed with the customer's own key, and nowhere else in clear.

use serde::{Deserialize, Serialize};
use ticketflow_domain::customer::{self, RecordBuyer};
use ticketflow_domain::language::InvalidLanguage;
use ticketflow_domain::{CustomerId, Language, OrderId, Rut};
use ticketflow_event_store::{
    Append, AppendError, Category, EncodedEvents, Expected, StreamId, Urgency, push_customer_event,
};
use ticketflow_http::Problem;
use ticketflow_key_vault::{SealContext, VaultError, seal};
use utoipa::ToSchema;

use crate::environment::{fresh_ulid, random};
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

/// Characters of a name.
const MAX_NAME: usize = 200;
/// Characters of an e-mail address (RFC 5321).
const MAX_EMAIL: usize = 254;
/// Times that the details are offered when another purchase of the same customer was first.
const MAX_CONFLICTS: usize = 10;

pub(crate) const INVALID_BUYER: Problem = Problem::rule("invalid_buyer", "The buyer's details are not valid");

// No `Debug`: personal data must not reach a log.
/// A buyer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Buyer)]
pub(crate) struct BuyerRequest {
    /// The Chilean tax number, with its check digit.
    #[schema(example = "11.111.111-1")]
    rut: String,
    /// 1 to 200 characters.
    #[schema(example = "Ana Rojas")]
    name: String,
    #[schema(example = "ana@example.cl")]
    email: String,
    /// Of mails and documents, `es` or `en`; the issuer's, if left out.
    #[schema(example = "es")]
    language: Option<String>,
}

/// A checked buyer.
#[derive(Serialize)]
pub(crate) struct Buyer {
    #[serde(serialize_with = "as_text")]
    rut: Rut,
    name: String,
    email: String,
    /// Left out as before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
}

fn as_text<S: serde::Serializer>(rut: &Rut, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(rut)
}

fn invalid(field: &'static str, detail: String) -> Problem {
    INVALID_BUYER.detail(detail).member("field", field)
}

impl BuyerRequest {
    /// The buyer, or which field is wrong.
    pub(crate) fn check(self) -> Result<Buyer, Problem> {
        let rut = self
            .rut
            .parse()
            .map_err(|error: ticketflow_domain::rut::InvalidRut| invalid("rut", error.to_string()))?;
        let name = self.name.trim().to_owned();
        let length = name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
            return Err(invalid(
                "name",
                format!("a name has 1 to {MAX_NAME} characters and no control characters"),
            ));
        }
        let email = self.email.trim().to_owned();
        if !is_email(&email) {
            return Err(invalid("email", "an e-mail address looks like ana@example.cl".to_owned()));
        }
        let language = self.language.as_deref().map(str::parse).transpose();
        let language = language.map_err(|error: InvalidLanguage| invalid("language", error.to_string()))?;
        Ok(Buyer { rut, name, email, language })
    }
}

/// The shape that every deliverable address has; whether it exists, a mail will show.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| {
        !part.chars().any(|c| c.is_whitespace() || c.is_control() || "<>(),;:\"\\[]@".contains(c))
    };
    text.chars().count() <= MAX_EMAIL
        && !local.is_empty()
        && plain(local)
        && plain(domain)
        && domain.split('.').count() >= 2
        && domain.split('.').all(|label| !label.is_empty())
}

/// Makes or finds the customer and records the sealed details with the order. Durable when it answers.
pub(crate) async fn record(
    service: &CommandService,
    order_id: OrderId,
    buyer: &Buyer,
) -> Result<CustomerId, Problem> {
    let now = service.ports.clock.now();
    let lookup = service.ports.vault.lookup(buyer.rut.number());
    let customer = service
        .ports
        .vault
        .find_or_create(lookup, fresh_ulid(now))
        .await
        .map_err(|error| vault_problem(&error))?;
    let customer_id = CustomerId::from_bytes(customer.customer_id);
    let details = serde_json::to_vec(buyer).expect("texts have a JSON form");
    let context = SealContext { customer_id: customer.customer_id, place: &order_id.to_bytes() };
    let sealed = seal(&customer.key, context, &details).map_err(|error| {
        tracing::error!(%error, "buyer details cannot be sealed");
        problems::UNAVAILABLE.detail("buyer details cannot be stored now")
    })?;
    append(service, RecordBuyer { customer_id, order_id, sealed }).await?;
    Ok(customer_id)
}

async fn append(service: &CommandService, command: RecordBuyer) -> Result<(), Problem> {
    let stream = StreamId::new(Category::Customer, command.customer_id.to_bytes());
    for _ in 0..MAX_CONFLICTS {
        let now = service.ports.clock.now();
        let revision = service.ports.store.log().stream_revision(&stream);
        let mut events = EncodedEvents::new();
        for event in customer::decide(revision, command.clone(), now) {
            push_customer_event(&mut events, &event).expect("sealed details are a few hundred bytes");
        }
        let append = Append {
            stream,
            // Only who comes first matters; details of several orders of one buyer may come in any order.
            expected: if revision == 0 { Expected::Revision(0) } else { Expected::Any },
            batch_id: random(),
            recorded_at_ms: now.as_millis(),
            metadata: Vec::new(),
            events,
            // A buyer with a hold is to come through while space is low.
            urgency: Urgency::Essential,
        };
        match service.ports.store.append(append).await {
            Ok(_) => return Ok(()),
            Err(AppendError::Conflict { .. }) => {}
            Err(AppendError::StorageLow) => return Err(problems::outcome(Outcome::StorageLow)),
            Err(AppendError::TooLarge) => return Err(problems::outcome(Outcome::TooLarge)),
            Err(AppendError::Unavailable | AppendError::Unknown) => {
                return Err(problems::outcome(Outcome::Unavailable));
            }
        }
    }
    Err(problems::outcome(Outcome::Busy))
}

fn vault_problem(error: &VaultError) -> Problem {
    tracing::error!(%error, "the key vault does not answer");
    problems::UNAVAILABLE.detail("buyer details cannot be stored now")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rut: &str, name: &str, email: &str) -> Result<Buyer, Problem> {
        BuyerRequest { rut: rut.into(), name: name.into(), email: email.into(), language: None }.check()
    }

    fn sealed(language: Option<&str>) -> Result<String, Problem> {
        let request = BuyerRequest {
            rut: "12.345.678-5".into(),
            name: "Ana".into(),
            email: "a@b.cl".into(),
            language: language.map(str::to_owned),
        };
        request.check().map(|buyer| serde_json::to_string(&buyer).unwrap())
    }

    #[test]
    fn a_language_is_sealed_by_its_code_and_nothing_where_there_is_none() {
        let without = r#"{"rut":"12.345.678-5","name":"Ana","email":"a@b.cl"}"#;
        assert_eq!(sealed(None).unwrap(), without);
        for code in ["es", "en"] {
            let with = without.replace('}', &format!(r#","language":"{code}"}}"#));
            assert_eq!(sealed(Some(code)).unwrap(), with);
        }
        for bad in ["", "EN", "en-US", "fr", " en"] {
            assert!(sealed(Some(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn usual_and_unusual_people_may_buy() {
        for (name, email) in [
            ("Ana Pérez", "ana@example.cl"),
            ("José Ñandú O'Higgins-Ñuñoa", "jose.nandu+boletos@correo.gob.cl"),
            ("李小龍", "li@xn--fiq228c.example"),
            ("عمر", "omar@example.com"),
        ] {
            assert!(check("12.345.678-5", name, email).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_field() {
        let long = "x".repeat(201);
        for (rut, name, email) in [
            ("12.345.678-9", "Ana", "a@b.cl"),
            ("12.345.678-5", " ", "a@b.cl"),
            ("12.345.678-5", "a\nBcc: x", "a@b.cl"),
            ("12.345.678-5", &long, "a@b.cl"),
            ("12.345.678-5", "Ana", "ana"),
            ("12.345.678-5", "Ana", "ana@b"),
            ("12.345.678-5", "Ana", "a@b..cl"),
            ("12.345.678-5", "Ana", "a b@c.cl"),
            ("12.345.678-5", "Ana", "a@b.cl\r\nBcc: c@d.cl"),
            ("12.345.678-5", "Ana", "x@y@z.cl"),
        ] {
            assert!(check(rut, name, email).is_err(), "{rut} {name} {email}");
        }
    }
}
