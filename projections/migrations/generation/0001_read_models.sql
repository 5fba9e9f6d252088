-- One generation of the read models, in a schema of its own: the search path says which.
-- Ids are ULIDs, whose 16 bytes are those of a uuid. Times are milliseconds since 1970, money is in minor units.

-- How far the rows are; moves in the transaction that writes them.
CREATE TABLE checkpoint (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position   bigint  NOT NULL,
    -- The log's link at that position.
    chain_hash bytea   NOT NULL
);

INSERT INTO checkpoint (position, chain_hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE shows (
    show_id      uuid     PRIMARY KEY,
    name         text     NOT NULL,
    venue        text     NOT NULL,
    starts_at_ms bigint   NOT NULL,
    currency     text     NOT NULL,
    -- 0 scheduled, 1 open, 2 closed, 3 cancelled.
    sales        smallint NOT NULL,
    -- Of its last event.
    position     bigint   NOT NULL,
    -- The event that created it, as JSON: the plan is in it.
    created      bytea    NOT NULL
);

CREATE INDEX shows_in_order ON shows (starts_at_ms, show_id);

CREATE TABLE zones (
    show_id   uuid    NOT NULL,
    zone      integer NOT NULL,
    name      text    NOT NULL,
    price     bigint  NOT NULL,
    general   boolean NOT NULL,
    available integer NOT NULL,
    held      integer NOT NULL,
    sold      integer NOT NULL,
    blocked   integer NOT NULL,
    PRIMARY KEY (show_id, zone)
);

-- In plan order. No index on what changes, and room on every page: a changed row stays on its page.
CREATE TABLE seats (
    show_id  uuid     NOT NULL,
    seat     integer  NOT NULL,
    zone     smallint NOT NULL,
    -- 0 available, 1 held, 2 sold, 3 blocked.
    status   smallint NOT NULL,
    revision bigint   NOT NULL,
    price    bigint   NOT NULL,
    hold_id  uuid,
    order_id uuid,
    PRIMARY KEY (show_id, seat)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Live holds.
CREATE TABLE holds (
    hold_id       uuid    PRIMARY KEY,
    show_id       uuid    NOT NULL,
    customer_id   uuid,
    seats         integer NOT NULL,
    total         bigint  NOT NULL,
    expires_at_ms bigint  NOT NULL,
    -- While it is being paid: the order to be, and when that is given up.
    order_id      uuid,
    give_up_at_ms bigint
) WITH (fillfactor = 80);

-- Paid orders.
CREATE TABLE orders (
    order_id    uuid    PRIMARY KEY,
    show_id     uuid    NOT NULL,
    customer_id uuid    NOT NULL,
    total       bigint  NOT NULL,
    refunded    bigint  NOT NULL,
    captured    boolean NOT NULL,
    paid_at_ms  bigint  NOT NULL,
    -- Of the last event that touched it or its tickets.
    position    bigint  NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE tickets (
    order_id   uuid     NOT NULL,
    -- In the order of purchase.
    number     integer  NOT NULL,
    ticket_id  uuid     NOT NULL,
    seat       integer  NOT NULL,
    -- The seat's revision when it was sold.
    generation bigint   NOT NULL,
    -- 0 paid, 1 used, 2 refunded.
    status     smallint NOT NULL,
    PRIMARY KEY (order_id, number)
) WITH (fillfactor = 90);

-- What was sold and given back, by the hour in which it was.
CREATE TABLE sales (
    show_id         uuid    NOT NULL,
    zone            integer NOT NULL,
    hour_ms         bigint  NOT NULL,
    sold            bigint  NOT NULL,
    sold_amount     bigint  NOT NULL,
    refunded        bigint  NOT NULL,
    refunded_amount bigint  NOT NULL,
    PRIMARY KEY (show_id, zone, hour_ms)
);
