-- Which batch was passed over, so that another history's batch at the same position is not. Null: noted before this was kept.
ALTER TABLE ticketflow.skipped_batch ADD COLUMN batch_id bytea;
