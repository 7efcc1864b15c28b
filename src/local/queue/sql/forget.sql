-- forget(:now): deletes ids that are outside the window.
DELETE FROM Seen WHERE Until <= :now
