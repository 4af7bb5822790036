//! The proofs of what is charged: exact to the last digit, once, by whoever has to, whatever happens meanwhile.

mod oracle;
