//! What a document adds up to. Ticket prices are what the buyer pays; a tax is a part of them.

use serde::{Deserialize, Serialize};

use super::documents::DocumentType;

/// Value added tax (IVA), percent (Chile, DL 825).
pub const CHILEAN_VAT_PERCENT: i64 = 19;

/// The sums of a document in minor units. `net + tax + exempt == total`.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Amounts {
    /// What is paid, or given back.
    pub total: i64,
    /// Of that, what the tax is on.
    pub net: i64,
    /// Of that, the tax.
    pub tax: i64,
    /// Of that, what no tax is on.
    pub exempt: i64,
}

impl Amounts {
    /// Of a receipt of this type; half a minor unit of net is rounded up.
    #[must_use]
    pub const fn of(document_type: DocumentType, total: i64) -> Self {
        match document_type {
            DocumentType::TaxedReceipt => Self::taxed(total),
            DocumentType::Receipt
            | DocumentType::CreditNote
            | DocumentType::ExemptReceipt
            | DocumentType::FiscalCreditNote => Self { total, net: 0, tax: 0, exempt: total },
        }
    }

    const fn taxed(total: i64) -> Self {
        let with_tax = 100 + CHILEAN_VAT_PERCENT;
        let net = (total * 100 * 2 + with_tax) / (with_tax * 2);
        Self { total, net, tax: total - net, exempt: 0 }
    }

    /// Of what is given back of a receipt with this much given back before: parts and remainders add up to the receipt, to
    /// the last minor unit.
    #[must_use]
    pub const fn given_back(receipt: DocumentType, before: i64, amount: i64) -> Self {
        let (until, so_far) = (Self::of(receipt, before + amount), Self::of(receipt, before));
        Self {
            total: amount,
            net: until.net - so_far.net,
            tax: until.tax - so_far.tax,
            exempt: until.exempt - so_far.exempt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gross_price_is_taken_apart_by_the_rule() {
        let of = |total| Amounts::of(DocumentType::TaxedReceipt, total);
        assert_eq!(of(11_900), Amounts { total: 11_900, net: 10_000, tax: 1_900, exempt: 0 });
        // 25,000 / 1.19 = 21,008.40..., 10 / 1.19 = 8.40..., 3 / 1.19 = 2.52...
        assert_eq!((of(25_000).net, of(25_000).tax), (21_008, 3_992));
        assert_eq!((of(10).net, of(3).net, of(0).net), (8, 3, 0));
        assert_eq!(
            Amounts::of(DocumentType::ExemptReceipt, 7),
            Amounts { total: 7, exempt: 7, ..Amounts::default() }
        );
    }

    #[test]
    fn sums_add_up_for_every_price_and_for_every_way_to_give_it_back() {
        for total in 0..3_000 {
            let whole = Amounts::of(DocumentType::TaxedReceipt, total);
            assert_eq!(whole.net + whole.tax + whole.exempt, total);
            assert!(whole.net >= whole.tax, "{whole:?}");
            let first = total / 3;
            let parts = [
                Amounts::given_back(DocumentType::TaxedReceipt, 0, first),
                Amounts::given_back(DocumentType::TaxedReceipt, first, total - first),
            ];
            let sum = |of: fn(&Amounts) -> i64| parts.iter().map(of).sum::<i64>();
            assert_eq!((sum(|a| a.total), sum(|a| a.net), sum(|a| a.tax)), (total, whole.net, whole.tax));
        }
    }
}
