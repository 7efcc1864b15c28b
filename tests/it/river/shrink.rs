//! Shrinks a failing list of ops to one from which no op can be left out, and prints it as a test.

use super::{Setup, op::Op, simulate};
use std::time::Instant;

/// The shortest list found that breaks the same rule. `tries`: most simulations; `until`: no more after that.
pub fn shrink(setup: Setup, ops: &[Op], tries: usize, until: Instant) -> Vec<Op> {
    let over = |simulations| simulations >= tries || Instant::now() >= until;
    let rule = |ops: &[Op]| simulate(setup, ops).broken.map(|broken| rule_of(&broken).to_owned());
    let Some(wanted) = rule(ops) else { return ops.to_vec() };
    let mut ops = ops.to_vec();
    let (mut size, mut simulations) = (ops.len().div_ceil(2).max(1), 0);
    loop {
        let mut from = 0;
        let before = ops.len();
        while from < ops.len() && !over(simulations) {
            let without = [&ops[..from], &ops[(from + size).min(ops.len())..]].concat();
            simulations += 1;
            if rule(&without).as_ref() == Some(&wanted) {
                ops = without;
            } else {
                from += size;
            }
        }
        if over(simulations) || (size == 1 && ops.len() == before) {
            return ops;
        }
        size = if size == 1 { 1 } else { size / 2 };
    }
}

fn rule_of(broken: &str) -> &str {
    broken.split(':').next().unwrap_or_default()
}

/// The test that repeats it.
pub fn as_code(setup: Setup, ops: &[Op], broken: &str) -> String {
    let lines = ops.iter().fold(String::new(), |lines, op| lines + &format!("        {op:?},\n"));
    format!("// {broken}\n#[test]\nfn …() {{\n    river::holds({setup:?}, &[\n{lines}    ]);\n}}\n")
}
