-- The invoices as back offices ask for them. Every table is a projection of the log: it may be emptied, and is filled again.
-- No personal data: who bought is in the key vault, under the order's customer, and can be forgotten there.
-- Each statement can be run again: a schema change of this database is not part of a transaction, and may end anywhere.

-- How far the log is in the tables. One row; it moves in the transaction that writes the rows.
CREATE TABLE IF NOT EXISTS invoice_checkpoint (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  position BIGINT UNSIGNED NOT NULL,
  chain_hash BINARY(32) NOT NULL,
  fold_version INT UNSIGNED NOT NULL,
  CONSTRAINT invoice_checkpoint_is_one_row CHECK (id = 1)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Who issues, and by whose rules.
CREATE TABLE IF NOT EXISTS issuers (
  series VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  scheme ENUM('plain', 'chile') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  opened_at DATETIME(3) NOT NULL,
  position BIGINT UNSIGNED NOT NULL,
  issuer JSON NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Receipts and credit notes. Amounts are in minor units of the currency; times are UTC.
CREATE TABLE IF NOT EXISTS invoices (
  series VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  document_type VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  folio BIGINT UNSIGNED NOT NULL,
  kind ENUM('receipt', 'credit_note') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  order_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  customer_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  show_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Of the event that made it, and of the order's or refund's event that it was made for.
  position BIGINT UNSIGNED NOT NULL,
  source_position BIGINT UNSIGNED NOT NULL,
  -- Of a credit note: the refund, the receipt that it takes back, and whether it takes back all of it at once.
  refund_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin,
  reference_type VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin,
  reference_folio BIGINT UNSIGNED,
  annuls BOOLEAN NOT NULL,
  total BIGINT NOT NULL,
  net BIGINT NOT NULL,
  tax BIGINT NOT NULL,
  exempt BIGINT NOT NULL,
  currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  issued_at DATETIME(3) NOT NULL,
  status ENUM('issued', 'submitted', 'accepted', 'refused') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  track_id MEDIUMTEXT,
  reason MEDIUMTEXT,
  mailed_at DATETIME(3),
  -- What is printed on it, whatever the country; but for the buyer's details.
  document JSON NOT NULL,
  receipt_order_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin
    AS (IF(kind = 'receipt', order_id, NULL)) PERSISTENT,
  issued_on DATE AS (CAST(issued_at AS DATE)) VIRTUAL,
  show_name VARCHAR(200) AS (LEFT(JSON_VALUE(document, '$.show.name'), 200)) VIRTUAL,
  show_date VARCHAR(10) AS (LEFT(JSON_VALUE(document, '$.show.starts_at'), 10)) VIRTUAL,
  line_count INT AS (JSON_LENGTH(document, '$.lines')) VIRTUAL,
  PRIMARY KEY (series, document_type, folio),
  UNIQUE KEY one_receipt_an_order (receipt_order_id),
  UNIQUE KEY one_document_a_source (source_position),
  KEY by_order (order_id),
  KEY by_customer (customer_id, issued_at),
  KEY by_show (show_id, issued_at),
  KEY by_day (issued_on, series),
  KEY by_status (status, issued_at),
  KEY by_show_date (show_date)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What became of each document, step by step.
CREATE TABLE IF NOT EXISTS deliveries (
  position BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  series VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  document_type VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  folio BIGINT UNSIGNED NOT NULL,
  what ENUM('submitted', 'accepted', 'refused', 'mailed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at DATETIME(3) NOT NULL,
  -- The authority's track id, the mail's message id, the authority's reason.
  detail MEDIUMTEXT,
  KEY by_document (series, document_type, folio),
  KEY by_time (what, at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What was sold, whether it has its document yet or not.
CREATE TABLE IF NOT EXISTS tickets (
  ticket_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  order_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  show_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  seat VARCHAR(600) NOT NULL,
  zone VARCHAR(400) NOT NULL,
  price BIGINT NOT NULL,
  status ENUM('paid', 'used', 'refunded') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  used_at DATETIME(3),
  gate VARCHAR(400),
  KEY by_order (order_id),
  KEY by_show (show_id, status)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
