-- The language a client's letters are in; NULL: the office's.
ALTER TABLE Clients ADD COLUMN Language TEXT;
