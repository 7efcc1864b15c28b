-- send(...): stores a message; returns its sequence number.
INSERT INTO Messages (Entity, MessageId, Body, ContentType, Broker, Properties, EnqueuedAt, AvailableAt, ExpiresAt)
VALUES (:entity, :id, :body, :type, :broker, :properties, :now, :available, :expires)
RETURNING Seq
