//! Makes the documents of an order: reads what they are about, who bought, and has them signed, where an authority wants that, and drawn.
//!
//! Invariants: documents are made when they are asked for, and the same each time; as many are drawn at once as there are
//! processors, and nobody waits for a turn without an end.

use std::sync::Arc;
use std::time::Duration;

use ticketflow_documents::{RenderReceiptError, RenderTicketsError, render_receipt, render_tickets};
use ticketflow_domain::billing::{DocumentView, OrderDocuments};
use ticketflow_domain::{OrderId, TicketId};
use ticketflow_event_store::Position;
use ticketflow_fiscal_chile::SignedDocument;
use ticketflow_ticket_code::TicketSigner;
use tokio::sync::Semaphore;

use crate::buyers::{Buyer, BuyerError, Buyers};
use crate::fiscal::{FiscalError, FiscalOffice};
use crate::issued::IssuedDocument;
use crate::order_facts::{FactReader, FactsError, OrderFacts};
use crate::papers::{PaperStyle, receipt_sheet, ticket_sheet};

/// How long a document waits for its turn to be drawn: a few hundred are before it then.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Why a document was not made.
#[derive(Debug, thiserror::Error)]
pub enum PressError {
    /// What it is about cannot be read.
    #[error("the facts of the order cannot be read")]
    Facts(#[from] FactsError),
    /// For whom it is cannot be read.
    #[error("the buyer's details cannot be read")]
    Buyer(#[from] BuyerError),
    /// The tickets cannot be drawn.
    #[error("the tickets cannot be drawn")]
    Tickets(#[from] RenderTicketsError),
    /// The receipt cannot be drawn.
    #[error("the receipt cannot be drawn")]
    Receipt(#[from] RenderReceiptError),
    /// An authority wants it signed, and the keys are not here.
    #[error("fiscal documents are made by processes that have the fiscal keys, and this one has none")]
    NoFiscalKeys,
    /// An authority wants it signed, and it cannot be.
    #[error("the document cannot be signed")]
    Fiscal(#[from] FiscalError),
    /// Drawing panicked.
    #[error("drawing ended by an error of this software")]
    Task(#[from] tokio::task::JoinError),
    /// Too many are drawn at once.
    #[error("too many documents are asked for at once")]
    Busy,
}

impl PressError {
    /// Whether trying again may help without anybody doing something.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Busy | Self::Task(_) => true,
            Self::Buyer(error) => error.passes(),
            Self::Fiscal(error) => error.passes(),
            Self::NoFiscalKeys | Self::Facts(_) | Self::Tickets(_) | Self::Receipt(_) => false,
        }
    }
}

/// What is needed to make a document of an order, read.
pub struct Copy {
    /// What it is about.
    pub facts: OrderFacts,
    /// For whom; `None` once that was erased.
    pub buyer: Option<Buyer>,
}

/// Makes documents. Clones share the turns.
#[derive(Clone)]
pub struct Press {
    facts: FactReader,
    buyers: Buyers,
    signer: TicketSigner,
    turns: Arc<Semaphore>,
    office: Option<Arc<FiscalOffice>>,
}

impl Press {
    /// Of these facts, buyers and codes.
    #[must_use]
    pub fn new(facts: FactReader, buyers: Buyers, signer: TicketSigner) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { facts, buyers, signer, turns: Arc::new(Semaphore::new(processors)), office: None }
    }

    /// Makes fiscal documents as well.
    #[must_use]
    pub fn with_fiscal_office(self, office: Arc<FiscalOffice>) -> Self {
        Self { office: Some(office), ..self }
    }

    /// What a document made for the event at this position is about, and for whom.
    ///
    /// # Errors
    /// [`PressError`].
    pub async fn copy(
        &self,
        documents: &OrderDocuments,
        order_id: OrderId,
        source_position: Position,
    ) -> Result<Copy, PressError> {
        let facts = self.facts.clone();
        let reading = tokio::task::spawn_blocking(move || facts.at(source_position));
        let buyer = self.buyers.of(documents.customer_id, order_id).await?;
        Ok(Copy { facts: reading.await??, buyer })
    }

    /// What is at a position, without the buyer.
    pub(crate) async fn facts_at(&self, position: Position) -> Result<OrderFacts, PressError> {
        let facts = self.facts.clone();
        Ok(tokio::task::spawn_blocking(move || facts.at(position)).await??)
    }

    /// The tickets of an order as PDF, those that are asked for; `None` when there are none of those.
    ///
    /// # Errors
    /// [`PressError`].
    pub async fn tickets(
        &self,
        documents: &OrderDocuments,
        copy: Arc<Copy>,
        only: impl Fn(TicketId) -> bool + Send + 'static,
        style: PaperStyle,
    ) -> Result<Option<Vec<u8>>, PressError> {
        let (issuer, signer) = (documents.issuer.clone(), self.signer.clone());
        self.draw(move || {
            let sheet = ticket_sheet(&copy.facts, &issuer, copy.buyer.as_ref(), &only, &signer, &style);
            Ok(sheet.as_ref().map(render_tickets).transpose()?)
        })
        .await
    }

    /// A receipt or credit note as PDF.
    ///
    /// # Errors
    /// [`PressError`].
    pub async fn receipt(
        &self,
        documents: &OrderDocuments,
        view: DocumentView,
        copy: Arc<Copy>,
        style: PaperStyle,
    ) -> Result<Vec<u8>, PressError> {
        let (documents, office) = (documents.clone(), self.office.clone());
        self.draw(move || {
            let issued = issued(&documents, &view, &copy);
            if !issued.is_fiscal() {
                return Ok(render_receipt(&receipt_sheet(&issued, None, &style))?);
            }
            let office = office.ok_or(PressError::NoFiscalKeys)?;
            let stamp = office.printed_stamp(&issued, &office.sign(&issued)?)?;
            // Of the day that the signed document says.
            let style = PaperStyle { time_zone: office.time_zone().clone(), ..style };
            Ok(render_receipt(&receipt_sheet(&issued, Some(stamp), &style))?)
        })
        .await
    }

    /// A receipt or credit note as its authority gets it; `None` where there is none.
    ///
    /// # Errors
    /// [`PressError`].
    pub async fn signed(
        &self,
        documents: &OrderDocuments,
        view: DocumentView,
        copy: Arc<Copy>,
    ) -> Result<Option<SignedDocument>, PressError> {
        let (documents, office) = (documents.clone(), self.office.clone());
        self.draw(move || {
            let issued = issued(&documents, &view, &copy);
            if !issued.is_fiscal() {
                return Ok(None);
            }
            Ok(Some(office.ok_or(PressError::NoFiscalKeys)?.sign(&issued)?))
        })
        .await
    }

    async fn draw<T: Send + 'static>(
        &self,
        drawing: impl FnOnce() -> Result<T, PressError> + Send + 'static,
    ) -> Result<T, PressError> {
        let turn = tokio::time::timeout(TURN_WITHIN, self.turns.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(PressError::Busy) };
        tokio::task::spawn_blocking(move || {
            let drawn = drawing();
            drop(turn);
            drawn
        })
        .await?
    }
}

fn issued<'a>(documents: &'a OrderDocuments, view: &'a DocumentView, copy: &'a Copy) -> IssuedDocument<'a> {
    IssuedDocument { documents, view, facts: &copy.facts, buyer: copy.buyer.as_ref() }
}
