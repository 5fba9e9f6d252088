-- An operator can have a refused document submitted again.
ALTER TABLE deliveries
  MODIFY what ENUM('submitted', 'accepted', 'refused', 'mailed', 'reopened') CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
