//! Who is to blame for an SMTP server's refusal. The step decides first, then the enhanced code (RFC 3463), then the
//! reply code, and the text last. Pure.
//!
//! A refusal about us (sender, account, quota, login, address, policy) must not refuse a client's mail: it is the
//! provider's failure. If nothing shows who is to blame, the mail is refused and counted: several alike in a row are
//! the provider's failure too.

use super::smtp_outcome::Step;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// We or the provider itself: the mail waits.
    Provider,
    /// The recipient, for now.
    RecipientForNow,
    /// Certainly the recipient.
    Recipient,
    /// Probably the mail or the recipient.
    Unknown,
}

pub(super) fn blame(step: Step, code: u16, text: &str) -> Blame {
    let words = text.to_lowercase();
    let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
    match step {
        // At this step the server knows only the mail's size.
        Step::Sender if enhanced(text) == Some((3, 4)) => return Blame::Unknown,
        Step::Connect | Step::Login | Step::Sender => return Blame::Provider,
        Step::Recipient | Step::Announce | Step::Content | Step::End => {}
    }
    // Authentication, encryption and the order of commands: the recipient cannot be to blame.
    if matches!(code, 421 | 432 | 454 | 500 | 502..=504 | 530 | 534 | 535 | 538) || !(400..600).contains(&code) {
        return Blame::Provider;
    }
    let by_code = enhanced(text).and_then(|(subject, detail)| by_enhanced(subject, detail));
    let found = by_code.or_else(|| by_words(step, code, &has)).unwrap_or(match (step, code) {
        // "Relay access denied" has this code.
        (Step::Recipient, 554) => Blame::Provider,
        // Busy mailbox, greylisting, full disk. The recipient's and the server's failures look the same here, and one
        // recipient must not block all mails.
        (_, 400..500) => Blame::RecipientForNow,
        _ => Blame::Unknown,
    });
    match found {
        // The content was not sent yet, and the recipient was accepted.
        Blame::Recipient | Blame::Unknown if step == Step::Announce => Blame::Provider,
        // A 4xx code is temporary.
        Blame::Recipient | Blame::Unknown if code < 500 => Blame::RecipientForNow,
        found => found,
    }
}

/// `None`: the code does not show who is to blame.
fn by_enhanced(subject: u16, detail: u16) -> Option<Blame> {
    Some(match (subject, detail) {
        // Addresses; disabled mailboxes; no such host, or refused at the domain's border; Microsoft's codes for
        // recipients that restrict who may write to them.
        (1, 1..=4 | 6 | 10) | (2, 1 | 4) | (4, 1 | 3 | 4 | 6 | 7 | 310) | (7, 12 | 124 | 133..=136) => Blame::Recipient,
        // The mailbox is full; the system is full or accepts no mail now; too many recipients in this conversation.
        (2, 2) | (3, 1 | 2) | (5, 3) => Blame::RecipientForNow,
        // Too large, for the mailbox or the system; the content.
        (2, 3) | (3, 4) | (6, _) => Blame::Unknown,
        // The sender: its address, its limit of recipients a day (Microsoft) or mails (Google), and a blocked account;
        // features of the system that we lack or misuse; commands out of order, unknown or invalid; policy.
        (1, 7 | 8 | 90) | (2, 252) | (3, 3 | 5) | (4, 5) | (5, 1 | 2 | 4) | (7, 2..) => Blame::Provider,
        // 7.0 and 7.1 are used for everything: relaying, block lists, and content that looks like spam.
        _ => return None,
    })
}

fn by_words(step: Step, code: u16, has: &dyn Fn(&[&str]) -> bool) -> Option<Blame> {
    if has(&["greylist", "graylist"]) {
        return Some(Blame::RecipientForNow);
    }
    if has(&["relay", "block list", "blocklist", "blacklist", "denylist", "black list", "dnsbl", "spamhaus"]) {
        return Some(Blame::Provider);
    }
    if step != Step::Recipient && has(&["spam", "virus", "malware", "attachment", "content"]) {
        return Some(Blame::Unknown);
    }
    if has(&["no such", "unknown user", "user unknown", "mailbox", "recipient", "not exist", "doesn't exist"])
        && !has(&["sender", "sending", "daily"])
    {
        let full = code == 552 || has(&["full", "quota", "storage", "over"]);
        return Some(if full { Blame::RecipientForNow } else { Blame::Recipient });
    }
    let ours = [
        "sender",
        "sending",
        "account",
        "quota",
        "suspended",
        "authenti",
        "not verified",
        "spf",
        "dkim",
        "dmarc",
        "your ip",
        "ip address",
        "client host",
        "connecting",
        "reputation",
        "rate",
        "too many",
        "limit",
        "tenant",
    ];
    if has(&ours) {
        return Some(Blame::Provider);
    }
    // A policy that names no part of the mail.
    (step == Step::Recipient && has(&["5.7.1", "5.7.0"])).then_some(Blame::Provider)
}

/// The subject and detail of an enhanced code such as `5.1.1`, if the text begins with one.
pub(super) fn enhanced(text: &str) -> Option<(u16, u16)> {
    let word = text.split_whitespace().next()?;
    let numbers: Vec<&str> = word.split('.').collect();
    let [class, subject, detail] = numbers.as_slice() else { return None };
    let number = |text: &str| {
        let plain = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    number(class)?;
    Some((number(subject)?, number(detail)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_blames_the_provider_or_the_recipient() {
        use Blame::{Provider, Recipient, RecipientForNow, Unknown};
        use Step::{Announce, Connect, Content, End, Login, Recipient as Rcpt, Sender};
        for (step, code, text, expected) in [
            (Connect, 554, "no service here", Provider),
            (Login, 454, "4.7.0 temporary", Provider),
            (Sender, 550, "5.7.1 not your address", Provider),
            (Sender, 451, "later", Provider),
            (Announce, 451, "4.3.0 later", RecipientForNow),
            (Announce, 554, "no valid recipients", Provider),
            (Announce, 450, "4.7.1 greylisted", RecipientForNow),
            (Rcpt, 421, "4.7.0 too many", Provider),
            (Rcpt, 450, "4.2.0 greylisted", RecipientForNow),
            (Rcpt, 451, "try again", RecipientForNow),
            (Rcpt, 451, "4.7.500 the server is busy with your address", Provider),
            (Rcpt, 454, "4.7.0 TLS not available", Provider),
            (Rcpt, 550, "no such user", Recipient),
            (Rcpt, 550, "mailbox unavailable", Recipient),
            (Rcpt, 550, "no", Unknown),
            (Rcpt, 550, "5.5.0 requested action not taken", Unknown),
            (Rcpt, 550, "5.4.1 recipient address rejected: access denied", Recipient),
            (Rcpt, 550, "5.7.133 only the organisation may write to this group", Recipient),
            (Rcpt, 550, "5.7.1 the client's address has no name", Provider),
            (Rcpt, 551, "moved", Unknown),
            (Rcpt, 552, "mailbox full", RecipientForNow),
            (Rcpt, 553, "sender is not allowed here", Provider),
            (Rcpt, 503, "out of order", Provider),
            (Rcpt, 554, "5.1.1 no such user", Recipient),
            (Rcpt, 450, "5.1.1 no such user", RecipientForNow),
            (Rcpt, 450, "no such user", RecipientForNow),
            (Rcpt, 554, "no", Provider),
            (Rcpt, 250, "what?", Provider),
            (Content, 552, "5.3.4 too large", Unknown),
            (End, 421, "4.3.0 shutting down", Provider),
            (End, 451, "4.3.0 later", RecipientForNow),
            (End, 451, "4.6.0 the content", RecipientForNow),
            (End, 552, "5.2.2 full", RecipientForNow),
            (End, 552, "message size exceeds fixed limit of the content", Unknown),
            (End, 554, "5.7.1 looks like spam", Unknown),
            (End, 550, "5.7.1 sender's domain has no DMARC", Provider),
            (End, 552, "5.7.0 a blocked attachment", Unknown),
            (End, 550, "hourly limit of the account", Provider),
            (End, 535, "5.7.8 no", Provider),
        ] {
            assert_eq!(blame(step, code, text), expected, "{step:?} {code} {text}");
        }
    }
}
