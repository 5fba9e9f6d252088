-- What outlives a generation of the read models: which one serves, what operators decided.

CREATE TABLE ticketflow.projection (
    name            text    PRIMARY KEY,
    -- The generation that serves; null until the first one is there.
    live_generation integer,
    paused          boolean NOT NULL DEFAULT false
);

INSERT INTO ticketflow.projection (name) VALUES ('postgres');

CREATE TABLE ticketflow.generation (
    number     integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    state      text        NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Batches of the log that an operator passed over. Every generation leaves out the same ones.
CREATE TABLE ticketflow.skipped_batch (
    first_position bigint      PRIMARY KEY,
    last_position  bigint      NOT NULL,
    error          text        NOT NULL,
    reason         text        NOT NULL,
    -- Of the event that records it in the log.
    event_position bigint      NOT NULL,
    skipped_at     timestamptz NOT NULL DEFAULT now()
);
