//! The tables are built anew while the present ones serve.

use ticketflow_billing_projector::Freshness;
use ticketflow_testbed::MariaDb;

use crate::bed::{all_is_well, bill, billed, caught_up, deliver, office, play, sold, start, urls, verified};

#[test]
fn rebuilt_while_documents_arrive_and_are_read_the_tables_are_the_fold() {
    play(MariaDb::start(), |server| async move {
        let (log, mut history) = sold(51, 4_000);
        bill(&log).await;
        deliver(&log, 1).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        server.query("UPDATE invoices SET total = 1 WHERE folio = 3").unwrap();
        assert_ne!(verified(&server, &log).await.faults, Vec::<String>::new());
        let order_id = history.orders().next().unwrap();
        let billing = office(&log).await;
        let rebuild = tokio::spawn({
            let tables = tables.clone();
            async move { tables.rebuild().await }
        });
        let mut reads = 0;
        while !rebuild.is_finished() {
            let (documents, freshness) = tables.documents_of(order_id).await.unwrap();
            assert!(documents.is_some(), "at every moment there is a set of tables");
            assert!(matches!(freshness, Freshness::Fresh { .. }));
            reads += 1;
            history.append(&log, 3);
        }
        rebuild.await.unwrap().unwrap();
        assert!(reads > 0);
        billed(&log, &billing).await;
        billing.stop().await;
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        let left = "SELECT COUNT(*) FROM information_schema.tables
                    WHERE table_name LIKE 'building%' OR table_name LIKE 'retired%'";
        assert_eq!(server.query(left).unwrap(), "0");
        tables.stop().await;
    });
}
