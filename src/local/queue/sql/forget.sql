-- forget(:now): ids whose window has passed.
DELETE FROM Seen WHERE Until <= :now
