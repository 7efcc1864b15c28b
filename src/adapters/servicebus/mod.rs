//! Service Bus by REST, through the crate `azure_messaging_servicebus`.
