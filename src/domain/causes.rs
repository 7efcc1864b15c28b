//! An error's text with its causes: `Display` never prints its source, so the chain is walked here.

use std::error::Error;

/// The texts of the whole chain, outermost first.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// The innermost error alone, for clients whose outer errors only repeat the URL.
#[must_use]
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::error::StoreError;

    #[test]
    fn a_chain_is_printed_whole_or_by_its_innermost_error() {
        let inner = StoreError::Broken { step: "read", reason: "no such table".into(), source: None };
        let middle = StoreError::Broken { step: "look", reason: "failed".into(), source: Some(Box::new(inner)) };
        let outer = StoreError::Broken { step: "status", reason: "failed".into(), source: Some(Box::new(middle)) };
        assert_eq!(chain(&outer), "status: failed: look: failed: read: no such table");
        assert_eq!(root_cause(&outer), "read: no such table");
    }
}
